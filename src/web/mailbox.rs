//! `/mailboxes/{id}`: one mailbox, and what can be done with it.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked};
use super::id::Id;
use super::mailboxes::{View, views};
use super::pages;
use super::session::SignedIn;
use crate::model::mailbox::Mailbox;
use crate::service::broker::Broker;
use crate::service::mailbox::{self, DefaultError, RemoveError};
use crate::service::mailbox_test::{self, TestError, Tested};
use crate::service::pgp_key::{self, KeyOfError, SetError};
use crate::service::verification::{self, Sent};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/mailboxes/{id}", get(look))
        .route("/mailboxes/{id}/resend", post(resend))
        .route("/mailboxes/{id}/default", post(make_default))
        .route("/mailboxes/{id}/test", post(test))
        .route("/mailboxes/{id}/remove", post(remove))
        .route("/mailboxes/{id}/key", post(set_key))
        .route("/mailboxes/{id}/key/remove", post(remove_key))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "mailbox.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    mailbox: View,
    /// Whether this build can encrypt.
    has_pgp: bool,
    /// What was written into the form for the key.
    key: String,
}

/// Somebody's mailbox of that id, and how it is shown.
pub(super) async fn find(broker: &Broker, who: &SignedIn, id: Uuid) -> Result<(Mailbox, View), Failure> {
    views(broker, who).await?.into_iter().find(|(mailbox, _)| mailbox.uuid == id).ok_or(Failure::NotFound)
}

const SAID: [(&str, &str); 8] = [
    ("asked", "The link is on its way to the new address. Until it is followed, everything comes here as before."),
    ("sent", "A link is on its way. Look into the folder for spam, too."),
    ("default", "New aliases forward to this mailbox from now on."),
    ("taken", "Its server took the test message."),
    ("resumed", "Its server took the test message: forwarding goes on, and what waited is on its way."),
    ("key", "The key is set: mail to this mailbox is encrypted with it from now on."),
    ("key-removed", "The key is removed: mail to this mailbox is not encrypted any more."),
    ("moved", "All your mail comes here from now on."),
];

async fn look(State(broker): State<Broker>, who: SignedIn, Id(id): Id, Asked(asked): Asked) -> Result<Response, Failure> {
    let (_, view) = find(&broker, &who, id).await?;
    let mut page = page(&who, view);
    page.chrome = page.chrome.saying(asked.some("said"), &SAID);
    Ok(pages::show(StatusCode::OK, &page))
}

fn page(who: &SignedIn, mailbox: View) -> Page {
    Page { chrome: who.chrome(mailbox.address.clone()), mailbox, has_pgp: cfg!(feature = "pgp"), key: String::new() }
}

/// A browser that was left open must not send somebody's mail elsewhere, nor in clear.
fn prove(broker: &Broker, who: &SignedIn, view: &View) -> Option<Response> {
    who.need_proof(broker, &format!("/mailboxes/{}", view.uuid))
}

fn said(who: &SignedIn, view: &View, word: &str) -> Response {
    who.go(&format!("mailboxes/{}?said={word}", view.uuid))
}

fn wrong(who: &SignedIn, view: View, status: StatusCode, text: impl Into<String>) -> Response {
    let mut page = page(who, view);
    page.chrome = page.chrome.but(text);
    pages::show(status, &page)
}

async fn resend(State(broker): State<Broker>, Id(id): Id, checked: Checked) -> Result<Response, Failure> {
    let who = checked.who;
    let (mailbox, view) = find(&broker, &who, id).await?;
    Ok(match verification::resend(&broker, &mailbox).await? {
        Sent::Mailed | Sent::Needless => said(&who, &view, "sent"),
        Sent::Enough => {
            let text = "Enough links were mailed within the last hour. Look into the folder for spam, or try again in an hour.";
            wrong(&who, view, StatusCode::TOO_MANY_REQUESTS, text)
        }
    })
}

async fn make_default(State(broker): State<Broker>, Id(id): Id, checked: Checked) -> Result<Response, Failure> {
    let who = checked.who;
    let (mailbox, view) = find(&broker, &who, id).await?;
    if let Some(first) = prove(&broker, &who, &view) {
        return Ok(first);
    }
    let text = match mailbox::make_default(&broker.desk, who.user_id(), &mailbox.address).await {
        Ok(()) => return Ok(said(&who, &view, "default")),
        Err(DefaultError::Unknown) => return Err(Failure::NotFound),
        Err(DefaultError::Unverified) => "This mailbox is not confirmed yet. Press the link that was mailed there first.",
        Err(DefaultError::Paused) => "This mailbox is paused. Test it first: as soon as it takes mail, it can be the default.",
        Err(DefaultError::Storage(error)) => return Err(error.into()),
    };
    Ok(wrong(&who, view, StatusCode::CONFLICT, text))
}

async fn test(State(broker): State<Broker>, Id(id): Id, checked: Checked) -> Result<Response, Failure> {
    let who = checked.who;
    let (mailbox, view) = find(&broker, &who, id).await?;
    let Some(bench) = broker.bench() else {
        let text = "No test message can be written: this Postern has no domain yet.";
        return Ok(wrong(&who, view, StatusCode::CONFLICT, text));
    };
    let failure = match mailbox_test::test(&bench, &mailbox).await {
        Ok(Tested::Taken { resumed, .. }) => {
            broker.queue.notify_one();
            return Ok(said(&who, &view, if resumed { "resumed" } else { "taken" }));
        }
        Ok(Tested::Refused(failure) | Tested::Unanswered(failure)) => failure,
        Err(TestError::Unverified) => {
            let text = "This mailbox is not confirmed yet. Press the link that was mailed there first.";
            return Ok(wrong(&who, view, StatusCode::CONFLICT, text));
        }
        Err(TestError::Unsigned(error)) => {
            tracing::warn!(%error, "a test message could not be signed");
            let text = "The test message could not be signed. Please tell whoever runs this Postern.";
            return Ok(wrong(&who, view, StatusCode::SERVICE_UNAVAILABLE, text));
        }
        Err(TestError::Storage(error)) => return Err(error.into()),
    };
    let words: String = failure.detail.reveal().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = format!("Its server did not take the test message (status {}). It said: {words}", failure.status);
    Ok(wrong(&who, view, StatusCode::CONFLICT, text))
}

async fn remove(State(broker): State<Broker>, Id(id): Id, checked: Checked) -> Result<Response, Failure> {
    let who = checked.who;
    let (mailbox, view) = find(&broker, &who, id).await?;
    let text = match mailbox::remove(&broker.desk, who.user_id(), &mailbox.address).await {
        Ok(()) => return Ok(who.go("mailboxes?said=removed")),
        Err(RemoveError::Unknown) => return Err(Failure::NotFound),
        Err(RemoveError::Default) => {
            "New aliases forward here, so it can’t be removed. Make another mailbox the default first, or move this one."
                .to_owned()
        }
        Err(RemoveError::SignsIn) => {
            "You sign in with this address, so it can’t be removed. Choose another one first on the page Security.".to_owned()
        }
        Err(RemoveError::OnlyOne(1)) => {
            "One alias forwards here and nowhere else, so it can’t be removed. Move the mailbox instead.".to_owned()
        }
        Err(RemoveError::OnlyOne(count)) => {
            format!("{count} aliases forward here and nowhere else, so it can’t be removed. Move the mailbox instead.")
        }
        Err(RemoveError::Storage(error)) => return Err(error.into()),
    };
    Ok(wrong(&who, view, StatusCode::CONFLICT, text))
}

async fn set_key(State(broker): State<Broker>, Id(id): Id, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let (mailbox, view) = find(&broker, &who, id).await?;
    if let Some(first) = prove(&broker, &who, &view) {
        return Ok(first);
    }
    let (key, hides) = (fields.text("key"), fields.is_on("hide_subject"));
    let text = match pgp_key::set(&broker.desk, who.user_id(), &mailbox.address, key.as_bytes(), hides).await {
        Ok(_) => return Ok(said(&who, &view, "key")),
        Err(SetError::Unknown) => return Err(Failure::NotFound),
        Err(SetError::Storage(error)) => return Err(error.into()),
        Err(SetError::Key(error)) => format!("This key can’t be used: {error}."),
        Err(SetError::Unsupported) => "This key can’t be used: its algorithm is not supported.".to_owned(),
    };
    let mut page = page(&who, view);
    key.clone_into(&mut page.key);
    page.chrome = page.chrome.but(text);
    Ok(pages::show(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn remove_key(State(broker): State<Broker>, Id(id): Id, checked: Checked) -> Result<Response, Failure> {
    let who = checked.who;
    let (mailbox, view) = find(&broker, &who, id).await?;
    if let Some(first) = prove(&broker, &who, &view) {
        return Ok(first);
    }
    match pgp_key::remove(&broker.desk, who.user_id(), &mailbox.address).await {
        Ok(()) | Err(KeyOfError::NoKey) => Ok(said(&who, &view, "key-removed")),
        Err(KeyOfError::Unknown) => Err(Failure::NotFound),
        Err(KeyOfError::Storage(error)) => Err(error.into()),
    }
}

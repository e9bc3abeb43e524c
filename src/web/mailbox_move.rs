//! `/mailboxes/{id}/move`: another address for a mailbox, behind all aliases at once. Whoever asks for it has proven a
//! moment ago who they are: a browser that was left open must not send somebody's mail elsewhere.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::Checked;
use super::id::Id;
use super::mailbox::find;
use super::mailboxes::View;
use super::pages;
use super::session::{Confirmed, SignedIn};
use crate::model::Address;
use crate::model::mailbox::Mailbox;
use crate::service::broker::Broker;
use crate::service::mailbox::MoveError;
use crate::service::mailbox_move::{self, BeginError, Begun, CancelError, CompleteError, Plan};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/mailboxes/{id}/move", get(look).post(begin))
        .route("/mailboxes/{id}/finish-move", post(finish))
        .route("/mailboxes/{id}/cancel-move", post(cancel))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "mailbox_move.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    mailbox: View,
    /// What was written into the form.
    email: String,
    /// Whether its owner signs in with the address, which may follow.
    signs_in: bool,
}

fn page(who: &SignedIn, mailbox: &Mailbox, view: View) -> Page {
    Page {
        chrome: who.chrome("Move a mailbox"),
        mailbox: view,
        email: String::new(),
        signs_in: who.user.email.folded() == mailbox.address.folded(),
    }
}

async fn look(State(broker): State<Broker>, Confirmed(who): Confirmed, Id(id): Id) -> Result<Response, Failure> {
    let (mailbox, view) = find(&broker, &who, id).await?;
    Ok(pages::show(StatusCode::OK, &page(&who, &mailbox, view)))
}

async fn begin(State(broker): State<Broker>, Id(id): Id, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let (mailbox, view) = find(&broker, &who, id).await?;
    if let Some(first) = who.need_proof(&broker, &format!("/mailboxes/{}/move", view.uuid)) {
        return Ok(first);
    }
    let email = fields.text("email");
    let wrong = match (Address::parse(email), broker.rules.domains.first()) {
        (Err(_), _) => "This is no e-mail address. Write one like you@inbox.example.".to_owned(),
        (_, None) => "No link can be mailed: this Postern has no domain yet.".to_owned(),
        (Ok(new), Some(domain)) => {
            let old = mailbox.address.clone();
            let plan = Plan { user: who.user_id(), old, new, moves_sign_in: fields.is_on("sign_in") };
            let begun = mailbox_move::begin(&broker.desk, domain, &broker.rules.public_url, plan).await;
            broker.queue.notify_one();
            match begun {
                Ok(Begun::Asked(_)) => return Ok(who.go(&format!("mailboxes/{}?said=asked", view.uuid))),
                Ok(Begun::Done(moved)) => return Ok(who.go(&format!("mailboxes/{}?said=moved", moved.uuid))),
                Err(error) => why_not(error)?,
            }
        }
    };
    let mut page = page(&who, &mailbox, view);
    email.clone_into(&mut page.email);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

fn why_not(error: BeginError) -> Result<String, Failure> {
    Ok(match error {
        BeginError::Storage(error) | BeginError::Move(MoveError::Storage(error)) => return Err(error.into()),
        BeginError::Move(MoveError::Unknown) => return Err(Failure::NotFound),
        BeginError::Move(MoveError::OwnDomain) => {
            "This address is on a domain of this Postern: mail would go round in circles. Name a mailbox elsewhere.".to_owned()
        }
        BeginError::Move(MoveError::Unverified) => "This mailbox is not confirmed yet.".to_owned(),
        BeginError::Move(MoveError::Paused) => {
            "This mailbox of yours is paused, because its server takes nothing. Test it first, on its page.".to_owned()
        }
        BeginError::Move(MoveError::NoKey) => "The old mailbox has a PGP key and this mailbox of yours has none: mail would go \
             out unencrypted. Give it a key first, on its page, or remove the key of the old one."
            .to_owned(),
        BeginError::Same => "Mail goes to this address already. Name another one.".to_owned(),
        BeginError::Underway => "One of these mailboxes is being moved already. Cancel that move first.".to_owned(),
        BeginError::Full => "There are too many mailboxes already. Please remove one first.".to_owned(),
        BeginError::TooMany => "Enough links were mailed within the last hour. Please try again in an hour.".to_owned(),
    })
}

async fn finish(State(broker): State<Broker>, Id(id): Id, checked: Checked) -> Result<Response, Failure> {
    let who = checked.who;
    let (mailbox, view) = find(&broker, &who, id).await?;
    match mailbox_move::complete_with(&broker, who.user_id(), &mailbox.address).await {
        Ok(moved) => Ok(who.go(&format!("mailboxes/{}?said=moved", moved.mailbox.uuid))),
        // The page says how things are.
        Err(CompleteError::NoMove | CompleteError::Unverified) => Ok(who.go(&format!("mailboxes/{}", view.uuid))),
        Err(CompleteError::Unknown) => Err(Failure::NotFound),
        Err(CompleteError::Storage(error)) => Err(error.into()),
    }
}

async fn cancel(State(broker): State<Broker>, Id(id): Id, checked: Checked) -> Result<Response, Failure> {
    let who = checked.who;
    let (mailbox, _) = find(&broker, &who, id).await?;
    match mailbox_move::cancel(&broker.desk, who.user_id(), &mailbox.address).await {
        Ok(()) | Err(CancelError::NoMove) => Ok(who.go("mailboxes?said=cancelled")),
        Err(CancelError::Unknown) => Err(Failure::NotFound),
        Err(CancelError::Storage(error)) => Err(error.into()),
    }
}

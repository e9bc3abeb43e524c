//! `/mailboxes`: where mail goes, and another place for it to go.

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked, encode};
use super::pages;
use super::session::SignedIn;
use crate::model::id::MailboxId;
use crate::model::mailbox::{Mailbox, Pause};
use crate::model::pgp_key::PgpKey;
use crate::model::{Address, Timestamp};
use crate::service::broker::Broker;
use crate::service::mailbox::{self, AddError};
use crate::service::verification::{self, Sent};
use crate::service::{StorageError, mailbox_move, overview, pgp_key};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new().route("/mailboxes", get(list).post(add))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "mailboxes.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    mailboxes: Vec<View>,
    /// What was written into the form.
    email: String,
}

/// A mailbox as its owner sees it.
#[derive(Debug)]
pub struct View {
    /// Its id for the outside: the last part of its page's path.
    pub uuid: String,
    /// Its address.
    pub address: String,
    /// Whether new aliases forward there.
    pub is_default: bool,
    /// Whether mail may go there.
    pub is_verified: bool,
    /// How many aliases forward there.
    pub aliases: i64,
    /// Why nothing goes there for now.
    pub paused: Option<String>,
    /// The address that takes its place once it is verified.
    pub moves_to: Option<String>,
    /// Whether only its owner's word is missing for that.
    pub may_finish: bool,
    /// The address whose place it takes then.
    pub replaces: Option<String>,
    /// What mail to it is encrypted with.
    pub key: Option<KeyView>,
}

/// A PGP key as its owner sees it.
#[derive(Debug)]
pub struct KeyView {
    /// In groups of four.
    pub fingerprint: String,
    /// The day it expires.
    pub expires: Option<String>,
    /// Whether the subject is encrypted, too.
    pub hides_subject: bool,
}

impl From<&PgpKey> for KeyView {
    fn from(key: &PgpKey) -> Self {
        let letters: Vec<char> = key.fingerprint.chars().collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        Self { fingerprint: groups.join(" "), expires: key.expires_at.map(day), hides_subject: key.hide_subject }
    }
}

fn day(at: Timestamp) -> String {
    at.to_rfc3339().chars().take(10).collect()
}

fn why(pause: &Pause) -> String {
    let known = match pause.status.as_str() {
        "5.1.1" | "5.1.0" | "5.1.10" => "that there is no such mailbox",
        "5.2.1" => "that the mailbox is switched off",
        "5.2.2" => "that the mailbox is full",
        _ => "that it takes nothing for this mailbox",
    };
    format!("Its server has said since {} {known} (status {}).", day(pause.at), pause.status)
}

/// All mailboxes of somebody, with what there is to say of each.
pub(super) async fn views(broker: &Broker, who: &SignedIn) -> Result<Vec<(Mailbox, View)>, StorageError> {
    let (desk, user) = (&broker.desk, who.user_id());
    let all = mailbox::list(desk, user).await?;
    let counts = overview::aliases_by_mailbox(desk, user).await?;
    let keys = pgp_key::list(desk, user).await?;
    let moves = mailbox_move::list(desk, user).await?;
    let names: HashMap<MailboxId, String> = all.iter().map(|mailbox| (mailbox.id, mailbox.address.to_string())).collect();
    let view = |mailbox: &Mailbox| View {
        uuid: mailbox.uuid.to_string(),
        address: mailbox.address.to_string(),
        is_default: mailbox.is_default,
        is_verified: mailbox.verified_at.is_some(),
        aliases: counts.get(&mailbox.id).copied().unwrap_or(0),
        paused: mailbox.paused.as_ref().map(why),
        moves_to: moves.iter().find(|this| this.old == mailbox.id).and_then(|this| names.get(&this.new).cloned()),
        may_finish: moves
            .iter()
            .any(|this| this.old == mailbox.id && all.iter().any(|one| one.id == this.new && one.verified_at.is_some())),
        replaces: moves.iter().find(|this| this.new == mailbox.id).and_then(|this| names.get(&this.old).cloned()),
        key: keys.iter().find(|key| key.mailbox_id == mailbox.id).map(KeyView::from),
    };
    let views: Vec<View> = all.iter().map(view).collect();
    Ok(all.into_iter().zip(views).collect())
}

const SAID: [(&str, &str); 4] = [
    ("added", "The mailbox is added. A link is on its way there: press it, and mail can be forwarded."),
    ("added-later", "The mailbox is added, but enough links were mailed within the last hour. Have one sent a little later."),
    ("removed", "The mailbox is removed."),
    ("cancelled", "The move is cancelled: mail keeps going where it went."),
];

async fn page(broker: &Broker, who: &SignedIn) -> Result<Page, Failure> {
    let mailboxes = views(broker, who).await?.into_iter().map(|(_, view)| view).collect();
    Ok(Page { chrome: who.chrome("Mailboxes"), mailboxes, email: String::new() })
}

async fn list(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let mut page = page(&broker, &who).await?;
    // What was written before one had to prove who one is.
    asked.text("email").clone_into(&mut page.email);
    page.chrome = page.chrome.saying(asked.some("said"), &SAID);
    Ok(pages::show(StatusCode::OK, &page))
}

async fn add(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let email = fields.text("email");
    if let Some(first) = who.need_proof(&broker, &format!("/mailboxes?{}", encode(&[("email", email)]))) {
        return Ok(first);
    }
    let wrong = match Address::parse(email) {
        Err(_) => "This is no e-mail address. Write one like you@inbox.example.",
        Ok(address) => match verification::add_with(&broker, who.user_id(), address).await {
            Ok((_, Sent::Enough)) => return Ok(who.go("mailboxes?said=added-later")),
            Ok(_) => return Ok(who.go("mailboxes?said=added")),
            Err(AddError::TooMany) => "There are too many mailboxes already. Remove one first.",
            Err(AddError::Taken) => "This mailbox is there already.",
            Err(AddError::OwnDomain) => {
                "This address is on a domain of this Postern: mail would go round in circles. Name a mailbox elsewhere."
            }
            Err(AddError::Storage(error)) => return Err(error.into()),
        },
    };
    let mut page = page(&broker, &who).await?;
    email.clone_into(&mut page.email);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

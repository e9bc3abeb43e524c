//! `/verify/…`: the link that verifies a mailbox. GET shows a page with one button and changes nothing, because mail
//! scanners follow links; POST does it, without signing in: that somebody has the link is the proof. Only a
//! move of a mailbox waits for its owner: an address may be mistyped, and read by a stranger.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::Anonymous;
use super::id::Word;
use super::pages;
use super::session::{SignedIn, Visitor};
use crate::service::broker::Broker;
use crate::service::mailbox_move::Moved;
use crate::service::verification::{self, Asked, Confirmed};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new().route("/verify/{secret}", get(look).post(press))
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "verify.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    /// The mailbox; it is the reader's own.
    address: String,
    /// The address whose place it takes.
    replaces: Option<String>,
    /// Whether there is something to press.
    is_open: bool,
    /// What was done.
    done: Option<String>,
    is_signed_in: bool,
}

const ASK: &str = "Is this your mailbox?";
const DONE: &str = "Your mailbox is confirmed";
const WAITS: &str = "One step is left: sign in, open the page “Mailboxes” and finish the move there.";
const ALREADY: &str = "Your mailbox was confirmed before. Nothing is left to do.";

async fn look(State(broker): State<Broker>, visitor: Visitor, Word(secret): Word) -> Result<Response, Failure> {
    let asked = verification::look(&broker.desk, &secret).await?;
    let Some(Asked { mailbox, replaces }) = asked else { return Ok(spent(&visitor)) };
    // Whoever reads a mistyped address must not learn which other one its owner has.
    let is_owner = visitor.signed_in.as_ref().is_some_and(|who| who.user_id() == mailbox.user_id);
    let replaces = replaces.filter(|_| is_owner);
    let is_open = mailbox.verified_at.is_none() || replaces.is_some();
    let (title, done) = if is_open { (ASK, None) } else { (DONE, Some(ALREADY.to_owned())) };
    Ok(show(&visitor, title, mailbox.address.to_string(), replaces.map(|old| old.to_string()), done))
}

async fn press(
    State(broker): State<Broker>,
    visitor: Visitor,
    Word(secret): Word,
    Anonymous(_): Anonymous,
) -> Result<Response, Failure> {
    let who = visitor.signed_in.as_ref().map(SignedIn::user_id);
    let (mailbox, done) = match verification::confirm(&broker, &secret, who).await? {
        Some(Confirmed::Verified(mailbox)) => (mailbox, "Mail can be forwarded to it from now on.".to_owned()),
        Some(Confirmed::Already(mailbox)) => (mailbox, ALREADY.to_owned()),
        Some(Confirmed::MoveWaits(mailbox)) => (mailbox, WAITS.to_owned()),
        Some(Confirmed::Moved(Moved { old, mailbox, signs_in })) => {
            let also = if signs_in { " It is the address you sign in with now, too." } else { "" };
            (mailbox, format!("All your mail that went to {old} comes here from now on.{also}"))
        }
        None => return Ok(spent(&visitor)),
    };
    Ok(show(&visitor, DONE, mailbox.address.to_string(), None, Some(done)))
}

fn show(visitor: &Visitor, title: &str, address: String, replaces: Option<String>, done: Option<String>) -> Response {
    let page = Page {
        chrome: chrome(visitor, title),
        address,
        replaces,
        is_open: done.is_none(),
        done,
        is_signed_in: visitor.signed_in.is_some(),
    };
    pages::show(StatusCode::OK, &page)
}

fn chrome(visitor: &Visitor, title: &str) -> Chrome {
    match &visitor.signed_in {
        Some(who) => who.chrome(title),
        None => Chrome::open(&visitor.path, title),
    }
}

fn spent(visitor: &Visitor) -> Response {
    let text = "It works for one day, for the address it was sent to. If the mailbox is still there, have another link sent: \
                sign in and open the page “Mailboxes”.";
    let chrome = chrome(visitor, "This link does not work any more");
    pages::show(StatusCode::NOT_FOUND, &pages::Message { chrome, text })
}

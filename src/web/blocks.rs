//! `/blocks`: senders a user wants nothing from, at whichever alias.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked, Fields, MENDABLE, encode};
use super::session::SignedIn;
use super::{pages, when};
use crate::model::block::Sender;
use crate::service::block::{self, AddError};
use crate::service::broker::Broker;

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new().route("/blocks", get(look).post(add)).route("/blocks/remove", post(remove))
}

const SAID: [(&str, &str); 3] = [
    ("added", "Blocked: nothing comes from there to any of your aliases."),
    ("there", "That sender is blocked already."),
    ("removed", "No longer blocked."),
];

/// The page.
#[derive(Debug, Template)]
#[template(path = "blocks.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    /// What takes the last act back: where its form goes, and for whom.
    undo: Option<(&'static str, String)>,
    /// Who is blocked everywhere: as stored, as people read it, since when.
    everywhere: Vec<(String, String, String)>,
    /// Who is blocked at one alias: the address, its id; the alias, its id.
    at_one: Vec<(String, Uuid, String, Uuid)>,
    /// What was written into the form.
    sender: String,
}

impl Page {
    async fn load(broker: &Broker, who: &SignedIn, asked: &Fields) -> Result<Self, Failure> {
        let blocks = block::list(&broker.desk, who.user_id()).await?;
        let mut chrome = who.chrome("Blocked senders").saying(asked.some("said"), &SAID);
        // A part of what the navigation calls activity.
        "activity".clone_into(&mut chrome.here);
        let way = match asked.text("said") {
            "added" => Some("blocks/remove"),
            "removed" => Some("blocks"),
            _ => None,
        };
        let sender = asked.text("sender").parse::<Sender>().ok();
        Ok(Self {
            chrome,
            undo: way.zip(sender.map(|sender| sender.to_string())),
            everywhere: blocks
                .everywhere
                .iter()
                .map(|block| (block.sender.to_string(), words(&block.sender), when::day(block.created_at.day())))
                .collect(),
            at_one: blocks
                .contacts
                .iter()
                .map(|(contact, alias)| (contact.address.to_string(), contact.uuid, alias.address.to_string(), alias.uuid))
                .collect(),
            sender: String::new(),
        })
    }
}

fn words(sender: &Sender) -> String {
    match sender {
        Sender::Address(address) => address.to_string(),
        Sender::Domain(domain) => format!("everybody at {domain}"),
    }
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    Ok(pages::show(StatusCode::OK, &Page::load(&broker, &who, &asked).await?))
}

async fn add(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let Ok(sender) = fields.text("sender").parse::<Sender>() else {
        let mut page = Page::load(&broker, &who, &Fields::default()).await?;
        fields.text("sender").clone_into(&mut page.sender);
        page.chrome = page.chrome.but("That is neither an address (name@example.com) nor a domain (example.com).");
        return Ok(pages::show(MENDABLE, &page));
    };
    let text = sender.to_string();
    let said = match block::add(&broker.desk, who.user_id(), sender).await {
        Ok(true) => "added",
        Ok(false) => "there",
        Err(AddError::Storage(error)) => return Err(error.into()),
        Err(AddError::TooMany) => {
            let mut page = Page::load(&broker, &who, &Fields::default()).await?;
            page.chrome =
                page.chrome.but("There are too many blocked senders already. Remove some first, or block whole domains.");
            return Ok(pages::show(MENDABLE, &page));
        }
    };
    Ok(who.go(&format!("blocks?{}", encode(&[("said", said), ("sender", &text)]))))
}

async fn remove(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let sender = fields.text("sender").parse::<Sender>().map_err(|_| Failure::NotFound)?;
    let text = sender.to_string();
    block::remove(&broker.desk, who.user_id(), sender).await?;
    Ok(who.go(&format!("blocks?{}", encode(&[("said", "removed"), ("sender", &text)]))))
}

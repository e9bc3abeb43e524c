//! `/holds`: mail that is held for its owner's decision, and whether any is.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked, Fields, MENDABLE};
use super::id::Id;
use super::session::SignedIn;
use super::{pages, when};
use crate::model::Timestamp;
use crate::model::user::OnQuarantine;
use crate::service::broker::Broker;
use crate::service::hold::{self, HoldError};
use crate::service::hold_page::{self, HeldMessage};
use crate::service::user::{self, ChangeError, Settings};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/holds", get(look))
        .route("/holds/release", post(release_all))
        .route("/holds/discard", post(discard_all))
        .route("/holds/choice", post(choose))
        .route("/holds/{id}/release", post(release))
        .route("/holds/{id}/discard", post(discard))
}

const SAID: [(&str, &str); 6] = [
    ("released", "The message is on its way to you."),
    ("all-released", "The messages are on their way to you."),
    ("discarded", "The message is erased; it will not be delivered."),
    ("all-discarded", "The messages are erased; they will not be delivered."),
    ("hold", "From now on such mail is held here until you decide."),
    ("tag", "From now on such mail is delivered with a warning. What is held already stays here."),
];

const HALF_A_DAY: Duration = Duration::from_hours(12);

/// A held message.
#[derive(Debug)]
struct Message {
    uuid: Uuid,
    from: String,
    subject: String,
    /// Who handed it in, as the envelope says.
    sender: String,
    alias: Option<(Uuid, String)>,
    since: String,
    until: String,
    left: String,
}

impl Message {
    fn new(message: HeldMessage, now: Timestamp) -> Self {
        let (held, delivery) = (message.held, &message.alias);
        let row = &held.entry.delivery;
        Self {
            uuid: row.uuid,
            from: held.from.reveal().clone(),
            subject: held.subject.reveal().clone(),
            sender: held.sender.as_ref().map(ToString::to_string).unwrap_or_default(),
            alias: delivery.as_ref().map(|alias| (alias.uuid, alias.address.to_string())),
            since: when::moment(row.queued_at),
            until: when::day(row.expires_at.day()),
            // What is held since a moment ago is held for thirty days, not for twenty-nine.
            left: when::distance(now.minus(HALF_A_DAY), row.expires_at),
        }
    }
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "holds.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    messages: Vec<Message>,
    /// Aliases for which several are held: id, address, how many.
    several: Vec<(Uuid, String, usize)>,
    holds: bool,
    /// Days that a message is held.
    days: u64,
}

impl Page {
    async fn load(broker: &Broker, who: &SignedIn, asked: &Fields) -> Result<Self, Failure> {
        let now = broker.now();
        let messages = hold_page::list(&broker.desk, who.user_id()).await?;
        let messages: Vec<Message> = messages.into_iter().map(|message| Message::new(message, now)).collect();
        let mut counts = BTreeMap::<(String, Uuid), usize>::new();
        for (uuid, address) in messages.iter().filter_map(|message| message.alias.clone()) {
            *counts.entry((address, uuid)).or_default() += 1;
        }
        let several = counts.into_iter().filter(|(_, count)| *count > 1).map(|((address, uuid), count)| (uuid, address, count));
        Ok(Self {
            chrome: who.chrome("Held mail").saying(asked.some("said"), &SAID),
            messages,
            several: several.collect(),
            holds: who.user.on_quarantine == OnQuarantine::Hold,
            days: hold::HELD_FOR.as_secs() / 86_400,
        })
    }
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    Ok(pages::show(StatusCode::OK, &Page::load(&broker, &who, &asked).await?))
}

async fn release(State(broker): State<Broker>, Id(uuid): Id, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    let id = hold_page::find(&broker.desk, who.user_id(), uuid).await.map_err(failed)?;
    hold::release(&broker.desk, who.user_id(), id, broker.rules.schedule.expire).await.map_err(failed)?;
    broker.queue.notify_one();
    Ok(who.go("holds?said=released"))
}

async fn release_all(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let alias = Uuid::parse_str(fields.text("alias")).map_err(|_| Failure::NotFound)?;
    let expire = broker.rules.schedule.expire;
    hold_page::release_all(&broker.desk, who.user_id(), alias, expire).await.map_err(failed)?;
    broker.queue.notify_one();
    Ok(who.go("holds?said=all-released"))
}

async fn discard_all(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let alias = Uuid::parse_str(fields.text("alias")).map_err(|_| Failure::NotFound)?;
    if !fields.is_on("sure") {
        let mut page = Page::load(&broker, &who, &Fields::default()).await?;
        page.chrome = page.chrome.but("Nothing was discarded. To discard all of them, tick the box above the button.");
        return Ok(pages::show(MENDABLE, &page));
    }
    hold_page::drop_all(&broker.desk, who.user_id(), alias).await.map_err(failed)?;
    Ok(who.go("holds?said=all-discarded"))
}

async fn discard(State(broker): State<Broker>, Id(uuid): Id, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let id = hold_page::find(&broker.desk, who.user_id(), uuid).await.map_err(failed)?;
    if !fields.is_on("sure") {
        let mut page = Page::load(&broker, &who, &Fields::default()).await?;
        page.chrome = page.chrome.but("Nothing was discarded. Open “Discard” at the message and press the button there.");
        return Ok(pages::show(MENDABLE, &page));
    }
    hold::drop(&broker.desk, who.user_id(), id).await.map_err(failed)?;
    Ok(who.go("holds?said=discarded"))
}

async fn choose(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let Ok(choice) = fields.text("on_quarantine").parse::<OnQuarantine>() else {
        let mut page = Page::load(&broker, &who, &Fields::default()).await?;
        page.chrome = page.chrome.but("Nothing was changed. Please choose one of the two.");
        return Ok(pages::show(MENDABLE, &page));
    };
    let settings = Settings { on_quarantine: Some(choice), ..Settings::default() };
    match user::set(&broker.desk, who.user_id(), settings).await {
        Ok(_) => Ok(who.go(&format!("holds?said={}", choice.as_str()))),
        Err(ChangeError::Unknown) => Err(Failure::NotFound),
        Err(ChangeError::Storage(error)) => Err(error.into()),
    }
}

fn failed(error: HoldError) -> Failure {
    match error {
        HoldError::Unknown => Failure::NotFound,
        HoldError::Storage(error) => error.into(),
    }
}

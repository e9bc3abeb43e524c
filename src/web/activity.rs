//! `/activity`: what happened lately at all aliases together, and what replies do with the owner's address.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chart::Chart;
use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked};
use super::session::SignedIn;
use super::undelivered::Row;
use super::{alias_words, pages, when};
use crate::service::activity::{self, Recent};
use crate::service::broker::Broker;
use crate::service::undelivered::{self, Counts};
use crate::service::user::{self, ChangeError, Settings};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new().route("/activity", get(look)).route("/activity/replies", post(choose))
}

const SAID: [(&str, &str); 5] = [
    ("due", "It is being tried again now."),
    ("forgotten", "It is taken out of the list."),
    ("ended", "There was nothing to do: it arrived or ended in the meantime."),
    ("replace", "From now on your address is replaced by the alias where a reply quotes it."),
    ("keep", "From now on replies go out as you wrote them."),
];

/// An alias with much mail.
#[derive(Debug)]
struct Busy {
    uuid: Uuid,
    address: String,
    delivered: i64,
    refused: i64,
    failed: i64,
    replied: i64,
}

/// Somebody who wrote for the first time.
#[derive(Debug)]
struct Newcomer {
    who: String,
    is_foreign: bool,
    proof: String,
    uuid: Uuid,
    alias: String,
    first: String,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "activity.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    chart: Chart,
    counted: Vec<String>,
    /// What came and waits, or is held.
    pending: Vec<String>,
    busiest: Vec<Busy>,
    newcomers: Vec<Newcomer>,
    failures: Vec<Row>,
    counts: Counts,
    back: &'static str,
    replace_quoted: bool,
    /// Replies in this time whose text quoted a mailbox.
    quoted: i64,
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let days = match asked.text("days") {
        "90" => 90,
        "365" => 365,
        _ => 30,
    };
    let Recent { days, total, busiest, newcomers, undelivered, pending } =
        activity::recent(&broker.desk, who.user_id(), days).await?;
    let busy = |(alias, counts): &(crate::model::alias::Alias, crate::model::activity::Activity)| Busy {
        uuid: alias.uuid,
        address: alias.address.to_string(),
        delivered: counts.forwarded,
        refused: counts.blocked.saturating_add(counts.refused),
        failed: counts.failed.saturating_add(counts.cancelled),
        replied: counts.replied,
    };
    let newcomer = |(alias, key, seen): &(_, _, crate::model::sighting::Seen)| {
        let (alias, key): (&crate::model::alias::Alias, &crate::model::sighting::SightingKey) = (alias, key);
        Newcomer {
            who: key.organisation.clone(),
            is_foreign: alias_words::is_foreign(alias, key),
            proof: alias_words::proof(key),
            uuid: alias.uuid,
            alias: alias.address.to_string(),
            first: when::moment(seen.first),
        }
    };
    let page = Page {
        chrome: who.chrome("Activity").saying(asked.some("said"), &SAID),
        chart: Chart::new(&days),
        counted: alias_words::counted(&total),
        pending: alias_words::pending(pending),
        busiest: busiest.iter().map(busy).collect(),
        newcomers: newcomers.iter().map(newcomer).collect(),
        failures: undelivered.into_iter().map(|failed| Row::new(failed, broker.now())).collect(),
        counts: undelivered::counts(&broker.desk, who.user_id()).await?,
        back: "activity",
        replace_quoted: who.user.replace_quoted,
        quoted: total.quoted,
    };
    Ok(pages::show(StatusCode::OK, &page))
}

async fn choose(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let replace = fields.is_on("replace_quoted");
    let settings = Settings { replace_quoted: Some(replace), ..Settings::default() };
    match user::set(&broker.desk, who.user_id(), settings).await {
        Ok(_) => Ok(who.go(if replace { "activity?said=replace" } else { "activity?said=keep" })),
        Err(ChangeError::Unknown) => Err(Failure::NotFound),
        Err(ChangeError::Storage(error)) => Err(error.into()),
    }
}

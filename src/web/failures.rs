//! `/failures`: what was not delivered, or not yet, and why; tried again, taken out of the list.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked, Fields};
use super::id::Id;
use super::pages;
use super::session::SignedIn;
use super::undelivered::Row;
use crate::model::delivery::DeliveryState;
use crate::model::id::DeliveryId;
use crate::service::broker::Broker;
use crate::service::undelivered::{self, ActError, Counts, Filter};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/failures", get(look))
        .route("/failures/retry", post(retry_all))
        .route("/failures/dismiss", post(dismiss_all))
        .route("/failures/{id}/retry", post(retry))
        .route("/failures/{id}/dismiss", post(dismiss))
}

/// On one page.
const SHOWN: u32 = 25;

const SAID: [(&str, &str); 5] = [
    ("due", "It is being tried again now."),
    (
        "all-due",
        "Everything that waits is due now. What goes to a server that was in trouble a moment ago follows within a quarter of an \
         hour.",
    ),
    ("forgotten", "It is taken out of the list."),
    ("all-forgotten", "What had ended is taken out of the list. What still waits stays."),
    ("ended", "There was nothing to do: it arrived or ended in the meantime."),
];

/// The page.
#[derive(Debug, Template)]
#[template(path = "failures.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    counts: Counts,
    failures: Vec<Row>,
    /// Which are shown: a state's word, or nothing for all.
    state: &'static str,
    older: Option<i64>,
    back: &'static str,
}

impl Page {
    /// For the choice of what is shown: what `aria-current` says.
    fn current(&self, state: &str) -> &'static str {
        if self.state == state { "true" } else { "false" }
    }
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let state = match asked.text("state") {
        "waiting" => Some(DeliveryState::Waiting),
        "failed" => Some(DeliveryState::Failed),
        "cancelled" => Some(DeliveryState::Cancelled),
        _ => None,
    };
    let before = asked.text("before").parse().ok().map(DeliveryId);
    let filter = Filter { user_id: who.user_id(), alias_id: None, state, before, limit: SHOWN + 1 };
    let mut page = undelivered::list(&broker.desk, &filter).await?;
    let has_more = page.len() > usize::try_from(SHOWN).unwrap_or(usize::MAX);
    if has_more {
        page.pop();
    }
    let older = page.last().filter(|_| has_more).map(|failed| failed.delivery.id.0);
    let mut chrome = who.chrome("Failures").saying(asked.some("said"), &SAID);
    // A part of what the navigation calls activity.
    "activity".clone_into(&mut chrome.here);
    Ok(pages::show(
        StatusCode::OK,
        &Page {
            chrome,
            counts: undelivered::counts(&broker.desk, who.user_id()).await?,
            failures: page.into_iter().map(|failed| Row::new(failed, broker.now())).collect(),
            state: state.map(DeliveryState::as_str).unwrap_or_default(),
            older,
            back: "failures",
        },
    ))
}

async fn retry(State(broker): State<Broker>, Id(uuid): Id, form: Checked) -> Result<Response, Failure> {
    match undelivered::retry(&broker.desk, form.who.user_id(), uuid).await {
        Ok(()) => {
            broker.queue.notify_one();
            Ok(back(&form, "due"))
        }
        Err(ActError::Ended | ActError::NotEnded) => Ok(back(&form, "ended")),
        Err(ActError::Unknown) => Err(Failure::NotFound),
        Err(ActError::Storage(error)) => Err(error.into()),
    }
}

async fn retry_all(State(broker): State<Broker>, form: Checked) -> Result<Response, Failure> {
    undelivered::retry_all(&broker.desk, form.who.user_id()).await?;
    broker.queue.notify_one();
    Ok(back(&form, "all-due"))
}

async fn dismiss(State(broker): State<Broker>, Id(uuid): Id, form: Checked) -> Result<Response, Failure> {
    match undelivered::forget(&broker.desk, form.who.user_id(), uuid).await {
        Ok(()) => Ok(back(&form, "forgotten")),
        Err(ActError::Ended | ActError::NotEnded) => Ok(back(&form, "ended")),
        Err(ActError::Unknown) => Err(Failure::NotFound),
        Err(ActError::Storage(error)) => Err(error.into()),
    }
}

async fn dismiss_all(State(broker): State<Broker>, form: Checked) -> Result<Response, Failure> {
    undelivered::forget_all(&broker.desk, form.who.user_id()).await?;
    Ok(back(&form, "all-forgotten"))
}

/// To the page the form was on.
fn back(form: &Checked, said: &str) -> Response {
    let page = page(&form.fields);
    form.who.go(&format!("{page}?said={said}"))
}

fn page(fields: &Fields) -> String {
    match (fields.text("back"), Uuid::parse_str(fields.text("alias"))) {
        ("alias", Ok(alias)) => format!("aliases/{alias}"),
        ("activity", _) => "activity".to_owned(),
        _ => "failures".to_owned(),
    }
}

//! The queue of everybody: how much waits, why, again or away. Addresses are shown as far as their domain: whose mail it
//! is does not matter for whether it gets there.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{PAGE, moment};
use crate::model::delivery::{Delivery, DeliveryKind, DeliveryState, Failure as Refusal};
use crate::model::id::DeliveryId;
use crate::service::broker::Broker;
use crate::service::queue::{self, ChangeError, GetError};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Asked, Checked, MENDABLE};
use crate::web::id::Word;
use crate::web::pages;
use crate::web::session::{Admin, SignedIn};

#[derive(Debug)]
struct Row {
    id: i64,
    kind: &'static str,
    to: String,
    state: &'static str,
    is_waiting: bool,
    since: String,
    attempts: i32,
    next: Option<String>,
    until: String,
    status: Option<String>,
    /// Whether the other server said that.
    is_answer: bool,
    /// Why the operator gave it up.
    reason: Option<String>,
    detail: Option<String>,
}

impl Row {
    fn new(delivery: &Delivery) -> Self {
        let is_waiting = delivery.state == DeliveryState::Waiting;
        Self {
            id: delivery.id.0,
            kind: match delivery.kind {
                DeliveryKind::Forward => "to a mailbox",
                DeliveryKind::Reply => "from an alias",
                DeliveryKind::Dsn => "failure report",
                DeliveryKind::Notice => "letter of ours",
            },
            to: delivery.recipient.domain().to_string(),
            state: match delivery.state {
                DeliveryState::Waiting => "waiting",
                DeliveryState::Held => "held for its owner",
                DeliveryState::Failed => "failed",
                DeliveryState::Cancelled => "given up",
            },
            is_waiting,
            since: moment(delivery.queued_at),
            attempts: delivery.attempts,
            next: is_waiting.then(|| moment(delivery.next_attempt_at)),
            until: moment(delivery.expires_at),
            is_answer: delivery.last_failure.as_ref().is_some_and(|failure| failure.code.is_some()),
            reason: delivery.last_failure.as_ref().and_then(given).map(ToOwned::to_owned),
            status: delivery.last_failure.as_ref().map(|failure| failure.status.clone()),
            detail: delivery.last_failure.as_ref().map(Refusal::detail_without_names),
        }
    }
}

/// The reason with which somebody gave it up here.
fn given(failure: &Refusal) -> Option<&str> {
    failure.detail.reveal().strip_prefix(queue::DROPPED_BY_OPERATOR)
}

#[derive(Debug, Template)]
#[template(path = "admin/queue.html", config = "src/web/askama.toml")]
struct ListPage {
    chrome: Chrome,
    section: &'static str,
    counts: [(&'static str, &'static str, i64); 4],
    oldest: Option<String>,
    state: &'static str,
    rows: Vec<Row>,
    next: Option<i64>,
}

pub(super) async fn list(State(broker): State<Broker>, Admin(who): Admin, Asked(asked): Asked) -> Result<Response, Failure> {
    let state: Option<DeliveryState> = asked.text("state").parse().ok();
    let before = asked.text("before").parse().ok().map(DeliveryId);
    let deliveries = queue::list_by_state(&broker.desk, state, before, PAGE).await?;
    let counts = queue::counts(&broker.desk).await?;
    let is_full = u32::try_from(deliveries.len()).is_ok_and(|count| count == PAGE);
    let page = ListPage {
        chrome: who.chrome("Queue").saying(
            asked.some("said"),
            &[("retried", "What waits is tried again now."), ("dropped", "The message is given up.")],
        ),
        section: "queue",
        counts: [
            ("waiting", "Waiting", counts.waiting),
            ("held", "Held for their owners", counts.held),
            ("failed", "Failed", counts.failed),
            ("cancelled", "Given up", counts.cancelled),
        ],
        oldest: counts.oldest_waiting.map(moment),
        state: state.map_or("", DeliveryState::as_str),
        next: deliveries.last().filter(|_| is_full).map(|delivery| delivery.id.0),
        rows: deliveries.iter().map(Row::new).collect(),
    };
    Ok(pages::show(StatusCode::OK, &page))
}

#[derive(Debug, Template)]
#[template(path = "admin/delivery.html", config = "src/web/askama.toml")]
struct OnePage {
    chrome: Chrome,
    section: &'static str,
    row: Row,
}

async fn one(broker: &Broker, who: &SignedIn, id: i64) -> Result<OnePage, Failure> {
    let entry = queue::get(&broker.desk, DeliveryId(id)).await.map_err(|error| match error {
        GetError::Unknown => Failure::NotFound,
        GetError::Storage(error) => error.into(),
    })?;
    Ok(OnePage { chrome: who.chrome(format!("Delivery {id}")), section: "queue", row: Row::new(&entry.delivery) })
}

pub(super) async fn show(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Word(id): Word,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    let mut page = one(&broker, &who, number(&id)?).await?;
    page.chrome = page.chrome.saying(asked.some("said"), &[("retried", "It is tried again now.")]);
    Ok(pages::show(StatusCode::OK, &page))
}

fn number(text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| Failure::NotFound)
}

pub(super) async fn retry_all(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Checked { .. }: Checked,
) -> Result<Response, Failure> {
    match queue::retry(&broker.desk, None).await {
        Ok(_) => {}
        Err(ChangeError::Storage(error)) => return Err(error.into()),
        Err(ChangeError::Unknown | ChangeError::NotWaiting | ChangeError::Held | ChangeError::Quarantined) => {
            return Err(Failure::NotFound);
        }
    }
    // The shared list of resting servers is empty now; what this node remembers of them is no reason to wait either.
    broker.outbound.clear_rests();
    broker.queue.notify_one();
    Ok(who.go("admin/queue?said=retried"))
}

pub(super) async fn retry(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Word(id): Word,
    Checked { .. }: Checked,
) -> Result<Response, Failure> {
    let id = number(&id)?;
    match queue::retry(&broker.desk, Some(DeliveryId(id))).await {
        Ok(_) => broker.queue.notify_one(),
        Err(error) => return refused(&broker, &who, id, error).await,
    }
    Ok(who.go(&format!("admin/queue/{id}?said=retried")))
}

pub(super) async fn give_up(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Word(id): Word,
    Checked { fields, .. }: Checked,
) -> Result<Response, Failure> {
    let id = number(&id)?;
    // Its owner is shown the reason, so there has to be one.
    let Some(reason) = fields.some("reason") else {
        let mut page = one(&broker, &who, id).await?;
        page.chrome = page.chrome.but("It was not given up: write your reason first. The owner of the message gets to see it.");
        return Ok(pages::show(MENDABLE, &page));
    };
    match queue::cancel_because(&broker.desk, DeliveryId(id), Some(reason)).await {
        Ok(()) => Ok(who.go("admin/queue?said=dropped")),
        Err(error) => refused(&broker, &who, id, error).await,
    }
}

async fn refused(broker: &Broker, who: &SignedIn, id: i64, error: ChangeError) -> Result<Response, Failure> {
    let wrong = match error {
        ChangeError::Unknown => return Err(Failure::NotFound),
        ChangeError::NotWaiting => "It does not wait any more: it was given up before, and its content is erased.",
        ChangeError::Quarantined => "It lies in quarantine.",
        ChangeError::Held => "It is held for the decision of its owner.",
        ChangeError::Storage(error) => return Err(error.into()),
    };
    let mut page = one(broker, who, id).await?;
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(StatusCode::CONFLICT, &page))
}

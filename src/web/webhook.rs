//! `/webhooks`: where a user wants to be told by HTTP of what happens.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked, MENDABLE};
use super::id::Id;
use super::pages;
use super::session::SignedIn;
use crate::model::webhook::{EventKind, EventKinds};
use crate::service::broker::Broker;
use crate::service::webhook::{self, ChangeError, CreateError, Listed};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/webhooks", get(look).post(create))
        .route("/webhooks/{uuid}/test", post(test))
        .route("/webhooks/{uuid}/resume", post(resume))
        .route("/webhooks/{uuid}/remove", post(remove))
}

/// What the page says was done.
const SAID: [(&str, &str); 6] = [
    ("made", "The webhook is made. Copy its secret into your receiver."),
    ("sent", "A test event is on its way. How it ended stands below in a moment; load the page again."),
    ("resumed", "The webhook is told of what happens from now on."),
    ("paused", "No test was sent: the webhook is paused. Let it go on first."),
    ("full", "No test was sent: too many events wait for the webhook already."),
    ("removed", "The webhook is removed, and what was on its way to it is gone."),
];

/// The page.
#[derive(Debug, Template)]
#[template(path = "webhooks.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    hooks: Vec<Row>,
    url: String,
    choices: [(&'static str, &'static str); 3],
    /// Whether secrets are shown: only to who proved lately who they are.
    is_confirmed: bool,
}

#[derive(Debug)]
struct Row {
    id: Uuid,
    url: String,
    secret: String,
    events: Vec<&'static str>,
    is_paused: bool,
    waiting: i64,
    last: Option<String>,
}

const fn words(kind: EventKind) -> &'static str {
    match kind {
        EventKind::AliasCreated => "an alias was made",
        EventKind::MailBlocked => "mail was blocked",
        EventKind::DeliveryFailed => "a message could not be delivered",
        EventKind::Test => "a test",
    }
}

impl From<Listed> for Row {
    fn from(Listed { webhook: hook, waiting }: Listed) -> Self {
        let last = hook.last_status.as_ref().zip(hook.last_at);
        Self {
            id: hook.uuid,
            url: hook.url.reveal().clone(),
            secret: webhook::secret_text(&hook).into_inner(),
            events: hook.events.as_slice().iter().map(|kind| words(*kind)).collect(),
            is_paused: hook.paused_at.is_some(),
            waiting,
            last: last.map(|(status, at)| format!("{status} ({at})")),
        }
    }
}

impl Page {
    async fn load(broker: &Broker, who: &SignedIn) -> Result<Self, Failure> {
        let hooks = webhook::list(&broker.desk, who.user_id()).await?.into_iter().map(Row::from).collect();
        let choices = EventKind::CHOICES.map(|kind| (kind.as_str(), words(kind)));
        let is_confirmed = who.session.is_confirmed(broker.now());
        Ok(Self { chrome: who.chrome("Webhooks"), hooks, url: String::new(), choices, is_confirmed })
    }
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let mut page = Page::load(&broker, &who).await?;
    page.chrome = page.chrome.saying(asked.some("said"), &SAID);
    Ok(pages::show(StatusCode::OK, &page))
}

async fn create(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let events = EventKinds::new(fields.all("event").iter().filter_map(|word| word.parse().ok()).collect());
    let private = broker.outbound.poster().may_be_private();
    let wrong = match webhook::create(&broker.desk, who.user_id(), fields.text("url"), events, private).await {
        Ok(_) => return Ok(who.go("webhooks?said=made")),
        Err(CreateError::Storage(error)) => return Err(error.into()),
        Err(error @ CreateError::Url(_)) => format!("The address: {error}."),
        Err(error @ CreateError::TooMany) => format!("Nothing was made: {error}."),
    };
    let mut page = Page::load(&broker, &who).await?;
    fields.text("url").clone_into(&mut page.url);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(MENDABLE, &page))
}

fn done(who: &SignedIn, said: &str, ended: Result<(), ChangeError>) -> Result<Response, Failure> {
    match ended {
        Ok(()) => Ok(who.go(&format!("webhooks?said={said}"))),
        Err(ChangeError::Unknown) => Err(Failure::NotFound),
        Err(ChangeError::Paused) => Ok(who.go("webhooks?said=paused")),
        Err(ChangeError::Full) => Ok(who.go("webhooks?said=full")),
        Err(ChangeError::Storage(error)) => Err(error.into()),
    }
}

async fn test(State(broker): State<Broker>, Id(id): Id, form: Checked) -> Result<Response, Failure> {
    done(&form.who, "sent", webhook::test(&broker.desk, form.who.user_id(), id).await)
}

async fn resume(State(broker): State<Broker>, Id(id): Id, form: Checked) -> Result<Response, Failure> {
    done(&form.who, "resumed", webhook::resume(&broker.desk, form.who.user_id(), id).await)
}

async fn remove(State(broker): State<Broker>, Id(id): Id, form: Checked) -> Result<Response, Failure> {
    done(&form.who, "removed", webhook::remove(&broker.desk, form.who.user_id(), id).await)
}

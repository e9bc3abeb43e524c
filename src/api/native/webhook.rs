//! `/v1/webhooks`: where a user is told by HTTP of what happens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Reader, Writer};
use super::once::RequestKey;
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::webhook::{EventKind, EventKinds};
use crate::service::broker::Broker;
use crate::service::webhook::{self, ChangeError, CreateError, Listed};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Webhooks", "Where somebody is told by HTTP of what happens, in the form of Standard Webhooks.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_create, _, _>(write, create)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_remove, _, _>(write, remove)
        .on::<__path_resume, _, _>(write, resume)
        .on::<__path_test, _, _>(write, test)
}

/// What a webhook can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookEvent)]
pub enum EventShape {
    /// An alias was made.
    #[serde(rename = "alias.created")]
    AliasCreated,
    /// Mail to aliases was refused; counted, told once a second at most, of all aliases together.
    #[serde(rename = "mail.blocked")]
    MailBlocked,
    /// A message that was accepted could not be delivered.
    #[serde(rename = "delivery.failed")]
    DeliveryFailed,
}

impl From<EventShape> for EventKind {
    fn from(event: EventShape) -> Self {
        match event {
            EventShape::AliasCreated => Self::AliasCreated,
            EventShape::MailBlocked => Self::MailBlocked,
            EventShape::DeliveryFailed => Self::DeliveryFailed,
        }
    }
}

impl EventShape {
    /// Nobody asks to be told of tests.
    fn of(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::AliasCreated => Some(Self::AliasCreated),
            EventKind::MailBlocked => Some(Self::MailBlocked),
            EventKind::DeliveryFailed => Some(Self::DeliveryFailed),
            EventKind::Test => None,
        }
    }
}

/// A webhook; its secret is shown once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookShape {
    /// Its id.
    id: PublicId,
    /// Who is told.
    #[schema(example = "https://you.example/hook")]
    url: String,
    /// Of what.
    events: Vec<EventShape>,
    /// Events on their way to it.
    waiting: i64,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Set while nothing is sent, because nothing was taken for a whole day or because it came with an import.
    #[schema(format = DateTime)]
    paused_at: Option<String>,
    /// How the last attempt ended: `taken`, or why not, like `HTTP 500`.
    #[schema(example = "taken")]
    last_status: Option<String>,
    /// When that was.
    #[schema(format = DateTime)]
    last_at: Option<String>,
}

impl WebhookShape {
    fn of(Listed { webhook, waiting }: &Listed) -> Self {
        Self {
            id: PublicId(webhook.uuid),
            url: webhook.url.reveal().clone(),
            events: webhook.events.as_slice().iter().filter_map(|kind| EventShape::of(*kind)).collect(),
            waiting: *waiting,
            created_at: webhook.created_at.to_rfc3339(),
            paused_at: webhook.paused_at.map(Timestamp::to_rfc3339),
            last_status: webhook.last_status.clone(),
            last_at: webhook.last_at.map(Timestamp::to_rfc3339),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Unknown => Self::not_found(),
            error @ (ChangeError::Paused | ChangeError::Full) => Self::conflict(error),
            ChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<CreateError> for Problem {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Url(error) => Self::invalid("url", error),
            CreateError::TooMany => Self::conflict(error),
            CreateError::Storage(error) => error.into(),
        }
    }
}

/// Lists webhooks.
#[utoipa::path(get, path = "/v1/webhooks",
    responses((status = 200, description = "All webhooks, the oldest first.", body = Page<WebhookShape>)))]
pub async fn list(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Json<Page<WebhookShape>>, Problem> {
    let all = webhook::list(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(all.iter().map(WebhookShape::of).collect())))
}

/// What a new webhook is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct New {
    /// Where to tell it: an address that begins with https://.
    #[schema(max_length = 1000, example = "https://you.example/hook")]
    url: String,
    /// Of what to tell; of everything when it is left out.
    events: Option<Vec<EventShape>>,
}

/// A new webhook, and its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewWebhookMade {
    /// Signs what is sent, as Standard Webhooks say. It is shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
    /// The webhook.
    webhook: WebhookShape,
}

/// Makes a webhook.
///
/// An `Idempotency-Key` is refused: the answer holds a secret, and no secret is kept.
#[utoipa::path(post, path = "/v1/webhooks",
    request_body(content = New, example = json!({"url": "https://you.example/hook", "events": ["alias.created"]})),
    responses((status = 201, description = "The webhook and its secret.", body = NewWebhookMade),
        (status = 409, description = "There are too many already.")))]
pub async fn create(
    State(broker): State<Broker>,
    writer: Writer,
    key: RequestKey,
    body: Body<New>,
) -> Result<(StatusCode, Json<NewWebhookMade>), Problem> {
    key.refuse()?;
    let events = EventKinds::new(body.value.events.unwrap_or_default().into_iter().map(EventKind::from).collect());
    let private = broker.outbound.poster().may_be_private();
    let webhook = webhook::create(&broker.desk, writer.user_id(), &body.value.url, events, private).await?;
    let secret = webhook::secret_text(&webhook).into_inner();
    let webhook = WebhookShape::of(&Listed { webhook, waiting: 0 });
    Ok((StatusCode::CREATED, Json(NewWebhookMade { secret, webhook })))
}

/// Shows a webhook.
#[utoipa::path(get, path = "/v1/webhooks/{webhook}", params(("webhook" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The webhook.", body = WebhookShape)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<WebhookShape>, Problem> {
    Ok(Json(WebhookShape::of(&webhook::get(&broker.desk, reader.user_id(), id).await?)))
}

/// Removes a webhook.
///
/// What is on its way to it is not sent any more.
#[utoipa::path(delete, path = "/v1/webhooks/{webhook}", params(("webhook" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is removed.")))]
pub async fn remove(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    webhook::remove(&broker.desk, writer.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a paused webhook go on.
///
/// What waited when it was paused is gone.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/resume", params(("webhook" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is told of what happens from now on.")))]
pub async fn resume(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    webhook::resume(&broker.desk, writer.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a webhook a test event.
#[utoipa::path(post, path = "/v1/webhooks/{webhook}/test", params(("webhook" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is on its way."),
        (status = 409, description = "It is paused, or too many events wait for it.")))]
pub async fn test(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    webhook::test(&broker.desk, writer.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

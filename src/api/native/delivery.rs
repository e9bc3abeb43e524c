//! `/v1/deliveries`: what is not delivered (yet): it waits, is held, failed or was cancelled, and why.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::{Reader, Writer};
use super::page::{self, Page};
use super::problem::Problem;
use super::request::{Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use super::shape::{AliasName, FailureShape, MailboxName};
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::delivery::{DeliveryKind, DeliveryState};
use crate::model::id::DeliveryId;
use crate::service::broker::Broker;
use crate::service::delivery_page;
use crate::service::failed_delivery::Failed;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Deliveries", "Mail that is not delivered, or not yet, and why. What was delivered leaves counts only.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_retry, _, _>(write, retry)
        .on::<__path_remove, _, _>(write, remove)
}

/// What a delivery is.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryKind)]
pub enum Kind {
    /// A message to an alias on its way to a mailbox.
    Forward,
    /// A reply or a new message from an alias.
    Reply,
    /// A report to a sender that a message was not delivered.
    Dsn,
    /// A message of this instance to its user.
    Notice,
}

impl From<DeliveryKind> for Kind {
    fn from(kind: DeliveryKind) -> Self {
        match kind {
            DeliveryKind::Forward => Self::Forward,
            DeliveryKind::Reply => Self::Reply,
            DeliveryKind::Dsn => Self::Dsn,
            DeliveryKind::Notice => Self::Notice,
        }
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = DeliveryState)]
pub enum Stand {
    /// It will be tried (again).
    Waiting,
    /// It is kept until its owner decides.
    Held,
    /// It was given up.
    Failed,
    /// It is not delivered because its owner said so.
    Cancelled,
}

impl From<DeliveryState> for Stand {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Waiting => Self::Waiting,
            DeliveryState::Held => Self::Held,
            DeliveryState::Failed => Self::Failed,
            DeliveryState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<Stand> for DeliveryState {
    fn from(stand: Stand) -> Self {
        match stand {
            Stand::Waiting => Self::Waiting,
            Stand::Held => Self::Held,
            Stand::Failed => Self::Failed,
            Stand::Cancelled => Self::Cancelled,
        }
    }
}

/// One message on its way to one recipient.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryShape {
    /// Its id.
    id: PublicId,
    /// What it is.
    kind: Kind,
    /// How it stands.
    state: Stand,
    /// The alias it came through or goes out from.
    alias: Option<AliasName>,
    /// The mailbox it is for; null for what goes out.
    mailbox: Option<MailboxName>,
    /// To whom.
    #[schema(example = "jane.roe@inbox.example")]
    recipient: String,
    /// When it was taken.
    #[schema(format = DateTime)]
    queued_at: String,
    /// When it is tried next; null unless it waits.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    /// How often it was tried.
    attempts: i32,
    /// When it is given up, if it waits or is held; null otherwise.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Why it was not delivered the last time.
    failure: Option<FailureShape>,
    /// When it was given up or cancelled.
    #[schema(format = DateTime)]
    settled_at: Option<String>,
}

impl DeliveryShape {
    /// Of a user's delivery.
    pub fn of(found: &Failed) -> Self {
        let Failed { delivery, alias, mailbox } = found;
        let waits = delivery.state == DeliveryState::Waiting;
        let is_open = waits || delivery.state == DeliveryState::Held;
        Self {
            id: PublicId(delivery.uuid),
            kind: delivery.kind.into(),
            state: delivery.state.into(),
            alias: alias.as_ref().map(|alias| AliasName { id: PublicId(alias.uuid), address: alias.address.to_string() }),
            mailbox: mailbox.as_ref().map(MailboxName::of),
            recipient: delivery.recipient.to_string(),
            queued_at: delivery.queued_at.to_rfc3339(),
            next_attempt_at: waits.then(|| delivery.next_attempt_at.to_rfc3339()),
            attempts: delivery.attempts,
            expires_at: is_open.then(|| delivery.expires_at.to_rfc3339()),
            failure: delivery.last_failure.as_ref().map(FailureShape::of),
            settled_at: delivery.settled_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Only those that stand so.
    #[param(inline)]
    pub state: Option<Stand>,
    /// How many, 1 to 100; 50 when it is left out.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// Where the page begins: the `next` of the page before.
    pub cursor: Option<String>,
}

/// Lists deliveries.
///
/// The newest first. Those given up or cancelled are shown for 30 days.
#[utoipa::path(get, path = "/v1/deliveries", params(Query),
    responses((status = 200, description = "A page of deliveries.", body = Page<DeliveryShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    reader: Reader,
    Params(query): Params<Query>,
) -> Result<Json<Page<DeliveryShape>>, Problem> {
    let state = query.state.map(DeliveryState::from);
    page_of(&broker, &reader, state, query.limit, query.cursor.as_deref()).await
}

/// A page of those that stand so.
pub(super) async fn page_of(
    broker: &Broker,
    reader: &Reader,
    state: Option<DeliveryState>,
    limit: Option<u32>,
    cursor: Option<&str>,
) -> Result<Json<Page<DeliveryShape>>, Problem> {
    let limit = page::limit(limit)?;
    let before = page::open_key(cursor)?.map(DeliveryId);
    let found = delivery_page::list(&broker.desk, reader.user_id(), state, before, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |last| page::seal_key(last.delivery.id.0));
    Ok(Json(Page { items: found.iter().map(DeliveryShape::of).collect(), next }))
}

/// Shows a delivery.
#[utoipa::path(get, path = "/v1/deliveries/{delivery}", params(("delivery" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The delivery.", body = DeliveryShape)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<DeliveryShape>, Problem> {
    let found = delivery_page::find(&broker.desk, reader.user_id(), id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(DeliveryShape::of(&found)))
}

/// Tries a waiting delivery again now.
#[utoipa::path(post, path = "/v1/deliveries/{delivery}/retry", params(("delivery" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is due."),
        (status = 409, description = "It does not wait: it was given up, is held, or is set aside for the operator.")))]
pub async fn retry(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    delivery_page::retry(&broker.desk, writer.user_id(), id).await?;
    broker.queue.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a waiting delivery up, or forgets one that was given up.
///
/// A waiting one is cancelled: counted, still shown, its content erased.
#[utoipa::path(delete, path = "/v1/deliveries/{delivery}", params(("delivery" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is cancelled or forgotten."),
        (status = 409, description = "It is held (release or discard it below /v1/holds), or set aside for the operator.")))]
pub async fn remove(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    delivery_page::remove(&broker.desk, writer.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `/v1/admin/queue`: the queue of everybody: how much waits, why, again or away. Addresses are shown as far as their domain,
//! as on the page: whose mail it is does not matter for whether it gets there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::native::caller::Admin;
use crate::api::native::delivery::{Kind, Query, Stand};
use crate::api::native::page::{self, Page};
use crate::api::native::problem::Problem;
use crate::api::native::request::{Body, Id, Nothing, Params, PublicId};
use crate::api::native::routes::{Access, Routes};
use crate::api::native::shape::FailureShape;
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::delivery::{Delivery, DeliveryState};
use crate::model::id::DeliveryId;
use crate::service::broker::Broker;
use crate::service::queue::{self, ChangeError, Counts, LONGEST_REASON};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let admin = Access::Needs(Scope::Admin);
    routes
        .noun("Queue", "Everybody's mail that is not delivered, or not yet: where it goes and what is in the way.")
        .on::<__path_totals, _, _>(admin, totals)
        .on::<__path_retry_all, _, _>(admin, retry_all)
        .on::<__path_list, _, _>(admin, list)
        .on::<__path_show, _, _>(admin, show)
        .on::<__path_retry, _, _>(admin, retry)
        .on::<__path_give_up, _, _>(admin, give_up)
}

/// How full the queue is.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueTotals {
    /// Still to be handed off.
    waiting: i64,
    /// Kept for their owners' decision.
    held: i64,
    /// Given up.
    failed: i64,
    /// Not to be delivered any more.
    cancelled: i64,
    /// When the oldest of the waiting ones was taken.
    #[schema(format = DateTime)]
    oldest_waiting_at: Option<String>,
}

impl QueueTotals {
    /// Of what was counted.
    pub fn of(counts: Counts) -> Self {
        Self {
            waiting: counts.waiting,
            held: counts.held,
            failed: counts.failed,
            cancelled: counts.cancelled,
            oldest_waiting_at: counts.oldest_waiting.map(Timestamp::to_rfc3339),
        }
    }
}

/// Somebody's message on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueuedDelivery)]
pub struct QueuedShape {
    /// Its id.
    id: PublicId,
    /// What it is.
    kind: Kind,
    /// How it stands.
    state: Stand,
    /// To which domain.
    #[schema(example = "inbox.example")]
    recipient_domain: String,
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
    /// Why it was not delivered the last time; what stands before an `@` is left out.
    failure: Option<FailureShape>,
    /// When it was given up or cancelled.
    #[schema(format = DateTime)]
    settled_at: Option<String>,
}

impl QueuedShape {
    fn of(delivery: &Delivery) -> Self {
        let waits = delivery.state == DeliveryState::Waiting;
        let is_open = waits || delivery.state == DeliveryState::Held;
        Self {
            id: PublicId(delivery.uuid),
            kind: delivery.kind.into(),
            state: delivery.state.into(),
            recipient_domain: delivery.recipient.domain().to_string(),
            queued_at: delivery.queued_at.to_rfc3339(),
            next_attempt_at: waits.then(|| delivery.next_attempt_at.to_rfc3339()),
            attempts: delivery.attempts,
            expires_at: is_open.then(|| delivery.expires_at.to_rfc3339()),
            failure: delivery.last_failure.as_ref().map(FailureShape::without_names),
            settled_at: delivery.settled_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// How many.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retried {
    /// Deliveries that are due now.
    retried: u64,
}

async fn find(broker: &Broker, id: Uuid) -> Result<Delivery, Problem> {
    queue::find_by_uuid(&broker.desk, id).await?.ok_or_else(Problem::not_found)
}

/// What is said to owners would be wrong here.
fn refused(error: ChangeError) -> Problem {
    match error {
        ChangeError::Held => Problem::conflict("this delivery is held for its owner's decision; nobody else decides on it"),
        error => error.into(),
    }
}

/// Counts what is in the queue.
#[utoipa::path(get, path = "/v1/admin/queue", responses((status = 200, description = "How full it is.", body = QueueTotals)))]
pub async fn totals(State(broker): State<Broker>, _: Admin, _: Params<Nothing>) -> Result<Json<QueueTotals>, Problem> {
    Ok(Json(QueueTotals::of(queue::counts(&broker.desk).await?)))
}

/// Tries everything that waits again now.
#[utoipa::path(post, path = "/v1/admin/queue/retry", responses((status = 200, description = "It is due.", body = Retried)))]
pub async fn retry_all(State(broker): State<Broker>, _: Admin, _: Params<Nothing>) -> Result<Json<Retried>, Problem> {
    let retried = queue::retry(&broker.desk, None).await.map_err(refused)?;
    broker.queue.notify_one();
    Ok(Json(Retried { retried }))
}

/// Lists everybody's deliveries.
///
/// The newest first. Those given up or cancelled are shown for 30 days.
#[utoipa::path(get, path = "/v1/admin/queue/deliveries", params(Query),
    responses((status = 200, description = "A page of deliveries.", body = Page<QueuedShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    _: Admin,
    Params(query): Params<Query>,
) -> Result<Json<Page<QueuedShape>>, Problem> {
    let limit = page::limit(query.limit)?;
    let before = page::open_key(query.cursor.as_deref())?.map(DeliveryId);
    let state = query.state.map(DeliveryState::from);
    let found = queue::list_by_state(&broker.desk, state, before, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |last| page::seal_key(last.id.0));
    Ok(Json(Page { items: found.iter().map(QueuedShape::of).collect(), next }))
}

/// Shows somebody's delivery.
#[utoipa::path(get, path = "/v1/admin/queue/deliveries/{delivery}",
    params(("delivery" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The delivery.", body = QueuedShape)))]
pub async fn show(State(broker): State<Broker>, _: Admin, Id(id): Id, _: Params<Nothing>) -> Result<Json<QueuedShape>, Problem> {
    Ok(Json(QueuedShape::of(&find(&broker, id).await?)))
}

/// Tries somebody's delivery again now.
///
/// Also one that was set aside because it did harm.
#[utoipa::path(post, path = "/v1/admin/queue/deliveries/{delivery}/retry",
    params(("delivery" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is due."),
        (status = 409, description = "It does not wait: it was given up, or is held for its owner.")))]
pub async fn retry(State(broker): State<Broker>, _: Admin, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    let found = find(&broker, id).await?;
    queue::retry(&broker.desk, Some(found.id)).await.map_err(refused)?;
    broker.queue.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Why a delivery is given up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GivingUp {
    /// What its owner gets to see; nothing when it is left out.
    #[schema(max_length = 200, example = "this server is gone")]
    reason: Option<String>,
}

/// Gives somebody's waiting delivery up.
///
/// It is cancelled: counted, still shown to its owner, its content erased.
#[utoipa::path(post, path = "/v1/admin/queue/deliveries/{delivery}/drop",
    params(("delivery" = PublicId, Path, description = "Its id.")),
    request_body(content = GivingUp, example = json!({"reason": "this server is gone"})),
    responses((status = 204, description = "It is given up."),
        (status = 409, description = "It does not wait: it was given up before, or is held for its owner.")))]
pub async fn give_up(State(broker): State<Broker>, _: Admin, Id(id): Id, body: Body<GivingUp>) -> Result<StatusCode, Problem> {
    let reason = body.value.reason.as_deref().map(str::trim);
    if reason.is_some_and(|reason| reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control)) {
        let fix = format!("a reason has {LONGEST_REASON} characters at the most and no control characters");
        return Err(Problem::invalid("reason", fix));
    }
    let found = find(&broker, id).await?;
    queue::cancel_because(&broker.desk, found.id, reason).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

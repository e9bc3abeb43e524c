//! `/v1/holds`: messages kept for their owner's decision.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Reader, Writer};
use super::delivery::{DeliveryShape, page_of};
use super::page::{Page, Wanted};
use super::problem::Problem;
use super::request::{Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::api_token::Scope;
use crate::model::delivery::DeliveryState;
use crate::model::id::{DeliveryId, UserId};
use crate::service::broker::Broker;
use crate::service::{delivery_page, hold};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Holds", "Messages kept for their owner's decision, because their domain says that it did not send them.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_release, _, _>(write, release)
        .on::<__path_discard, _, _>(write, discard)
}

/// A held message. The sender's words are the sender's own: nothing proves them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hold)]
pub struct HoldShape {
    /// The delivery that is held; `expires_at` is when it is given up.
    delivery: DeliveryShape,
    /// The envelope sender; null for a report.
    #[schema(example = "bounces@mail.lg.com")]
    sender: Option<String>,
    /// `From` as it stands in the message.
    #[schema(example = "LG <news@lg.com>")]
    from: String,
    /// `Subject` as it stands in the message.
    #[schema(example = "Your order")]
    subject: String,
}

/// How many copies were decided on: one for each mailbox of the alias.
#[derive(Debug, Serialize, ToSchema)]
pub struct Decided {
    /// How many.
    copies: u64,
}

async fn find(broker: &Broker, user: UserId, id: Uuid) -> Result<(DeliveryShape, DeliveryId), Problem> {
    let found = delivery_page::find(&broker.desk, user, id).await?.ok_or_else(Problem::not_found)?;
    if found.delivery.state != DeliveryState::Held {
        return Err(Problem::not_found());
    }
    Ok((DeliveryShape::of(&found), found.delivery.id))
}

/// Lists held messages.
///
/// The newest first; one for each mailbox of an alias.
#[utoipa::path(get, path = "/v1/holds", params(Wanted),
    responses((status = 200, description = "A page of held deliveries.", body = Page<DeliveryShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    reader: Reader,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Page<DeliveryShape>>, Problem> {
    page_of(&broker, &reader, Some(DeliveryState::Held), wanted.limit, wanted.cursor.as_deref()).await
}

/// Shows a held message with what its owner decides by.
#[utoipa::path(get, path = "/v1/holds/{hold}", params(("hold" = PublicId, Path, description = "The id of a held delivery.")),
    responses((status = 200, description = "The message.", body = HoldShape)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<HoldShape>, Problem> {
    let (delivery, id) = find(&broker, reader.user_id(), id).await?;
    let held = hold::show(&broker.desk, reader.user_id(), id).await?;
    Ok(Json(HoldShape {
        delivery,
        sender: held.sender.as_ref().map(ToString::to_string),
        from: held.from.into_inner(),
        subject: held.subject.into_inner(),
    }))
}

/// Releases a held message.
///
/// It goes on to all mailboxes of its alias.
#[utoipa::path(post, path = "/v1/holds/{hold}/release",
    params(("hold" = PublicId, Path, description = "The id of a held delivery.")),
    responses((status = 200, description = "It goes on.", body = Decided)))]
pub async fn release(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<Decided>, Problem> {
    let (_, id) = find(&broker, writer.user_id(), id).await?;
    let copies = hold::release(&broker.desk, writer.user_id(), id, broker.rules.schedule.expire).await?;
    broker.queue.notify_one();
    Ok(Json(Decided { copies }))
}

/// Discards a held message.
///
/// It is not delivered to any mailbox of its alias; its content is erased, and it is shown as cancelled.
#[utoipa::path(delete, path = "/v1/holds/{hold}", params(("hold" = PublicId, Path, description = "The id of a held delivery.")),
    responses((status = 200, description = "It is let go.", body = Decided)))]
pub async fn discard(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<Decided>, Problem> {
    let (_, id) = find(&broker, writer.user_id(), id).await?;
    let copies = hold::drop(&broker.desk, writer.user_id(), id).await?;
    Ok(Json(Decided { copies }))
}

//! `/v1/blocks`: senders a user wants nothing from, at whichever alias.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Reader, Writer};
use super::once::{self, RequestKey};
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use super::shape::AliasName;
use crate::model::Timestamp;
use crate::model::alias::Alias;
use crate::model::api_token::Scope;
use crate::model::block::{Block, Sender};
use crate::model::contact::Contact;
use crate::service::block;
use crate::service::broker::Broker;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Blocks", "Senders nothing is wanted from, at all aliases. One correspondent of one alias is a contact.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_contacts, _, _>(read, contacts)
        .once::<__path_create, _, _>(write, create)
        .on::<__path_remove, _, _>(write, remove)
}

/// A block.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Block)]
pub struct BlockShape {
    /// Its id.
    id: PublicId,
    /// An address, or a domain with an @ before it, with all below it.
    #[schema(example = "@spam.example")]
    sender: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

impl BlockShape {
    fn of(block: &Block) -> Self {
        Self { id: PublicId(block.uuid), sender: block.sender.to_string(), created_at: Timestamp::to_rfc3339(block.created_at) }
    }
}

/// Lists blocks.
#[utoipa::path(get, path = "/v1/blocks",
    responses((status = 200, description = "All blocks, the oldest first.", body = Page<BlockShape>)))]
pub async fn list(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Json<Page<BlockShape>>, Problem> {
    let blocks = block::everywhere(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(blocks.iter().map(BlockShape::of).collect())))
}

/// A correspondent who is blocked at one alias.
#[derive(Debug, Serialize, ToSchema)]
pub struct BlockedContact {
    /// The contact's id.
    id: PublicId,
    /// The correspondent's address.
    #[schema(example = "support@lg.com")]
    address: String,
    /// The alias that takes nothing from it.
    alias: AliasName,
}

/// Lists the contacts that are blocked, of all aliases.
///
/// What is blocked everywhere is not among them.
#[utoipa::path(get, path = "/v1/blocks/contacts",
    responses((status = 200, description = "All blocked contacts, the oldest first.", body = Page<BlockedContact>)))]
pub async fn contacts(
    State(broker): State<Broker>,
    reader: Reader,
    _: Params<Nothing>,
) -> Result<Json<Page<BlockedContact>>, Problem> {
    let blocks = block::list(&broker.desk, reader.user_id()).await?;
    let shape = |(contact, alias): (Contact, Alias)| BlockedContact {
        id: PublicId(contact.uuid),
        address: contact.address.to_string(),
        alias: AliasName { id: PublicId(alias.uuid), address: alias.address.to_string() },
    };
    Ok(Json(Page::whole(blocks.contacts.into_iter().map(shape).collect())))
}

/// Whom to block.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewBlock)]
pub struct New {
    /// An address, or a domain: `spam.example` or `@spam.example`.
    #[schema(example = "spam.example")]
    sender: String,
}

/// Blocks a sender.
///
/// A block that is there already is given back as it is.
#[utoipa::path(post, path = "/v1/blocks",
    request_body(content = New, example = json!({"sender": "spam.example"})),
    responses((status = 201, description = "The block.", body = BlockShape)))]
pub async fn create(State(broker): State<Broker>, writer: Writer, key: RequestKey, body: Body<New>) -> Result<Response, Problem> {
    let sender: Sender = body.value.sender.trim().parse().map_err(|error| Problem::invalid("sender", error))?;
    let once = key.once(&writer.0, &body.bytes, BlockShape::of);
    Ok(once::answer(block::add_once(&broker.desk, writer.user_id(), sender, once).await?, "/v1/blocks"))
}

/// Takes a block back.
#[utoipa::path(delete, path = "/v1/blocks/{block}", params(("block" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "The sender may write again.")))]
pub async fn remove(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    if block::remove_by_uuid(&broker.desk, writer.user_id(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}

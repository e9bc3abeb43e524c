//! Contacts: whom an alias corresponds with. Listed and made below the alias, looked at and changed at `/v1/contacts`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Reader, Writer};
use super::once::{self, RequestKey};
use super::page::{self, Page, Wanted};
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::api_token::Scope;
use crate::model::contact::Contact;
use crate::model::id::ContactId;
use crate::model::{Address, Timestamp};
use crate::service::broker::Broker;
use crate::service::contact_page::{self, Entry};
use crate::service::{alias_page, contact};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Contacts", "Whom an alias corresponds with. Mail to a contact's reverse address goes out from the alias.")
        .on::<__path_list, _, _>(read, list)
        .once::<__path_create, _, _>(write, create)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_change, _, _>(write, change)
        .on::<__path_hide, _, _>(write, hide)
}

/// A correspondent of one alias.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Contact)]
pub struct ContactShape {
    /// Its id.
    id: PublicId,
    /// The correspondent's address.
    #[schema(example = "support@lg.com")]
    address: String,
    /// Mail to this address goes out from the alias.
    #[schema(example = "reply+k7f3qz2mk7f3qz2mk7f3@you.example")]
    reverse_address: String,
    /// Whether the alias takes nothing from it and sends nothing to it.
    blocked: bool,
    /// When it was made, or first wrote.
    #[schema(format = DateTime)]
    created_at: String,
}

impl ContactShape {
    fn of(contact: &Contact, reverse: &Address) -> Self {
        Self {
            id: PublicId(contact.uuid),
            address: contact.address.to_string(),
            reverse_address: reverse.to_string(),
            blocked: contact.is_blocked,
            created_at: Timestamp::to_rfc3339(contact.created_at),
        }
    }
}

/// Lists an alias's contacts.
///
/// The oldest first; hidden ones are left out.
#[utoipa::path(get, path = "/v1/aliases/{alias}/contacts",
    params(("alias" = PublicId, Path, description = "The alias's id."), Wanted),
    responses((status = 200, description = "A page of contacts.", body = Page<ContactShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    Params(wanted): Params<Wanted>,
) -> Result<Json<Page<ContactShape>>, Problem> {
    let limit = page::limit(wanted.limit)?;
    let after = page::open_key(wanted.cursor.as_deref())?.map(ContactId);
    let alias = alias_page::get_by_uuid(&broker.desk, reader.user_id(), id).await?.alias;
    let found = contact::list(&broker.desk, reader.user_id(), &alias.address, after, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |last| page::seal_key(last.contact.id.0));
    Ok(Json(Page { items: found.iter().map(|entry| ContactShape::of(&entry.contact, &entry.reverse)).collect(), next }))
}

/// Whom to correspond with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewContact)]
pub struct New {
    /// The correspondent's address.
    #[schema(example = "support@lg.com")]
    address: String,
}

/// Makes a contact.
///
/// One that is there already is given back as it is, and is no longer hidden: its reverse address never changes.
#[utoipa::path(post, path = "/v1/aliases/{alias}/contacts", params(("alias" = PublicId, Path, description = "The alias's id.")),
    request_body(content = New, example = json!({"address": "support@lg.com"})),
    responses((status = 201, description = "The contact.", body = ContactShape,
        headers(("Location" = String, description = "Its address.")))))]
pub async fn create(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    key: RequestKey,
    body: Body<New>,
) -> Result<Response, Problem> {
    let address = Address::parse(&body.value.address).map_err(|error| Problem::invalid("address", error))?;
    let shape = |made: &Entry| ContactShape::of(&made.contact, &made.reverse);
    let once = key.once(&writer.0, &body.bytes, shape);
    let answer = contact_page::create_once(&broker.desk, writer.user_id(), id, address, once).await?;
    Ok(once::answer(answer, "/v1/contacts"))
}

/// Shows a contact.
#[utoipa::path(get, path = "/v1/contacts/{contact}", params(("contact" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The contact.", body = ContactShape)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<ContactShape>, Problem> {
    let (entry, _) = contact_page::get_owned(&broker.desk, reader.user_id(), id).await?;
    Ok(Json(ContactShape::of(&entry.contact, &entry.reverse)))
}

/// What to change of a contact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ContactChange)]
pub struct Edit {
    /// Whether the alias takes nothing from it and sends nothing to it.
    blocked: bool,
}

/// Blocks a contact, or lets it write again.
#[utoipa::path(patch, path = "/v1/contacts/{contact}", params(("contact" = PublicId, Path, description = "Its id.")),
    request_body(content = Edit, example = json!({"blocked": true})),
    responses((status = 200, description = "The contact as it is then.", body = ContactShape)))]
pub async fn change(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    body: Body<Edit>,
) -> Result<Json<ContactShape>, Problem> {
    let (entry, _) = contact_page::set_blocked(&broker.desk, writer.user_id(), id, body.value.blocked).await?;
    Ok(Json(ContactShape::of(&entry.contact, &entry.reverse)))
}

/// Takes a contact out of the list.
///
/// Its reverse address stays valid where it stands in letters, and a block stays a block.
#[utoipa::path(delete, path = "/v1/contacts/{contact}", params(("contact" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is hidden.")))]
pub async fn hide(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    let (entry, _) = contact_page::get_owned(&broker.desk, writer.user_id(), id).await?;
    contact_page::hide(&broker.desk, writer.user_id(), entry.contact.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! `/v1/domains`: what aliases can live on, and whether the DNS says what it must.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::Reader;
use super::page::Page;
use super::problem::Problem;
use super::request::{Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::domain::Domain;
use crate::model::id::UserId;
use crate::service::broker::Broker;
use crate::service::domain_check::{self, Record, Status};
use crate::service::{domain, overview};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let read = Access::Needs(Scope::Read);
    routes
        .noun("Domains", "What aliases can live on.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_check, _, _>(read, check)
}

/// A domain that aliases can live on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Domain)]
pub struct DomainShape {
    /// Its id.
    id: PublicId,
    /// Its name.
    #[schema(example = "you.example")]
    name: String,
    /// Whether it is the user's own; others are there for everybody.
    is_own: bool,
    /// Whether mail its owner hands in may make an alias that does not exist yet.
    submission_creates: bool,
    /// For which names the first message makes the alias: `off`, `on` for all, `pattern`.
    #[schema(example = "off")]
    catch_all: &'static str,
    /// With `pattern`: what such a name looks like; several with spaces between.
    #[schema(example = "shop-*")]
    catch_all_pattern: Option<String>,
    /// How many aliases the user has there that are not killed.
    aliases: i64,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
}

impl DomainShape {
    fn of(domain: &Domain, aliases: i64) -> Self {
        Self {
            id: PublicId(domain.uuid),
            name: domain.name.to_string(),
            is_own: domain.user_id.is_some(),
            submission_creates: domain.submission_creates,
            catch_all: domain.catch_all.as_str(),
            catch_all_pattern: domain.catch_all.patterns().map(ToString::to_string),
            aliases,
            created_at: Timestamp::to_rfc3339(domain.created_at),
        }
    }
}

async fn shapes(broker: &Broker, user: UserId, domains: &[Domain]) -> Result<Vec<DomainShape>, Problem> {
    let counts = overview::aliases_by_domain(&broker.desk, user).await?;
    Ok(domains.iter().map(|domain| DomainShape::of(domain, counts.get(&domain.id).copied().unwrap_or(0))).collect())
}

async fn find(broker: &Broker, user: UserId, id: Uuid) -> Result<Domain, Problem> {
    let usable = domain::list_usable(&broker.desk, user).await?;
    usable.into_iter().find(|domain| domain.uuid == id).ok_or_else(Problem::not_found)
}

/// Lists domains.
///
/// Those the user may make aliases on: the shared ones and their own. The first is the default.
#[utoipa::path(get, path = "/v1/domains",
    responses((status = 200, description = "All domains.", body = Page<DomainShape>)))]
pub async fn list(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Json<Page<DomainShape>>, Problem> {
    let domains = domain::list_usable(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(shapes(&broker, reader.user_id(), &domains).await?)))
}

/// Shows a domain.
#[utoipa::path(get, path = "/v1/domains/{domain}", params(("domain" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The domain.", body = DomainShape)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<DomainShape>, Problem> {
    let domain = find(&broker, reader.user_id(), id).await?;
    let shape = shapes(&broker, reader.user_id(), &[domain]).await?.pop().ok_or_else(Problem::not_found)?;
    Ok(Json(shape))
}

/// How a record stands.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordStatus {
    /// Published and right.
    Ok,
    /// Not published.
    Missing,
    /// Published, but it says something else.
    Wrong,
    /// It can't be looked up now.
    Unknown,
}

/// A DNS record the domain needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DnsRecord)]
pub struct RecordShape {
    /// Its full name, with the dot at the end.
    #[schema(example = "_dmarc.you.example.")]
    name: String,
    /// `MX` or `TXT`.
    #[schema(example = "TXT")]
    r#type: &'static str,
    /// What to publish, in one piece.
    #[schema(example = "v=DMARC1; p=quarantine")]
    value: String,
    /// The same as it stands in a zone file.
    #[schema(example = "\"v=DMARC1; p=quarantine\"")]
    data: String,
    /// What it is for.
    purpose: &'static str,
    /// What is published now.
    live: Vec<String>,
    /// How it stands.
    status: RecordStatus,
    /// What is wrong, or worth knowing.
    note: Option<String>,
}

impl From<Record> for RecordShape {
    fn from(record: Record) -> Self {
        Self {
            name: record.name,
            r#type: record.kind,
            value: record.value,
            data: record.data,
            purpose: record.purpose,
            live: record.live,
            status: match record.status {
                Status::Ok => RecordStatus::Ok,
                Status::Missing => RecordStatus::Missing,
                Status::Wrong => RecordStatus::Wrong,
                Status::Unknown => RecordStatus::Unknown,
            },
            note: record.note,
        }
    }
}

/// Checks a domain's DNS records.
///
/// All that it needs beside what is published now.
#[utoipa::path(get, path = "/v1/domains/{domain}/check", params(("domain" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The records.", body = Page<RecordShape>)))]
pub async fn check(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<Page<RecordShape>>, Problem> {
    let domain = find(&broker, reader.user_id(), id).await?;
    let records = domain_check::check(&broker.desk, &broker.surroundings(), &domain.name).await?;
    Ok(Json(Page::whole(records.into_iter().map(RecordShape::from).collect())))
}

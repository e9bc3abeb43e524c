//! `/v1/domains`: what aliases can live on, whether the DNS says what it must, and what a user's own do with mail. Those
//! that are not proven yet are `domain_claim`'s.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::caller::{Reader, Writer};
use super::dns_record::RecordShape;
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::catch_all::CatchAll;
use crate::model::domain::Domain;
use crate::model::id::UserId;
use crate::service::broker::Broker;
use crate::service::domain::{self, Change, ChangeError, RemoveError};
use crate::service::{domain_check, overview};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Domains", "What aliases can live on. A user brings one of their own by claiming and proving it.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_change, _, _>(write, change)
        .on::<__path_remove, _, _>(write, remove)
        .on::<__path_check, _, _>(read, check)
}

/// For which names of a domain the first message makes the alias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CatchAll)]
pub enum CatchAllShape {
    /// For none: mail to a name that was never made is refused.
    Off,
    /// For all.
    On,
    /// For those that match.
    Pattern,
}

impl CatchAllShape {
    fn of(choice: &CatchAll) -> Self {
        match choice {
            CatchAll::Off => Self::Off,
            CatchAll::On => Self::On,
            CatchAll::Pattern(_) => Self::Pattern,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Pattern => "pattern",
        }
    }
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
    /// Whether it is the user's own; others are there for everybody, and nobody changes those here.
    is_own: bool,
    /// Whether mail its owner hands in may make an alias that does not exist yet.
    submission_creates: bool,
    /// For which names the first message makes the alias.
    catch_all: CatchAllShape,
    /// With `pattern`: what such a name looks like; several with spaces between.
    #[schema(example = "shop-*")]
    catch_all_pattern: Option<String>,
    /// How many aliases the user has there that are not killed.
    aliases: i64,
    /// Whether mailboxes are at it although it is the user's own: mail for them comes here instead and is refused.
    has_mailboxes: bool,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
}

impl DomainShape {
    fn of(domain: &Domain, aliases: i64, has_mailboxes: bool) -> Self {
        Self {
            id: PublicId(domain.uuid),
            name: domain.name.to_string(),
            is_own: domain.user_id.is_some(),
            submission_creates: domain.submission_creates,
            catch_all: CatchAllShape::of(&domain.catch_all),
            catch_all_pattern: domain.catch_all.patterns().map(ToString::to_string),
            aliases,
            has_mailboxes,
            created_at: Timestamp::to_rfc3339(domain.created_at),
        }
    }

    /// One of a user's domains.
    pub async fn one(broker: &Broker, user: UserId, domain: &Domain) -> Result<Self, Problem> {
        shapes(broker, user, std::slice::from_ref(domain)).await?.pop().ok_or_else(Problem::not_found)
    }
}

async fn shapes(broker: &Broker, user: UserId, domains: &[Domain]) -> Result<Vec<DomainShape>, Problem> {
    let counts = overview::aliases_by_domain(&broker.desk, user).await?;
    let inhabited = domain::list_inhabited(&broker.desk, user).await?;
    let shape =
        |domain: &Domain| DomainShape::of(domain, counts.get(&domain.id).copied().unwrap_or(0), inhabited.contains(&domain.id));
    Ok(domains.iter().map(shape).collect())
}

async fn find(broker: &Broker, user: UserId, id: Uuid) -> Result<Domain, Problem> {
    let usable = domain::list_usable(&broker.desk, user).await?;
    usable.into_iter().find(|domain| domain.uuid == id).ok_or_else(Problem::not_found)
}

/// Shared ones have no owner who could change anything.
async fn find_own(broker: &Broker, user: UserId, id: Uuid) -> Result<Domain, Problem> {
    Some(find(broker, user, id).await?).filter(|domain| domain.user_id.is_some()).ok_or_else(Problem::not_found)
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
    Ok(Json(DomainShape::one(&broker, reader.user_id(), &domain).await?))
}

/// What to change of a domain; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DomainChange)]
pub struct Edit {
    /// For which names the first message makes the alias.
    catch_all: Option<CatchAllShape>,
    /// With `pattern`: what such a name looks like; several with spaces between, `*` for any run of characters.
    #[schema(example = "shop-* *.web")]
    catch_all_pattern: Option<String>,
    /// Whether mail the owner hands in may make an alias that does not exist yet.
    submission_creates: Option<bool>,
}

impl Edit {
    /// What is meant by the two fields together, where the domain does this now.
    fn catch_all(&self, now: &CatchAll) -> Result<Option<CatchAll>, Problem> {
        let wrong = |error: &dyn std::fmt::Display| Problem::invalid("catch_all_pattern", error);
        let patterns = match (self.catch_all, &self.catch_all_pattern) {
            (None, None) => return Ok(None),
            (_, Some(patterns)) => patterns.clone(),
            (Some(_), None) => now.patterns().map(ToString::to_string).unwrap_or_default(),
        };
        let choice = self.catch_all.unwrap_or(CatchAllShape::of(now));
        if choice != CatchAllShape::Pattern && self.catch_all_pattern.is_some() {
            return Err(wrong(&"it goes with catch_all `pattern` alone; say that, or leave it out"));
        }
        CatchAll::parse(choice.as_str(), &patterns).map(Some).map_err(|error| wrong(&error))
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotOwned => Self::not_found(),
            ChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::NotOwned => Self::not_found(),
            error @ RemoveError::HasAliases(_) => Self::conflict(error),
            RemoveError::Storage(error) => error.into(),
        }
    }
}

/// Changes what a domain of one's own does with mail.
#[utoipa::path(patch, path = "/v1/domains/{domain}", params(("domain" = PublicId, Path, description = "Its id.")),
    request_body(content = Edit, example = json!({"catch_all": "pattern", "catch_all_pattern": "shop-* *.web"})),
    responses((status = 200, description = "The domain as it is then.", body = DomainShape)))]
pub async fn change(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    body: Body<Edit>,
) -> Result<Json<DomainShape>, Problem> {
    let found = find_own(&broker, writer.user_id(), id).await?;
    let catch_all = body.value.catch_all(&found.catch_all)?;
    let change = Change { catch_all, submission_creates: body.value.submission_creates };
    let changed = domain::change(&broker.desk, writer.user_id(), found.name, change).await?;
    Ok(Json(DomainShape::one(&broker, writer.user_id(), &changed).await?))
}

/// Removes a domain of one's own.
///
/// Killed aliases go with it, and nobody is ever given one of their addresses.
#[utoipa::path(delete, path = "/v1/domains/{domain}", params(("domain" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is removed."),
        (status = 409, description = "Aliases on it are still alive: mail to them would be lost. Kill them first.")))]
pub async fn remove(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    let found = find_own(&broker, writer.user_id(), id).await?;
    domain::remove(&broker.desk, writer.user_id(), found.name).await?;
    Ok(StatusCode::NO_CONTENT)
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

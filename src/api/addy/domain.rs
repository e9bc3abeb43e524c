//! Domains: those of the user's own, and all that aliases can be made on. One is brought by proving it: the client is told
//! which record to publish and asks again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Data, Id, OneId, required};
use super::shape::DomainShape;
use crate::model::DomainName;
use crate::model::api_token::Scope;
use crate::model::catch_all::CatchAll;
use crate::model::domain::Domain;
use crate::service::broker::Broker;
use crate::service::domain::{ChangeError, RemoveError};
use crate::service::domain_claim::{self, ClaimError, FindError};
use crate::service::{domain, overview};

/// The format that clients preselect. They must know the word; without a format names are made from the site.
pub(super) const FORMAT: &str = "random_characters";

const NOT_HERE: &str = "Domains of this instance have no such settings.";

type Shown = Result<Json<Data<DomainShape>>, ApiError>;
type Done = Result<StatusCode, ApiError>;

async fn own(broker: &Broker, caller: &Caller) -> Result<Vec<Domain>, ApiError> {
    let mut domains = domain::list_usable(&broker.desk, caller.user_id()).await?;
    domains.retain(|domain| domain.user_id.is_some());
    Ok(domains)
}

async fn find(broker: &Broker, caller: &Caller, id: Uuid) -> Result<Domain, ApiError> {
    own(broker, caller).await?.into_iter().find(|domain| domain.uuid == id).ok_or_else(ApiError::not_found)
}

async fn shapes(broker: &Broker, caller: &Caller, domains: &[Domain]) -> Result<Vec<DomainShape>, ApiError> {
    let counts = overview::aliases_by_domain(&broker.desk, caller.user_id()).await?;
    let shape = |domain: &Domain| DomainShape::of(domain, caller.user(), counts.get(&domain.id).copied().unwrap_or(0));
    Ok(domains.iter().map(shape).collect())
}

async fn one(broker: &Broker, caller: &Caller, id: Uuid) -> Shown {
    let domain = find(broker, caller, id).await?;
    let data = shapes(broker, caller, &[domain]).await?.pop().ok_or_else(ApiError::not_found)?;
    Ok(Json(Data { data }))
}

/// `GET /api/v1/domains`
pub async fn list(State(broker): State<Broker>, caller: Caller) -> Result<Json<Data<Vec<DomainShape>>>, ApiError> {
    caller.need(Scope::Read)?;
    let domains = own(&broker, &caller).await?;
    Ok(Json(Data { data: shapes(&broker, &caller, &domains).await? }))
}

/// `GET /api/v1/domains/{id}`
pub async fn show(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Shown {
    caller.need(Scope::Read)?;
    one(&broker, &caller, id).await
}

/// A domain to bring.
#[derive(Debug, Deserialize)]
pub struct New {
    domain: Option<String>,
}

/// `POST /api/v1/domains`: a domain is there once its record was seen, and a client that is told which one asks again.
pub async fn create(
    State(broker): State<Broker>,
    caller: Caller,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Data<DomainShape>>), ApiError> {
    caller.need(Scope::Write)?;
    let text = new.domain.filter(|text| !text.is_empty()).ok_or_else(|| required("domain"))?;
    let name = DomainName::parse(&text).map_err(|_| ApiError::invalid("domain", "The domain must be a valid domain name."))?;
    let (desk, user) = (&broker.desk, caller.user_id());
    let claim = domain_claim::claim(desk, &broker.rules.hostname, user, name).await.map_err(|error| match error {
        ClaimError::Storage(error) => error.into(),
        error => ApiError::invalid("domain", format!("The domain can't be added: {error}.")),
    })?;
    let look = domain_claim::check(desk, &broker.surroundings(), user, &claim.name).await.map_err(|error| match error {
        FindError::Storage(error) => error.into(),
        FindError::Unknown | FindError::Taken => ApiError::invalid("domain", "The domain is in use on this instance already."),
    })?;
    let Some(domain) = look.domain else {
        let text = format!("Verification record not found, please add this TXT record to {}: {}", claim.name, claim.record());
        return Err(ApiError::new(StatusCode::NOT_FOUND, text));
    };
    // The keys its mail is signed with are made by housekeeping.
    let data = shapes(&broker, &caller, &[domain]).await?.pop().ok_or_else(ApiError::not_found)?;
    Ok((StatusCode::CREATED, Json(Data { data })))
}

/// `PATCH /api/v1/domains/{id}`, and whatever else would change how a domain works.
pub async fn change(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    Err(ApiError::refused(NOT_HERE))
}

/// `DELETE /api/v1/domains/{id}`: only without living aliases, for nobody gets their addresses again.
pub async fn delete(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    let name = find(&broker, &caller, id).await?.name;
    domain::remove(&broker.desk, caller.user_id(), name).await.map_err(|error| match error {
        RemoveError::NotOwned => ApiError::not_found(),
        RemoveError::HasAliases(_) => ApiError::refused(format!("The domain was not removed: {error}.")),
        RemoveError::Storage(error) => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/active-domains`: it is so.
pub async fn activate(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    one(&broker, &caller, body.get()?).await
}

/// `POST /api/v1/catch-all-domains`: the first message to any name makes the alias.
pub async fn catch_all(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    let id = body.get()?;
    set_catch_all(&broker, &caller, id, CatchAll::On).await?;
    one(&broker, &caller, id).await
}

/// `DELETE /api/v1/catch-all-domains/{id}`. Patterns stay: the client knows nothing of them and sees the domain as one
/// without.
pub async fn no_catch_all(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    if find(&broker, &caller, id).await?.catch_all == CatchAll::On {
        set_catch_all(&broker, &caller, id, CatchAll::Off).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn set_catch_all(broker: &Broker, caller: &Caller, id: Uuid, choice: CatchAll) -> Result<(), ApiError> {
    let name = find(broker, caller, id).await?.name;
    domain::set_catch_all(&broker.desk, caller.user_id(), name, choice).await.map_err(|error| match error {
        ChangeError::NotOwned => ApiError::not_found(),
        ChangeError::Storage(error) => error.into(),
    })
}

/// What a new alias can be made of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Options {
    data: Vec<String>,
    shared_domains: Vec<String>,
    default_alias_domain: String,
    default_alias_format: &'static str,
}

/// `GET /api/v1/domain-options`, which the extension also asks to find out whether a token is good.
pub async fn options(State(broker): State<Broker>, caller: Caller) -> Result<Json<Options>, ApiError> {
    caller.need(Scope::AliasCreate)?;
    let domains = domain::list_usable(&broker.desk, caller.user_id()).await?;
    let shared = domains.iter().filter(|domain| domain.user_id.is_none());
    Ok(Json(Options {
        shared_domains: shared.map(|domain| domain.name.to_string()).collect(),
        default_alias_domain: domains.first().map(|domain| domain.name.to_string()).unwrap_or_default(),
        default_alias_format: FORMAT,
        data: domains.iter().map(|domain| domain.name.to_string()).collect(),
    }))
}

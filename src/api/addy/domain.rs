//! Domains: those of the user's own, and all that aliases can be made on. Who runs the instance adds and removes them:
//! that mail for a domain arrives is settled in DNS, and that its owner is who says so is settled between people.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Data, Id, OneId};
use super::shape::DomainShape;
use crate::model::api_token::Scope;
use crate::model::domain::Domain;
use crate::service::broker::Broker;
use crate::service::{domain, overview};

/// The format that clients preselect. They must know the word; without a format names are made from the site.
pub(super) const FORMAT: &str = "random_characters";

const OPERATOR: &str = "The operator of this instance looks after its domains.";

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

/// `POST /api/v1/domains`
pub async fn create(caller: Caller) -> Result<(), ApiError> {
    caller.need(Scope::Write)?;
    Err(ApiError::refused(OPERATOR))
}

/// `PATCH` and `DELETE /api/v1/domains/{id}`, and whatever else would change how a domain works.
pub async fn change(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    Err(ApiError::refused(OPERATOR))
}

/// `POST /api/v1/active-domains`: it is so.
pub async fn activate(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    one(&broker, &caller, body.get()?).await
}

/// `POST /api/v1/catch-all-domains`
pub async fn catch_all(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    find(&broker, &caller, body.get()?).await?;
    Err(ApiError::refused("An address that was never made takes no mail."))
}

/// `DELETE /api/v1/catch-all-domains/{id}`: it is never so.
pub async fn no_catch_all(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
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

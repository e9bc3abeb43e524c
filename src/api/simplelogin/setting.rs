//! What phones let their users choose, and the domains they choose from.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::request::Body;
use crate::model::DomainName;
use crate::model::api_token::Scope;
use crate::model::client_setting::ClientSettings;
use crate::service::broker::Broker;
use crate::service::client_setting::{self, Change, ChangeError};
use crate::service::domain;

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::UnknownDomain => Self::bad_request(error.to_string()),
            ChangeError::Storage(error) => error.into(),
        }
    }
}

/// `GET /api/setting`
pub async fn show(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let settings = client_setting::get(&broker.desk, caller.user_id()).await?;
    answer(&broker, &caller, settings).await
}

/// What a phone wants to have changed.
#[derive(Debug, Deserialize)]
pub struct Edit {
    notification: Option<bool>,
    alias_generator: Option<String>,
    random_alias_default_domain: Option<String>,
    sender_format: Option<String>,
    random_alias_suffix: Option<String>,
}

/// `PATCH /api/setting`
pub async fn edit(State(broker): State<Broker>, caller: Caller, Body(edit): Body<Edit>) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let domain = edit.random_alias_default_domain.map(|text| DomainName::parse(text.trim())).transpose();
    let change = Change {
        generator: word("alias_generator", edit.alias_generator)?,
        domain: domain.map_err(|_| ApiError::bad_request("invalid random_alias_default_domain"))?,
        notification: edit.notification,
        sender: word("sender_format", edit.sender_format)?,
        suffix: word("random_alias_suffix", edit.random_alias_suffix)?,
    };
    let settings = client_setting::change(&broker.desk, caller.user_id(), change).await?;
    answer(&broker, &caller, settings).await
}

fn word<T: FromStr>(name: &str, text: Option<String>) -> Result<Option<T>, ApiError> {
    text.map(|text| text.parse().map_err(|_| ApiError::bad_request(format!("invalid {name}")))).transpose()
}

async fn answer(broker: &Broker, caller: &Caller, settings: ClientSettings) -> Result<Json<Value>, ApiError> {
    let domain = match settings.domain {
        Some(domain) => Some(domain),
        None => domain::list_usable(&broker.desk, caller.user_id()).await?.into_iter().next().map(|domain| domain.name),
    };
    Ok(Json(json!({
        "notification": settings.notification,
        "alias_generator": settings.generator.as_str(),
        "random_alias_default_domain": domain.map(|name| name.to_string()).unwrap_or_default(),
        "sender_format": settings.sender.as_str(),
        "random_alias_suffix": settings.suffix.as_str(),
    })))
}

/// `GET /api/setting/domains`: pairs of "shared by everybody?" and the name.
pub async fn domains(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::AliasCreate)?;
    let usable = domain::list_usable(&broker.desk, caller.user_id()).await?;
    Ok(Json(usable.iter().map(|domain| json!([domain.user_id.is_none(), domain.name.as_str()])).collect()))
}

/// `GET /api/v2/setting/domains`: objects.
pub async fn domains_v2(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::AliasCreate)?;
    let usable = domain::list_usable(&broker.desk, caller.user_id()).await?;
    let shape =
        |domain: &crate::model::domain::Domain| json!({ "domain": domain.name.as_str(), "is_custom": domain.user_id.is_some() });
    Ok(Json(usable.iter().map(shape).collect()))
}

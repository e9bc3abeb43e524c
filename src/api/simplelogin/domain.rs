//! A user's own domains.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Id};
use super::shape::{MailboxName, date};
use crate::model::alias::AliasState;
use crate::model::api_token::Scope;
use crate::model::catch_all::CatchAll;
use crate::model::domain::Domain;
use crate::model::id::UserId;
use crate::service::alias_page::{self, PageFilter, PageOrder, PageStart};
use crate::service::broker::Broker;
use crate::service::domain::ChangeError;
use crate::service::{domain, mailbox, overview};

/// Killed aliases shown of a domain.
const SHOWN: u32 = 1000;

/// `GET /api/custom_domains`
pub async fn list(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    Ok(Json(json!({ "custom_domains": shapes(&broker, caller.user_id(), None).await? })))
}

/// What a phone wants to have changed of one. All but catch-all does not exist here.
#[derive(Debug, Deserialize)]
pub struct Edit {
    catch_all: Option<bool>,
    random_prefix_generation: Option<bool>,
    name: Option<String>,
    mailbox_ids: Option<Vec<i64>>,
}

/// `PATCH /api/custom_domains/:id`. What is as asked for already is a success; the rest is refused, not forgotten.
pub async fn edit(
    State(broker): State<Broker>,
    caller: Caller,
    Id(id): Id,
    Body(edit): Body<Edit>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let user = caller.user_id();
    let domain = own(&broker, user).await?.into_iter().find(|domain| domain.id.0 == id).ok_or_else(ApiError::forbidden)?;
    let asks_for_more = edit.random_prefix_generation == Some(true)
        || edit.name.is_some_and(|name| !name.is_empty())
        || edit.mailbox_ids.is_some();
    if asks_for_more {
        return Err(ApiError::bad_request("domains of this instance have no such settings"));
    }
    // Patterns, which the phone knows nothing of, are shown as off and stay when it says off.
    let is_on = domain.catch_all == CatchAll::On;
    if let Some(wanted) = edit.catch_all.filter(|wanted| *wanted != is_on) {
        let choice = if wanted { CatchAll::On } else { CatchAll::Off };
        domain::set_catch_all(&broker.desk, user, domain.name, choice).await.map_err(|error| match error {
            ChangeError::NotOwned => ApiError::forbidden(),
            ChangeError::Storage(error) => error.into(),
        })?;
    }
    let shape = shapes(&broker, user, Some(id)).await?.pop().ok_or_else(ApiError::forbidden)?;
    Ok(Json(json!({ "custom_domain": shape })))
}

/// `GET /api/custom_domains/:id/trash`: the killed ones.
pub async fn trash(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let own = own(&broker, caller.user_id()).await?;
    let domain = own.into_iter().find(|domain| domain.id.0 == id).ok_or_else(ApiError::forbidden)?;
    let all = PageFilter::alive(caller.user_id());
    let filter = PageFilter { states: vec![AliasState::Killed], domain: Some(domain.id), ..all };
    let page = alias_page::list(&broker.desk, &filter, PageOrder::Newest, &PageStart::Offset(0), SHOWN).await?;
    let shapes: Vec<Value> = page
        .iter()
        .map(|listed| &listed.alias)
        .map(|alias| json!({ "alias": alias.address.to_string(), "deletion_timestamp": alias.state_changed_at.as_seconds() }))
        .collect();
    Ok(Json(json!({ "aliases": shapes })))
}

async fn own(broker: &Broker, user: UserId) -> Result<Vec<Domain>, ApiError> {
    let usable = domain::list_usable(&broker.desk, user).await?;
    Ok(usable.into_iter().filter(|domain| domain.user_id == Some(user)).collect())
}

async fn shapes(broker: &Broker, user: UserId, only: Option<i64>) -> Result<Vec<Value>, ApiError> {
    let counts = overview::aliases_by_domain(&broker.desk, user).await?;
    let all = mailbox::list(&broker.desk, user).await?;
    let mailboxes: Vec<MailboxName> = all.iter().filter(|mailbox| mailbox.is_default).map(MailboxName::of).collect();
    let own = own(broker, user).await?;
    let wanted = own.iter().filter(|domain| only.is_none_or(|id| id == domain.id.0));
    let shape = |domain: &Domain| {
        json!({
            "id": domain.id.0,
            "domain_name": domain.name.as_str(),
            "is_verified": true,
            "nb_alias": counts.get(&domain.id).copied().unwrap_or(0),
            "creation_date": date(domain.created_at),
            "creation_timestamp": domain.created_at.as_seconds(),
            "catch_all": domain.catch_all == CatchAll::On,
            "name": null,
            "random_prefix_generation": false,
            "mailboxes": mailboxes,
        })
    };
    Ok(wanted.map(shape).collect())
}

//! Aliases that are there: listed, looked at, renamed, deleted (which is a kill), revived, forgotten.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::alias_act::{Act, act};
use super::caller::Caller;
use super::error::ApiError;
use super::page::Wanted;
use super::request::{Body, Data, Id, Params, present};
use super::shape::AliasShape;
use crate::model::alias::AliasState;
use crate::model::api_token::Scope;
use crate::service::alias_change::{self, Change};
use crate::service::alias_page::{self, Listed, PageFilter, PageOrder, PageStart, SortKey};
use crate::service::broker::Broker;
use crate::service::{domain, mailbox};

/// Longest description, in characters.
pub(super) const LONGEST_DESCRIPTION: usize = 200;

/// `GET /api/v1/aliases`
pub async fn list(State(broker): State<Broker>, caller: Caller, params: Params) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let wanted = Wanted::of(&params)?;
    let filter = filter(&broker, &caller, &params).await?;
    let page = match order(&params)? {
        None => {
            let start = PageStart::Offset(wanted.offset());
            alias_page::list(&broker.desk, &filter, PageOrder::PinnedFirst, &start, wanted.size).await?
        }
        Some(order) => alias_page::list_sorted(&broker.desk, &filter, order, wanted.offset(), wanted.size).await?,
    };
    let total = alias_page::count(&broker.desk, &filter).await?;
    let base = format!("{}/api/v1/aliases", broker.rules.public_url);
    Ok(Json(wanted.envelope(&shapes(&broker, &caller, &page), total, &base, &params)))
}

/// Aliases as clients see them.
pub(super) fn shapes(broker: &Broker, caller: &Caller, page: &[Listed]) -> Vec<AliasShape> {
    let now = broker.now();
    page.iter().map(|listed| AliasShape::of(listed, caller.user(), now)).collect()
}

async fn filter(broker: &Broker, caller: &Caller, params: &Params) -> Result<PageFilter, ApiError> {
    let mut filter = PageFilter::alive(caller.user_id());
    match params.get("filter[deleted]").or(params.get("deleted")) {
        Some("with") => filter.states.push(AliasState::Killed),
        Some("only") => filter.states = vec![AliasState::Killed],
        None | Some("without") => {}
        Some(_) => return Err(ApiError::invalid("filter.deleted", "The filter.deleted field must be with, without or only.")),
    }
    if let Some(is_active) = params.flag("filter[active]")? {
        filter.states.retain(|state| matches!(state, AliasState::Active | AliasState::Locked) == is_active);
    }
    filter.pinned = params.flag("filter[pinned]")?;
    if let Some(search) = params.get("filter[search]") {
        if !(3..=50).contains(&search.chars().count()) {
            return Err(ApiError::invalid("filter.search", "The filter.search field must be between 3 and 50 characters."));
        }
        filter.search = Some(search.to_owned());
    }
    // What belongs to nobody, or to somebody else, has no aliases.
    let mut is_nothing = params.id("username").is_some_and(|id| id != Some(caller.user().uuid));
    if let Some(id) = params.id("recipient") {
        let all = mailbox::list(&broker.desk, caller.user_id()).await?;
        filter.mailbox = all.iter().find(|mailbox| Some(mailbox.uuid) == id).map(|mailbox| mailbox.id);
        is_nothing |= filter.mailbox.is_none();
    }
    if let Some(id) = params.id("domain") {
        let all = domain::list_usable(&broker.desk, caller.user_id()).await?;
        filter.domain = all.iter().find(|domain| Some(domain.uuid) == id).map(|domain| domain.id);
        is_nothing |= filter.domain.is_none();
    }
    if is_nothing {
        filter.states.clear();
    }
    Ok(filter)
}

/// `None`: newest first, which needs no sorting.
fn order(params: &Params) -> Result<Option<(SortKey, bool)>, ApiError> {
    let Some(text) = params.get("sort") else { return Ok(None) };
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let key = match name {
        "local_part" | "email" => SortKey::Address,
        "domain" => SortKey::Domain,
        "emails_forwarded" => SortKey::Forwarded,
        "emails_blocked" => SortKey::Blocked,
        // What is written first and what answers are counted together.
        "emails_replied" | "emails_sent" => SortKey::Replied,
        "last_forwarded" => SortKey::LastForwarded,
        "last_blocked" => SortKey::LastBlocked,
        "last_replied" | "last_sent" => SortKey::LastReplied,
        "last_used" => SortKey::LastUsed,
        "active" => SortKey::Active,
        "created_at" if descending => return Ok(None),
        "created_at" => SortKey::Created,
        "updated_at" => SortKey::Changed,
        "deleted_at" => SortKey::Killed,
        _ => return Err(ApiError::invalid("sort", "The selected sort is invalid.")),
    };
    Ok(Some((key, descending)))
}

/// The caller's alias of that id, also a killed one.
pub(super) async fn find(broker: &Broker, caller: &Caller, id: Uuid) -> Result<Listed, ApiError> {
    Ok(alias_page::get_by_uuid(&broker.desk, caller.user_id(), id).await?)
}

/// The answer that shows one alias as it is now.
pub(super) async fn one(broker: &Broker, caller: &Caller, id: Uuid) -> Result<Json<Data<AliasShape>>, ApiError> {
    let listed = find(broker, caller, id).await?;
    Ok(Json(Data { data: AliasShape::of(&listed, caller.user(), broker.now()) }))
}

/// `GET /api/v1/aliases/{id}`
pub async fn show(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Data<AliasShape>>, ApiError> {
    caller.need(Scope::Read)?;
    one(&broker, &caller, id).await
}

/// What a client wants to have changed: only what is there.
#[derive(Debug, Deserialize)]
#[expect(clippy::option_option, reason = "null and not there are two things")]
pub struct Edit {
    #[serde(default, deserialize_with = "present")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    from_name: Option<Option<String>>,
}

/// `PATCH /api/v1/aliases/{id}`
pub async fn edit(
    State(broker): State<Broker>,
    caller: Caller,
    Id(id): Id,
    Body(edit): Body<Edit>,
) -> Result<Json<Data<AliasShape>>, ApiError> {
    caller.need(Scope::Write)?;
    let alias = find(&broker, &caller, id).await?.alias;
    check_description(edit.description.as_ref().and_then(Option::as_deref))?;
    let change =
        Change { note: edit.description.map(Option::unwrap_or_default), display_name: edit.from_name, ..Change::default() };
    alias_change::change(&broker.desk, caller.user_id(), alias.id, change).await?;
    one(&broker, &caller, id).await
}

/// Goes on only with a description that clients can show.
pub(super) fn check_description(text: Option<&str>) -> Result<(), ApiError> {
    if text.is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        let most = format!("The description field must not be greater than {LONGEST_DESCRIPTION} characters.");
        return Err(ApiError::invalid("description", most));
    }
    Ok(())
}

async fn acted(broker: &Broker, caller: &Caller, id: Uuid, wanted: Act) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    let listed = find(broker, caller, id).await?;
    act(broker, caller, &listed, wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/aliases/{id}`: dead from now on; its owner can revive it.
pub async fn delete(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    acted(&broker, &caller, id, Act::Delete).await
}

/// `DELETE /api/v1/aliases/{id}/forget`: gone with all it counted. Nobody is ever given its address again.
pub async fn forget(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<StatusCode, ApiError> {
    acted(&broker, &caller, id, Act::Forget).await
}

/// `PATCH /api/v1/aliases/{id}/restore`
pub async fn restore(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Data<AliasShape>>, ApiError> {
    acted(&broker, &caller, id, Act::Restore).await?;
    one(&broker, &caller, id).await
}

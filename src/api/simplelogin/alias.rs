//! Aliases that are there: listed, looked at, changed, switched on and off, deleted.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Id, PAGE, Params};
use super::shape::{AliasShape, is_enabled};
use crate::model::alias::AliasState;
use crate::model::api_token::Scope;
use crate::model::id::{AliasId, MailboxId};
use crate::service::alias;
use crate::service::alias_change::{self, Change};
use crate::service::alias_page::{self, Listed, PageFilter, PageOrder, PageStart};
use crate::service::broker::Broker;

/// What a list is searched for.
#[derive(Debug, Deserialize)]
pub struct Search {
    query: Option<String>,
}

/// `GET` and `POST /api/v2/aliases`, and the older `/api/aliases`, whose clients read less of the same.
pub async fn list(
    State(broker): State<Broker>,
    caller: Caller,
    params: Params,
    Body(search): Body<Search>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let offset = params.offset("page_id")?;
    let mut filter = PageFilter { search: search.query, ..PageFilter::alive(caller.user_id()) };
    // Upstream looks at one of them only, in this order.
    if params.has("pinned") {
        filter.pinned = Some(true);
    } else if params.has("disabled") {
        filter.states = vec![AliasState::Paused];
    } else if params.has("enabled") {
        filter.states = vec![AliasState::Active, AliasState::Locked];
    }
    let page = alias_page::list(&broker.desk, &filter, PageOrder::PinnedFirst, &PageStart::Offset(offset), PAGE).await?;
    let now = broker.now();
    let shapes: Vec<AliasShape> = page.iter().map(|listed| AliasShape::of(listed, now)).collect();
    Ok(Json(json!({ "aliases": shapes })))
}

/// The caller's alias of that key. Clients know no killed ones: those are as unknown as other people's.
pub(super) async fn find(broker: &Broker, caller: &Caller, id: i64) -> Result<Listed, ApiError> {
    let listed = alias_page::get(&broker.desk, caller.user_id(), AliasId(id)).await?;
    if listed.alias.state == AliasState::Killed { Err(ApiError::forbidden()) } else { Ok(listed) }
}

/// `GET /api/aliases/:id`
pub async fn show(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<AliasShape>, ApiError> {
    caller.need(Scope::Read)?;
    let listed = find(&broker, &caller, id).await?;
    Ok(Json(AliasShape::of(&listed, broker.now())))
}

/// A text that may not be there, or be taken away with null: two different wishes.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Option<String>")]
enum Text {
    #[default]
    Absent,
    Null,
    Is(String),
}

impl From<Option<String>> for Text {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Is)
    }
}

/// What a client wants to have changed.
#[derive(Debug, Deserialize)]
pub struct Edit {
    #[serde(default)]
    note: Text,
    #[serde(default)]
    name: Text,
    mailbox_id: Option<i64>,
    mailbox_ids: Option<Vec<i64>>,
    pinned: Option<bool>,
}

/// `PUT` and `PATCH /api/aliases/:id`. Encryption is a matter of the mailbox here: `disable_pgp` says nothing.
pub async fn edit(
    State(broker): State<Broker>,
    caller: Caller,
    Id(id): Id,
    Body(edit): Body<Edit>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    let mailboxes = edit.mailbox_ids.or(edit.mailbox_id.map(|id| vec![id]));
    let change = Change {
        note: match edit.note {
            Text::Absent => None,
            Text::Null => Some(String::new()),
            Text::Is(note) => Some(note),
        },
        display_name: match edit.name {
            Text::Absent => None,
            Text::Null => Some(None),
            Text::Is(name) => Some(Some(name)),
        },
        pinned: edit.pinned,
        mailboxes: mailboxes.map(|ids| ids.into_iter().map(MailboxId).collect()),
        ..Change::default()
    };
    alias_change::change(&broker.desk, caller.user_id(), AliasId(id), change).await?;
    Ok(Json(json!({ "ok": true })))
}

/// `DELETE /api/aliases/:id`
pub async fn delete(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    alias_change::delete(&broker.desk, caller.user_id(), AliasId(id)).await?;
    Ok(Json(json!({ "deleted": true })))
}

/// `POST /api/aliases/:id/toggle`, with a body or none.
pub async fn toggle(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let alias = find(&broker, &caller, id).await?.alias;
    let state = match alias.state {
        AliasState::Active | AliasState::Locked => AliasState::Paused,
        AliasState::Paused | AliasState::Killed => AliasState::Active,
    };
    let change = alias::set_state(&broker.desk, caller.user_id(), &alias.address, state).await?;
    Ok(Json(json!({ "enabled": is_enabled(&change.alias, broker.now()) })))
}

/// `GET /api/aliases/:id/activities`: who wrote when is not kept, so there are none.
pub async fn activities(
    State(broker): State<Broker>,
    caller: Caller,
    Id(id): Id,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    params.offset("page_id")?;
    find(&broker, &caller, id).await?;
    Ok(Json(json!({ "activities": [] })))
}

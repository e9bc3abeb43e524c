//! Up to 25 aliases at once. Those that are not the caller's are passed over, as are those there is nothing to do to.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::alias::shapes;
use super::alias_act::{self, Act};
use super::caller::Caller;
use super::error::ApiError;
use super::recipient;
use super::request::{Body, Data, ids};
use super::shape::AliasShape;
use crate::model::api_token::Scope;
use crate::service::alias_change::{self, Change};
use crate::service::alias_page::{self, Listed};
use crate::service::broker::Broker;

/// Aliases of one request.
const MOST: usize = 25;

/// Which ones.
#[derive(Debug, Deserialize)]
pub struct Several {
    ids: Option<Vec<String>>,
    recipient_ids: Option<Vec<String>>,
}

async fn find(broker: &Broker, caller: &Caller, wanted: Option<Vec<String>>) -> Result<Vec<Listed>, ApiError> {
    let found = alias_page::list_by_uuid(&broker.desk, caller.user_id(), &ids(wanted, "ids", MOST)?).await?;
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

fn none() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "No aliases found")
}

fn answer(done: &[Listed], verb: &str) -> Result<Json<Value>, ApiError> {
    if done.is_empty() {
        return Err(none());
    }
    let ids: Vec<String> = done.iter().map(|listed| listed.alias.uuid.to_string()).collect();
    let noun = if done.len() == 1 { "alias" } else { "aliases" };
    Ok(Json(json!({ "message": format!("{} {noun} {verb} successfully", done.len()), "ids": ids })))
}

/// `POST /api/v1/aliases/get/bulk`
pub async fn get(
    State(broker): State<Broker>,
    caller: Caller,
    Body(several): Body<Several>,
) -> Result<Json<Data<Vec<AliasShape>>>, ApiError> {
    caller.need(Scope::Read)?;
    let found = find(&broker, &caller, several.ids).await?;
    Ok(Json(Data { data: shapes(&broker, &caller, &found) }))
}

async fn act(broker: Broker, caller: Caller, several: Several, wanted: Act, verb: &str) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let mut done = Vec::new();
    for listed in find(&broker, &caller, several.ids).await? {
        if alias_act::act(&broker, &caller, &listed, wanted).await? {
            done.push(listed);
        }
    }
    answer(&done, verb)
}

macro_rules! acts {
    ($($(#[$doc:meta])* $name:ident: $act:expr, $verb:literal;)*) => {$(
        $(#[$doc])*
        pub async fn $name(State(broker): State<Broker>, caller: Caller, Body(several): Body<Several>) -> Result<Json<Value>, ApiError> {
            act(broker, caller, several, $act, $verb).await
        }
    )*};
}

acts! {
    /// `POST /api/v1/aliases/activate/bulk`
    activate: Act::Activate, "activated";
    /// `POST /api/v1/aliases/deactivate/bulk`
    deactivate: Act::Deactivate, "deactivated";
    /// `POST /api/v1/aliases/pin/bulk`
    pin: Act::Pin, "pinned";
    /// `POST /api/v1/aliases/unpin/bulk`
    unpin: Act::Unpin, "unpinned";
    /// `POST /api/v1/aliases/delete/bulk`
    delete: Act::Delete, "deleted";
    /// `POST /api/v1/aliases/restore/bulk`
    restore: Act::Restore, "restored";
    /// `POST /api/v1/aliases/forget/bulk`
    forget: Act::Forget, "forgotten";
}

/// `POST /api/v1/aliases/recipients/bulk`
pub async fn recipients(
    State(broker): State<Broker>,
    caller: Caller,
    Body(several): Body<Several>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    let mailboxes = recipient::pick(&broker, &caller, several.recipient_ids.unwrap_or_default()).await?;
    let found = find(&broker, &caller, several.ids).await?;
    for listed in &found {
        let ids = mailboxes.iter().map(|mailbox| mailbox.id).collect();
        let change = Change { mailboxes: Some(ids), ..Change::default() };
        alias_change::change(&broker.desk, caller.user_id(), listed.alias.id, change).await?;
    }
    answer(&found, "updated")
}

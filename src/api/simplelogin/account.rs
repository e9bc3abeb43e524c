//! The account behind a key.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::ApiError;
use super::request::Params;
use crate::model::api_token::Scope;
use crate::service::broker::Broker;
use crate::service::overview;

/// What clients want to know of a user. Everything a plan could limit is allowed, so that no client offers to sell one.
#[derive(Debug, Serialize)]
pub struct UserInfo {
    name: String,
    email: String,
    is_premium: bool,
    in_trial: bool,
    trial_end_timestamp: Option<i64>,
    max_alias_free_plan: i64,
    profile_picture_url: Option<String>,
    connected_proton_address: Option<String>,
    can_create_reverse_alias: bool,
}

/// `GET /api/user_info`, which clients also ask to find out whether a key is good: every key gets an answer, but only one
/// that may read is told the inbox. `PATCH` would change a name and a picture: there are none here, and the answer says so.
pub async fn user_info(caller: Caller) -> Json<UserInfo> {
    let may_read = caller.0.token.scopes.allow(Scope::Read);
    Json(UserInfo {
        name: String::new(),
        email: if may_read { caller.0.user.email.to_string() } else { String::new() },
        is_premium: true,
        in_trial: false,
        trial_end_timestamp: None,
        max_alias_free_plan: i64::from(i32::MAX),
        profile_picture_url: None,
        connected_proton_address: None,
        can_create_reverse_alias: true,
    })
}

/// `GET /api/stats`
pub async fn stats(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Read)?;
    let figures = overview::figures(&broker.desk, caller.user_id()).await?;
    Ok(Json(json!({
        "nb_alias": figures.aliases,
        "nb_forward": figures.total.forwarded,
        "nb_reply": figures.total.replied,
        "nb_block": figures.total.blocked,
    })))
}

/// `GET /api/logout`: the client forgets its key. The key stays in force: its owner may have given it to others as well.
pub async fn logout(_: Caller) -> Json<Value> {
    Json(json!({ "msg": "User is logged out" }))
}

/// `GET /api/user/cookie_token`: would sign a browser in by a key alone. Whoever finds a phone must not get so far, and a session
/// would outlive the key: it is refused. Not with 401, on which clients forget their key.
pub async fn cookie_token(_: Caller) -> ApiError {
    ApiError::bad_request("Please sign in on the pages of this instance")
}

/// `GET /api/notifications`: what there is to tell is told by mail.
pub async fn notifications(_: Caller, params: Params) -> Result<Json<Value>, ApiError> {
    params.offset("page")?;
    Ok(Json(json!({ "more": false, "notifications": [] })))
}

/// `POST /api/notifications/:id/read`: there is none of any number.
pub async fn read_notification(_: Caller) -> ApiError {
    ApiError::forbidden()
}

/// `DELETE /api/setting/unlink_proton_account`: there is no other account to unlink.
pub async fn unlink(_: Caller) -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// `GET /health`
pub async fn health() -> &'static str {
    "success"
}

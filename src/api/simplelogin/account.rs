//! The account behind a key.

use axum::Json;
use serde::Serialize;

use super::caller::Caller;
use crate::model::api_token::Scope;

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
/// that may read is told the inbox.
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

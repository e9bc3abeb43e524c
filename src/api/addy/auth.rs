//! Signing in with a password, for a token; out again; for good.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, filled, required};
use super::token::moment;
use crate::api::origin::Origin;
use crate::model::Private;
use crate::model::api_token::{Scope, Scopes};
use crate::service::app_password::LoginError;
use crate::service::broker::Broker;
use crate::service::user::ChangeError;
use crate::service::{password, token, user};

/// How long failed attempts count.
const ATTEMPTS: Duration = Duration::from_mins(15);
const DAY: Duration = Duration::from_hours(24);

/// What is signed in with.
#[derive(Debug, Deserialize)]
pub struct Login {
    #[serde(default, deserialize_with = "filled")]
    username: Option<String>,
    password: Option<Private<String>>,
    #[serde(default, deserialize_with = "filled")]
    device_name: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    expiration: Option<String>,
}

/// A fresh token.
#[derive(Debug, Serialize)]
pub struct Key {
    #[serde(rename = "api_key")]
    secret: String,
    name: String,
    created_at: String,
    expires_at: Option<String>,
}

/// `POST /api/auth/login`: the user name is the address the user signs in with. Whoever has a second factor gets 403, on
/// which clients ask for a token instead.
pub async fn login(State(broker): State<Broker>, from: Origin, Body(login): Body<Login>) -> Result<Json<Key>, ApiError> {
    let username = login.username.ok_or_else(|| required("username"))?;
    let text = login.password.ok_or_else(|| required("password"))?;
    let device = login.device_name.ok_or_else(|| required("device_name"))?;
    let lasts = match login.expiration.as_deref() {
        None => None,
        Some("day") => Some(DAY),
        Some("week") => Some(DAY * 7),
        Some("month") => Some(DAY * 30),
        Some("year") => Some(DAY * 365),
        Some(_) => return Err(ApiError::invalid("expiration", "The selected expiration is invalid.")),
    };
    let wrong = || ApiError::new(StatusCode::UNAUTHORIZED, "The provided credentials are incorrect.");
    let signed_in = match password::check(&broker.desk, &broker.logins, from.0, &username, &text).await {
        Ok(signed_in) => signed_in,
        Err(LoginError::Wrong) => return Err(wrong()),
        Err(error) => return Err(refusal(error)),
    };
    if signed_in.second_factor {
        return Err(ApiError::refused("Please sign in with an API token."));
    }
    let expires_at = lasts.map(|lasts| broker.now().plus(lasts));
    let scopes = Scopes::new(Vec::new());
    let (made, secret) =
        token::create(&broker.desk, signed_in.user.id, &device, scopes, expires_at).await.map_err(|error| match error {
            token::CreateError::Name => ApiError::invalid("device_name", error.to_string()),
            token::CreateError::InThePast => ApiError::invalid("expiration", error.to_string()),
            token::CreateError::Storage(error) => error.into(),
        })?;
    Ok(Json(Key {
        secret: secret.into_inner(),
        name: made.name,
        created_at: moment(made.created_at),
        expires_at: made.expires_at.map(moment),
    }))
}

fn refusal(error: LoginError) -> ApiError {
    match error {
        LoginError::Wrong => ApiError::invalid("password", "The password is incorrect."),
        LoginError::TooMany => ApiError::too_many(ATTEMPTS, None),
        LoginError::Password(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again."),
        LoginError::Storage(error) => error.into(),
    }
}

/// `POST /api/auth/mfa`: no sign-in waits for a second factor.
pub async fn mfa() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "The one time password is incorrect.")
}

/// `POST /api/auth/logout`: the token is void.
pub async fn logout(State(broker): State<Broker>, caller: Caller) -> Result<StatusCode, ApiError> {
    token::revoke(&broker.desk, caller.user_id(), caller.0.token.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The password, once more.
#[derive(Debug, Deserialize)]
pub struct Proof {
    password: Option<Private<String>>,
}

/// `POST /api/auth/delete-account`: the account with everything it has.
pub async fn delete_account(
    State(broker): State<Broker>,
    caller: Caller,
    from: Origin,
    Body(proof): Body<Proof>,
) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    let text = proof.password.ok_or_else(|| required("password"))?;
    let email = caller.user().email.to_string();
    password::check(&broker.desk, &broker.logins, from.0, &email, &text).await.map_err(refusal)?;
    user::remove(&broker.desk, caller.user_id()).await.map_err(|error| match error {
        ChangeError::Unknown => ApiError::not_found(),
        ChangeError::Storage(error) => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

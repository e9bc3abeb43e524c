//! Signing in with a password, for a token; out again; for good.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, filled, required};
use super::token::moment;
use crate::api::origin::Origin;
use crate::api::two_step;
use crate::model::Private;
use crate::model::api_token::{Scope, Scopes};
use crate::model::id::UserId;
use crate::service::account::RemoveError;
use crate::service::app_password::LoginError;
use crate::service::broker::Broker;
use crate::service::factor::FactorError;
use crate::service::{account, factor, password, token};

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

/// `POST /api/auth/login`: the user name is the address the user signs in with. Whoever has codes of an authenticator program
/// gets 422 with what the second step asks for; whoever has passkeys alone 403, on which clients ask for a token instead.
pub async fn login(State(broker): State<Broker>, from: Origin, Body(login): Body<Login>) -> Result<Response, ApiError> {
    let username = login.username.ok_or_else(|| required("username"))?;
    let text = login.password.ok_or_else(|| required("password"))?;
    let device = login.device_name.ok_or_else(|| required("device_name"))?;
    let lasts = lasts(login.expiration.as_deref())?;
    let wrong = || ApiError::new(StatusCode::UNAUTHORIZED, "The provided credentials are incorrect.");
    let signed_in = match password::check(&broker.desk, &broker.logins, from.0, &username, &text).await {
        Ok(signed_in) => signed_in,
        Err(LoginError::Wrong) => return Err(wrong()),
        Err(error) => return Err(refusal(error)),
    };
    if signed_in.second_factor && !signed_in.totp {
        return Err(ApiError::refused("Please sign in with an API token."));
    }
    if signed_in.second_factor {
        let half = two_step::begin(&broker, signed_in.user.id, from.0).await?;
        // Clients ask for a code only when they are given a token against forged forms; it proves nothing here.
        let asked = json!({ "message": "A code is needed.", "mfa_key": half.reveal(), "csrf_token": "none" });
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(asked)).into_response());
    }
    Ok(Json(mint(&broker, signed_in.user.id, &device, lasts).await?).into_response())
}

/// How long a token shall last.
fn lasts(word: Option<&str>) -> Result<Option<Duration>, ApiError> {
    match word {
        None => Ok(None),
        Some("day") => Ok(Some(DAY)),
        Some("week") => Ok(Some(DAY * 7)),
        Some("month") => Ok(Some(DAY * 30)),
        Some("year") => Ok(Some(DAY * 365)),
        Some(_) => Err(ApiError::invalid("expiration", "The selected expiration is invalid.")),
    }
}

async fn mint(broker: &Broker, user: UserId, device: &str, lasts: Option<Duration>) -> Result<Key, ApiError> {
    let expires_at = lasts.map(|lasts| broker.now().plus(lasts));
    let made = token::create_told(&broker.desk, user, device, Scopes::new(Vec::new()), expires_at).await;
    let (made, secret) = made.map_err(|error| match error {
        token::CreateError::Name | token::CreateError::NotAdmin => ApiError::invalid("device_name", error.to_string()),
        token::CreateError::InThePast => ApiError::invalid("expiration", error.to_string()),
        token::CreateError::Storage(error) => error.into(),
    })?;
    Ok(Key {
        secret: secret.into_inner(),
        name: made.name,
        created_at: moment(made.created_at),
        expires_at: made.expires_at.map(moment),
    })
}

fn refusal(error: LoginError) -> ApiError {
    match error {
        LoginError::Wrong => ApiError::invalid("password", "The password is incorrect."),
        LoginError::TooMany => ApiError::too_many(ATTEMPTS, None),
        LoginError::Password(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again."),
        LoginError::Storage(error) => error.into(),
    }
}

/// The second step.
#[derive(Debug, Deserialize)]
pub struct SecondStep {
    mfa_key: Option<Private<String>>,
    otp: Option<Private<String>>,
    #[serde(default, deserialize_with = "filled")]
    device_name: Option<String>,
    #[serde(default, deserialize_with = "filled")]
    expiration: Option<String>,
}

/// `POST /api/auth/mfa`: the code, for a fresh token. A recovery code will do.
pub async fn mfa(State(broker): State<Broker>, from: Origin, Body(step): Body<SecondStep>) -> Result<Json<Key>, ApiError> {
    let half = step.mfa_key.ok_or_else(|| required("mfa_key"))?;
    let code = step.otp.ok_or_else(|| required("otp"))?;
    let device = step.device_name.ok_or_else(|| required("device_name"))?;
    let lasts = lasts(step.expiration.as_deref())?;
    let user = two_step::end(&broker, from.0, &half, &code).await.map_err(|error| match error {
        FactorError::Wrong => ApiError::new(StatusCode::UNAUTHORIZED, "The one time password is incorrect."),
        FactorError::TooMany => ApiError::too_many(ATTEMPTS, None),
        FactorError::Storage(error) => error.into(),
    })?;
    Ok(Json(mint(&broker, user.id, &device, lasts).await?))
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

/// `POST /api/auth/delete-account`: the account with everything it has, of who has no second factor: the request has no place
/// for one, and whoever has a token and the password must not get further by it than at the sign-in.
pub async fn delete_account(
    State(broker): State<Broker>,
    caller: Caller,
    from: Origin,
    Body(proof): Body<Proof>,
) -> Result<StatusCode, ApiError> {
    caller.need(Scope::Write)?;
    if factor::are_asked(&factor::find(&broker.desk, caller.user_id()).await?) {
        let url = &broker.rules.public_url;
        let text =
            format!("You sign in with a second step, which is not asked for here. Delete the account on the pages of {url}.");
        return Err(ApiError::refused(text));
    }
    let text = proof.password.ok_or_else(|| required("password"))?;
    let email = caller.user().email.to_string();
    password::check(&broker.desk, &broker.logins, from.0, &email, &text).await.map_err(refusal)?;
    account::remove(&broker, caller.user()).await.map_err(|error| match error {
        RemoveError::Unknown => ApiError::not_found(),
        RemoveError::LastAdmin => ApiError::refused(error.to_string()),
        RemoveError::Storage(error) => error.into(),
    })?;
    Ok(StatusCode::NO_CONTENT)
}

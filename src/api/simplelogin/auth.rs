//! Signing in with the password, and what is asked for again before something dangerous.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::caller::{Caller, KeyMaker, need_no_factor, need_sudo};
use super::error::ApiError;
use super::request::Body;
use crate::api::origin::Origin;
use crate::api::two_step;
use crate::model::Private;
use crate::model::api_token::{Scope, Scopes};
use crate::service::account::RemoveError;
use crate::service::app_password::LoginError;
use crate::service::broker::Broker;
use crate::service::factor::FactorError;
use crate::service::sign_up_code::{self, WaitsError};
use crate::service::{account, password, token};

/// Longest name of a token, in characters.
const LONGEST_NAME: usize = 100;

/// What is signed in with.
#[derive(Debug, Deserialize)]
pub struct Login {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    device: Option<String>,
}

/// `POST /api/auth/login`: a fresh key, named after the device. 400 for what does not fit: 401 would speak of a key; 422 when
/// a sign-up with this password waits for its code. Whoever
/// has codes of an authenticator program is given what the second step asks for; whoever has passkeys alone gets 403, on
/// which clients ask for a key instead.
pub async fn login(State(broker): State<Broker>, from: Origin, Body(login): Body<Login>) -> Result<Json<Value>, ApiError> {
    let text = Private::new(login.password);
    let signed_in = match password::check(&broker.desk, &broker.logins, from.0, &login.email, &text).await {
        Ok(signed_in) => signed_in,
        Err(LoginError::Wrong) => return Err(too_early(&broker, &login.email, &text).await),
        Err(error) => return Err(refusal(error)),
    };
    if signed_in.second_factor && !signed_in.totp {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "Please sign in with an API key"));
    }
    if signed_in.second_factor {
        let half = two_step::begin(&broker, signed_in.user.id, from.0).await?;
        return Ok(Json(json!({
            "name": "",
            "email": signed_in.user.email.to_string(),
            "mfa_enabled": true,
            "mfa_key": half.reveal(),
            "api_key": null,
        })));
    }
    let key = mint(&broker, KeyMaker::Browser(signed_in.user.id), login.device.as_deref()).await?;
    Ok(Json(json!({
        "name": "",
        "email": signed_in.user.email.to_string(),
        "mfa_enabled": false,
        "mfa_key": null,
        "api_key": key,
    })))
}

/// What somebody is told whose password opens nothing: that a sign-up waits for its code, if the password is that one's.
async fn too_early(broker: &Broker, email: &str, password: &Private<String>) -> ApiError {
    match sign_up_code::waits(broker, email, password).await {
        Ok(true) => ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "Account not activated"),
        Ok(false) => refusal(LoginError::Wrong),
        Err(WaitsError::Password(error)) => refusal(error.into()),
        Err(WaitsError::Storage(error)) => error.into(),
    }
}

fn refusal(error: LoginError) -> ApiError {
    match error {
        LoginError::Wrong => ApiError::bad_request("Email or password incorrect"),
        LoginError::TooMany => ApiError::too_many(),
        LoginError::Password(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again later"),
        LoginError::Storage(error) => error.into(),
    }
}

/// The second step.
#[derive(Debug, Deserialize)]
pub struct SecondStep {
    #[serde(default)]
    mfa_token: Private<String>,
    #[serde(default)]
    mfa_key: Private<String>,
    device: Option<String>,
}

/// `POST /api/auth/mfa`: the code, for a fresh key. A recovery code will do.
pub async fn mfa(State(broker): State<Broker>, from: Origin, Body(step): Body<SecondStep>) -> Result<Json<Value>, ApiError> {
    let user = two_step::end(&broker, from.0, &step.mfa_key, &step.mfa_token).await.map_err(|error| match error {
        FactorError::Wrong => ApiError::bad_request("Wrong TOTP Token"),
        FactorError::TooMany => ApiError::too_many(),
        FactorError::Storage(error) => error.into(),
    })?;
    let key = mint(&broker, KeyMaker::Browser(user.id), step.device.as_deref()).await?;
    Ok(Json(json!({ "name": "", "email": user.email.to_string(), "api_key": key })))
}

async fn mint(broker: &Broker, maker: KeyMaker, device: Option<&str>) -> Result<String, ApiError> {
    let name: String = device.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    let name = if name.trim().is_empty() { "SimpleLogin client" } else { &name };
    let (desk, scopes) = (&broker.desk, Scopes::new(Vec::new()));
    let made = match maker {
        KeyMaker::Browser(user) => token::create_told(desk, user, name, scopes, None).await,
        KeyMaker::Key(key) => token::create_by(desk, &key, name, scopes, key.expires_at).await,
    };
    let (_, secret) = made.map_err(|error| match error {
        token::CreateError::Name | token::CreateError::InThePast | token::CreateError::NotAdmin => {
            ApiError::bad_request(error.to_string())
        }
        token::CreateError::Storage(error) => error.into(),
    })?;
    Ok(secret.into_inner())
}

/// For which device a key is wanted.
#[derive(Debug, Deserialize)]
pub struct NewKey {
    device: Option<String>,
}

/// `POST /api/api_key`: another key, for who proved to be more than the holder of one. That of a key ends with it.
pub async fn new_key(
    State(broker): State<Broker>,
    maker: KeyMaker,
    Body(new): Body<NewKey>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let device = new.device.ok_or_else(|| ApiError::bad_request("request body cannot be empty"))?;
    let key = mint(&broker, maker, Some(&device)).await?;
    Ok((StatusCode::CREATED, Json(json!({ "api_key": key }))))
}

/// The password, once more.
#[derive(Debug, Deserialize)]
pub struct Proof {
    #[serde(default)]
    password: String,
}

/// `PATCH /api/sudo`: opens for five minutes what is dangerous. Another node asks again. 403 for who has a second factor.
pub async fn sudo(
    State(broker): State<Broker>,
    caller: Caller,
    from: Origin,
    Body(proof): Body<Proof>,
) -> Result<Json<Value>, ApiError> {
    caller.need(Scope::Write)?;
    need_no_factor(&broker, &caller).await?;
    let (email, text) = (caller.0.user.email.to_string(), Private::new(proof.password));
    match password::check(&broker.desk, &broker.logins, from.0, &email, &text).await {
        Ok(_) => broker.tokens.prove(caller.0.token.id, broker.now()),
        Err(LoginError::Wrong) => return Err(ApiError::new(StatusCode::FORBIDDEN, "Invalid password")),
        Err(error) => return Err(refusal(error)),
    }
    Ok(Json(json!({ "ok": true })))
}

/// `DELETE /api/user`: the account with everything it has.
pub async fn delete_user(State(broker): State<Broker>, caller: Caller) -> Result<Json<Value>, ApiError> {
    need_sudo(&broker, &caller).await?;
    account::remove(&broker, &caller.0.user).await.map_err(|error| match error {
        RemoveError::Unknown => ApiError::wrong_key(),
        RemoveError::LastAdmin => ApiError::bad_request(error.to_string()),
        RemoveError::Storage(error) => error.into(),
    })?;
    Ok(Json(json!({ "ok": true })))
}

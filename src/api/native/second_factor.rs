//! `/v1/sign-in/totp` and `/v1/sign-in/recovery-codes`: codes of an authenticator program, and those that stand in for it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Keeper;
use super::once::RequestKey;
use super::problem::Problem;
use super::proof::Proof;
use super::request::Body;
use super::routes::{Access, Routes};
use crate::api::origin::Origin;
use crate::model::Private;
use crate::model::api_token::Scope;
use crate::service::broker::Broker;
use crate::service::factor;
use crate::service::recovery_code;
use crate::service::totp::{self, SetupError, TurnOnError};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let account = Access::Needs(Scope::Account);
    let about = "Codes of an authenticator program (TOTP, RFC 6238) that are asked for after the password, and recovery codes \
                 that stand in for them or for a passkey, each once.";
    routes
        .noun("Second factor", about)
        .on::<__path_begin, _, _>(account, begin)
        .on::<__path_confirm, _, _>(account, confirm)
        .on::<__path_turn_off, _, _>(account, turn_off)
        .on::<__path_redraw, _, _>(account, redraw)
}

/// Who is there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    /// Who is there.
    pub proof: Proof,
}

/// What an authenticator program is set up with.
#[derive(Serialize, ToSchema)]
pub struct TotpSecret {
    /// As one types it: Base32 (RFC 4648) without padding; SHA-1, six digits, 30 seconds.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret: String,
    /// As a picture holds it.
    #[schema(
        example = "otpauth://totp/gate.you.example:jane%40inbox.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=gate.you.example"
    )]
    otpauth_url: String,
}

/// Recovery codes.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each stands in for the second factor once. They are shown this once.
    #[schema(example = json!(["3kq7-9xw2-mb4t"]))]
    recovery_codes: Vec<String>,
}

impl RecoveryCodes {
    fn of(codes: Vec<Private<String>>) -> Json<Self> {
        Json(Self { recovery_codes: codes.into_iter().map(Private::into_inner).collect() })
    }
}

/// Draws a secret for an authenticator program.
///
/// Nothing is asked for yet: codes count from the first one on that is given to `/v1/sign-in/totp/confirm`. A secret that was
/// drawn before and not confirmed is forgotten. An `Idempotency-Key` is refused: the answer holds a secret, and no secret is
/// kept.
#[utoipa::path(post, path = "/v1/sign-in/totp",
    request_body(content = Proved, example = json!({"proof": {"password": "correct horse battery staple"}})),
    responses((status = 200, description = "The secret.", body = TotpSecret),
        (status = 409, description = "An authenticator program is set up already."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn begin(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    key: RequestKey,
    body: Body<Proved>,
) -> Result<Json<TotpSecret>, Problem> {
    key.refuse()?;
    if totp::is_on(&broker.desk, keeper.user_id()).await? {
        return Err(already_on());
    }
    body.value.proof.check(&broker, from, &keeper.0.user).await?;
    let setup = totp::begin(&broker.desk, &keeper.0.user, &broker.rules.hostname).await.map_err(|error| match error {
        SetupError::AlreadyOn => already_on(),
        SetupError::Storage(error) => error.into(),
    })?;
    Ok(Json(TotpSecret { secret: setup.text.into_inner(), otpauth_url: setup.address.into_inner() }))
}

fn already_on() -> Problem {
    Problem::conflict("an authenticator program is set up already; turn it off first")
}

/// A first code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstCode {
    /// What the program shows now: six digits.
    #[schema(value_type = String, max_length = 100, example = "492039")]
    code: Private<String>,
}

/// Turns codes on with a first one.
///
/// From the answer on a code is asked for after the password. If there was no second factor before, every browser is signed
/// out: the password alone had let it in. Recovery codes that there were are void. An `Idempotency-Key` is refused: the answer
/// holds a secret, and no secret is kept.
#[utoipa::path(post, path = "/v1/sign-in/totp/confirm",
    request_body(content = FirstCode, example = json!({"code": "492039"})),
    responses((status = 200, description = "Codes are on; these are the recovery codes.", body = RecoveryCodes),
        (status = 409, description = "No secret was drawn that waits for its first code."),
        (status = 429, description = "Too many wrong codes; wait a quarter of an hour.")))]
pub async fn confirm(
    State(broker): State<Broker>,
    keeper: Keeper,
    key: RequestKey,
    body: Body<FirstCode>,
) -> Result<Json<RecoveryCodes>, Problem> {
    key.refuse()?;
    let user = &keeper.0.user;
    let confirmed = totp::confirm(&broker.desk, &broker.logins, user, None, body.value.code.reveal()).await;
    confirmed.map(RecoveryCodes::of).map_err(|error| match error {
        TurnOnError::NoDraft => Problem::conflict("no secret waits for its first code; draw one: POST /v1/sign-in/totp"),
        TurnOnError::Wrong => {
            let fix =
                "not a code of the secret that was drawn last; look at the program's clock, or draw one at /v1/sign-in/totp";
            Problem::invalid("code", fix)
        }
        TurnOnError::TooMany => Problem::too_many("code: too many attempts; wait a quarter of an hour and try again"),
        TurnOnError::Storage(error) => error.into(),
    })
}

/// Turns codes off.
///
/// The password alone signs in then, unless there is a passkey. Without one, recovery codes are void.
#[utoipa::path(post, path = "/v1/sign-in/totp/off",
    request_body(content = Proved, example = json!({"proof": {"password": "correct horse battery staple", "code": "492039"}})),
    responses((status = 204, description = "They are off."),
        (status = 409, description = "They were not on."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn turn_off(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    body: Body<Proved>,
) -> Result<StatusCode, Problem> {
    let off = || Problem::conflict("no authenticator program is set up");
    if !totp::is_on(&broker.desk, keeper.user_id()).await? {
        return Err(off());
    }
    body.value.proof.check(&broker, from, &keeper.0.user).await?;
    if totp::turn_off_proved(&broker.desk, keeper.user_id()).await? { Ok(StatusCode::NO_CONTENT) } else { Err(off()) }
}

/// Draws fresh recovery codes.
///
/// Those before are void. An `Idempotency-Key` is refused: the answer holds a secret, and no secret is kept.
#[utoipa::path(post, path = "/v1/sign-in/recovery-codes",
    request_body(content = Proved, example = json!({"proof": {"password": "correct horse battery staple", "code": "492039"}})),
    responses((status = 200, description = "The codes.", body = RecoveryCodes),
        (status = 409, description = "There is no second factor that they would stand in for."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn redraw(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    key: RequestKey,
    body: Body<Proved>,
) -> Result<Json<RecoveryCodes>, Problem> {
    key.refuse()?;
    let idle = || Problem::conflict("there is no second factor that recovery codes would stand in for");
    if !factor::are_asked(&factor::find(&broker.desk, keeper.user_id()).await?) {
        return Err(idle());
    }
    body.value.proof.check(&broker, from, &keeper.0.user).await?;
    let codes = recovery_code::redraw(&broker.desk, keeper.user_id()).await?;
    codes.map(RecoveryCodes::of).ok_or_else(idle)
}

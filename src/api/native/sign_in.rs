//! `/v1/sign-in`: how the user signs in. What changes it asks for a proof besides the token.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Keeper;
use super::problem::Problem;
use super::proof::Proof;
use super::request::{Body, Nothing, Params, parse_id};
use super::routes::{Access, Routes};
use crate::api::origin::Origin;
use crate::model::api_token::Scope;
use crate::model::{Private, Timestamp};
use crate::service::account::{self, EmailError, PasswordChangeError};
use crate::service::broker::Broker;
use crate::service::{factor, mailbox, password};

/// What a new password has to be.
const LENGTH: &str = "a password has 8 characters at the least and 1000 octets at the most";

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let account = Access::Needs(Scope::Account);
    let about = "How the user signs in on the pages. Each change asks for a `proof`: the password, and a code where there is a \
                 second factor. Ten wrong ones within a quarter of an hour, and one has to wait for the rest of it.";
    routes
        .noun("Sign-in", about)
        .on::<__path_show, _, _>(account, show)
        .on::<__path_change_password, _, _>(account, change_password)
        .on::<__path_change_address, _, _>(account, change_address)
}

/// How the user signs in, and since when.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignIn {
    /// The address that signs them in.
    #[schema(example = "jane.roe@inbox.example")]
    email: String,
    /// Whether there is a password. Without one nothing can be proved here: it is set by a link on the page for signing in.
    has_password: bool,
    /// Whether a second factor has to follow the password.
    second_factor: bool,
    /// When an authenticator program was set up; null when there is none.
    #[schema(format = DateTime)]
    totp_since: Option<String>,
    /// How many passkeys there are, see `/v1/passkeys`.
    passkeys: i64,
    /// How many recovery codes are left.
    recovery_codes: i64,
    /// When those were drawn; null when none is left.
    #[schema(format = DateTime)]
    recovery_codes_since: Option<String>,
}

/// Shows how the user signs in.
#[utoipa::path(get, path = "/v1/sign-in", responses((status = 200, description = "How, and since when.", body = SignIn)))]
pub async fn show(State(broker): State<Broker>, keeper: Keeper, _: Params<Nothing>) -> Result<Json<SignIn>, Problem> {
    let standing = factor::standing(&broker.desk, keeper.user_id()).await?;
    Ok(Json(SignIn {
        email: keeper.0.user.email.to_string(),
        has_password: standing.has_password,
        second_factor: factor::are_asked(&standing.factors),
        totp_since: standing.totp_since.map(Timestamp::to_rfc3339),
        passkeys: standing.factors.passkeys,
        recovery_codes: standing.factors.recovery_codes,
        recovery_codes_since: standing.codes_since.map(Timestamp::to_rfc3339),
    }))
}

/// Another password, and who is there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// Who is there.
    proof: Proof,
    /// The password from now on: 1000 octets at the most.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 1000)]
    new_password: Private<String>,
}

/// Changes the password.
///
/// Every browser is signed out, links to reset the password stop working, and the user is told by mail. Tokens and app
/// passwords stay in force.
#[utoipa::path(post, path = "/v1/sign-in/password",
    request_body(content = PasswordChange,
        example = json!({"proof": {"password": "correct horse battery staple"}, "new_password": "another horse battery"})),
    responses((status = 204, description = "It is changed."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn change_password(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    body: Body<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let PasswordChange { proof, new_password } = body.value;
    // First, so that what can't be done costs no code.
    let names = password::public_names(&broker, &keeper.0.user.email.to_string());
    if let Some(fault) = password::faults(new_password.reveal(), &names).first() {
        return Err(Problem::invalid("new_password", fault));
    }
    proof.check(&broker, from, &keeper.0.user).await?;
    account::change_password(&broker, &keeper.0.user, None, &new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The mailbox to sign in with, and who is there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressChange {
    /// Who is there.
    proof: Proof,
    /// The id of a verified mailbox of one's own, see `/v1/mailboxes`.
    #[schema(format = "uuid")]
    mailbox: String,
}

/// Changes the address one signs in with.
///
/// To that of another verified mailbox. The address that is left is told by mail.
#[utoipa::path(post, path = "/v1/sign-in/address",
    request_body(content = AddressChange, example = json!({
        "proof": {"password": "correct horse battery staple"}, "mailbox": "01890a5d-ac96-774b-bcce-b302099a8057"})),
    responses((status = 200, description = "How the user signs in then.", body = SignIn),
        (status = 409, description = "Somebody signs in with this address, or it is not verified."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn change_address(
    State(broker): State<Broker>,
    mut keeper: Keeper,
    from: Origin,
    body: Body<AddressChange>,
) -> Result<Json<SignIn>, Problem> {
    let AddressChange { proof, mailbox } = body.value;
    let all = mailbox::list(&broker.desk, keeper.user_id()).await?;
    let chosen = parse_id(&mailbox).and_then(|id| all.iter().find(|mailbox| mailbox.uuid == id));
    let chosen = chosen.ok_or_else(|| Problem::invalid("mailbox", "there is no such mailbox; see /v1/mailboxes"))?;
    proof.check(&broker, from, &keeper.0.user).await?;
    account::change_email(&broker, &keeper.0.user, &chosen.address).await?;
    keeper.0.user.email = chosen.address.clone();
    show(State(broker), keeper, Params(Nothing {})).await
}

impl From<PasswordChangeError> for Problem {
    fn from(error: PasswordChangeError) -> Self {
        match error {
            PasswordChangeError::Length => Self::invalid("new_password", LENGTH),
            PasswordChangeError::Unknown => Self::unauthorized(),
            PasswordChangeError::Hash(_) => Self::unavailable("too many passwords are being checked; try again"),
            PasswordChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<EmailError> for Problem {
    fn from(error: EmailError) -> Self {
        match error {
            EmailError::Unknown => Self::invalid("mailbox", error),
            EmailError::Unverified => Self::conflict("this mailbox is not verified yet: follow the link that was mailed to it"),
            // Not who, nor that it is somebody else: as little as on the page.
            EmailError::Taken => Self::conflict("this address can't be used to sign in; choose another mailbox"),
            EmailError::Storage(error) => error.into(),
        }
    }
}

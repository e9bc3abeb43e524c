//! `/v1/account`: who the token belongs to, how their mail is treated, and the end of it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Keeper, Reader, Writer};
use super::problem::Problem;
use super::proof::Proof;
use super::request::{Body, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::api::origin::Origin;
use crate::model::Address;
use crate::model::api_token::Scope;
use crate::model::user;
use crate::service::account::{self, RemoveError};
use crate::service::broker::Broker;
use crate::service::token::Caller;
use crate::service::user::{self as accounts, Settings};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .noun("Account", "Who the token belongs to, how their mail is treated, and the end of the account.")
        .on::<__path_show, _, _>(Access::Needs(Scope::Read), show)
        .on::<__path_change, _, _>(Access::Needs(Scope::Write), change)
        .on::<__path_remove, _, _>(Access::Needs(Scope::Account), remove)
}

/// What happens to mail whose domain asks for quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnQuarantine {
    /// Delivered with a warning.
    Tag,
    /// Kept until its owner decides, see `/v1/holds`.
    Hold,
}

impl From<user::OnQuarantine> for OnQuarantine {
    fn from(choice: user::OnQuarantine) -> Self {
        match choice {
            user::OnQuarantine::Tag => Self::Tag,
            user::OnQuarantine::Hold => Self::Hold,
        }
    }
}

/// The account of a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// Its id.
    id: PublicId,
    /// The address it signs in with.
    #[schema(example = "jane.roe@inbox.example")]
    email: String,
    /// Whether it may administer the instance.
    is_admin: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// What the token may do, with spaces between.
    #[schema(example = "read write")]
    scopes: String,
    /// What happens to mail whose domain asks for quarantine.
    on_quarantine: OnQuarantine,
    /// Whether a mailbox address in a reply's text is replaced by the alias; otherwise it is only counted.
    replace_quoted: bool,
}

impl Account {
    fn of(user: &user::User, caller: &Caller) -> Self {
        Self {
            id: PublicId(user.uuid),
            email: user.email.to_string(),
            is_admin: user.is_admin,
            created_at: user.created_at.to_rfc3339(),
            scopes: caller.token.scopes.to_string(),
            on_quarantine: user.on_quarantine.into(),
            replace_quoted: user.replace_quoted,
        }
    }
}

/// Shows the account.
#[utoipa::path(get, path = "/v1/account", responses((status = 200, description = "The account.", body = Account)))]
pub async fn show(reader: Reader, _: Params<Nothing>) -> Json<Account> {
    Json(Account::of(&reader.0.user, &reader.0))
}

/// What to change of an account; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange)]
pub struct Edit {
    /// What happens to mail whose domain asks for quarantine. What is held already stays held.
    on_quarantine: Option<OnQuarantine>,
    /// Whether a mailbox address in a reply's text is replaced by the alias.
    replace_quoted: Option<bool>,
}

/// Changes how mail is treated.
#[utoipa::path(patch, path = "/v1/account",
    request_body(content = Edit, example = json!({"on_quarantine": "hold"})),
    responses((status = 200, description = "The account as it is then.", body = Account)))]
pub async fn change(State(broker): State<Broker>, writer: Writer, body: Body<Edit>) -> Result<Json<Account>, Problem> {
    let settings = Settings {
        on_quarantine: body.value.on_quarantine.map(|choice| match choice {
            OnQuarantine::Tag => user::OnQuarantine::Tag,
            OnQuarantine::Hold => user::OnQuarantine::Hold,
        }),
        replace_quoted: body.value.replace_quoted,
    };
    let user = accounts::set(&broker.desk, writer.user_id(), settings).await?;
    Ok(Json(Account::of(&user, &writer.0)))
}

/// Which account is to end, and who is there.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountRemoval)]
pub struct Removal {
    /// Who is there.
    proof: Proof,
    /// The address the account signs in with, so that no account is removed by mistake.
    #[schema(example = "jane.roe@inbox.example")]
    email: String,
}

/// What is left of a removed account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountRemoved {
    /// Aliases that are gone for good.
    retired_aliases: u64,
}

/// Removes the account with everything it has.
///
/// Nothing of it can be brought back, nobody is ever given one of its aliases' addresses, and this token is void with all
/// others.
#[utoipa::path(post, path = "/v1/account/remove",
    request_body(content = Removal,
        example = json!({"proof": {"password": "correct horse battery staple"}, "email": "jane.roe@inbox.example"})),
    responses((status = 200, description = "It is gone.", body = AccountRemoved),
        (status = 409, description = "It is the only administrator's, and there are other users."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn remove(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    body: Body<Removal>,
) -> Result<Json<AccountRemoved>, Problem> {
    let Removal { proof, email } = body.value;
    let named = Address::parse(email.trim()).map(|address| address.folded()).unwrap_or_default();
    if named != keeper.0.user.email.folded() {
        return Err(Problem::invalid("email", "this is not the address the account signs in with; nothing was removed"));
    }
    proof.check(&broker, from, &keeper.0.user).await?;
    Ok(Json(AccountRemoved { retired_aliases: account::remove(&broker, &keeper.0.user).await? }))
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::LastAdmin => Self::conflict(error),
            RemoveError::Unknown => Self::unauthorized(),
            RemoveError::Storage(error) => error.into(),
        }
    }
}

//! `/v1/account`: who the token belongs to, and how their mail is treated.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Reader, Writer};
use super::problem::Problem;
use super::request::{Body, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::api_token::Scope;
use crate::model::user;
use crate::service::broker::Broker;
use crate::service::token::Caller;
use crate::service::user::{self as accounts, Settings};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .noun("Account", "Who the token belongs to, and how their mail is treated.")
        .on::<__path_show, _, _>(Access::Needs(Scope::Read), show)
        .on::<__path_change, _, _>(Access::Needs(Scope::Write), change)
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

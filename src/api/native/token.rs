//! `/v1/tokens`: what programs act for a user with.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alias::moment;
use super::caller::{Reader, Writer};
use super::once::RequestKey;
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::Timestamp;
use crate::model::api_token::{ApiToken, Scope, Scopes};
use crate::service::broker::Broker;
use crate::service::token;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Tokens", "What programs act for a user with. The secret is shown once.")
        .on::<__path_list, _, _>(read, list)
        .on::<__path_create, _, _>(write, create)
        .on::<__path_revoke, _, _>(write, revoke)
}

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Scope)]
pub enum ScopeShape {
    /// Make aliases, and nothing else.
    #[serde(rename = "alias:create")]
    AliasCreate,
    /// See everything of the user.
    #[serde(rename = "read")]
    Read,
    /// Change everything of the user but how they sign in; includes the two before.
    #[serde(rename = "write")]
    Write,
    /// See and change how the user signs in and the key that signs names, and end the account.
    #[serde(rename = "account")]
    Account,
    /// Administer the instance, as long as the user may.
    #[serde(rename = "admin")]
    Admin,
}

impl From<Scope> for ScopeShape {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::AliasCreate => Self::AliasCreate,
            Scope::Read => Self::Read,
            Scope::Write => Self::Write,
            Scope::Account => Self::Account,
            Scope::Admin => Self::Admin,
        }
    }
}

impl From<ScopeShape> for Scope {
    fn from(scope: ScopeShape) -> Self {
        match scope {
            ScopeShape::AliasCreate => Self::AliasCreate,
            ScopeShape::Read => Self::Read,
            ScopeShape::Write => Self::Write,
            ScopeShape::Account => Self::Account,
            ScopeShape::Admin => Self::Admin,
        }
    }
}

/// A token; its secret is nowhere but with its holder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenShape {
    /// Its id.
    id: PublicId,
    /// What its owner calls it.
    #[schema(example = "browser at work")]
    name: String,
    /// What it may do.
    scopes: Vec<ScopeShape>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was last used, to the hour.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    /// Whether this request was made with it.
    is_this: bool,
}

impl TokenShape {
    fn of(token: &ApiToken, asking: &ApiToken) -> Self {
        Self {
            id: PublicId(token.uuid),
            name: token.name.clone(),
            scopes: token.scopes.as_slice().iter().map(|scope| (*scope).into()).collect(),
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.map(Timestamp::to_rfc3339),
            last_used_at: token.last_used_at.map(Timestamp::to_rfc3339),
            is_this: token.id == asking.id,
        }
    }
}

/// A new token, and its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewTokenMade {
    /// The secret. It is shown this once.
    #[schema(example = "addy_io_0123456789abcdefghijABCDEFGHIJ0123456789abcdefgh")]
    secret: String,
    /// The token.
    token: TokenShape,
}

/// Lists tokens.
#[utoipa::path(get, path = "/v1/tokens",
    responses((status = 200, description = "All tokens, the oldest first.", body = Page<TokenShape>)))]
pub async fn list(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Json<Page<TokenShape>>, Problem> {
    let all = token::list(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(all.iter().map(|token| TokenShape::of(token, &reader.0.token)).collect())))
}

/// What a new token is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub struct New {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100, example = "browser at work")]
    name: String,
    /// What it may do; nothing that the token of this request may not.
    #[schema(min_items = 1)]
    scopes: Vec<ScopeShape>,
    /// When it ends by itself; not later than the token of this request.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Makes a token.
///
/// It may do nothing that the token of this request may not, and lives no longer; revoking that one revokes it, too. An `Idempotency-Key` is refused: the
/// answer holds a secret, and no secret is kept.
#[utoipa::path(post, path = "/v1/tokens",
    request_body(content = New, example = json!({"name": "browser at work", "scopes": ["alias:create"]})),
    responses((status = 201, description = "The token and its secret.", body = NewTokenMade)))]
pub async fn create(
    State(broker): State<Broker>,
    writer: Writer,
    key: RequestKey,
    body: Body<New>,
) -> Result<(StatusCode, Json<NewTokenMade>), Problem> {
    key.refuse()?;
    let asking = &writer.0.token;
    let scopes: Vec<Scope> = body.value.scopes.into_iter().map(Scope::from).collect();
    if scopes.is_empty() {
        return Err(Problem::invalid("scopes", "name at least one of alias:create, read, write, account, admin"));
    }
    if let Some(wider) = scopes.iter().find(|scope| !asking.scopes.allow(**scope)) {
        return Err(Problem::forbidden(wider.as_str()));
    }
    let expires_at = match (body.value.expires_at.as_deref().map(moment).transpose()?, asking.expires_at) {
        (Some(wanted), Some(own)) if wanted > own => {
            return Err(Problem::invalid("expires_at", format!("not later than the token of this request: {own}")));
        }
        (wanted, own) => wanted.or(own),
    };
    let (made, secret) = token::create_by(&broker.desk, asking, &body.value.name, Scopes::new(scopes), expires_at).await?;
    Ok((StatusCode::CREATED, Json(NewTokenMade { secret: secret.into_inner(), token: TokenShape::of(&made, asking) })))
}

/// Revokes a token.
///
/// It is worth nothing from the answer on. The token of this request can be revoked, too.
#[utoipa::path(delete, path = "/v1/tokens/{token}", params(("token" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is revoked.")))]
pub async fn revoke(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    let all = token::list(&broker.desk, writer.user_id()).await?;
    let found = all.iter().find(|token| token.uuid == id).ok_or_else(Problem::not_found)?;
    if token::revoke(&broker.desk, writer.user_id(), found.id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}

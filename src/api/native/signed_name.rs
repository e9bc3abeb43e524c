//! `/v1/name-key` and `/v1/signed-names`: names that are made without network. Whoever has the key makes aliases of its
//! owner's long after their token was revoked, so it takes the scope `account`, here as in an export; a token that makes
//! aliases has names signed and does not see it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Creator, Keeper};
use super::once::RequestKey;
use super::problem::Problem;
use super::request::{Body, Nothing, Params};
use super::routes::{Access, Routes};
use crate::model::DomainName;
use crate::model::api_token::Scope;
use crate::model::site::Site;
use crate::service::broker::Broker;
use crate::service::signed_name::{self, KeyChangeError, NameKey, SignError};

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (keep, make) = (Access::Needs(Scope::Account), Access::Needs(Scope::AliasCreate));
    routes
        .noun("Signed names", "Addresses that are made without network: the first message to one makes the alias.")
        .on::<__path_show, _, _>(keep, show)
        .on::<__path_renew, _, _>(keep, renew)
        .on::<__path_remove, _, _>(keep, remove)
        .on::<__path_sign, _, _>(make, sign)
}

/// The key a user signs names with.
#[derive(Serialize, ToSchema)]
#[schema(as = NameKey)]
pub struct KeyShape {
    /// 32 letters and digits (base32); null while the user signs no names. Whoever has it makes aliases of theirs: draw a
    /// new one when a program that knows it is lost.
    #[schema(example = "AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT")]
    key: Option<String>,
}

impl std::fmt::Debug for KeyShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyShape").finish_non_exhaustive()
    }
}

impl KeyShape {
    fn of(key: Option<&NameKey>) -> Self {
        Self { key: key.map(NameKey::shown) }
    }
}

impl From<KeyChangeError> for Problem {
    fn from(error: KeyChangeError) -> Self {
        match error {
            KeyChangeError::Unknown => Self::not_found(),
            error @ KeyChangeError::Full => Self::conflict(error),
            KeyChangeError::Storage(error) => error.into(),
        }
    }
}

impl From<SignError> for Problem {
    fn from(error: SignError) -> Self {
        match error {
            SignError::NoKey => Self::conflict("this user signs no names; draw a key first: POST /v1/name-key"),
            error @ SignError::NoDomain => Self::conflict(error),
            error @ SignError::UnknownDomain => Self::invalid("domain", error),
            SignError::Site(error) => Self::invalid("site", error),
            SignError::Storage(error) => error.into(),
        }
    }
}

/// Shows the key.
///
/// It takes the scope `account`: whoever saw the key signs names after their token is revoked.
#[utoipa::path(get, path = "/v1/name-key", responses((status = 200, description = "The key.", body = KeyShape)))]
pub async fn show(State(broker): State<Broker>, keeper: Keeper, _: Params<Nothing>) -> Result<Json<KeyShape>, Problem> {
    let key = signed_name::key(&broker.desk, keeper.user_id()).await?;
    Ok(Json(KeyShape::of(key.as_ref())))
}

/// Draws a new key.
///
/// Names that the one before signed are unknown from then on, unless they had mail already. An `Idempotency-Key` is
/// refused: the answer is a secret, and no secret is kept.
#[utoipa::path(post, path = "/v1/name-key",
    responses((status = 201, description = "The key.", body = KeyShape),
        (status = 409, description = "As many users as can already sign names.")))]
pub async fn renew(
    State(broker): State<Broker>,
    keeper: Keeper,
    key: RequestKey,
    _: Params<Nothing>,
) -> Result<(StatusCode, Json<KeyShape>), Problem> {
    key.refuse()?;
    let drawn = signed_name::renew_key(&broker.desk, keeper.user_id()).await?;
    broker.name_keys.forget();
    Ok((StatusCode::CREATED, Json(KeyShape::of(Some(&drawn)))))
}

/// Signs no names any more.
///
/// Those that had mail live on as ordinary aliases; the others are unknown from then on.
#[utoipa::path(delete, path = "/v1/name-key", responses((status = 204, description = "There is no key any more.")))]
pub async fn remove(State(broker): State<Broker>, keeper: Keeper, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    signed_name::remove_key(&broker.desk, keeper.user_id()).await?;
    broker.name_keys.forget();
    Ok(StatusCode::NO_CONTENT)
}

/// What a name is signed for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NameToSign)]
pub struct Wanted {
    /// The site: a web address or a domain.
    #[schema(example = "https://www.lg.com/")]
    site: String,
    /// A domain of `/v1/options`; the default one when it is left out.
    #[schema(example = "you.example")]
    domain: Option<String>,
}

/// A name that its first message makes.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedName {
    /// The address.
    #[schema(example = "lg.com.wmnhs2@you.example")]
    address: String,
    /// The site it is for.
    #[schema(example = "lg.com")]
    site: String,
}

/// Signs a name.
///
/// Nothing is made before a message comes to it, and asked again the name is the same.
#[utoipa::path(post, path = "/v1/signed-names",
    request_body(content = Wanted, example = json!({"site": "lg.com"})),
    responses((status = 200, description = "The name.", body = SignedName),
        (status = 409, description = "The user signs no names yet, or there is no domain yet.")))]
pub async fn sign(State(broker): State<Broker>, creator: Creator, body: Body<Wanted>) -> Result<Json<SignedName>, Problem> {
    let site = Site::parse(&body.value.site).map_err(|error| Problem::invalid("site", error))?;
    let domain = body.value.domain.map(|text| DomainName::parse(&text).map_err(|error| Problem::invalid("domain", error)));
    let address = signed_name::sign(&broker.desk, creator.user_id(), &site, domain.transpose()?.as_ref()).await?;
    Ok(Json(SignedName { address: address.to_string(), site: site.to_string() }))
}

//! Who is asking: the bearer token of a request (RFC 6750 §2.1), with the scope its route needs.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::model::api_token::Scope;
use crate::model::id::UserId;
use crate::service::broker::Broker;
use crate::service::token::{self, Caller};

/// A caller with any token in force.
#[derive(Debug, Clone)]
pub struct Holder(pub Caller);

/// A caller who may see what the user has.
#[derive(Debug, Clone)]
pub struct Reader(pub Caller);

/// A caller who may change it.
#[derive(Debug, Clone)]
pub struct Writer(pub Caller);

/// A caller who may see and change how the user signs in.
#[derive(Debug, Clone)]
pub struct Keeper(pub Caller);

/// A caller who may administer the instance: an administrator, with a token that says so.
#[derive(Debug, Clone)]
pub struct Admin(pub Caller);

/// A caller who may make aliases.
#[derive(Debug, Clone)]
pub struct Creator(pub Caller);

async fn holder(parts: &Parts, broker: &Broker) -> Result<Caller, Problem> {
    let text = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (scheme, secret) = text.and_then(|text| text.split_once(' ')).ok_or_else(Problem::unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::unauthorized());
    }
    token::authenticate(&broker.desk, secret).await?.ok_or_else(Problem::unauthorized)
}

async fn caller(parts: &Parts, broker: &Broker, needed: Scope) -> Result<Caller, Problem> {
    let caller = holder(parts, broker).await?;
    if caller.token.scopes.allow(needed) { Ok(caller) } else { Err(Problem::forbidden(needed.as_str())) }
}

macro_rules! extractor {
    ($name:ident, $scope:expr) => {
        impl FromRequestParts<Broker> for $name {
            type Rejection = Problem;
            async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Problem> {
                caller(parts, broker, $scope).await.map(Self)
            }
        }

        impl $name {
            /// Whose things this is about.
            pub fn user_id(&self) -> UserId {
                self.0.user.id
            }
        }
    };
}

impl FromRequestParts<Broker> for Holder {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Problem> {
        holder(parts, broker).await.map(Self)
    }
}

impl FromRequestParts<Broker> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Problem> {
        let caller = caller(parts, broker, Scope::Admin).await?;
        if caller.user.is_admin { Ok(Self(caller)) } else { Err(Problem::not_admin()) }
    }
}

extractor!(Reader, Scope::Read);
extractor!(Writer, Scope::Write);
extractor!(Creator, Scope::AliasCreate);
extractor!(Keeper, Scope::Account);

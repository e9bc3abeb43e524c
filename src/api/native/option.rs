//! `/v1/options`: what an alias can be made of on this instance. A token that may make aliases and nothing else sees this.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::alias_new::Format;
use super::caller::Holder;
use super::problem::Problem;
use super::request::{Nothing, Params};
use super::routes::{Access, Routes};
use crate::service::broker::Broker;
use crate::service::domain;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    routes.noun("Options", "What an alias can be made of on this instance.").on::<__path_show, _, _>(Access::Token, show)
}

/// A domain that aliases can be made on.
#[derive(Debug, Serialize, ToSchema)]
pub struct DomainOption {
    /// Its name.
    #[schema(example = "you.example")]
    name: String,
    /// Whether it is the user's own; others are there for everybody.
    is_own: bool,
}

/// What an alias can be made of.
#[derive(Debug, Serialize, ToSchema)]
pub struct Options {
    /// Where it can live.
    domains: Vec<DomainOption>,
    /// Where it lives when nothing is said; null while there is no domain.
    #[schema(example = "you.example")]
    default_domain: Option<String>,
    /// How its name can be made.
    formats: [Format; 4],
    /// How its name is made when nothing is said.
    default_format: Format,
}

/// Shows what an alias can be made of.
#[utoipa::path(get, path = "/v1/options", responses((status = 200, description = "The options.", body = Options)))]
pub async fn show(State(broker): State<Broker>, holder: Holder, _: Params<Nothing>) -> Result<Json<Options>, Problem> {
    let domains = domain::list_usable(&broker.desk, holder.0.user.id).await?;
    let option =
        |domain: &crate::model::domain::Domain| DomainOption { name: domain.name.to_string(), is_own: domain.user_id.is_some() };
    Ok(Json(Options {
        default_domain: domains.first().map(|domain| domain.name.to_string()),
        domains: domains.iter().map(option).collect(),
        formats: [Format::Site, Format::Words, Format::Random, Format::Uuid],
        default_format: Format::Site,
    }))
}

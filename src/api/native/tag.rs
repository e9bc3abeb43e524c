//! `/v1/tags`: the labels a user gave aliases.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Reader;
use super::page::Page;
use super::problem::Problem;
use super::request::{Nothing, Params};
use super::routes::{Access, Routes};
use crate::model::api_token::Scope;
use crate::service::alias_tag;
use crate::service::broker::Broker;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    routes
        .noun("Tags", "The labels given to aliases. They are set with the alias.")
        .on::<__path_list, _, _>(Access::Needs(Scope::Read), list)
}

/// A label.
#[derive(Debug, Serialize, ToSchema)]
pub struct TagCount {
    /// The label.
    #[schema(example = "shops")]
    tag: String,
    /// How many aliases have it that are not killed.
    aliases: i64,
}

/// Lists tags.
#[utoipa::path(get, path = "/v1/tags",
    responses((status = 200, description = "All tags of aliases that are not killed, in order.", body = Page<TagCount>)))]
pub async fn list(State(broker): State<Broker>, reader: Reader, _: Params<Nothing>) -> Result<Json<Page<TagCount>>, Problem> {
    let counts = alias_tag::of_user(&broker.desk, reader.user_id()).await?;
    Ok(Json(Page::whole(counts.into_iter().map(|(tag, aliases)| TagCount { tag: tag.to_string(), aliases }).collect())))
}

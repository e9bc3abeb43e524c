//! `/v1/sessions`: the browsers that are signed in. A token is none of them and belongs to none.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Keeper;
use super::page::Page;
use super::problem::Problem;
use super::request::{Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use crate::model::api_token::Scope;
use crate::model::session::Session;
use crate::service::broker::Broker;
use crate::service::session;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let account = Access::Needs(Scope::Account);
    routes
        .noun("Sessions", "The browsers that are signed in. A token is none of them: ending them leaves every token in force.")
        .on::<__path_list, _, _>(account, list)
        .on::<__path_end, _, _>(account, end)
        .on::<__path_end_all, _, _>(account, end_all)
}

/// A browser that is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionShape {
    /// Its id.
    id: PublicId,
    /// What it said it is, at most 300 characters of it; may be empty.
    #[schema(example = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")]
    user_agent: String,
    /// Where it signed in from.
    #[schema(example = "203.0.113.7")]
    client_ip: String,
    /// When it signed in.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    last_used_at: String,
    /// When it ends by itself, unless it is used before.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl SessionShape {
    fn of(session: &Session) -> Self {
        Self {
            id: PublicId(session.uuid),
            user_agent: session.user_agent.clone(),
            client_ip: session.client_ip.to_canonical().to_string(),
            created_at: session.created_at.to_rfc3339(),
            last_used_at: session.last_seen_at.to_rfc3339(),
            expires_at: session.expires_at.to_rfc3339(),
        }
    }
}

/// Lists sessions.
#[utoipa::path(get, path = "/v1/sessions",
    responses((status = 200, description = "All browsers that are signed in, the last used first.", body = Page<SessionShape>)))]
pub async fn list(State(broker): State<Broker>, keeper: Keeper, _: Params<Nothing>) -> Result<Json<Page<SessionShape>>, Problem> {
    let all = session::list(&broker.desk, keeper.user_id()).await?;
    Ok(Json(Page::whole(all.iter().map(SessionShape::of).collect())))
}

/// Ends a session.
///
/// That browser is signed out from the answer on.
#[utoipa::path(delete, path = "/v1/sessions/{session}", params(("session" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is ended.")))]
pub async fn end(State(broker): State<Broker>, keeper: Keeper, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    if session::end(&broker.desk, keeper.user_id(), id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionsEnded {
    /// Browsers that are signed out, those included that had not given their second factor yet.
    ended: u64,
}

/// Ends all sessions.
///
/// Every browser of the user is signed out from the answer on. Tokens and app passwords stay in force.
#[utoipa::path(post, path = "/v1/sessions/end-all",
    responses((status = 200, description = "How many they were.", body = SessionsEnded)))]
pub async fn end_all(State(broker): State<Broker>, keeper: Keeper, _: Params<Nothing>) -> Result<Json<SessionsEnded>, Problem> {
    Ok(Json(SessionsEnded { ended: session::end_others(&broker.desk, keeper.user_id(), None).await? }))
}

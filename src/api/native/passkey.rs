//! `/v1/passkeys`: shown and removed. One is added where it will be used: in a browser, on the page.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Keeper;
use super::page::Page;
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId};
use super::routes::{Access, Routes};
use super::second_factor::Proved;
use crate::api::origin::Origin;
use crate::model::Timestamp;
use crate::model::api_token::Scope;
use crate::model::passkey::Passkey;
use crate::service::broker::Broker;
use crate::service::passkey;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let account = Access::Needs(Scope::Account);
    let about = "Passkeys (WebAuthn). One is added on the page /security alone: its browser makes it, and only for the address \
                 that the page has.";
    routes.noun("Passkeys", about).on::<__path_list, _, _>(account, list).on::<__path_remove, _, _>(account, remove)
}

/// A passkey.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Passkey)]
pub struct PasskeyShape {
    /// Its id.
    id: PublicId,
    /// What its owner calls it.
    #[schema(example = "phone")]
    name: String,
    /// When it was added.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

impl PasskeyShape {
    fn of(passkey: &Passkey) -> Self {
        Self {
            id: PublicId(passkey.uuid),
            name: passkey.name.clone(),
            created_at: passkey.created_at.to_rfc3339(),
            last_used_at: passkey.last_used_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// Lists passkeys.
#[utoipa::path(get, path = "/v1/passkeys",
    responses((status = 200, description = "All passkeys, the oldest first.", body = Page<PasskeyShape>)))]
pub async fn list(State(broker): State<Broker>, keeper: Keeper, _: Params<Nothing>) -> Result<Json<Page<PasskeyShape>>, Problem> {
    let all = passkey::list(&broker.desk, keeper.user_id()).await?;
    Ok(Json(Page::whole(all.iter().map(PasskeyShape::of).collect())))
}

/// Removes a passkey.
///
/// It signs nobody in any more. With the last second factor recovery codes are void. A proof stands in the body, which is why
/// this is no `DELETE`.
#[utoipa::path(post, path = "/v1/passkeys/{passkey}/remove", params(("passkey" = PublicId, Path, description = "Its id.")),
    request_body(content = Proved, example = json!({"proof": {"password": "correct horse battery staple", "code": "492039"}})),
    responses((status = 204, description = "It is removed."),
        (status = 429, description = "Too many wrong proofs; wait a quarter of an hour.")))]
pub async fn remove(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    Id(id): Id,
    body: Body<Proved>,
) -> Result<StatusCode, Problem> {
    // First, so that what is not there costs no code.
    if !passkey::list(&broker.desk, keeper.user_id()).await?.iter().any(|passkey| passkey.uuid == id) {
        return Err(Problem::not_found());
    }
    body.value.proof.check(&broker, from, &keeper.0.user).await?;
    if passkey::remove(&broker.desk, keeper.user_id(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found())
    }
}

//! Usernames: the one that stands for the user. Clients need one to work with; addresses are not named for it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

use super::caller::Caller;
use super::error::ApiError;
use super::request::{Body, Data, Id, OneId};
use super::shape::UsernameShape;
use crate::model::api_token::Scope;
use crate::service::broker::Broker;

type Shown = Result<Json<Data<UsernameShape>>, ApiError>;
type Done = Result<StatusCode, ApiError>;

const ONE: &str = "There is one username for each user here, and it is as it is.";

fn find(caller: &Caller, id: Uuid) -> Shown {
    if caller.user().uuid == id { Ok(Json(Data { data: UsernameShape::of(caller.user()) })) } else { Err(ApiError::not_found()) }
}

/// `GET /api/v1/usernames`
pub async fn list(caller: Caller) -> Result<Json<Data<[UsernameShape; 1]>>, ApiError> {
    caller.need(Scope::Read)?;
    Ok(Json(Data { data: [UsernameShape::of(caller.user())] }))
}

/// `GET /api/v1/usernames/{id}`
pub async fn show(caller: Caller, Id(id): Id) -> Shown {
    caller.need(Scope::Read)?;
    find(&caller, id)
}

/// `POST /api/v1/usernames`
pub async fn create(caller: Caller) -> Done {
    caller.need(Scope::Write)?;
    Err(ApiError::refused(ONE))
}

/// `PATCH` and `DELETE /api/v1/usernames/{id}`, and whatever else would change it.
pub async fn change(caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    find(&caller, id).map(drop)?;
    Err(ApiError::refused(ONE))
}

/// `POST` of `active-usernames` and `loginable-usernames`: it is so.
pub async fn is_so(State(_): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    find(&caller, body.get()?)
}

/// `POST /api/v1/catch-all-usernames`
pub async fn catch_all(State(_): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    find(&caller, body.get()?).map(drop)?;
    Err(ApiError::refused("An address that was never made takes no mail."))
}

/// `DELETE /api/v1/catch-all-usernames/{id}`: it is never so.
pub async fn no_catch_all(caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    find(&caller, id).map(drop)?;
    Ok(StatusCode::NO_CONTENT)
}

//! `POST /v1/aliases/{alias}/unmake`: an alias made by mistake is taken back.

use axum::extract::State;
use axum::http::StatusCode;

use super::caller::Writer;
use super::problem::Problem;
use super::request::{Id, Nothing, Params, PublicId};
use crate::service::alias_unmake::{self, UnmakeError};
use crate::service::broker::Broker;

impl From<UnmakeError> for Problem {
    fn from(error: UnmakeError) -> Self {
        match error {
            UnmakeError::Unknown => Self::not_found(),
            UnmakeError::Used | UnmakeError::TooLate => Self::conflict(error),
            UnmakeError::Storage(error) => error.into(),
        }
    }
}

/// Takes a new alias back.
///
/// For an hour, and as long as nobody wrote to it. On a domain of the user's own it is as if it had never been made; on others
/// its address is never given out again.
#[utoipa::path(post, path = "/v1/aliases/{alias}/unmake", params(("alias" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is gone."),
        (status = 409, description = "Mail came to it, or it is there for too long: kill or forget it.")))]
pub async fn unmake(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    alias_unmake::unmake(&broker, writer.user_id(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

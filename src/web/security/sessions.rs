//! Browsers that are signed in: one ended, or all but this one.

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use crate::service::broker::Broker;
use crate::service::session;
use crate::web::failure::Failure;
use crate::web::form::Checked;
use crate::web::id::Id;
use crate::web::session::clear_cookie;

pub(super) async fn end(State(broker): State<Broker>, Id(id): Id, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    if !session::end(&broker.desk, who.user_id(), id).await? {
        return Err(Failure::NotFound);
    }
    if id == who.session.uuid {
        return Ok(([clear_cookie(&broker)], who.go("sign-in?said=out")).into_response());
    }
    Ok(who.go("security?said=ended"))
}

pub(super) async fn end_others(State(broker): State<Broker>, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    session::end_others(&broker.desk, who.user_id(), Some(&who.session)).await?;
    Ok(who.go("security?said=others"))
}

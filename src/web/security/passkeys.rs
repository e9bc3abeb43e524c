//! Passkeys: added by the browser, removed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{again, codes, need_proof};
use crate::service::broker::Broker;
use crate::service::passkey::{self, AddError};
use crate::web::failure::Failure;
use crate::web::form::{Checked, MENDABLE};
use crate::web::id::Id;
use crate::web::passkey::{answer, offered};

pub(super) async fn offer(State(broker): State<Broker>, Checked { who, .. }: Checked) -> Response {
    if need_proof(&broker, &who, "/security").is_some() {
        let wrong = "Please show first that it is you: open \"Is it you?\" on this page.";
        return (StatusCode::FORBIDDEN, Json(json!({ "wrong": wrong }))).into_response();
    }
    offered(match passkey::place(&broker.rules.public_url) {
        Ok(place) => passkey::offer_adding(&broker.desk, &place, &who.user).await,
        Err(unfit) => Err(unfit.into()),
    })
}

pub(super) async fn add(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security") {
        return Ok(first);
    }
    let Ok(place) = passkey::place(&broker.rules.public_url) else { return Err(Failure::NotFound) };
    let added = passkey::add(&broker.desk, &place, &who.user, &who.session, (fields.text("name"), answer(&fields))).await;
    let wrong = match added {
        Ok((_, Some(fresh))) => return Ok(codes::show(&who, fresh, "The passkey is added")),
        Ok((_, None)) => return Ok(who.go("security?said=passkey")),
        Err(AddError::Name) => (MENDABLE, "A passkey needs a name of 1 to 100 characters, so that you know it again."),
        Err(AddError::Refused) => (MENDABLE, "That took too long, or the browser's answer was not right. Please try again."),
        Err(AddError::Taken) => (StatusCode::CONFLICT, "This passkey was added before."),
        Err(AddError::Storage(error)) => return Err(error.into()),
    };
    again(&broker, &who, wrong).await
}

pub(super) async fn remove(State(broker): State<Broker>, Id(id): Id, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security") {
        return Ok(first);
    }
    if passkey::remove(&broker.desk, who.user_id(), id).await? {
        Ok(who.go("security?said=passkey-gone"))
    } else {
        Err(Failure::NotFound)
    }
}

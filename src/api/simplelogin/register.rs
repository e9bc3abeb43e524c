//! What clients offer people without a key. An account is made on the pages: these clients ask for a code of six digits,
//! where our letters hold a link. A forgotten password begins like on the pages; neither says who has an account.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::request::Body;
use crate::api::origin::Origin;
use crate::config::instance::Registration;
use crate::service::broker::Broker;
use crate::service::reset::{self, AskError};

/// `POST /api/auth/register`, `activate` and `reactivate`
pub async fn closed(State(broker): State<Broker>) -> ApiError {
    let url = &broker.rules.public_url;
    ApiError::bad_request(match broker.rules.registration {
        Registration::Open => format!("Please make your account in the browser: {url}/sign-up"),
        Registration::Invite => "Registration takes an invitation: open its link in the browser".to_owned(),
        Registration::Closed => "Registration is closed: the operator of this instance makes the accounts".to_owned(),
    })
}

/// Whose password is forgotten.
#[derive(Debug, Deserialize)]
pub struct Forgotten {
    email: Option<String>,
}

/// `POST /api/auth/forgot_password`: yes to every address, so that nobody learns which are known.
pub async fn forgot_password(
    State(broker): State<Broker>,
    Origin(ip): Origin,
    Body(forgotten): Body<Forgotten>,
) -> Result<Json<Value>, ApiError> {
    let email = forgotten.email.unwrap_or_default();
    if email.trim().is_empty() {
        return Err(ApiError::bad_request("request body must contain email"));
    }
    match reset::ask(&broker, ip, &email).await {
        // What is no address is nobody's, and an instance that can't write mail does not say so here.
        Ok(()) | Err(AskError::Address | AskError::NoDomain) => Ok(Json(json!({ "ok": true }))),
        Err(AskError::TooMany) => Err(ApiError::too_many()),
        Err(AskError::Storage(error)) => Err(error.into()),
    }
}

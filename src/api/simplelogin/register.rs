//! What clients offer people without a key: an account, made in two steps with a code from a letter, and a link for a
//! forgotten password. None of it says who has an account.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::request::Body;
use crate::api::origin::Origin;
use crate::config::instance::Registration;
use crate::model::Private;
use crate::service::broker::Broker;
use crate::service::password::SetError;
use crate::service::reset::{self, AskError};
use crate::service::sign_up_code::{self, ActivateError, Activated, RegisterError, RenewError};

fn not_open(broker: &Broker) -> ApiError {
    ApiError::bad_request(match broker.rules.registration {
        Registration::Open => "Registration is closed: whoever runs this instance has to make their own account first",
        Registration::Invite => "Registration takes an invitation: open its link in the browser",
        Registration::Closed => "Registration is closed: the operator of this instance makes the accounts",
    })
}

/// Who wants an account.
#[derive(Debug, Deserialize)]
pub struct NewAccount {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: Private<String>,
}

/// `POST /api/auth/register`: the same answer for every address; a code goes there, or the news of an account.
pub async fn register(
    State(broker): State<Broker>,
    Origin(ip): Origin,
    Body(new): Body<NewAccount>,
) -> Result<Json<Value>, ApiError> {
    sign_up_code::register(&broker, ip, &new.email, &new.password).await.map_err(|error| match error {
        RegisterError::NotOpen => not_open(&broker),
        RegisterError::Address => ApiError::bad_request("email: this is no mail address"),
        RegisterError::OwnDomain => {
            ApiError::bad_request("email: this address is on a domain of this instance; your inbox must be elsewhere")
        }
        RegisterError::NoDomain => ApiError::bad_request("This instance can't send mail yet: its operator has to name a domain"),
        RegisterError::Password(error @ SetError::Length) => ApiError::bad_request(format!("password: {error}")),
        RegisterError::Password(SetError::Easy(easy)) => {
            ApiError::bad_request(format!("password: {easy}; a few words in a row are easy to keep in mind and hard to guess"))
        }
        RegisterError::Password(SetError::Unknown | SetError::Hash(_)) => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "Please try again later")
        }
        RegisterError::TooMany => ApiError::too_many(),
        RegisterError::Password(SetError::Storage(error)) | RegisterError::Storage(error) => error.into(),
    })?;
    Ok(Json(json!({ "msg": "Please look into your inbox: a code was sent there" })))
}

/// The code.
#[derive(Debug, Deserialize)]
pub struct Activation {
    #[serde(default)]
    email: String,
    #[serde(default)]
    code: Private<String>,
}

/// `POST /api/auth/activate`: the account, for who read the code in its mailbox. 410 when another code is needed.
pub async fn activate(
    State(broker): State<Broker>,
    Origin(ip): Origin,
    Body(activation): Body<Activation>,
) -> Result<Json<Value>, ApiError> {
    let Activation { email, code } = activation;
    let done = sign_up_code::activate(&broker, ip, &email, code.reveal()).await.map_err(|error| match error {
        ActivateError::NotOpen => not_open(&broker),
        ActivateError::Wrong => ApiError::bad_request("Wrong email or code, or the code is older than an hour"),
        ActivateError::UsedUp => ApiError::new(StatusCode::GONE, "Too many wrong codes: ask for another one"),
        ActivateError::TooMany => ApiError::too_many(),
        ActivateError::Taken => ApiError::bad_request("There is an account with this address already: sign in with it"),
        ActivateError::Storage(error) => error.into(),
    })?;
    let disputed = "Your account is ready, but more than one password was chosen for it";
    Ok(Json(json!({ "msg": match done {
        Activated::Ready => "Your account is ready: sign in with it".to_owned(),
        Activated::WithoutPassword => format!("{disputed}: open the link that was just mailed to you"),
        Activated::WithoutLetter => {
            let url = &broker.rules.public_url;
            format!("{disputed}, and your address got several links within the last hour: in an hour, ask for one at {url}/reset")
        }
    } })))
}

/// Whose code does not work any more.
#[derive(Debug, Deserialize)]
pub struct Late {
    #[serde(default)]
    email: String,
}

/// `POST /api/auth/reactivate`: yes to every address; another code goes to one that waits for it.
pub async fn reactivate(
    State(broker): State<Broker>,
    Origin(ip): Origin,
    Body(late): Body<Late>,
) -> Result<Json<Value>, ApiError> {
    sign_up_code::renew(&broker, ip, &late.email).await.map_err(|error| match error {
        RenewError::NotOpen => not_open(&broker),
        RenewError::TooMany => ApiError::too_many(),
        RenewError::Storage(error) => error.into(),
    })?;
    Ok(Json(json!({ "msg": "If somebody signed up with this address, another code was sent there" })))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_not_written_into_logs() {
        let activation: Activation = serde_json::from_str(r#"{"email":"a@b.example","code":"492039"}"#).unwrap();
        assert_eq!(activation.code.reveal(), "492039");
        assert!(!format!("{activation:?}").contains("492039"));
    }
}

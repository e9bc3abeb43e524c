//! Another password, shortly after having proved who one is: with the old one and the second factor, if there is one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{again, need_proof};
use crate::model::Private;
use crate::service::account::{self, PasswordChangeError};
use crate::service::broker::Broker;
use crate::service::password::{self, SetError};
use crate::web::failure::Failure;
use crate::web::form::{Checked, MENDABLE};
use crate::web::sign_in::BUSY;
use crate::web::sign_up::sentence;

pub(super) async fn change(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security") {
        return Ok(first);
    }
    let new = fields.raw("new");
    let names = password::public_names(&broker, &who.user.email.to_string());
    let easy = password::faults(new, &names).into_iter().find_map(|fault| match fault {
        SetError::Easy(easy) => Some(sentence(easy)),
        _ => None,
    });
    if let Some(easy) = easy {
        return again(&broker, &who, (MENDABLE, easy)).await;
    }
    if new != fields.raw("again") {
        return again(&broker, &who, (MENDABLE, "The new password was not typed the same twice. Nothing was changed.")).await;
    }
    let new = Private::new(new.to_owned());
    let wrong = match account::change_password(&broker, &who.user, Some(&who.session), &new).await {
        Ok(()) => return Ok(who.go("security?said=password")),
        Err(PasswordChangeError::Length) => {
            (MENDABLE, "A password has 8 characters at the least. Nothing was changed: please choose a longer one.")
        }
        Err(PasswordChangeError::Unknown) => return Err(Failure::NotFound),
        Err(PasswordChangeError::Hash(_)) => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Err(PasswordChangeError::Storage(error)) => return Err(error.into()),
    };
    again(&broker, &who, wrong).await
}

//! Another password: with the old one, or shortly after having proved who one is.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::again;
use crate::model::Private;
use crate::service::account::{self, PasswordChangeError};
use crate::service::app_password::LoginError;
use crate::service::broker::Broker;
use crate::service::password;
use crate::web::failure::Failure;
use crate::web::form::{Checked, MENDABLE};
use crate::web::session::Visitor;
use crate::web::sign_in::{BUSY, TOO_MANY};

pub(super) async fn change(
    State(broker): State<Broker>,
    visitor: Visitor,
    Checked { who, fields }: Checked,
) -> Result<Response, Failure> {
    let (old, new) = (fields.raw("old"), fields.raw("new"));
    if new != fields.raw("again") {
        return again(&broker, &who, (MENDABLE, "The new password was not typed the same twice. Nothing was changed.")).await;
    }
    if !old.is_empty() || !who.session.is_confirmed(broker.now()) {
        let (email, old) = (who.user.email.to_string(), Private::new(old.to_owned()));
        let wrong = match password::check(&broker.desk, &broker.logins, visitor.browser.ip, &email, &old).await {
            Ok(_) => None,
            Err(LoginError::Wrong) => Some((StatusCode::FORBIDDEN, "The old password is not right. Nothing was changed.")),
            Err(LoginError::TooMany) => Some((StatusCode::TOO_MANY_REQUESTS, TOO_MANY)),
            Err(LoginError::Password(_)) => Some((StatusCode::SERVICE_UNAVAILABLE, BUSY)),
            Err(LoginError::Storage(error)) => return Err(error.into()),
        };
        if let Some(wrong) = wrong {
            return again(&broker, &who, wrong).await;
        }
    }
    let Some(domain) = broker.rules.domains.first() else { return Err(Failure::NotFound) };
    let new = Private::new(new.to_owned());
    let wrong = match account::change_password(&broker.desk, domain, &who.user, &who.session, &new).await {
        Ok(()) => {
            broker.queue.notify_one();
            return Ok(who.go("security?said=password"));
        }
        Err(PasswordChangeError::Length) => {
            (MENDABLE, "A password has 8 characters at the least. Nothing was changed: please choose a longer one.")
        }
        Err(PasswordChangeError::Unknown) => return Err(Failure::NotFound),
        Err(PasswordChangeError::Hash(_)) => (StatusCode::SERVICE_UNAVAILABLE, BUSY),
        Err(PasswordChangeError::Storage(error)) => return Err(error.into()),
    };
    again(&broker, &who, wrong).await
}

//! Signing in by an API in two steps. What the first one gives and the second one takes is half a session, as that of a
//! browser between password and code: it opens nothing, ends by itself, and ends with the second step.

use std::net::IpAddr;

use crate::model::Private;
use crate::model::id::UserId;
use crate::model::user::User;
use crate::service::StorageError;
use crate::service::broker::Broker;
use crate::service::factor::{self, FactorError};
use crate::service::session::{self, Browser};

/// Begins: what the second step is asked for.
pub async fn begin(broker: &Broker, user: UserId, ip: IpAddr) -> Result<Private<String>, StorageError> {
    let client = Browser { user_agent: String::new(), ip };
    Ok(session::open(&broker.desk, user, true, client).await?.1)
}

/// Ends: who it is. A wrong code leaves the first step standing, so that one can try again.
pub async fn end(broker: &Broker, ip: IpAddr, half: &Private<String>, code: &Private<String>) -> Result<User, FactorError> {
    let found = session::find(&broker.desk, half.reveal()).await?.filter(|found| found.session.needs_factor);
    let found = found.ok_or(FactorError::Wrong)?;
    let checked = factor::check(&broker.desk, &broker.logins, ip, &found.user, code.reveal()).await;
    if checked.is_err() {
        factor::warn(broker, &found.user).await;
    }
    checked?;
    session::end(&broker.desk, found.user.id, found.session.uuid).await?;
    Ok(found.user)
}

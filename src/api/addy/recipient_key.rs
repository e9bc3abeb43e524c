//! Keys of recipients, and the switches around them. With a key everything is encrypted, as PGP/MIME; without one nothing
//! is: there is no switch between, so that no letter goes out in clear by mistake.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use super::caller::Caller;
use super::error::ApiError;
use super::recipient::{find, one};
use super::request::{Body, Data, Id, OneId, filled, required};
use super::shape::RecipientShape;
use crate::model::api_token::Scope;
use crate::service::broker::Broker;
use crate::service::pgp_key;

type Shown = Result<Json<Data<RecipientShape>>, ApiError>;
type Done = Result<StatusCode, ApiError>;

/// A key.
#[derive(Debug, Deserialize)]
pub struct New {
    #[serde(default, deserialize_with = "filled")]
    key_data: Option<String>,
}

/// `PATCH /api/v1/recipient-keys/{id}`
pub async fn set(State(broker): State<Broker>, caller: Caller, Id(id): Id, Body(new): Body<New>) -> Shown {
    caller.need(Scope::Write)?;
    let mailbox = find(&broker, &caller, id).await?;
    let file = new.key_data.ok_or_else(|| required("key_data"))?;
    let user = caller.user_id();
    let keys = pgp_key::list(&broker.desk, user).await?;
    let hide_subject = keys.iter().any(|key| key.mailbox_id == mailbox.id && key.hide_subject);
    pgp_key::set(&broker.desk, user, &mailbox.address, file.as_bytes(), hide_subject).await?;
    one(&broker, &caller, id).await
}

/// `DELETE /api/v1/recipient-keys/{id}`
pub async fn remove(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    let mailbox = find(&broker, &caller, id).await?;
    match pgp_key::remove(&broker.desk, caller.user_id(), &mailbox.address).await {
        Ok(()) | Err(pgp_key::KeyOfError::NoKey) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

/// `POST /api/v1/encrypted-recipients`: it is so with a key, and can't be without.
pub async fn encrypt(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    let mailbox = find(&broker, &caller, body.get()?).await?;
    pgp_key::find(&broker.desk, caller.user_id(), &mailbox.address).await?;
    one(&broker, &caller, mailbox.uuid).await
}

/// `DELETE /api/v1/encrypted-recipients/{id}`
pub async fn do_not_encrypt(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    let mailbox = find(&broker, &caller, id).await?;
    let keys = pgp_key::list(&broker.desk, caller.user_id()).await?;
    if keys.iter().any(|key| key.mailbox_id == mailbox.id) {
        return Err(ApiError::refused("Mail for a recipient with a key is always encrypted; remove the key."));
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/protected-headers-recipients`: the subject is encrypted as well.
pub async fn hide_subject(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    let id = body.get()?;
    set_hiding(&broker, &caller, id, true).await?;
    one(&broker, &caller, id).await
}

/// `DELETE /api/v1/protected-headers-recipients/{id}`
pub async fn show_subject(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    set_hiding(&broker, &caller, id, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_hiding(broker: &Broker, caller: &Caller, id: Uuid, hide: bool) -> Result<(), ApiError> {
    caller.need(Scope::Write)?;
    let mailbox = find(broker, caller, id).await?;
    let user = caller.user_id();
    let key = match pgp_key::find(&broker.desk, user, &mailbox.address).await {
        Err(pgp_key::KeyOfError::NoKey) if !hide => return Ok(()),
        found => found?.key,
    };
    pgp_key::set(&broker.desk, user, &mailbox.address, &key.public_key, hide).await?;
    Ok(())
}

/// `POST /api/v1/allowed-recipients`: every mailbox may answer from its aliases.
pub async fn allow(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    one(&broker, &caller, body.get()?).await
}

/// `DELETE /api/v1/allowed-recipients/{id}`
pub async fn forbid(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    Err(ApiError::refused("Every mailbox may answer from the aliases that forward to it."))
}

/// `POST` of `inline-encrypted-recipients`, `remove-pgp-keys-recipients` and `remove-pgp-signatures-recipients`
pub async fn not_done(State(broker): State<Broker>, caller: Caller, Body(body): Body<OneId>) -> Shown {
    caller.need(Scope::Write)?;
    find(&broker, &caller, body.get()?).await?;
    Err(ApiError::refused("Bodies are passed on as they came, or encrypted as PGP/MIME."))
}

/// `DELETE` of the same: it is never so.
pub async fn never_was(State(broker): State<Broker>, caller: Caller, Id(id): Id) -> Done {
    caller.need(Scope::Write)?;
    find(&broker, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

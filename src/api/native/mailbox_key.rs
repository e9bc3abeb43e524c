//! `/v1/mailboxes/{mailbox}/key`: the PGP key that mail for a mailbox is encrypted with. Another key decides who can read it,
//! so it takes a token for the account and a proof, as on the page.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Keeper, Reader};
use super::mailbox::find;
use super::problem::Problem;
use super::proof::Proof;
use super::request::{Body, Id, Nothing, Params, PublicId};
use crate::api::origin::Origin;
use crate::model::Timestamp;
use crate::service::broker::Broker;
use crate::service::pgp_key::{self, KeyOfError, SetError, Shown};

/// A key as far as it is shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MailboxKey)]
pub struct KeyShape {
    /// Its fingerprint.
    #[schema(example = "D1A66E1A23B182C9980F788CFBFCC82A015E7330")]
    fingerprint: String,
    /// When it expires by itself.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Whether the subject is encrypted as well.
    hide_subject: bool,
    /// When it was set.
    #[schema(format = DateTime)]
    created_at: String,
    /// What keeps it from being used: mail waits at its senders until that is mended.
    problem: Option<String>,
}

impl KeyShape {
    fn of(shown: &Shown) -> Self {
        Self {
            fingerprint: shown.key.fingerprint.clone(),
            expires_at: shown.key.expires_at.map(Timestamp::to_rfc3339),
            hide_subject: shown.key.hide_subject,
            created_at: shown.key.created_at.to_rfc3339(),
            problem: shown.problem.as_ref().map(ToString::to_string),
        }
    }
}

impl From<SetError> for Problem {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Unknown => Self::not_found(),
            SetError::Key(_) | SetError::Unsupported => Self::invalid("key", error),
            SetError::Storage(error) => error.into(),
        }
    }
}

impl From<KeyOfError> for Problem {
    fn from(error: KeyOfError) -> Self {
        match error {
            KeyOfError::Unknown | KeyOfError::NoKey => Self::not_found(),
            KeyOfError::Storage(error) => error.into(),
        }
    }
}

/// The key of a mailbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxKeyShown {
    /// Null when mail goes there as it came.
    key: Option<KeyShape>,
}

/// Shows the PGP key of a mailbox.
#[utoipa::path(get, path = "/v1/mailboxes/{mailbox}/key",
    params(("mailbox" = PublicId, Path, description = "The mailbox's id.")),
    responses((status = 200, description = "The key, if it has one.", body = MailboxKeyShown)))]
pub async fn show_key(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<MailboxKeyShown>, Problem> {
    let found = find(&broker, reader.user_id(), id).await?;
    match pgp_key::find(&broker.desk, reader.user_id(), &found.address).await {
        Ok(shown) => Ok(Json(MailboxKeyShown { key: Some(KeyShape::of(&shown)) })),
        Err(KeyOfError::NoKey) => Ok(Json(MailboxKeyShown { key: None })),
        Err(error) => Err(error.into()),
    }
}

/// A key to encrypt with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMailboxKey {
    /// The public key, armored.
    #[schema(example = "-----BEGIN PGP PUBLIC KEY BLOCK-----")]
    key: String,
    /// Whether the subject is encrypted as well; not, when it is left out.
    hide_subject: Option<bool>,
    /// Who asks.
    proof: Proof,
}

/// Encrypts mail for a mailbox.
///
/// With this public key, in place of one it had. What is forwarded there from now on is encrypted.
#[utoipa::path(post, path = "/v1/mailboxes/{mailbox}/key",
    params(("mailbox" = PublicId, Path, description = "The mailbox's id.")),
    request_body(content = NewMailboxKey, example = json!({"key": "-----BEGIN PGP PUBLIC KEY BLOCK-----", "proof": {"password": "correct horse battery staple"}})),
    responses((status = 200, description = "The key.", body = KeyShape),
        (status = 429, description = "Too many proofs were wrong.")))]
pub async fn set_key(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    Id(id): Id,
    body: Body<NewMailboxKey>,
) -> Result<Json<KeyShape>, Problem> {
    let found = find(&broker, keeper.user_id(), id).await?;
    let NewMailboxKey { key, hide_subject, proof } = body.value;
    pgp_key::check(&broker.desk, key.as_bytes())?;
    proof.check(&broker, from, &keeper.0.user).await?;
    let hides = hide_subject.unwrap_or_default();
    Ok(Json(KeyShape::of(&pgp_key::set(&broker.desk, keeper.user_id(), &found.address, key.as_bytes(), hides).await?)))
}

/// Who wants no key any more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailboxKeyRemoval {
    /// Who asks.
    proof: Proof,
}

/// Encrypts mail for a mailbox no more.
#[utoipa::path(post, path = "/v1/mailboxes/{mailbox}/key/remove",
    params(("mailbox" = PublicId, Path, description = "The mailbox's id.")),
    request_body(content = MailboxKeyRemoval, example = json!({"proof": {"password": "correct horse battery staple"}})),
    responses((status = 204, description = "It has no key any more."),
        (status = 404, description = "It has none, or there is no such mailbox."),
        (status = 429, description = "Too many proofs were wrong.")))]
pub async fn remove_key(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    Id(id): Id,
    body: Body<MailboxKeyRemoval>,
) -> Result<StatusCode, Problem> {
    let found = find(&broker, keeper.user_id(), id).await?;
    // A code counts once: it is not used up for what can't be done.
    pgp_key::find(&broker.desk, keeper.user_id(), &found.address).await?;
    body.value.proof.check(&broker, from, &keeper.0.user).await?;
    pgp_key::remove(&broker.desk, keeper.user_id(), &found.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

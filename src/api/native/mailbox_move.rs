//! `/v1/mailboxes/{mailbox}/move`: another address takes the place of a mailbox behind all aliases. It sends all mail
//! elsewhere, so beginning it takes a token for the account and a proof, as on the page.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::{Keeper, Writer};
use super::mailbox::{MailboxShape, find};
use super::problem::Problem;
use super::proof::Proof;
use super::request::{Body, Id, Nothing, Params, PublicId};
use crate::api::origin::Origin;
use crate::model::Address;
use crate::service::broker::Broker;
use crate::service::mailbox::MoveError;
use crate::service::mailbox_move::{self, BeginError, Begun, CancelError, CompleteError, Plan};

impl From<BeginError> for Problem {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Storage(error) | BeginError::Move(MoveError::Storage(error)) => error.into(),
            BeginError::Move(MoveError::Unknown) => Self::not_found(),
            BeginError::Move(MoveError::OwnDomain) | BeginError::Same => Self::invalid("address", error),
            BeginError::TooMany => Self::too_many("address: enough links were mailed within the last hour; try again in an hour"),
            BeginError::Move(MoveError::Unverified | MoveError::Paused | MoveError::NoKey)
            | BeginError::Underway
            | BeginError::Full => Self::conflict(error),
        }
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        match error {
            CancelError::Unknown => Self::not_found(),
            CancelError::NoMove => Self::conflict(error),
            CancelError::Storage(error) => error.into(),
        }
    }
}

impl From<CompleteError> for Problem {
    fn from(error: CompleteError) -> Self {
        match error {
            CompleteError::Unknown => Self::not_found(),
            CompleteError::NoMove | CompleteError::Unverified => Self::conflict(error),
            CompleteError::Storage(error) => error.into(),
        }
    }
}

/// Where a mailbox moves to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailboxMove {
    /// The new address.
    #[schema(example = "jane.roe@other.example")]
    address: String,
    /// Whether the address the user signs in with follows, if it is the old one; not, when it is left out.
    sign_in: Option<bool>,
    /// Who asks.
    proof: Proof,
}

/// How far a move got.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxMoving {
    /// Whether it is done: the new one was a verified mailbox before. Otherwise a letter with a link is on its way there, and
    /// mail goes to the old one until the link was followed and the move finished.
    done: bool,
    /// The new mailbox.
    mailbox: MailboxShape,
}

/// Begins to move a mailbox.
///
/// Another address shall take its place behind every alias.
#[utoipa::path(post, path = "/v1/mailboxes/{mailbox}/move",
    params(("mailbox" = PublicId, Path, description = "The id of the mailbox that is left.")),
    request_body(content = MailboxMove, example = json!({"address": "jane.roe@other.example", "proof": {"password": "correct horse battery staple"}})),
    responses((status = 200, description = "How far it got.", body = MailboxMoving),
        (status = 409, description = "One of the two is being moved already, or can't take mail now, or has no key where the other has one."),
        (status = 429, description = "Too many proofs were wrong, or enough links were mailed lately.")))]
pub async fn begin_move(
    State(broker): State<Broker>,
    keeper: Keeper,
    from: Origin,
    Id(id): Id,
    body: Body<MailboxMove>,
) -> Result<Json<MailboxMoving>, Problem> {
    let found = find(&broker, keeper.user_id(), id).await?;
    let MailboxMove { address, sign_in, proof } = body.value;
    let new = Address::parse(&address).map_err(|error| Problem::invalid("address", error))?;
    let domain = broker.rules.domains.first();
    let domain = domain.ok_or_else(|| Problem::conflict("this instance has no domain to write from"))?;
    if new.folded() == found.address.folded() {
        return Err(BeginError::Same.into());
    }
    proof.check(&broker, from, &keeper.0.user).await?;
    let plan = Plan { user: keeper.user_id(), old: found.address, new, moves_sign_in: sign_in.unwrap_or_default() };
    let begun = mailbox_move::begin(&broker.desk, domain, &broker.rules.public_url, plan).await;
    broker.queue.notify_one();
    let (done, mailbox) = match begun? {
        Begun::Asked(mailbox) => (false, mailbox),
        Begun::Done(mailbox) => (true, mailbox),
    };
    Ok(Json(MailboxMoving { done, mailbox: MailboxShape::of(&mailbox) }))
}

/// What a move did.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxMoved {
    /// The mailbox that has the place of the old one, which is gone.
    mailbox: MailboxShape,
    /// Whether the user signs in with its address from now on.
    signs_in: bool,
}

/// Finishes the move of a mailbox.
///
/// Once the link that was mailed to the new address was followed.
#[utoipa::path(post, path = "/v1/mailboxes/{mailbox}/move/finish",
    params(("mailbox" = PublicId, Path, description = "The id of the mailbox that is left.")),
    responses((status = 200, description = "It is moved.", body = MailboxMoved),
        (status = 409, description = "It is not being moved, or the link was not followed yet.")))]
pub async fn finish_move(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<MailboxMoved>, Problem> {
    let found = find(&broker, writer.user_id(), id).await?;
    let moved = mailbox_move::complete_with(&broker, writer.user_id(), &found.address).await?;
    Ok(Json(MailboxMoved { mailbox: MailboxShape::of(&moved.mailbox), signs_in: moved.signs_in }))
}

/// Cancels the move of a mailbox.
///
/// Mail keeps going there; the new one goes, unless an alias has no other.
#[utoipa::path(delete, path = "/v1/mailboxes/{mailbox}/move",
    params(("mailbox" = PublicId, Path, description = "The id of the mailbox that would have been left.")),
    responses((status = 204, description = "It is cancelled."), (status = 409, description = "It is not being moved.")))]
pub async fn cancel_move(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<StatusCode, Problem> {
    let found = find(&broker, writer.user_id(), id).await?;
    mailbox_move::cancel(&broker.desk, writer.user_id(), &found.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

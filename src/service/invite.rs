//! Invitations: made by an administrator or the operator, given away as a link, used once to make an account.

use std::time::Duration;

use uuid::Uuid;

use super::Desk;
use crate::auth::opaque;
use crate::model::id::UserId;
use crate::model::invite::Invite;
use crate::model::{Private, Timestamp};
use crate::storage::invite::NewInvite;
use crate::storage::{self, Tx, invite};

/// How long an invitation works when nothing else is said.
pub const LASTS: Duration = Duration::from_hours(7 * 24);
/// The longest it may work.
const LONGEST: Duration = Duration::from_hours(366 * 24);
/// The longest note, in characters.
const LONGEST_NOTE: usize = 200;
/// Invitations that are listed.
const LISTED: u32 = 500;

/// Why an invitation can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Too long, or with control characters.
    #[error("a note has {LONGEST_NOTE} characters at the most and no control characters")]
    Note,
    /// No time at all, or for ever.
    #[error("an invitation works for a minute at the least and a year at the most")]
    Lasts,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Makes an invitation. What its link holds is given back this once.
pub async fn create(
    desk: &Desk,
    created_by: Option<UserId>,
    note: &str,
    lasts: Duration,
) -> Result<(Invite, Private<String>), CreateError> {
    let note = note.trim().to_owned();
    if note.chars().count() > LONGEST_NOTE || note.chars().any(char::is_control) {
        return Err(CreateError::Note);
    }
    if lasts < Duration::from_mins(1) || lasts > LONGEST {
        return Err(CreateError::Lasts);
    }
    let (secret, now) = (opaque::draw(&desk.chance), desk.clock.now());
    let hash = opaque::hash(secret.reveal()).unwrap_or_else(|| unreachable!("what was drawn is a secret"));
    let new = NewInvite { uuid: desk.uuid(), hash, note, created_by, created_at: now, expires_at: now.plus(lasts) };
    let made = desk.storage.write(move |tx| Box::pin(async move { invite::create(tx, &new).await })).await?;
    Ok((made, secret))
}

/// Where an invitation leads.
pub fn link(public_url: &str, secret: &Private<String>) -> String {
    format!("{}/invite/{}", public_url.trim_end_matches('/'), secret.reveal())
}

/// The newest invitations, whatever became of them.
pub async fn list(desk: &Desk) -> Result<Vec<Invite>, storage::Error> {
    invite::list(&mut desk.storage.read().await?, LISTED).await
}

/// The invitation that a link holds, if somebody may still come with it.
pub async fn find_open(desk: &Desk, secret: &str) -> Result<Option<Invite>, storage::Error> {
    find_open_in(&mut desk.storage.read().await?, secret, desk.clock.now()).await
}

/// The same inside a transaction.
pub(super) async fn find_open_in(tx: &mut Tx, secret: &str, now: Timestamp) -> Result<Option<Invite>, storage::Error> {
    match opaque::hash(secret) {
        Some(hash) => invite::find_open(tx, &hash, now).await,
        None => Ok(None),
    }
}

/// Takes an invitation back; false when there is none that was not used.
pub async fn revoke(desk: &Desk, uuid: Uuid) -> Result<bool, storage::Error> {
    desk.storage.write(move |tx| Box::pin(async move { invite::delete(tx, uuid).await })).await
}

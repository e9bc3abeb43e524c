//! Telling users what happened to their account, in the transaction in which it happens: whoever got in by stealth is seen.
//!
//! Works with a [`Desk`] alone, so that no door into the program (pages, programs, command line) goes without: the letter is
//! written from the first domain of the settings and signed with its keys when it is handed off.

use super::{Desk, account};
use crate::model::id::UserId;
use crate::storage::{self, Tx};
use crate::transform::notice::Letter;

/// Puts a letter to a user into the queue: to the address they sign in with, or else their default mailbox. Without a domain
/// of the instance there is nothing to write from.
pub(super) async fn tell(tx: &mut Tx, desk: &Desk, user: UserId, letter: &Letter) -> Result<(), storage::Error> {
    let Some(user) = storage::user::find(tx, user).await? else { return Ok(()) };
    account::tell(tx, desk, desk.writes_from.as_ref(), &user, letter).await
}

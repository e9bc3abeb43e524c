//! Recovery codes: drawn all at once and shown this once, so that old ones are worth nothing any more.

use super::letters::security;
use super::{Desk, account_notice};
use crate::auth::recovery_code as code;
use crate::model::Private;
use crate::model::id::UserId;
use crate::storage::{self, Tx};

/// Codes nobody has seen yet.
pub(super) struct Drawn {
    /// As they are shown.
    pub texts: Vec<Private<String>>,
    /// As they are kept.
    pub hashes: Vec<[u8; 32]>,
}

/// Draws a user's codes.
pub(super) fn draw(desk: &Desk) -> Drawn {
    let texts: Vec<_> = std::iter::repeat_with(|| code::draw(&desk.chance)).take(code::COUNT).collect();
    let hashes = texts.iter().filter_map(|text| code::hash(text.reveal())).collect();
    Drawn { texts, hashes }
}

/// Fresh codes for a user who is asked for a second factor; `None` for one who is not: they would stand in for nothing.
pub async fn redraw(desk: &Desk, user: UserId) -> Result<Option<Vec<Private<String>>>, storage::Error> {
    let (drawn, now) = (draw(desk), desk.clock.now());
    let (hashes, desk_) = (drawn.hashes, desk.clone());
    let replaced = desk.storage.write(move |tx| {
        Box::pin(async move {
            storage::user::lock(tx, user).await?;
            if !super::factor::are_asked(&storage::factor::find(tx, user).await?) {
                return Ok::<_, storage::Error>(false);
            }
            storage::recovery_code::replace(tx, user, &hashes, now).await?;
            account_notice::tell(tx, &desk_, user, &security::recovery_codes_renewed()).await?;
            Ok(true)
        })
    });
    Ok(replaced.await?.then_some(drawn.texts))
}

/// Tells a user that one of their codes let somebody in, and how many are left.
pub(super) async fn tell_used(tx: &mut Tx, desk: &Desk, user: UserId) -> Result<(), storage::Error> {
    let left = storage::factor::find(tx, user).await?.recovery_codes;
    account_notice::tell(tx, desk, user, &security::recovery_code_used(left)).await
}

/// Forgets a user's codes when there is no second factor left that they stand in for.
pub(super) async fn forget_if_idle(tx: &mut Tx, user: UserId) -> Result<(), storage::Error> {
    if super::factor::are_asked(&storage::factor::find(tx, user).await?) {
        return Ok(());
    }
    storage::recovery_code::clear(tx, user).await
}

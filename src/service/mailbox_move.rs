//! Moving a mailbox: another address takes its place behind all aliases, once somebody proved to read that address and
//! its owner finishes the move.
//!
//! Until then everything stays as it was: mail goes to the old one and answers from there are taken; the new one gets the
//! link and nothing else. The link proves that somebody reads the address, not that it was typed right: its owner, signed in,
//! follows it or finishes the move on the page of mailboxes. Then, in one transaction, the aliases, what waits in the queue, the place
//! as the default and the PGP key go over, and the old mailbox is gone. From then on an answer written from the old
//! address is refused, also one that was on its way: whoever reads that address is not the owner any more, as far as can
//! be proven. A key comes along unless the new mailbox has its own, so that what was encrypted never goes out in clear.

use super::broker::Broker;
use super::mailbox::{self, MoveError, replace};
use super::verification::{self, Sent};
use super::{Desk, letters, notice};
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::{Address, DomainName};
use crate::storage::mailbox_move::Move;
use crate::storage::{self, Tx, delivery, mailbox_move};

/// A move as it is asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose mailbox it is.
    pub user: UserId,
    /// The one that is left.
    pub old: Address,
    /// Where mail shall go.
    pub new: Address,
    /// Whether the address they sign in with follows, when it is the old one.
    pub moves_sign_in: bool,
}

/// Why a mailbox can't leave its aliases to another one.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// What is wrong with either mailbox.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// New aliases forward there.
    #[error("this is the default mailbox; make another one the default first")]
    Default,
    /// Nobody could get at a forgotten password any more.
    #[error("you sign in with this address; choose another one first on the page Security")]
    SignsIn,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// How far a move got.
#[derive(Debug, Clone)]
pub enum Begun {
    /// The link is on its way to this mailbox; mail goes to the old one until it is followed.
    Asked(Mailbox),
    /// The new address is a mailbox that was verified before: it has taken the place of the old one.
    Done(Mailbox),
}

/// Why a move can't begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// What is wrong with either mailbox.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// Nothing would change.
    #[error("mail goes to this address already")]
    Same,
    /// One of the two is being moved.
    #[error("one of these mailboxes is being moved already; cancel that move first")]
    Underway,
    /// There are as many as there may be.
    #[error("there are too many mailboxes already; remove one first")]
    Full,
    /// The address had its share of our mail.
    #[error("enough links were mailed within the last hour; please try again later")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a move can't be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// The user has no such mailbox.
    #[error("there is no such mailbox")]
    Unknown,
    /// It is not being moved.
    #[error("this mailbox is not being moved")]
    NoMove,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why a move can't be finished.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// The user has no such mailbox.
    #[error("there is no such mailbox")]
    Unknown,
    /// It is not being moved.
    #[error("this mailbox is not being moved")]
    NoMove,
    /// Nobody proved to read the new one.
    #[error("the link that was mailed to the new address was not followed yet")]
    Unverified,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Begins a move: mails the link to the new address, and word of it to the old one. Whoever has a broker rings its queue
/// after that.
pub async fn begin(desk: &Desk, domain: &DomainName, public_url: &str, plan: Plan) -> Result<Begun, BeginError> {
    let (desk_, domain, public_url) = (desk.clone(), domain.clone(), public_url.to_owned());
    desk.storage.write(move |tx| Box::pin(async move { begin_in(tx, &desk_, &domain, &public_url, plan).await })).await
}

async fn begin_in(tx: &mut Tx, desk: &Desk, domain: &DomainName, public_url: &str, plan: Plan) -> Result<Begun, BeginError> {
    let Plan { user, old, new, moves_sign_in } = plan;
    storage::user::lock(tx, user).await?;
    let old = storage::mailbox::find_by_address(tx, user, &old.folded()).await?.ok_or(MoveError::Unknown)?;
    if old.address.folded() == new.folded() {
        return Err(BeginError::Same);
    }
    if mailbox::is_ours(tx, &new).await? {
        return Err(MoveError::OwnDomain.into());
    }
    let there = storage::mailbox::find_by_address(tx, user, &new.folded()).await?;
    let ids = [Some(old.id), there.as_ref().map(|there| there.id)];
    let moves = mailbox_move::list(tx, user).await?;
    if moves.iter().any(|this| ids.contains(&Some(this.old)) || ids.contains(&Some(this.new))) {
        return Err(BeginError::Underway);
    }
    let there = match there {
        Some(there) if there.verified_at.is_some() => {
            let done = replace(tx, &old, there, false, desk.clock.now()).await?;
            let signs_in = moves_sign_in && mailbox_move::follow(tx, user, &old.address, &done.address).await?;
            tell_left(tx, desk, Some(domain), &old, (&done.address, Some(public_url), signs_in)).await?;
            return Ok(Begun::Done(done));
        }
        Some(there) => there,
        None => mailbox::add_in(tx, desk, user, new, false).await.map_err(|error| match error {
            mailbox::AddError::OwnDomain => BeginError::Move(MoveError::OwnDomain),
            mailbox::AddError::Taken => BeginError::Underway,
            mailbox::AddError::TooMany => BeginError::Full,
            mailbox::AddError::Storage(error) => error.into(),
        })?,
    };
    mailbox_move::begin(tx, Move { old: old.id, new: there.id, moves_sign_in }).await?;
    if verification::send_in(tx, desk, domain, public_url, &there).await? != Sent::Mailed {
        return Err(BeginError::TooMany);
    }
    // So that a move that somebody else began is seen in time, where the owner reads.
    if old.verified_at.is_some() {
        let signs_in = storage::user::find(tx, user).await?.is_some_and(|user| user.email.folded() == old.address.folded());
        let letter = letters::mailbox_moves(&old.address, &there.address, public_url, moves_sign_in && signs_in);
        notice::send(tx, desk, domain, &old.address, Some(old.id), &letter).await?;
    }
    Ok(Begun::Asked(there))
}

/// Removes a mailbox in favour of another one of its user, which takes its aliases and what waits. The one that is left is told.
pub async fn transfer(broker: &Broker, user: UserId, old: &Address, heir: &Address) -> Result<Mailbox, TransferError> {
    let (keys, desk, public_url) = ([old.folded(), heir.folded()], broker.desk.clone(), broker.rules.public_url.clone());
    let write = broker.storage().write(move |tx| {
        Box::pin(async move {
            storage::user::lock(tx, user).await?;
            let [old, heir] = keys;
            let old = storage::mailbox::find_by_address(tx, user, &old).await?.ok_or(MoveError::Unknown)?;
            let heir = storage::mailbox::find_by_address(tx, user, &heir).await?.filter(|heir| heir.id != old.id);
            let heir = heir.ok_or(MoveError::Unknown)?;
            if old.is_default {
                return Err(TransferError::Default);
            }
            if mailbox::signs_in(tx, &old).await? {
                return Err(TransferError::SignsIn);
            }
            let heir = replace(tx, &old, heir, false, desk.clock.now()).await?;
            tell_left(tx, &desk, desk.writes_from.as_ref(), &old, (&heir.address, Some(&public_url), false)).await?;
            Ok(heir)
        })
    });
    let heir = write.await?;
    broker.queue.notify_one();
    Ok(heir)
}

/// A user's moves under way: the new mailbox and what becomes of it.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<Move>, storage::Error> {
    mailbox_move::list(&mut desk.storage.read().await?, user).await
}

/// Finishes the move of a mailbox to one that was verified, for its owner.
pub async fn complete(desk: &Desk, user: UserId, old: &Address) -> Result<Moved, CompleteError> {
    let (key, desk_) = (old.folded(), desk.clone());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                storage::user::lock(tx, user).await?;
                let old = storage::mailbox::find_by_address(tx, user, &key).await?.ok_or(CompleteError::Unknown)?;
                let moves = mailbox_move::list(tx, user).await?;
                let this = moves.into_iter().find(|this| this.old == old.id).ok_or(CompleteError::NoMove)?;
                let new = storage::mailbox::find(tx, this.new).await?.ok_or(CompleteError::NoMove)?;
                if new.verified_at.is_none() {
                    return Err(CompleteError::Unverified);
                }
                finish(tx, &desk_, &new).await?.ok_or(CompleteError::NoMove)
            })
        })
        .await
}

/// The same with a running broker: what waited for the old mailbox goes out at once.
pub async fn complete_with(broker: &Broker, user: UserId, old: &Address) -> Result<Moved, CompleteError> {
    let moved = complete(&broker.desk, user, old).await;
    broker.queue.notify_one();
    moved
}

/// Cancels the move of a mailbox. The new one goes, unless an alias has no other.
pub async fn cancel(desk: &Desk, user: UserId, old: &Address) -> Result<(), CancelError> {
    let (key, now) = (old.folded(), desk.clock.now());
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                storage::user::lock(tx, user).await?;
                let old = storage::mailbox::find_by_address(tx, user, &key).await?.ok_or(CancelError::Unknown)?;
                let moves = mailbox_move::list(tx, user).await?;
                let this = moves.into_iter().find(|this| this.old == old.id).ok_or(CancelError::NoMove)?;
                mailbox_move::end(tx, this.new).await?;
                if storage::mailbox::count_sole_aliases(tx, this.new).await? == 0 {
                    // Nothing but links ever went there: nothing waits that an alias would count.
                    delivery::cancel_waiting_of_mailbox(tx, this.new, now).await?;
                    storage::mailbox::delete(tx, this.new).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Lets a user sign in with the address of a mailbox that was moved; false when they did not sign in with the old one, or
/// somebody else does with the new one.
pub async fn follow(desk: &Desk, user: UserId, old: &Address, new: &Address) -> Result<bool, storage::Error> {
    let (old, new) = (old.clone(), new.clone());
    desk.storage.write(move |tx| Box::pin(async move { mailbox_move::follow(tx, user, &old, &new).await })).await
}

/// What a move did.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The mailbox whose place was taken; it is gone.
    pub old: Address,
    /// The one that has it.
    pub mailbox: Mailbox,
    /// Whether its user signs in with the new address from now on.
    pub signs_in: bool,
}

/// What a mailbox takes the place of once it is verified.
pub(super) async fn replaced(tx: &mut Tx, new: &Mailbox) -> Result<Option<Mailbox>, storage::Error> {
    let Some(this) = mailbox_move::find(tx, new.id).await? else { return Ok(None) };
    storage::mailbox::find(tx, this.old).await
}

/// Ends the move that a mailbox is the new one of, in the transaction in which its owner proves to read it and after its
/// user was locked; `None` when it takes nobody's place. The one that is left is told.
pub(super) async fn finish(tx: &mut Tx, desk: &Desk, new: &Mailbox) -> Result<Option<Moved>, storage::Error> {
    let Some(this) = mailbox_move::find(tx, new.id).await? else { return Ok(None) };
    let Some(old) = storage::mailbox::find(tx, this.old).await? else { return Ok(None) };
    mailbox_move::end(tx, new.id).await?;
    copy_key(tx, &old, new).await?;
    let mailbox = match replace(tx, &old, new.clone(), true, desk.clock.now()).await {
        Ok(mailbox) => mailbox,
        Err(MoveError::Storage(error)) => return Err(error),
        // A mailbox that was never sent anything is not paused, and the key was copied; whatever else it is, it is verified.
        Err(error) => {
            tracing::error!(%error, mailbox.id = %new.uuid, "a verified mailbox could not take the place of another");
            return Ok(None);
        }
    };
    let signs_in = this.moves_sign_in && mailbox_move::follow(tx, old.user_id, &old.address, &mailbox.address).await?;
    tell_left(tx, desk, desk.writes_from.as_ref(), &old, (&mailbox.address, None, signs_in)).await?;
    Ok(Some(Moved { old: old.address, mailbox, signs_in }))
}

/// Tells whoever reads the mailbox that was left, if somebody proved to. It is no mailbox any more, so the letter goes to the
/// address itself.
async fn tell_left(
    tx: &mut Tx,
    desk: &Desk,
    domain: Option<&DomainName>,
    old: &Mailbox,
    (new, public_url, signs_in): (&Address, Option<&str>, bool),
) -> Result<(), storage::Error> {
    let Some(domain) = domain.filter(|_| old.verified_at.is_some()) else { return Ok(()) };
    let letter = letters::mailbox_moved(&old.address, new, public_url, signs_in);
    notice::send(tx, desk, domain, &old.address, None, &letter).await.map(drop)
}

async fn copy_key(tx: &mut Tx, old: &Mailbox, new: &Mailbox) -> Result<(), storage::Error> {
    if storage::pgp_key::find(tx, new.id).await?.is_some() {
        return Ok(());
    }
    if let Some(mut key) = storage::pgp_key::find(tx, old.id).await? {
        key.mailbox_id = new.id;
        storage::pgp_key::set(tx, &key).await?;
    }
    Ok(())
}

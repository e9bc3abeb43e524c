//! Moves under way: a mailbox that takes the place of another once it is verified and its owner finishes the move.

use crate::model::id::{MailboxId, UserId};
use crate::model::{Address, DomainName};

use super::{Error, Tx, changed, on};

/// A move under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The mailbox that mail goes to meanwhile.
    pub old: MailboxId,
    /// The one that takes its place.
    pub new: MailboxId,
    /// Whether the address its user signs in with follows.
    pub moves_sign_in: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    replaces_id: i64,
    moves_sign_in: bool,
}

impl From<Row> for Move {
    fn from(row: Row) -> Self {
        Self { old: MailboxId(row.replaces_id), new: MailboxId(row.id), moves_sign_in: row.moves_sign_in }
    }
}

/// Notes that `new` takes the place of `old` once it is verified. The caller made sure that neither is part of another move.
pub async fn begin(tx: &mut Tx, this: Move) -> Result<(), Error> {
    let text = "UPDATE mailboxes SET replaces_id = $2, moves_sign_in = $3 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(this.new.0).bind(this.old.0).bind(this.moves_sign_in)).map(drop)
}

/// The new mailbox takes nobody's place any more.
pub async fn end(tx: &mut Tx, new: MailboxId) -> Result<(), Error> {
    changed!(tx, sqlx::query("UPDATE mailboxes SET replaces_id = NULL, moves_sign_in = FALSE WHERE id = $1").bind(new.0))
        .map(drop)
}

/// The move a mailbox is the new one of.
pub async fn find(tx: &mut Tx, new: MailboxId) -> Result<Option<Move>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, replaces_id, moves_sign_in FROM mailboxes WHERE id = $1 AND replaces_id IS NOT NULL",
    ).bind(new.0).fetch_optional(c))?;
    Ok(row.map(Move::from))
}

/// A user's moves under way.
pub async fn list(tx: &mut Tx, user: UserId) -> Result<Vec<Move>, Error> {
    let rows: Vec<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, replaces_id, moves_sign_in FROM mailboxes WHERE user_id = $1 AND replaces_id IS NOT NULL ORDER BY id",
    ).bind(user.0).fetch_all(c))?;
    Ok(rows.into_iter().map(Move::from).collect())
}

/// Lets a user sign in with another address; false when they do not sign in with `from`, or somebody does with `to`.
pub async fn follow(tx: &mut Tx, user: UserId, from: &Address, to: &Address) -> Result<bool, Error> {
    let text = "UPDATE users SET email = $3 WHERE id = $1 AND email = $2 \
                AND NOT EXISTS (SELECT 1 FROM users other WHERE other.email = $3)";
    Ok(changed!(tx, sqlx::query(text).bind(user.0).bind(from.folded()).bind(to.folded()))? == 1)
}

/// How many mailboxes of whomever are at a domain.
pub async fn count_at(tx: &mut Tx, domain: &DomainName) -> Result<i64, Error> {
    // No domain name holds a character that LIKE takes for something else but the underscore, which matches itself.
    on!(tx, c => sqlx::query_scalar("SELECT COUNT(*) FROM mailboxes WHERE address_key LIKE $1")
        .bind(format!("%@{domain}")).fetch_one(c))
}

//! Users.

use uuid::Uuid;

use crate::model::id::UserId;
use crate::model::user::{OnQuarantine, User};
use crate::model::{Address, Timestamp};

use super::{Error, ErrorKind, Tx, changed, columns, on};

/// What a new user is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Id for the outside.
    pub uuid: Uuid,
    /// The address they sign in with.
    pub email: Address,
    /// Whether they administer the instance.
    pub is_admin: bool,
    /// Now.
    pub created_at: Timestamp,
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: i64,
    uuid: Uuid,
    email: String,
    is_admin: bool,
    created_at: i64,
    on_quarantine: String,
    replace_quoted: bool,
}

impl TryFrom<UserRow> for User {
    type Error = Error;
    fn try_from(row: UserRow) -> Result<Self, Error> {
        Ok(Self {
            id: UserId(row.id),
            uuid: row.uuid,
            email: columns::folded("users", "email", row.id, &row.email)?,
            is_admin: row.is_admin,
            created_at: Timestamp::from_micros(row.created_at),
            on_quarantine: columns::word("users", "on_quarantine", row.id, &row.on_quarantine)?,
            replace_quoted: row.replace_quoted,
        })
    }
}

/// Makes a user. [`ErrorKind::Taken`] when the address signs someone in already; the transaction is still good then.
pub async fn create(tx: &mut Tx, new: &NewUser) -> Result<User, Error> {
    let row: Option<UserRow> = on!(tx, c => sqlx::query_as(
        "INSERT INTO users (uuid, email, is_admin, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING \
         RETURNING id, uuid, email, is_admin, created_at, on_quarantine, replace_quoted",
    ).bind(new.uuid).bind(new.email.folded()).bind(new.is_admin).bind(new.created_at.as_micros()).fetch_optional(c))?;
    row.ok_or_else(|| Error::new(ErrorKind::Taken, "there is a user with this address"))?.try_into()
}

/// The user with that key.
pub async fn find(tx: &mut Tx, id: UserId) -> Result<Option<User>, Error> {
    let row: Option<UserRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, email, is_admin, created_at, on_quarantine, replace_quoted FROM users WHERE id = $1",
    ).bind(id.0).fetch_optional(c))?;
    row.map(User::try_from).transpose()
}

/// The user who signs in with that folded address.
pub async fn find_by_email(tx: &mut Tx, email: &str) -> Result<Option<User>, Error> {
    let row: Option<UserRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, email, is_admin, created_at, on_quarantine, replace_quoted FROM users WHERE email = $1",
    ).bind(email).fetch_optional(c))?;
    row.map(User::try_from).transpose()
}

/// One page of users, oldest first, after that one.
pub async fn list(tx: &mut Tx, after: Option<UserId>, limit: u32) -> Result<Vec<User>, Error> {
    let rows: Vec<UserRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, email, is_admin, created_at, on_quarantine, replace_quoted FROM users WHERE id > $1 ORDER BY id LIMIT $2",
    ).bind(after.map_or(i64::MIN, |id| id.0)).bind(i64::from(limit)).fetch_all(c))?;
    rows.into_iter().map(User::try_from).collect()
}

/// Changes what happens to a user's mail.
pub async fn set_choices(tx: &mut Tx, id: UserId, on_quarantine: OnQuarantine, replace_quoted: bool) -> Result<(), Error> {
    let text = "UPDATE users SET on_quarantine = $2, replace_quoted = $3 WHERE id = $1";
    changed!(tx, sqlx::query(text).bind(id.0).bind(on_quarantine.as_str()).bind(replace_quoted)).map(drop)
}

/// Changes the address a user signs in with. [`ErrorKind::Taken`] when it signs somebody else in; the transaction is still
/// good then.
pub async fn set_email(tx: &mut Tx, id: UserId, email: &str) -> Result<(), Error> {
    // One statement, so that nobody comes in between; the constraint alone would end the transaction.
    let text =
        "UPDATE users SET email = $2 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users o WHERE o.email = $2 AND o.id <> $1)";
    match changed!(tx, sqlx::query(text).bind(id.0).bind(email))? {
        0 => Err(Error::new(ErrorKind::Taken, "there is a user with this address")),
        _ => Ok(()),
    }
}

/// Keeps others from giving this user anything (an alias, a mailbox) before this transaction ends; false when there is
/// no such user.
pub async fn lock(tx: &mut Tx, id: UserId) -> Result<bool, Error> {
    if let Tx::Postgres(t) = tx {
        // What refers to the row waits for this lock. SQLite has one writer.
        sqlx::query("SELECT id FROM users WHERE id = $1 FOR UPDATE").bind(id.0).fetch_optional(&mut **t).await?;
    }
    Ok(find(tx, id).await?.is_some())
}

/// Waits for whoever holds [`lock`], and keeps it from others before this transaction ends: the mailboxes that are read from
/// here on are there when it does. Any number of transactions have it at once.
pub async fn lock_shared(tx: &mut Tx, id: UserId) -> Result<(), Error> {
    if let Tx::Postgres(t) = tx {
        // What any row that refers to the user would take itself, only earlier. SQLite has one writer.
        sqlx::query("SELECT id FROM users WHERE id = $1 FOR KEY SHARE").bind(id.0).fetch_optional(&mut **t).await?;
    }
    Ok(())
}

/// Removes a user with everything they have; their aliases must have been retired before. False when there was none.
pub async fn delete(tx: &mut Tx, id: UserId) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("DELETE FROM users WHERE id = $1").bind(id.0))? == 1)
}

/// Makes a user an administrator, or no longer one; false when there is no such user.
pub async fn set_admin(tx: &mut Tx, id: UserId, is_admin: bool) -> Result<bool, Error> {
    Ok(changed!(tx, sqlx::query("UPDATE users SET is_admin = $2 WHERE id = $1").bind(id.0).bind(is_admin))? == 1)
}

/// Keeps others from changing who administers the instance before this transaction ends; the administrators, oldest first.
pub async fn lock_admins(tx: &mut Tx) -> Result<Vec<User>, Error> {
    if let Tx::Postgres(t) = tx {
        // SQLite has one writer.
        sqlx::query("SELECT id FROM users WHERE is_admin ORDER BY id FOR UPDATE").fetch_all(&mut **t).await?;
    }
    list_admins(tx).await
}

/// Whether there is any user.
pub async fn is_any(tx: &mut Tx) -> Result<bool, Error> {
    Ok(!list(tx, None, 1).await?.is_empty())
}

/// The administrators, oldest first.
pub async fn list_admins(tx: &mut Tx) -> Result<Vec<User>, Error> {
    let rows: Vec<UserRow> = on!(tx, c => sqlx::query_as(
        "SELECT id, uuid, email, is_admin, created_at, on_quarantine, replace_quoted FROM users WHERE is_admin ORDER BY id",
    ).fetch_all(c))?;
    rows.into_iter().map(User::try_from).collect()
}

//! The passwords users sign in with, as hashes.

use crate::model::Private;
use crate::model::id::UserId;

use super::{Error, Tx, changed, on};

/// What a sign-in is decided by.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Who it is about.
    pub user_id: UserId,
    /// Argon2id in PHC format; `None` until a password was set.
    pub hash: Option<Private<String>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    password_hash: Option<String>,
}

/// The credentials of the user who signs in with that folded address.
pub async fn find(tx: &mut Tx, email: &str) -> Result<Option<Credentials>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as("SELECT id, password_hash FROM users WHERE email = $1")
        .bind(email).fetch_optional(c))?;
    Ok(row.map(|row| Credentials { user_id: UserId(row.id), hash: row.password_hash.map(Private::new) }))
}

/// Sets a user's password; false when there is no such user.
pub async fn set(tx: &mut Tx, id: UserId, hash: &Private<String>) -> Result<bool, Error> {
    let text = "UPDATE users SET password_hash = $2 WHERE id = $1";
    Ok(changed!(tx, sqlx::query(text).bind(id.0).bind(hash.reveal()))? == 1)
}

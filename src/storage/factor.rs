//! What users prove who they are with besides the password, counted.

use crate::model::Timestamp;
use crate::model::factor::{Factors, Standing};
use crate::model::id::UserId;

use super::{Error, Tx, on};

#[derive(sqlx::FromRow)]
struct Row {
    totp: bool,
    passkeys: i64,
    recovery_codes: i64,
}

/// The second factors of a user; none for a user there is not.
pub async fn find(tx: &mut Tx, user: UserId) -> Result<Factors, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT totp_confirmed_at IS NOT NULL AS totp, \
         (SELECT COUNT(*) FROM passkeys p WHERE p.user_id = u.id) AS passkeys, \
         (SELECT COUNT(*) FROM recovery_codes r WHERE r.user_id = u.id) AS recovery_codes \
         FROM users u WHERE u.id = $1",
    ).bind(user.0).fetch_optional(c))?;
    Ok(row.map_or_else(Factors::default, |row| Factors {
        totp: row.totp,
        passkeys: row.passkeys,
        recovery_codes: row.recovery_codes,
    }))
}

#[derive(sqlx::FromRow)]
struct StandingRow {
    has_password: bool,
    totp_since: Option<i64>,
    codes_since: Option<i64>,
}

/// The same with the password, and since when; nothing for a user there is not.
pub async fn standing(tx: &mut Tx, user: UserId) -> Result<Standing, Error> {
    let factors = find(tx, user).await?;
    let row: Option<StandingRow> = on!(tx, c => sqlx::query_as(
        "SELECT password_hash IS NOT NULL AS has_password, totp_confirmed_at AS totp_since, \
         (SELECT MAX(created_at) FROM recovery_codes r WHERE r.user_id = u.id) AS codes_since \
         FROM users u WHERE u.id = $1",
    ).bind(user.0).fetch_optional(c))?;
    Ok(row.map_or_else(Standing::default, |row| Standing {
        has_password: row.has_password,
        factors,
        totp_since: row.totp_since.map(Timestamp::from_micros),
        codes_since: row.codes_since.map(Timestamp::from_micros),
    }))
}

/// The users who have codes of an authenticator program, and those who have a passkey.
pub async fn list_users(tx: &mut Tx) -> Result<(Vec<UserId>, Vec<UserId>), Error> {
    let totp: Vec<i64> =
        on!(tx, c => sqlx::query_scalar("SELECT id FROM users WHERE totp_confirmed_at IS NOT NULL").fetch_all(c))?;
    let passkeys: Vec<i64> = on!(tx, c => sqlx::query_scalar("SELECT DISTINCT user_id FROM passkeys").fetch_all(c))?;
    let ids = |found: Vec<i64>| found.into_iter().map(UserId).collect();
    Ok((ids(totp), ids(passkeys)))
}

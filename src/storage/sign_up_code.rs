//! Sign-ups that wait for a code, by address. Whoever changes one holds `mail_link::lock` on the address.

use crate::model::sign_up_code::{Chosen, CodeDigest, SignUpCode};
use crate::model::{Address, Private, Timestamp};

use super::{Error, Tx, changed, columns, on};

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    address: String,
    password_hash: Option<String>,
    disputed: bool,
    code_salt: Option<Vec<u8>>,
    code_tag: Option<Vec<u8>>,
    code_expires_at: Option<i64>,
    tries: i64,
    expires_at: i64,
}

impl TryFrom<Row> for SignUpCode {
    type Error = Error;
    fn try_from(row: Row) -> Result<Self, Error> {
        let chosen = match (row.disputed, row.password_hash) {
            (true, Some(hash)) => Chosen::Disputed(Private::new(hash)),
            (false, Some(hash)) => Chosen::Password(Private::new(hash)),
            (_, None) => Chosen::Nothing,
        };
        let digest = row.code_salt.zip(row.code_tag).zip(row.code_expires_at);
        Ok(Self {
            address: columns::folded("sign_up_codes", "address", row.id, &row.address)?,
            chosen,
            code: digest.map(|((salt, tag), expires_at)| CodeDigest {
                salt: Private::new(salt),
                tag: Private::new(tag),
                expires_at: Timestamp::from_micros(expires_at),
            }),
            tries: row.tries,
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    }
}

/// What is known of an address, unless it is to be forgotten.
pub async fn find(tx: &mut Tx, address: &Address, now: Timestamp) -> Result<Option<SignUpCode>, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT id, address, password_hash, disputed, code_salt, code_tag, code_expires_at, tries, expires_at \
         FROM sign_up_codes WHERE address = $1 AND expires_at > $2",
    ).bind(address.folded()).bind(now.as_micros()).fetch_optional(c))?;
    row.map(SignUpCode::try_from).transpose()
}

/// Keeps it, in place of what was known before.
pub async fn put(tx: &mut Tx, new: &SignUpCode) -> Result<(), Error> {
    let hash = match &new.chosen {
        Chosen::Password(hash) | Chosen::Disputed(hash) => Some(hash.reveal().as_str()),
        Chosen::Nothing => None,
    };
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO sign_up_codes \
             (address, password_hash, disputed, code_salt, code_tag, code_expires_at, tries, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (address) DO UPDATE SET password_hash = excluded.password_hash, disputed = excluded.disputed, \
             code_salt = excluded.code_salt, code_tag = excluded.code_tag, code_expires_at = excluded.code_expires_at, \
             tries = excluded.tries, expires_at = excluded.expires_at"
        )
        .bind(new.address.folded())
        .bind(hash)
        .bind(matches!(new.chosen, Chosen::Disputed(_)))
        .bind(new.code.as_ref().map(|code| code.salt.reveal().as_slice()))
        .bind(new.code.as_ref().map(|code| code.tag.reveal().as_slice()))
        .bind(new.code.as_ref().map(|code| code.expires_at.as_micros()))
        .bind(new.tries)
        .bind(new.expires_at.as_micros())
    )
    .map(drop)
}

/// Forgets what nobody finished in time.
pub async fn delete_expired(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    changed!(tx, sqlx::query("DELETE FROM sign_up_codes WHERE expires_at <= $1").bind(now.as_micros()))
}

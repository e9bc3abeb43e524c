//! What phones let their users choose.

use crate::model::DomainName;
use crate::model::client_setting::ClientSettings;
use crate::model::id::UserId;

use super::{Error, Tx, changed, columns, on};

#[derive(sqlx::FromRow)]
struct Row {
    generator: String,
    domain: Option<String>,
    notification: bool,
    sender: String,
    suffix: String,
}

/// A user's choices, or the defaults.
pub async fn get(tx: &mut Tx, user: UserId) -> Result<ClientSettings, Error> {
    let row: Option<Row> = on!(tx, c => sqlx::query_as(
        "SELECT generator, domain, notification, sender, suffix FROM client_settings WHERE user_id = $1",
    ).bind(user.0).fetch_optional(c))?;
    let Some(row) = row else { return Ok(ClientSettings::default()) };
    let table = "client_settings";
    Ok(ClientSettings {
        generator: columns::word(table, "generator", user.0, &row.generator)?,
        domain: row.domain.map(|text| columns::domain(table, "domain", user.0, &text)).transpose()?,
        notification: row.notification,
        sender: columns::word(table, "sender", user.0, &row.sender)?,
        suffix: columns::word(table, "suffix", user.0, &row.suffix)?,
    })
}

/// Keeps a user's choices.
pub async fn put(tx: &mut Tx, user: UserId, settings: &ClientSettings) -> Result<(), Error> {
    changed!(
        tx,
        sqlx::query(
            "INSERT INTO client_settings (user_id, generator, domain, notification, sender, suffix) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id) DO UPDATE SET generator = excluded.generator, \
             domain = excluded.domain, notification = excluded.notification, sender = excluded.sender, \
             suffix = excluded.suffix"
        )
        .bind(user.0)
        .bind(settings.generator.as_str())
        .bind(settings.domain.as_ref().map(DomainName::as_str))
        .bind(settings.notification)
        .bind(settings.sender.as_str())
        .bind(settings.suffix.as_str())
    )
    .map(drop)
}

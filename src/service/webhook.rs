//! Webhooks: made and removed by their owner, told of what happens in the transaction it happens in.
//!
//! What is sent follows Standard Webhooks: an id that stays the same at every attempt, a time, and an HMAC-SHA256 over both
//! and the body, so that the receiver knows that it is us and not a replay. `delivery::webhook` sends.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

use super::Desk;
use crate::model::activity::{Activity, ActivityKey};
use crate::model::alias::Alias;
use crate::model::id::{AliasId, UserId};
use crate::model::webhook::{EventKind, EventKinds, UrlError, Webhook, WebhookEvent, parse_url};
use crate::model::{Chance, Private, Timestamp, id};
use crate::storage::webhook::{AliasName, NewWebhook};
use crate::storage::{self, Storage, Tx, webhook};

/// Webhooks of one user.
pub const MOST: usize = 20;
/// Events that wait for one webhook; what happens beyond that is not told.
const MOST_WAITING: i64 = 10_000;
/// Aliases that one telling of blocked mail names; it says how many more there are.
const MOST_NAMED: usize = 100;
/// Bytes of a secret: what Standard Webhooks asks for lies between 24 and 64.
const SECRET: usize = 32;

/// Why a webhook can't be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The address is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Enough is enough.
    #[error("there are {MOST} webhooks already; remove one first")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// Why nothing can be done with a webhook.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// No such one, or not this user's.
    #[error("there is no such webhook")]
    Unknown,
    /// Nothing is sent to it.
    #[error("the webhook is paused; let it go on first")]
    Paused,
    /// Nothing more is put on its way.
    #[error("{MOST_WAITING} events wait for the webhook already; let it take some first")]
    Full,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

/// A webhook as its owner sees it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The webhook.
    pub webhook: Webhook,
    /// Events on their way to it.
    pub waiting: i64,
}

/// Makes a webhook. Its secret is what [`secret_text`] shows.
pub async fn create(desk: &Desk, user_id: UserId, url: &str, events: EventKinds, private: bool) -> Result<Webhook, CreateError> {
    let url = parse_url(url, private)?.to_string();
    let secret = Private::new(desk.chance.bytes::<SECRET>().to_vec());
    let new = NewWebhook { uuid: desk.uuid(), user_id, url, secret, events, created_at: desk.clock.now() };
    desk.storage
        .write(move |tx| {
            Box::pin(async move {
                if webhook::list(tx, new.user_id).await?.len() >= MOST {
                    return Err(CreateError::TooMany);
                }
                Ok(webhook::create(tx, &new).await?)
            })
        })
        .await
}

/// A user's webhooks, oldest first.
pub async fn list(desk: &Desk, user: UserId) -> Result<Vec<Listed>, storage::Error> {
    let tx = &mut desk.storage.read().await?;
    let mut listed = Vec::new();
    for found in webhook::list(tx, user).await? {
        listed.push(Listed { waiting: webhook::count_waiting(tx, found.id).await?, webhook: found });
    }
    Ok(listed)
}

/// One of a user's webhooks.
pub async fn get(desk: &Desk, user: UserId, uuid: Uuid) -> Result<Listed, ChangeError> {
    list(desk, user).await?.into_iter().find(|listed| listed.webhook.uuid == uuid).ok_or(ChangeError::Unknown)
}

/// Removes one with what is on its way to it.
pub async fn remove(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), ChangeError> {
    let removed = desk.storage.write(move |tx| Box::pin(async move { webhook::delete(tx, user, uuid).await }));
    if removed.await? { Ok(()) } else { Err(ChangeError::Unknown) }
}

/// Lets one that was paused go on: it is told of what happens from now on.
pub async fn resume(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), ChangeError> {
    let (id, now) = (get(desk, user, uuid).await?.webhook.id, desk.clock.now());
    Ok(desk.storage.write(move |tx| Box::pin(async move { webhook::resume(tx, id, now).await })).await?)
}

/// Sends a webhook an event of no meaning, before all others, and at once even if it failed the last time.
pub async fn test(desk: &Desk, user: UserId, uuid: Uuid) -> Result<(), ChangeError> {
    let found = get(desk, user, uuid).await?;
    if found.webhook.paused_at.is_some() {
        return Err(ChangeError::Paused);
    }
    if found.waiting >= MOST_WAITING {
        return Err(ChangeError::Full);
    }
    let (id, event, now) = (found.webhook.id, desk.uuid(), desk.clock.now());
    let payload = envelope(EventKind::Test, now, json!({ "text": "This is a test. Nothing happened." }));
    let put = desk.storage.write(move |tx| {
        Box::pin(async move {
            webhook::insert_event(tx, event, id, EventKind::Test, &payload, now, Timestamp::from_micros(0)).await?;
            webhook::make_due(tx, id, now).await
        })
    });
    Ok(put.await?)
}

/// The secret as receivers' libraries take it.
pub fn secret_text(webhook: &Webhook) -> Private<String> {
    Private::new(format!("whsec_{}", BASE64.encode(webhook.secret.reveal())))
}

/// The fields that go with an attempt: id, time, signature.
pub fn sign(webhook: &Webhook, event: &WebhookEvent, now: Timestamp) -> [(&'static str, String); 3] {
    let (id, at) = (event.uuid.to_string(), now.as_seconds().to_string());
    let mut mac =
        Hmac::<Sha256>::new_from_slice(webhook.secret.reveal()).unwrap_or_else(|_| unreachable!("a key of any length will do"));
    mac.update(format!("{id}.{at}.{}", event.payload).as_bytes());
    let signature = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    [("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", signature)]
}

fn envelope(kind: EventKind, at: Timestamp, data: Value) -> String {
    json!({ "type": kind.as_str(), "timestamp": at.to_rfc3339(), "data": data }).to_string()
}

/// Tells a user's webhooks of an event, in the transaction it happens in.
pub async fn tell(
    tx: &mut Tx,
    chance: &Chance,
    user: UserId,
    kind: EventKind,
    now: Timestamp,
    data: Value,
) -> Result<(), storage::Error> {
    for told in webhook::told_of(tx, user, kind).await? {
        if webhook::count_waiting(tx, told).await? >= MOST_WAITING {
            tracing::warn!(webhook.id = %told, "too many events wait for a webhook; one more is not told");
            continue;
        }
        let payload = envelope(kind, now, data.clone());
        webhook::insert_event(tx, id::uuid_v7(now, chance), told, kind, &payload, now, now).await?;
    }
    Ok(())
}

/// Tells of an alias that was made.
pub async fn alias_created(tx: &mut Tx, chance: &Chance, alias: &Alias, now: Timestamp) -> Result<(), storage::Error> {
    let data = json!({
        "alias": { "id": alias.uuid, "address": alias.address.folded(), "site": alias.site.as_ref().map(ToString::to_string) }
    });
    tell(tx, chance, alias.user_id, EventKind::AliasCreated, now, data).await
}

/// Tells of a delivery that failed for good: `status` is the enhanced status code, never what the next hop said.
pub async fn delivery_failed(
    tx: &mut Tx,
    chance: &Chance,
    alias: AliasId,
    status: &str,
    now: Timestamp,
) -> Result<(), storage::Error> {
    about(tx, chance, alias, EventKind::DeliveryFailed, now, json!({ "status": status })).await
}

/// Tells of mail that was blocked since the last telling: each user once, of all aliases together. In a transaction of its
/// own, so that mail never waits for it.
pub async fn mail_blocked(
    storage: &Storage,
    chance: &Chance,
    counts: &[(ActivityKey, Activity)],
    now: Timestamp,
) -> Result<(), storage::Error> {
    let mut blocked: BTreeMap<AliasId, i64> = BTreeMap::new();
    for (key, count) in counts.iter().filter(|(_, count)| count.blocked > 0) {
        let sum = blocked.entry(key.alias_id).or_default();
        *sum = sum.saturating_add(count.blocked);
    }
    if blocked.is_empty() {
        return Ok(());
    }
    let tx = &mut storage.read().await?;
    if !webhook::is_any(tx).await? {
        return Ok(());
    }
    let aliases: Vec<AliasId> = blocked.keys().copied().collect();
    let mut users: BTreeMap<i64, Vec<(i64, AliasName)>> = BTreeMap::new();
    for (alias, name) in webhook::names_for_telling(tx, &aliases).await? {
        let count = blocked.get(&alias).copied().unwrap_or_default();
        users.entry(name.user_id).or_default().push((count, name));
    }
    if users.is_empty() {
        return Ok(());
    }
    let chance = chance.clone();
    let tell_all = storage.write(move |tx| {
        Box::pin(async move {
            for (user, named) in &users {
                tell(tx, &chance, UserId(*user), EventKind::MailBlocked, now, blocked_mail(named)).await?;
            }
            Ok(())
        })
    });
    tell_all.await
}

/// The counts of a user's aliases, and of those that are named.
fn blocked_mail(aliases: &[(i64, AliasName)]) -> Value {
    let count = aliases.iter().fold(0_i64, |sum, (count, _)| sum.saturating_add(*count));
    let named: Vec<Value> = aliases
        .iter()
        .take(MOST_NAMED)
        .map(|(count, name)| json!({ "id": name.uuid, "address": name.address, "site": name.site, "count": count }))
        .collect();
    json!({ "count": count, "aliases": named, "more": aliases.len().saturating_sub(MOST_NAMED) })
}

async fn about(
    tx: &mut Tx,
    chance: &Chance,
    alias: AliasId,
    kind: EventKind,
    now: Timestamp,
    mut data: Value,
) -> Result<(), storage::Error> {
    let Some(name) = webhook::name_for_telling(tx, alias).await? else { return Ok(()) };
    if let Some(data) = data.as_object_mut() {
        data.insert("alias".into(), json!({ "id": name.uuid, "address": name.address, "site": name.site }));
    }
    tell(tx, chance, UserId(name.user_id), kind, now, data).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the specification's reference libraries.
        let secret = BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        mac.update(b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}");
        assert_eq!(BASE64.encode(&mac.finalize().into_bytes()), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}

//! Ids: a 64-bit key inside, a UUIDv7 for the outside, each its own type so that none is taken for another.

use uuid::Uuid;

use super::{Chance, Timestamp};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// Key of a user.
    UserId,
    /// Key of a mailbox.
    MailboxId,
    /// Key of a domain.
    DomainId,
    /// Key of a key that mail is signed with.
    DkimKeyId,
    /// Key of an alias.
    AliasId,
    /// Key of an app password.
    AppPasswordId,
    /// Key of a contact.
    ContactId,
    /// Key of a browser that signed in.
    SessionId,
    /// Key of a passkey.
    PasskeyId,
    /// Key of an invitation.
    InviteId,
    /// Key of a webhook.
    WebhookId,
    /// Key of an event on its way to a webhook.
    WebhookEventId,
    /// Key of an API token.
    ApiTokenId,
    /// Key of a message kept in the queue (not its Message-ID field).
    MessageId,
    /// Key of a delivery: one message on its way to one recipient.
    DeliveryId,
}

/// A UUIDv7 (RFC 9562 §5.7) from the given moment: sorts by time, safe to show.
pub fn uuid_v7(now: Timestamp, chance: &Chance) -> Uuid {
    let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &chance.bytes()).into_uuid()
}

//! The shapes that several endpoints answer with. The Android app decodes them strictly: no null where none is meant.

use serde::Serialize;

use super::token::moment;
use crate::model::Timestamp;
use crate::model::alias::{Alias, AliasState};
use crate::model::catch_all::CatchAll;
use crate::model::domain::Domain;
use crate::model::mailbox::Mailbox;
use crate::model::pgp_key::PgpKey;
use crate::model::user::User;
use crate::service::alias_page::Listed;

/// Whether an alias takes mail: all that clients know of its state.
pub fn is_active(alias: &Alias, now: Timestamp) -> bool {
    matches!(alias.state, AliasState::Active | AliasState::Locked) && !alias.is_expired(now)
}

/// The first moment of a day: which message of a day was the last is not kept.
fn day(day: i64) -> String {
    moment(Timestamp::from_micros(day.saturating_mul(86_400_000_000)))
}

/// An alias. Every one belongs to a domain of the instance or of the user, none to a sub-domain named for a user: that is
/// what the `aliasable` fields would say.
#[derive(Debug, Serialize)]
pub struct AliasShape {
    id: String,
    user_id: String,
    aliasable_id: Option<String>,
    aliasable_type: Option<String>,
    local_part: String,
    extension: Option<String>,
    domain: String,
    email: String,
    active: bool,
    pinned: bool,
    description: Option<String>,
    from_name: Option<String>,
    attached_recipients_only: bool,
    emails_forwarded: i64,
    emails_blocked: i64,
    emails_replied: i64,
    emails_sent: i64,
    recipients: Vec<RecipientShape>,
    last_forwarded: Option<String>,
    last_blocked: Option<String>,
    last_replied: Option<String>,
    last_sent: Option<String>,
    created_at: String,
    updated_at: String,
    deleted_at: Option<String>,
}

impl AliasShape {
    /// Of a user's alias as it is now.
    pub fn of(listed: &Listed, user: &User, now: Timestamp) -> Self {
        let Listed { alias, pinned, mailboxes, total, last, .. } = listed;
        Self {
            id: alias.uuid.to_string(),
            user_id: user.uuid.to_string(),
            aliasable_id: None,
            aliasable_type: None,
            local_part: alias.address.local().to_owned(),
            extension: None,
            domain: alias.address.domain().to_string(),
            email: alias.address.to_string(),
            active: is_active(alias, now),
            pinned: *pinned,
            description: (!alias.note.is_empty()).then(|| alias.note.clone()),
            from_name: alias.display_name.clone(),
            // A reply must come from a mailbox the alias forwards to.
            attached_recipients_only: true,
            emails_forwarded: total.forwarded,
            emails_blocked: total.blocked,
            emails_replied: total.replied,
            emails_sent: 0,
            recipients: mailboxes.iter().map(|mailbox| RecipientShape::of(mailbox, user, None, None)).collect(),
            last_forwarded: last.forwarded.map(day),
            last_blocked: last.blocked.map(day),
            last_replied: last.replied.map(day),
            last_sent: None,
            created_at: moment(alias.created_at),
            updated_at: moment(alias.state_changed_at),
            deleted_at: (alias.state == AliasState::Killed).then(|| moment(alias.state_changed_at)),
        }
    }
}

/// A recipient: a mailbox.
#[derive(Debug, Serialize)]
pub struct RecipientShape {
    id: String,
    user_id: String,
    email: String,
    can_reply_send: bool,
    should_encrypt: bool,
    inline_encryption: bool,
    protected_headers: bool,
    remove_pgp_keys: bool,
    remove_pgp_signatures: bool,
    fingerprint: Option<String>,
    email_verified_at: Option<String>,
    /// Always empty: they are a list of their own.
    aliases: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    aliases_count: Option<i64>,
    created_at: String,
    updated_at: String,
}

impl RecipientShape {
    /// Of a user's mailbox.
    pub fn of(mailbox: &Mailbox, user: &User, key: Option<&PgpKey>, aliases: Option<i64>) -> Self {
        Self {
            id: mailbox.uuid.to_string(),
            user_id: user.uuid.to_string(),
            email: mailbox.address.to_string(),
            can_reply_send: true,
            should_encrypt: key.is_some(),
            inline_encryption: false,
            protected_headers: key.is_some_and(|key| key.hide_subject),
            remove_pgp_keys: false,
            remove_pgp_signatures: false,
            fingerprint: key.map(|key| key.fingerprint.clone()),
            email_verified_at: mailbox.verified_at.map(moment),
            aliases: [],
            aliases_count: aliases,
            created_at: moment(mailbox.created_at),
            updated_at: moment(key.map_or(mailbox.created_at, |key| key.created_at.max(mailbox.created_at))),
        }
    }
}

/// A domain of the user's own. Whoever runs the instance added it, and mail for it arrives: clients see it as verified.
#[derive(Debug, Serialize)]
pub struct DomainShape {
    id: String,
    user_id: String,
    domain: String,
    description: Option<String>,
    from_name: Option<String>,
    aliases: [(); 0],
    aliases_count: i64,
    default_recipient: Option<RecipientShape>,
    active: bool,
    catch_all: bool,
    auto_create_regex: Option<String>,
    domain_verified_at: String,
    domain_mx_validated_at: String,
    domain_sending_verified_at: String,
    created_at: String,
    updated_at: String,
}

impl DomainShape {
    /// Of a user's domain.
    pub fn of(domain: &Domain, user: &User, aliases: i64) -> Self {
        let added = moment(domain.created_at);
        Self {
            id: domain.uuid.to_string(),
            user_id: user.uuid.to_string(),
            domain: domain.name.to_string(),
            description: None,
            from_name: None,
            aliases: [],
            aliases_count: aliases,
            default_recipient: None,
            active: true,
            catch_all: domain.catch_all == CatchAll::On,
            auto_create_regex: None,
            domain_verified_at: added.clone(),
            domain_mx_validated_at: added.clone(),
            domain_sending_verified_at: added.clone(),
            created_at: added.clone(),
            updated_at: added,
        }
    }
}

/// The one username of a user. Addresses are not named for users here; clients need one all the same.
#[derive(Debug, Serialize)]
pub struct UsernameShape {
    id: String,
    user_id: String,
    username: String,
    description: Option<String>,
    from_name: Option<String>,
    aliases: [(); 0],
    aliases_count: i64,
    default_recipient: Option<RecipientShape>,
    active: bool,
    catch_all: bool,
    auto_create_regex: Option<String>,
    can_login: bool,
    created_at: String,
    updated_at: String,
}

impl UsernameShape {
    /// Of that user.
    pub fn of(user: &User) -> Self {
        let since = moment(user.created_at);
        Self {
            id: user.uuid.to_string(),
            user_id: user.uuid.to_string(),
            username: user.email.local().to_owned(),
            description: None,
            from_name: None,
            aliases: [],
            aliases_count: 0,
            default_recipient: None,
            active: true,
            catch_all: false,
            auto_create_regex: None,
            can_login: true,
            created_at: since.clone(),
            updated_at: since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_its_first_moment() {
        assert_eq!(day(19_000), "2022-01-08 00:00:00");
    }
}

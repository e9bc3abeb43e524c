//! What aliases look like in answers.

use super::request::PublicId;
use crate::model::Timestamp;
use crate::model::activity::Activity;
use crate::model::alias::{self, AliasState};
use crate::model::delivery::Failure;
use crate::model::mailbox::Mailbox;
use crate::service::alias_page::Listed;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an alias does with mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AliasState)]
pub enum State {
    /// Passes mail on.
    Active,
    /// Takes mail from known senders only, and only when it is proven (DKIM or SPF, aligned) to be theirs: the site; with a
    /// site, who proved themselves in the alias's first three days, without one, before it was locked; contacts that were
    /// written to from it. Others get 550.
    Locked,
    /// Takes nothing for now (450): senders keep trying.
    Paused,
    /// Dead (550), until its owner revives it.
    Killed,
}

impl From<AliasState> for State {
    fn from(state: AliasState) -> Self {
        match state {
            AliasState::Active => Self::Active,
            AliasState::Locked => Self::Locked,
            AliasState::Paused => Self::Paused,
            AliasState::Killed => Self::Killed,
        }
    }
}

impl From<State> for AliasState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Locked => Self::Locked,
            State::Paused => Self::Paused,
            State::Killed => Self::Killed,
        }
    }
}

/// How an alias came to be that nobody made: its first message did.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MadeBy {
    /// Its domain takes mail for names that were never made.
    CatchAll,
    /// Its name was signed by its owner, without network.
    Signed,
}

impl From<alias::MadeBy> for MadeBy {
    fn from(how: alias::MadeBy) -> Self {
        match how {
            alias::MadeBy::CatchAll => Self::CatchAll,
            alias::MadeBy::Signed => Self::Signed,
        }
    }
}

/// An alias: an address handed out to one site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Alias)]
pub struct AliasShape {
    /// Its id.
    id: PublicId,
    /// The address.
    #[schema(example = "lg.k7f3qz2m@you.example")]
    address: String,
    /// The site it was made for.
    #[schema(example = "lg.com")]
    site: Option<String>,
    /// What it does with mail.
    state: State,
    /// Whether its date or its number of messages is used up: then it answers like a killed one.
    is_expired: bool,
    /// The owner's note.
    #[schema(example = "television, 2026")]
    note: String,
    /// The name replies go out with; null for the bare address.
    #[schema(example = "Jane Roe")]
    display_name: Option<String>,
    /// Whether lists show it first.
    pinned: bool,
    /// Its labels, in order.
    #[schema(example = json!(["home", "shops"]))]
    tags: Vec<String>,
    /// Where it forwards to. Empty for a token that may only make aliases.
    mailboxes: Vec<MailboxName>,
    /// When it dies by itself.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// After how many messages it dies by itself.
    max_messages: Option<i64>,
    /// Messages it took so far; counted exactly only where `max_messages` is set.
    messages_used: i64,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// How it came to be, when its first message made it; null when somebody made it.
    made_by: Option<MadeBy>,
    /// When its state last changed.
    #[schema(format = DateTime)]
    state_changed_at: String,
    /// Everything it ever counted.
    counts: Counts,
    /// The last day (UTC) on which it counted anything.
    #[schema(format = Date)]
    last_used_on: Option<String>,
}

impl AliasShape {
    /// Of a user's alias as it is now.
    pub fn of(listed: &Listed, now: Timestamp) -> Self {
        let Listed { alias, pinned, mailboxes, tags, total, last_day, made_by, .. } = listed;
        Self {
            id: PublicId(alias.uuid),
            address: alias.address.to_string(),
            site: alias.site.as_ref().map(ToString::to_string),
            state: alias.state.into(),
            is_expired: alias.is_expired(now),
            note: alias.note.clone(),
            display_name: alias.display_name.clone(),
            pinned: *pinned,
            tags: tags.iter().map(ToString::to_string).collect(),
            mailboxes: mailboxes.iter().map(MailboxName::of).collect(),
            expires_at: alias.expires_at.map(Timestamp::to_rfc3339),
            max_messages: alias.max_messages,
            messages_used: alias.messages_used,
            created_at: alias.created_at.to_rfc3339(),
            made_by: made_by.map(MadeBy::from),
            state_changed_at: alias.state_changed_at.to_rfc3339(),
            counts: Counts::of(*total),
            last_used_on: last_day.map(date),
        }
    }

    /// The same without the user's inboxes.
    pub fn without_mailboxes(self) -> Self {
        Self { mailboxes: Vec::new(), ..self }
    }
}

/// A mailbox as others name it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MailboxName {
    /// Its id.
    id: PublicId,
    /// Its address.
    #[schema(example = "jane.roe@inbox.example")]
    address: String,
}

impl MailboxName {
    /// Of a user's mailbox.
    pub fn of(mailbox: &Mailbox) -> Self {
        Self { id: PublicId(mailbox.uuid), address: mailbox.address.to_string() }
    }
}

/// An alias as others name it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AliasName {
    /// Its id.
    pub id: PublicId,
    /// Its address.
    #[schema(example = "lg.k7f3qz2m@you.example")]
    pub address: String,
}

/// What happened to mail.
#[derive(Debug, Serialize, ToSchema)]
pub struct Counts {
    /// Messages passed on to mailboxes.
    forwarded: i64,
    /// Messages refused because the alias or its owner wants none.
    blocked: i64,
    /// Messages the mailbox's server refused.
    refused: i64,
    /// Messages given up.
    failed: i64,
    /// Messages not delivered because the owner said so.
    cancelled: i64,
    /// Replies and new messages that went out.
    replied: i64,
    /// Replies refused because nothing proved that they came from the owner.
    unproven: i64,
    /// Replies in which a mailbox address was found in the text.
    quoted: i64,
}

impl Counts {
    /// Of what was counted.
    pub fn of(activity: Activity) -> Self {
        let Activity { forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted } = activity;
        Self { forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted }
    }
}

/// Why mail was not delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureShape {
    /// The reply's code; null when no server answered.
    #[schema(example = 550)]
    code: Option<u16>,
    /// The enhanced code (RFC 3463).
    #[schema(example = "5.1.1")]
    status: String,
    /// What was said. To the owner alone all of it: it may name the mailbox.
    #[schema(example = "no such user")]
    detail: String,
}

impl FailureShape {
    /// Of what was kept.
    pub fn of(failure: &Failure) -> Self {
        Self { code: failure.code, status: failure.status.clone(), detail: failure.detail.reveal().clone() }
    }

    /// The same for somebody whom it does not concern whose mail it is.
    pub fn without_names(failure: &Failure) -> Self {
        Self { detail: failure.detail_without_names(), ..Self::of(failure) }
    }
}

/// A day since the epoch as a date.
pub fn date(day: i64) -> String {
    let moment = Timestamp::from_micros(day.saturating_mul(86_400_000_000)).to_rfc3339();
    moment.split('T').next().unwrap_or_default().to_owned()
}

//! The page of one alias.

use askama::Template;
use uuid::Uuid;

use super::forms::Settings;
use crate::model::Timestamp;
use crate::model::alias::{Alias, AliasState};
use crate::model::alias_name;
use crate::model::sighting::{Seen, SightingKey};
use crate::service::alias::GetError;
use crate::service::alias_page::Listed;
use crate::service::alias_view::{self, CONTACTS, Part, View};
use crate::service::broker::Broker;
use crate::service::contact_page::Entry;
use crate::web::chart::Chart;
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::Fields;
use crate::web::session::SignedIn;
use crate::web::undelivered::Row;
use crate::web::{alias_words, when};

/// What was done, as the page says it.
const SAID: [(&str, &str); 13] = [
    ("active", "The alias is open: mail comes through."),
    ("locked", "The alias is locked: only mail from its known senders comes through."),
    ("paused", "The alias is paused: nothing comes through until you open it again."),
    ("killed", "The alias is killed: from now on mail to it is returned. What still waited for it will not be delivered."),
    ("saved", "The settings are saved."),
    ("contact", "Here is the address to write to; see under “Whom it writes to”."),
    ("blocked", "The correspondent is blocked: nothing comes from them at this alias any more."),
    ("unblocked", "The correspondent may write to this alias again."),
    ("hidden", "The correspondent is taken out of the list."),
    ("due", "It is being tried again now."),
    ("ended", "There was nothing to do: it arrived or ended in the meantime."),
    ("forgotten", "The failure is taken out of the list."),
    ("new", "The alias is made. Copy it and use it right away."),
];

/// What takes the last act back: a form with one field or none.
#[derive(Debug, Clone)]
pub struct Undo {
    /// Where the form goes, without the way to the root.
    pub action: String,
    /// The state it asks for; empty where none is asked for.
    pub state: &'static str,
}

/// Somebody who wrote.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The organisation.
    pub who: String,
    /// Whether it is not the site the alias was made for.
    pub is_foreign: bool,
    /// Whether it comes through while the alias is locked.
    pub is_known: bool,
    /// How far that was proven.
    pub proof: String,
    /// The first time, the last time.
    pub first: String,
    pub last: String,
    /// How many messages.
    pub messages: i64,
}

/// Somebody the alias corresponds with.
#[derive(Debug, Clone)]
pub struct Correspondent {
    /// Its id.
    pub uuid: Uuid,
    /// Who.
    pub address: String,
    /// Where to write to.
    pub reverse: String,
    /// Whether nothing is wanted from them.
    pub is_blocked: bool,
    /// Since when.
    pub since: String,
    /// Whether it is the one just made.
    pub is_new: bool,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "alias.html", config = "src/web/askama.toml")]
pub struct Page {
    pub chrome: Chrome,
    pub undo: Option<Undo>,
    pub uuid: Uuid,
    pub address: String,
    pub site: Option<String>,
    pub made: String,
    pub tag: &'static str,
    pub state: AliasState,
    pub sentence: String,
    /// What comes through when it is locked.
    pub locked: String,
    /// Mail to it must come through whatever happens.
    pub is_role: bool,
    pub mailboxes: Vec<String>,
    pub chart: Chart,
    pub counted: Vec<String>,
    /// What came and waits, or is held.
    pub pending: Vec<String>,
    pub senders: Vec<Sender>,
    pub contacts: Vec<Correspondent>,
    /// Where the page of contacts before this one and the one after it begin.
    pub newer: Option<u32>,
    pub older: Option<u32>,
    /// The address in the form to write first.
    pub correspondent: String,
    pub failures: Vec<Row>,
    /// Where forms of failures lead back to.
    pub back: &'static str,
    pub settings: Settings,
    /// The alias and the mailboxes as they are, for whoever handles a form.
    pub view: View,
}

impl Page {
    /// The page as it is now; `asked` is the query.
    pub async fn load(broker: &Broker, who: &SignedIn, uuid: Uuid, asked: &Fields) -> Result<Self, Failure> {
        let days = match asked.text("days") {
            "90" => 90,
            "365" => 365,
            _ => 30,
        };
        let contacts_from = asked.text("from").parse().unwrap_or(0);
        let part = Part { days, contacts_from };
        let view = alias_view::show(&broker.desk, who.user_id(), uuid, part).await.map_err(|error| match error {
            GetError::Unknown => Failure::NotFound,
            GetError::Storage(error) => error.into(),
        })?;
        let now = broker.now();
        let Listed { alias, mailboxes, total, .. } = &view.listed;
        // An address that is kept does not go on saying what was true once.
        let is_true = |word: &&str| word.parse::<AliasState>().map_or(true, |said| said == alias.state);
        let chrome = who.chrome(alias.address.to_string()).saying(asked.some("said").filter(is_true), &SAID);
        let new = asked.text("contact");
        Ok(Self {
            undo: undo(alias, asked),
            chrome,
            uuid,
            address: alias.address.to_string(),
            site: alias.site.as_ref().map(ToString::to_string),
            made: when::day(alias.created_at.day()),
            tag: alias_words::tag(alias, now),
            state: alias.state,
            sentence: alias_words::sentence(alias, mailboxes, now),
            is_role: alias_name::is_role(alias.address.local()),
            mailboxes: mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect(),
            chart: Chart::new(&view.days),
            counted: alias_words::counted(total),
            pending: alias_words::pending(view.pending),
            senders: senders(&view, now),
            locked: alias_words::locked(alias.site.as_ref()),
            contacts: view.contacts.iter().map(|entry| correspondent(entry, new)).collect(),
            newer: (contacts_from > 0).then(|| contacts_from.saturating_sub(CONTACTS)),
            older: view.more_contacts.then(|| contacts_from.saturating_add(CONTACTS)),
            correspondent: String::new(),
            failures: view.undelivered.iter().map(|failed| Row::new(failed.clone(), now)).collect(),
            back: "alias",
            settings: Settings::of(&view.listed, &view.mailboxes),
            view,
        })
    }

    /// The page with what went wrong.
    pub fn but(mut self, wrong: impl Into<String>) -> Self {
        self.chrome = self.chrome.but(wrong);
        self
    }

    /// Whether it is in that state, whatever its date says.
    fn is(&self, state: &str) -> bool {
        self.state.as_str() == state
    }
}

/// What the last act can be taken back with. A kill asks for its own yes, so that no undo leads there.
fn undo(alias: &Alias, asked: &Fields) -> Option<Undo> {
    let said = asked.text("said");
    let path = |rest: &str| format!("aliases/{}/{rest}", alias.uuid);
    match said {
        "blocked" | "unblocked" => {
            let contact = Uuid::parse_str(asked.text("contact")).ok()?;
            let act = if said == "blocked" { "unblock" } else { "block" };
            Some(Undo { action: path(&format!("contacts/{contact}/{act}")), state: "" })
        }
        _ => {
            let (now, was): (AliasState, AliasState) = (said.parse().ok()?, asked.text("was").parse().ok()?);
            let fits = now == alias.state && was != now && was != AliasState::Killed;
            fits.then(|| Undo { action: path("state"), state: was.as_str() })
        }
    }
}

fn senders(view: &View, now: Timestamp) -> Vec<Sender> {
    let sender = |(key, seen): &(SightingKey, Seen)| Sender {
        who: if key.organisation.is_empty() { "all others together".to_owned() } else { key.organisation.clone() },
        is_foreign: alias_words::is_foreign(&view.listed.alias, key),
        is_known: alias_view::is_known(&view.listed.alias, key, *seen, now),
        proof: alias_words::proof(key),
        first: when::day(seen.first.day()),
        last: when::day(seen.last.day()),
        messages: seen.messages,
    };
    view.senders.iter().map(sender).collect()
}

fn correspondent(entry: &Entry, new: &str) -> Correspondent {
    let uuid = entry.contact.uuid;
    Correspondent {
        uuid,
        address: entry.contact.address.to_string(),
        reverse: entry.reverse.to_string(),
        is_blocked: entry.contact.is_blocked,
        since: when::day(entry.contact.created_at.day()),
        is_new: uuid.to_string() == new,
    }
}

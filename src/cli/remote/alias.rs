//! `postern alias …` on an instance elsewhere.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::alias::{self, NewState, Sender, Shown, View};
use super::super::args::{AliasCommand, AliasTexts, NewAlias};
use super::super::failure::Failure;
use super::super::output::Output;
use super::client::Client;
use super::delivery;
use super::mailbox::Named;
use crate::model::activity::Activity;
use crate::model::alias::{AliasState, MadeBy};
use crate::model::alias_name::NameFormat;
use crate::model::{Address, Timestamp};

/// Longest text that can be searched for, in characters.
const LONGEST_SEARCH: usize = 100;

/// What a new alias is made of.
#[derive(Serialize)]
struct New {
    site: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    note: String,
    mailboxes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_messages: Option<u32>,
}

/// An alias with all that the API tells of it at once.
#[derive(Deserialize)]
struct Wire {
    #[serde(flatten)]
    view: View,
    mailboxes: Vec<Named>,
    counts: Activity,
    made_by: Option<MadeBy>,
}

/// What a change of state did.
#[derive(Deserialize)]
struct Done {
    alias: View,
    changed: bool,
    cancelled: u64,
}

/// Runs one of them.
pub async fn run(client: &Client, command: AliasCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    let (address, state) = match command {
        AliasCommand::New(new) => return alias::print_made(&client.make(&["aliases"], &request(client, new)).await?, output),
        AliasCommand::List { site, state } => {
            let site = site.as_ref().map(ToString::to_string);
            let mut query = Vec::new();
            query.extend(site.as_deref().map(|site| ("site", site)));
            query.extend(state.map(|state| ("state", state.as_str())));
            let views: Vec<View> = client.all(&["aliases"], &query).await?;
            return alias::print_list(&views, output);
        }
        AliasCommand::Show(one) => return show(client, &one.alias, output).await,
        AliasCommand::Edit(edit) => {
            let id = id(client, &edit.alias).await?;
            let edited = client.change(&["aliases", &id], &change(edit.texts)).await;
            return alias::print_edited(&edited.map_err(|fault| fault.or_missing(alias::unknown))?, output);
        }
        AliasCommand::Lock(one) => (one.alias, AliasState::Locked),
        AliasCommand::Pause(one) => (one.alias, AliasState::Paused),
        AliasCommand::Kill(one) => (one.alias, AliasState::Killed),
        AliasCommand::Revive(one) => (one.alias, AliasState::Active),
    };
    let id = id(client, &address).await?;
    let done = client.act(&["aliases", &id, "state"], Some(&json!({ "state": state.as_str() }))).await;
    let Done { alias, changed, cancelled } = done.map_err(|fault| fault.or_missing(alias::unknown))?;
    alias::print_changed(&NewState { alias, changed, cancelled }, output)
}

fn request(client: &Client, new: NewAlias) -> New {
    // A name that is chosen is not made.
    let format = new.name.is_none().then(|| word(new.format));
    New {
        site: new.site.to_string(),
        domain: new.domain.map(|domain| domain.to_string()),
        format,
        name: new.name,
        note: new.note,
        mailboxes: new.mailboxes.iter().map(Address::to_string).collect(),
        expires_at: new.expires.map(|life| Timestamp::to_rfc3339(client.now().plus(life))),
        max_messages: new.max_messages.map(std::num::NonZeroU32::get),
    }
}

fn word(format: NameFormat) -> &'static str {
    match format {
        NameFormat::Site => "site",
        NameFormat::Words => "words",
        NameFormat::Random => "random",
        NameFormat::Uuid => "uuid",
    }
}

/// What is left out stays as it is; null takes a name away.
fn change(texts: AliasTexts) -> serde_json::Map<String, serde_json::Value> {
    let mut fields = serde_json::Map::new();
    if texts.no_display_name {
        fields.insert("display_name".into(), serde_json::Value::Null);
    }
    fields.extend(texts.display_name.map(|name| ("display_name".to_owned(), name.into())));
    fields.extend(texts.note.map(|note| ("note".to_owned(), note.into())));
    fields
}

/// The API goes by ids, people by addresses.
pub async fn id(client: &Client, address: &Address) -> Result<String, Failure> {
    let key = address.folded();
    let search: String = key.chars().take(LONGEST_SEARCH).collect();
    let found: Vec<View> = client.all(&["aliases"], &[("search", &search)]).await?;
    let is_it = |view: &&View| Address::parse(&view.address).is_ok_and(|address| address.folded() == key);
    found.iter().find(is_it).map(|view| view.id.clone()).ok_or_else(alias::unknown)
}

async fn show(client: &Client, address: &Address, output: &mut Output<'_>) -> Result<(), Failure> {
    let id = id(client, address).await?;
    let wire: Wire = client.get(&["aliases", &id]).await.map_err(|fault| fault.or_missing(alias::unknown))?;
    let senders: Vec<Sender> =
        client.whole(&["aliases", &id, "senders"]).await.map_err(|fault| fault.or_missing(alias::unknown))?;
    let shown = Shown {
        undelivered: delivery::of_alias(client, &id).await?,
        mailboxes: wire.mailboxes.into_iter().map(|mailbox| mailbox.address).collect(),
        alias: wire.view,
        total: wire.counts,
        senders,
        made_by: wire.made_by,
    };
    alias::print_shown(&shown, output)
}

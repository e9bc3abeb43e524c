//! `postern alias new|list|show|lock|pause|kill|revive|edit`.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::model::activity::Activity;
use crate::model::alias::{Alias, AliasState, MadeBy};
use crate::model::sighting::{Seen, SightingKey};
use crate::model::{Address, Timestamp};
use crate::service::Desk;
use crate::service::alias::{
    self, AliasFilter, CreateError, Edit, EditError, GetError, NewAlias, Overview, StateChange, StateError,
};

use super::args::{self, AliasCommand};
use super::failure::Failure;
use super::output::{Output, printable};
use super::{desk, offline, queue};

/// Aliases read at once.
const PAGE: u32 = 500;

/// An alias as shown, and as the API tells of it.
#[derive(Serialize, Deserialize)]
pub struct View {
    pub(super) id: String,
    pub(super) address: String,
    site: Option<String>,
    state: String,
    note: String,
    display_name: Option<String>,
    expires_at: Option<String>,
    max_messages: Option<i64>,
    created_at: String,
    state_changed_at: String,
}

impl View {
    fn of(alias: &Alias) -> Self {
        Self {
            id: alias.uuid.to_string(),
            address: alias.address.to_string(),
            site: alias.site.as_ref().map(ToString::to_string),
            state: alias.state.as_str().to_owned(),
            note: alias.note.clone(),
            display_name: alias.display_name.clone(),
            expires_at: alias.expires_at.map(Timestamp::to_rfc3339),
            max_messages: alias.max_messages,
            created_at: alias.created_at.to_rfc3339(),
            state_changed_at: alias.state_changed_at.to_rfc3339(),
        }
    }
}

/// All about one alias.
#[derive(Serialize)]
pub struct Shown {
    #[serde(flatten)]
    pub(super) alias: View,
    pub(super) mailboxes: Vec<String>,
    /// Of the whole life of the alias.
    pub(super) total: Activity,
    pub(super) undelivered: Vec<queue::View>,
    pub(super) senders: Vec<Sender>,
    /// How it came to be, when its first message made it.
    pub(super) made_by: Option<MadeBy>,
}

/// Somebody who wrote to the alias.
#[derive(Serialize, Deserialize)]
pub struct Sender {
    /// Empty for all those together for whom there was no room.
    #[serde(deserialize_with = "or_empty")]
    organisation: String,
    proof: String,
    signer: Option<String>,
    first_seen_at: String,
    last_seen_at: String,
    messages: i64,
}

/// The API has null for them.
fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Sender {
    fn of((key, seen): &(SightingKey, Seen)) -> Self {
        Self {
            organisation: key.organisation.clone(),
            proof: key.proof.as_str().to_owned(),
            signer: (!key.signer.is_empty()).then(|| key.signer.clone()),
            first_seen_at: seen.first.to_rfc3339(),
            last_seen_at: seen.last.to_rfc3339(),
            messages: seen.messages,
        }
    }

    fn line(&self) -> String {
        let proof = match (self.proof.as_str(), &self.signer) {
            ("dkim", _) => "proven by its signature".to_owned(),
            ("spf", _) => "proven by its server".to_owned(),
            ("none", None) => "not proven".to_owned(),
            ("none", Some(signer)) => format!("not proven, signed by {signer}"),
            _ => "proof not asked for".to_owned(),
        };
        let messages = if self.messages == 1 { "1 message" } else { &format!("{} messages", self.messages) };
        let who = if self.organisation.is_empty() { "others" } else { &self.organisation };
        format!("{who}: {messages}, {proof}, last {}", self.last_seen_at)
    }
}

/// What a change of state did.
#[derive(Serialize)]
pub struct NewState {
    #[serde(flatten)]
    pub(super) alias: View,
    pub(super) changed: bool,
    pub(super) cancelled: u64,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: AliasCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    if let AliasCommand::New(new) = &command
        && new.offline.offline
    {
        return offline::run(config, user, new, output);
    }
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        let state = match command {
            AliasCommand::New(new) => {
                let made = alias::create(desk, request(desk, user, new)).await.map_err(create_failed)?;
                return print_made(&View::of(&made), output);
            }
            AliasCommand::List { site, state } => {
                let filter = AliasFilter { user_id: user, site, state, before: None, limit: PAGE };
                return list(desk, filter, output).await;
            }
            AliasCommand::Show(one) => {
                let overview = alias::show(desk, user, &one.alias).await.map_err(get_failed)?;
                return print_shown(&shown(overview), output);
            }
            AliasCommand::Edit(edit) => {
                let edited = alias::edit(desk, user, &edit.alias, texts(edit.texts)).await.map_err(edit_failed)?;
                return print_edited(&View::of(&edited), output);
            }
            AliasCommand::Lock(one) => (one.alias, AliasState::Locked),
            AliasCommand::Pause(one) => (one.alias, AliasState::Paused),
            AliasCommand::Kill(one) => (one.alias, AliasState::Killed),
            AliasCommand::Revive(one) => (one.alias, AliasState::Active),
        };
        let (address, state) = state;
        let StateChange { alias, changed, cancelled } =
            alias::set_state(desk, user, &address, state).await.map_err(state_failed)?;
        print_changed(&NewState { alias: View::of(&alias), changed, cancelled }, output)
    })
}

fn request(desk: &Desk, user: crate::model::id::UserId, new: args::NewAlias) -> NewAlias {
    NewAlias {
        user,
        site: Some(new.site),
        domain: new.domain,
        format: new.format,
        chosen: new.name,
        note: new.note,
        mailboxes: new.mailboxes,
        expires_at: new.expires.map(|life| desk.clock.now().plus(life)),
        max_messages: new.max_messages,
    }
}

fn texts(texts: args::AliasTexts) -> Edit {
    let display_name = if texts.no_display_name { Some(None) } else { texts.display_name.map(Some) };
    Edit { display_name, note: texts.note }
}

async fn list(desk: &Desk, mut filter: AliasFilter, output: &mut Output<'_>) -> Result<(), Failure> {
    let mut views = Vec::new();
    loop {
        let page = alias::list(desk, &filter).await?;
        let Some(last) = page.last() else { break };
        filter.before = Some(last.id);
        views.extend(page.iter().map(View::of));
    }
    print_list(&views, output)
}

/// The address alone, ready to be copied.
pub(super) fn print_made(view: &View, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| writeln!(to, "{}", view.address))?)
}

pub(super) fn print_edited(view: &View, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| writeln!(to, "{} is changed", view.address))?)
}

pub(super) fn print_shown(shown: &Shown, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(shown, |to| write_shown(to, shown))?)
}

pub(super) fn print_changed(changed: &NewState, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(changed, |to| write_changed(to, changed))?)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "no aliases", ["ADDRESS", "SITE", "STATE", "SINCE", "NOTE"], |view| {
        let site = view.site.clone().unwrap_or_else(|| "-".into());
        [view.address.clone(), site, view.state.clone(), view.created_at.clone(), view.note.clone()]
    })?)
}

fn shown(overview: Overview) -> Shown {
    let address = &overview.alias.address;
    Shown {
        alias: View::of(&overview.alias),
        mailboxes: overview.mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect(),
        total: overview.total,
        undelivered: overview.undelivered.iter().map(|delivery| queue::View::of(delivery, Some(address))).collect(),
        senders: overview.senders.iter().map(Sender::of).collect(),
        made_by: overview.made_by,
    }
}

fn write_shown(to: &mut dyn Write, shown: &Shown) -> io::Result<()> {
    let alias = &shown.alias;
    let mut line = |name: &str, value: &str| writeln!(to, "{name:<12}{}", printable(value));
    line("address", &alias.address)?;
    line("site", alias.site.as_deref().unwrap_or("-"))?;
    line("state", &format!("{} since {}", alias.state, alias.state_changed_at))?;
    line("mailboxes", &shown.mailboxes.join(", "))?;
    let how = match shown.made_by {
        None => "",
        Some(MadeBy::CatchAll) => " by its first message (catch-all)",
        Some(MadeBy::Signed) => " by its first message (signed name)",
    };
    line("made", &format!("{}{how}", alias.created_at))?;
    if !alias.note.is_empty() {
        line("note", &alias.note)?;
    }
    if let Some(name) = &alias.display_name {
        line("shown as", name)?;
    }
    if let Some(at) = &alias.expires_at {
        line("expires", at)?;
    }
    if let Some(max) = alias.max_messages {
        line("messages", &format!("at most {max}"))?;
    }
    let Activity { forwarded, blocked, refused, failed, cancelled, replied, unproven, quoted } = shown.total;
    line(
        "mail",
        &format!("{forwarded} forwarded, {blocked} blocked, {refused} refused, {failed} failed, {cancelled} cancelled"),
    )?;
    if replied + unproven + quoted > 0 {
        line(
            "replies",
            &format!("{replied} sent, {quoted} of them quoting a mailbox; {unproven} attempts not proven to be yours, refused"),
        )?;
    }
    for sender in &shown.senders {
        line("sender", &sender.line())?;
    }
    for delivery in &shown.undelivered {
        writeln!(to, "{}", delivery.line())?;
    }
    Ok(())
}

fn write_changed(to: &mut dyn Write, changed: &NewState) -> io::Result<()> {
    let already = if changed.changed { "" } else { " already" };
    writeln!(to, "{} is {}{already}", changed.alias.address, changed.alias.state)?;
    if changed.cancelled > 0 {
        writeln!(to, "{} messages that waited for it will not be delivered", changed.cancelled)?;
    }
    Ok(())
}

fn create_failed(error: CreateError) -> Failure {
    let problem = error.to_string();
    let hint = match error {
        CreateError::Name(_) | CreateError::Taken => "choose another name, or leave --name out",
        CreateError::Exhausted => "try again, or choose another --format",
        CreateError::NoDomain => "add one to instance.domains, or with `postern domain add`",
        CreateError::UnknownDomain => "see `postern domain list`",
        CreateError::UnknownMailbox => "see `postern mailbox list`",
        CreateError::UnverifiedMailbox => "choose a verified one with --mailbox; see `postern mailbox list`",
        CreateError::InThePast => "give a longer --expires, for example 30d",
        CreateError::Storage(error) => return error.into(),
    };
    Failure::new(problem, hint)
}

fn state_failed(error: StateError) -> Failure {
    match error {
        StateError::Unknown => get_failed(GetError::Unknown),
        StateError::Role => Failure::new(error.to_string(), "mail to it goes to the first administrator's mailbox"),
        StateError::Storage(error) => error.into(),
    }
}

fn edit_failed(error: EditError) -> Failure {
    match error {
        EditError::Unknown => get_failed(GetError::Unknown),
        EditError::DisplayName(error) => Failure::new(error.to_string(), "correspondents see it in front of the alias's address"),
        EditError::Storage(error) => error.into(),
    }
}

/// This user has no such alias.
pub fn unknown() -> Failure {
    get_failed(GetError::Unknown)
}

fn get_failed(error: GetError) -> Failure {
    match error {
        GetError::Unknown => Failure::new("this user has no such alias", "see `postern alias list`; --user says whose"),
        GetError::Storage(error) => error.into(),
    }
}

//! What is done to ticked aliases, or to one of the list by one click; and how it is taken back.
//!
//! The answer to an act is the list itself with a form that takes it back: it holds what each alias was before, which is
//! too much for an address. What comes back is believed as far as the owner could do the same by hand.

use std::collections::HashSet;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::row::Link;
use super::wanted::Wanted;
use crate::model::alias::AliasState;
use crate::model::alias_name;
use crate::model::tag::{MOST_TAGS, Tag};
use crate::service::alias_bulk::{self, Act, BulkError, Done, MOST};
use crate::service::alias_page;
use crate::service::broker::Broker;
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Checked, Fields, MENDABLE};
use crate::web::pages;
use crate::web::session::SignedIn;

/// Aliases that are named; the others are counted.
const NAMED: usize = 5;
/// The same before they are killed.
const NAMED_BEFORE: usize = 20;

/// A form that takes something back.
#[derive(Debug)]
pub struct Undo {
    /// Where it goes, without the slash in front.
    pub to: &'static str,
    /// What it holds.
    pub fields: Vec<(&'static str, String)>,
}

/// What was done.
#[derive(Debug)]
pub struct Outcome {
    /// In one sentence.
    pub sentence: String,
    /// To which aliases.
    pub named: Vec<Link>,
    /// And to how many more.
    pub more: usize,
    /// What else there is to know.
    pub notes: Vec<String>,
    /// How it is taken back.
    pub undo: Option<Undo>,
}

/// Asks once more before aliases are killed.
#[derive(Debug, Template)]
#[template(path = "aliases_kill.html", config = "src/web/askama.toml")]
struct Sure {
    chrome: Chrome,
    named: Vec<String>,
    more: usize,
    uuids: Vec<Uuid>,
    back: String,
}

/// `GET /aliases/bulk` and `/aliases/undo`: somebody loaded the answer to a form anew.
pub async fn back(who: SignedIn) -> Response {
    who.go("aliases")
}

/// `POST /aliases/bulk`
pub async fn act(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let wanted = came_from(&fields).await;
    let (word, uuids) = read(&fields);
    let wrong = match read_act(word, &fields) {
        _ if uuids.is_empty() => "Tick at least one alias first.".to_owned(),
        _ if uuids.len() > MOST => explain(BulkError::TooMany)?,
        Err(sentence) => sentence,
        Ok(Act::Kill) if !fields.is_on("sure") => return ask(&broker, &who, &wanted, &uuids).await,
        Ok(act) => match alias_bulk::act(&broker.desk, who.user_id(), uuids.clone(), act.clone()).await {
            Ok(done) => return show(&broker, &who, &wanted, outcome(&act, &done)).await,
            Err(error) => explain(error)?,
        },
    };
    let ticked = if fields.some("one").is_some() { HashSet::new() } else { uuids.into_iter().collect() };
    let mut page = super::page(&broker, &who, &wanted, &ticked).await?;
    fields.text("tag").clone_into(&mut page.new_tag);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(MENDABLE, &page))
}

/// `POST /aliases/undo`
pub async fn undo(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let wanted = came_from(&fields).await;
    let before = || fields.all("was").into_iter().filter_map(|was| was.split_once(' '));
    let undone = if let Ok(left) = fields.text("left").parse::<AliasState>() {
        let states = before().filter_map(|(uuid, state)| Some((Uuid::parse_str(uuid).ok()?, state.parse().ok()?)));
        alias_bulk::undo_states(&broker.desk, who.user_id(), left, states.collect()).await
    } else {
        let uuids = |text: &str| text.split(',').filter_map(|uuid| Uuid::parse_str(uuid).ok()).collect();
        let mailboxes = before().filter_map(|(uuid, were)| Some((Uuid::parse_str(uuid).ok()?, uuids(were))));
        alias_bulk::undo_mailboxes(&broker.desk, who.user_id(), mailboxes.collect()).await
    };
    let word = match undone {
        Ok(0) | Err(BulkError::TooMany | BulkError::UnknownMailbox | BulkError::UnverifiedMailbox) => "nothing",
        Ok(_) => "undone",
        Err(BulkError::Storage(error)) => return Err(error.into()),
    };
    let link = wanted.link();
    let sign = if link.contains('?') { '&' } else { '?' };
    Ok(who.go(&format!("{link}{sign}said={word}")))
}

async fn ask(broker: &Broker, who: &SignedIn, wanted: &Wanted, uuids: &[Uuid]) -> Result<Response, Failure> {
    let found = alias_page::list_by_uuid(&broker.desk, who.user_id(), uuids).await?;
    let alive = |listed: &alias_page::Listed| {
        listed.alias.state != AliasState::Killed && !alias_name::is_role(listed.alias.address.local())
    };
    let alive: Vec<_> = found.into_iter().filter(alive).map(|listed| listed.alias).collect();
    if alive.is_empty() {
        return show(broker, who, wanted, outcome(&Act::Kill, &Done::default())).await;
    }
    let title = if alive.len() == 1 { "Kill this alias?".to_owned() } else { format!("Kill {} aliases?", alive.len()) };
    let page = Sure {
        chrome: who.chrome(title),
        named: alive.iter().take(NAMED_BEFORE).map(|alias| alias.address.to_string()).collect(),
        more: alive.len().saturating_sub(NAMED_BEFORE),
        uuids: alive.iter().map(|alias| alias.uuid).collect(),
        back: wanted.link(),
    };
    Ok(pages::show(StatusCode::OK, &page))
}

async fn show(broker: &Broker, who: &SignedIn, wanted: &Wanted, outcome: Outcome) -> Result<Response, Failure> {
    let mut page = super::page(broker, who, wanted, &HashSet::new()).await?;
    page.outcome = Some(outcome);
    Ok(pages::show(StatusCode::OK, &page))
}

/// The list the form was on.
async fn came_from(fields: &Fields) -> Wanted {
    let query = fields.raw("back").split_once('?').map_or("", |(_, query)| query);
    Wanted::read(&Fields::read(Bytes::from(query.to_owned())).await)
}

/// The word of the act and whom it is for. A click on a row is for that row, whatever is ticked.
fn read(fields: &Fields) -> (&str, Vec<Uuid>) {
    let uuid = |text: &str| Uuid::parse_str(text).ok();
    if let Some((word, one)) = fields.some("one").and_then(|one| one.split_once(' ')) {
        return (word, uuid(one).into_iter().collect());
    }
    // The Enter key in the field for a tag means the button beside it.
    let is_entered = fields.text("do").is_empty() && !fields.text("tag").is_empty();
    let word = if is_entered { "tag" } else { fields.text("do") };
    (word, fields.all("alias").into_iter().filter_map(uuid).collect())
}

fn read_act(word: &str, fields: &Fields) -> Result<Act, String> {
    let tag = || Tag::parse(fields.text("tag")).map_err(|error| format!("Write the tag, please: {error}."));
    Ok(match word {
        "pause" => Act::Pause,
        "resume" => Act::Resume,
        "lock" => Act::Lock,
        "kill" => Act::Kill,
        "revive" => Act::Revive,
        "tag" => Act::AddTag(tag()?),
        "untag" => Act::RemoveTag(tag()?),
        "move" => Act::Mailbox(Uuid::parse_str(fields.text("mailbox")).map_err(|_| "Choose a mailbox first.".to_owned())?),
        _ => return Err("Choose what to do with the ticked aliases.".to_owned()),
    })
}

fn explain(error: BulkError) -> Result<String, Failure> {
    Ok(match error {
        BulkError::TooMany => format!("Nothing was changed: at most {MOST} aliases can be changed at once. Tick fewer."),
        BulkError::UnknownMailbox => "Nothing was changed: that mailbox is gone. Choose another one.".into(),
        BulkError::UnverifiedMailbox => "Nothing was changed: that mailbox is not verified yet.".into(),
        BulkError::Storage(error) => return Err(error.into()),
    })
}

fn outcome(act: &Act, done: &Done) -> Outcome {
    let changed = &done.changed;
    let link = |before: &alias_bulk::Before| Link { text: before.address.to_string(), to: format!("aliases/{}", before.uuid) };
    Outcome {
        sentence: sentence(act, changed.len()),
        named: changed.iter().take(NAMED).map(link).collect(),
        more: changed.len().saturating_sub(NAMED),
        notes: notes(done),
        undo: (!changed.is_empty()).then(|| take_back(act, done)),
    }
}

fn sentence(act: &Act, count: usize) -> String {
    let (subject, are, they) = match count {
        0 => return "Nothing had to be changed.".into(),
        1 => ("1 alias".to_owned(), "is", "it"),
        count => (format!("{count} aliases"), "are", "them"),
    };
    match act {
        Act::Pause => format!("{subject} {are} paused: senders are asked to try again later."),
        Act::Resume => format!("{subject} {are} open: mail to {they} comes through to you."),
        Act::Lock => format!("{subject} {are} locked: only mail from known senders comes through."),
        Act::Kill => format!("{subject} {are} killed: mail to {they} is returned as undeliverable."),
        Act::Revive => format!("{subject} {are} open again: mail to {they} comes through to you."),
        Act::AddTag(tag) => format!("{subject} now with the tag “{tag}”."),
        Act::RemoveTag(tag) => format!("{subject} without the tag “{tag}” now."),
        Act::Mailbox(_) => format!("{subject} with another mailbox now."),
    }
}

fn notes(done: &Done) -> Vec<String> {
    let mut notes = Vec::new();
    match (done.same, done.changed.is_empty()) {
        (0, _) | (_, true) => {}
        (1, false) => notes.push("1 was left as it was.".into()),
        (same, false) => notes.push(format!("{same} were left as they were.")),
    }
    if done.roles > 0 {
        notes.push("postmaster and abuse were left alone: they must be reachable for everybody.".into());
    }
    if done.full > 0 {
        notes.push(format!("{} with {MOST_TAGS} tags already got no more.", done.full));
    }
    match done.cancelled {
        0 => {}
        1 => notes.push("1 message that still waited will not be delivered.".into()),
        count => notes.push(format!("{count} messages that still waited will not be delivered.")),
    }
    notes
}

fn take_back(act: &Act, done: &Done) -> Undo {
    let changed = &done.changed;
    let states = |left: AliasState| {
        let mut fields = vec![("left", left.to_string())];
        fields.extend(changed.iter().map(|before| ("was", format!("{} {}", before.uuid, before.state))));
        Undo { to: "aliases/undo", fields }
    };
    let retag = |word: &str, tag: &Tag| {
        let mut fields = vec![("do", word.to_owned()), ("tag", tag.to_string())];
        fields.extend(changed.iter().map(|before| ("alias", before.uuid.to_string())));
        Undo { to: "aliases/bulk", fields }
    };
    match act {
        Act::Pause => states(AliasState::Paused),
        Act::Resume | Act::Revive => states(AliasState::Active),
        Act::Lock => states(AliasState::Locked),
        Act::Kill => states(AliasState::Killed),
        Act::AddTag(tag) => retag("untag", tag),
        Act::RemoveTag(tag) => retag("tag", tag),
        Act::Mailbox(_) => {
            let were = |before: &alias_bulk::Before| {
                let uuids: Vec<String> = before.mailboxes.iter().map(ToString::to_string).collect();
                ("was", format!("{} {}", before.uuid, uuids.join(",")))
            };
            Undo { to: "aliases/undo", fields: changed.iter().map(were).collect() }
        }
    }
}

//! `/aliases`: the list of a user's aliases, new ones, and what is done to many at once.
//!
//! [`wanted`] reads what the address asks for, [`pick`] fetches it, [`row`] puts it into words; [`new`] makes aliases and
//! takes them back, [`bulk`] changes them.

pub mod bulk;
pub mod new;
pub mod pick;
pub mod row;
pub mod wanted;

use std::collections::HashSet;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::Asked;
use super::pages;
use super::session::SignedIn;
use crate::model::mailbox::Mailbox;
use crate::model::tag::Tag;
use crate::service::alias_page::{self, PageFilter};
use crate::service::broker::Broker;
use bulk::Outcome;
use new::{Form, Made};
use row::{Link, Row};
use wanted::{Choice, Shown, Sort, Wanted};

/// What was done on the way here.
const SAID: &[(&str, &str)] = &[
    ("welcome", "Welcome. Write below which site wants your address, and you have your first alias."),
    ("forgotten", "The alias is forgotten: mail to it is returned, and nobody ever gets this address again."),
    ("unmade", "The alias is gone, as if it had never been made."),
    ("undone", "Taken back: everything is as it was before."),
    ("nothing", "There was nothing left to take back."),
];

/// What was not.
const WRONG: &[(&str, &str)] = &[
    ("used", "The alias can’t be taken back any more: mail has come to it. You can kill it instead."),
    ("late", "An alias can be taken back within an hour only. You can kill it instead."),
];

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/aliases", get(look))
        .route("/aliases/new", get(new::look).post(new::make))
        .route("/aliases/unmake", post(new::unmake))
        .route("/aliases/bulk", get(bulk::back).post(bulk::act))
        .route("/aliases/undo", get(bulk::back).post(bulk::undo))
}

/// A filter that is in force, and the list without it.
#[derive(Debug)]
struct Chip {
    text: String,
    without: String,
}

/// One of the states to choose from.
#[derive(Debug)]
struct Tab {
    label: &'static str,
    to: String,
    current: &'static str,
}

/// Why there are no rows.
#[derive(Debug, PartialEq, Eq)]
enum Empty {
    /// There are some.
    No,
    /// The user never made any.
    New,
    /// None is alive.
    Dead,
    /// None is like that.
    NotFound,
}

/// The list.
#[derive(Debug, Template)]
#[template(path = "aliases.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    form: Form,
    made: Option<Made>,
    outcome: Option<Outcome>,
    search: String,
    /// What the search keeps of the rest, as hidden fields.
    kept: Vec<(&'static str, String)>,
    tabs: Vec<Tab>,
    chips: Vec<Chip>,
    cleared: String,
    tags: Vec<Choice>,
    mailboxes: Vec<Choice>,
    sorts: Vec<Choice>,
    sizes: Vec<Choice>,
    is_narrowed: bool,
    count: String,
    rows: Vec<Row>,
    empty: Empty,
    /// Where what was looked for is, when it is in another state.
    elsewhere: Option<Link>,
    earlier: Option<String>,
    later: Option<String>,
    /// This page, for forms to come back to.
    back: String,
    shows_killed: bool,
    /// Where all chosen ones can be sent, when there is more than one mailbox.
    targets: Vec<Choice>,
    new_tag: String,
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let wanted = Wanted::read(&asked);
    let made = match asked.some("made").and_then(|text| Uuid::parse_str(text).ok()) {
        Some(uuid) => Made::find(&broker, who.user_id(), uuid).await?,
        None => None,
    };
    let mut page = page(&broker, &who, &wanted, &HashSet::new()).await?;
    page.made = made;
    page.chrome = page.chrome.saying(asked.some("said"), SAID);
    if let Some((_, sentence)) = WRONG.iter().find(|(word, _)| Some(*word) == asked.some("said")) {
        page.chrome = page.chrome.but(*sentence);
    }
    Ok(pages::show(StatusCode::OK, &page))
}

/// The list with these rows ticked.
async fn page(broker: &Broker, who: &SignedIn, wanted: &Wanted, ticked: &HashSet<Uuid>) -> Result<Page, Failure> {
    let (desk, user) = (&broker.desk, who.user_id());
    let form = Form::empty(broker, user).await?;
    let all_mailboxes = form.all_mailboxes.clone();
    let filter = filter(who, wanted, &all_mailboxes);
    let picked = pick::page(desk, &filter, wanted).await?;
    let today = broker.now().day();
    let glances = alias_page::glance(desk, &picked.rows, today - row::DAYS + 1).await?;
    let rows: Vec<Row> = picked
        .rows
        .iter()
        .map(|listed| Row::new(listed, glances.get(&listed.alias.id), wanted, broker.now(), ticked.contains(&listed.alias.uuid)))
        .collect();
    let empty = if !rows.is_empty() {
        Empty::No
    } else if wanted.is_narrowed() || wanted.shown != Shown::Alive {
        Empty::NotFound
    } else if alias_page::count_up_to(desk, &PageFilter::all(user), 1).await? == 0 {
        Empty::New
    } else {
        Empty::Dead
    };
    let elsewhere = if empty == Empty::NotFound { elsewhere(broker, &filter, wanted).await? } else { None };
    let known = crate::service::alias_tag::names(desk, user, wanted::MOST_TAGS).await?;
    Ok(Page {
        chrome: who.chrome("Aliases"),
        form,
        made: None,
        outcome: None,
        search: wanted.search.clone(),
        kept: wanted.kept(),
        tabs: tabs(wanted),
        chips: chips(wanted, &all_mailboxes),
        cleared: Wanted { shown: wanted.shown, ..Wanted::default() }.link(),
        tags: tag_choices(&known, wanted),
        mailboxes: mailbox_choices(&all_mailboxes, wanted),
        sorts: Sort::ALL.map(|sort| Choice::new(sort.as_str(), sort.label(), wanted.sort == sort)).into(),
        sizes: wanted::SIZES.map(|size| Choice::new(size, format!("{size} rows"), wanted.size() == size)).into(),
        is_narrowed: wanted.is_narrowed(),
        count: row::count(picked.count),
        rows,
        empty,
        elsewhere,
        earlier: picked.earlier.map(|place| wanted.at(place).link()),
        later: picked.later.map(|place| wanted.at(place).link()),
        back: wanted.link(),
        shows_killed: matches!(wanted.shown, Shown::Killed | Shown::All),
        targets: targets(&all_mailboxes),
        new_tag: String::new(),
    })
}

/// What would be found if the state did not matter.
async fn elsewhere(broker: &Broker, filter: &PageFilter, wanted: &Wanted) -> Result<Option<Link>, Failure> {
    if wanted.shown == Shown::All {
        return Ok(None);
    }
    let states = Shown::All.states().to_vec();
    let count = alias_page::count_up_to(&broker.desk, &PageFilter { states, ..filter.clone() }, pick::COUNTED).await?;
    if count == 0 {
        return Ok(None);
    }
    let text = format!("{} like that in another state: show", row::count(count));
    Ok(Some(Link { text, to: wanted.with(|wanted| wanted.shown = Shown::All).link() }))
}

fn filter(who: &SignedIn, wanted: &Wanted, mailboxes: &[Mailbox]) -> PageFilter {
    let mailbox = wanted.mailbox.and_then(|uuid| mailboxes.iter().find(|mailbox| mailbox.uuid == uuid));
    PageFilter {
        states: wanted.shown.states().to_vec(),
        search: Some(wanted.search.clone()).filter(|search| !search.is_empty()),
        site: wanted.site.clone(),
        tag: wanted.tag.clone(),
        mailbox: mailbox.map(|mailbox| mailbox.id),
        ..PageFilter::all(who.user_id())
    }
}

fn tabs(wanted: &Wanted) -> Vec<Tab> {
    let tab = |shown: Shown| Tab {
        label: shown.label(),
        to: wanted.with(|wanted| wanted.shown = shown).link(),
        current: if wanted.shown == shown { "true" } else { "false" },
    };
    Shown::ALL.map(tab).into()
}

fn chips(wanted: &Wanted, mailboxes: &[Mailbox]) -> Vec<Chip> {
    let mut chips = Vec::new();
    let mut chip = |text: String, without: Wanted| chips.push(Chip { text, without: without.link() });
    if !wanted.search.is_empty() {
        chip(format!("“{}”", wanted.search), wanted.with(|wanted| wanted.search.clear()));
    }
    if let Some(site) = &wanted.site {
        chip(format!("Site: {site}"), wanted.with(|wanted| wanted.site = None));
    }
    if let Some(tag) = &wanted.tag {
        chip(format!("Tag: {tag}"), wanted.with(|wanted| wanted.tag = None));
    }
    if let Some(mailbox) = mailboxes.iter().find(|mailbox| Some(mailbox.uuid) == wanted.mailbox) {
        chip(format!("Mailbox: {}", mailbox.address), wanted.with(|wanted| wanted.mailbox = None));
    }
    chips
}

fn tag_choices(known: &[Tag], wanted: &Wanted) -> Vec<Choice> {
    let mut choices: Vec<Choice> =
        known.iter().map(|tag| Choice::new(tag, tag.as_str(), wanted.tag.as_ref() == Some(tag))).collect();
    if let Some(tag) = wanted.tag.as_ref().filter(|tag| !known.contains(tag)) {
        choices.push(Choice::new(tag, tag.as_str(), true));
    }
    choices
}

/// Nothing to choose where there is one mailbox only.
fn mailbox_choices(mailboxes: &[Mailbox], wanted: &Wanted) -> Vec<Choice> {
    let all = mailboxes.iter().filter(|_| mailboxes.len() > 1);
    all.map(|mailbox| Choice::new(mailbox.uuid, mailbox.address.to_string(), wanted.mailbox == Some(mailbox.uuid))).collect()
}

fn targets(mailboxes: &[Mailbox]) -> Vec<Choice> {
    let verified: Vec<&Mailbox> = mailboxes.iter().filter(|mailbox| mailbox.verified_at.is_some()).collect();
    let choices = verified.iter().filter(|_| mailboxes.len() > 1);
    choices.map(|mailbox| Choice::new(mailbox.uuid, mailbox.address.to_string(), mailbox.is_default)).collect()
}

//! `/v1/aliases`: listed, looked at, changed, put into another state, forgotten.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::alias_new;
use super::alias_unmake;
use super::caller::{Reader, Writer};
use super::page::{self, Page};
use super::problem::Problem;
use super::request::{Body, Id, Nothing, Params, PublicId, parse_id, present};
use super::routes::{Access, Routes};
use super::shape::{self, AliasShape};
use crate::model::alias::AliasState;
use crate::model::api_token::Scope;
use crate::model::id::{AliasId, MailboxId, UserId};
use crate::model::site::Site;
use crate::model::tag::Tag;
use crate::model::{Address, DomainName, Timestamp};
use crate::service::alias_change::{self, Change};
use crate::service::alias_page::{self, Cursor, Listed, PageFilter, PageOrder, PageStart};
use crate::service::broker::Broker;
use crate::service::{alias, domain, mailbox};

/// Longest text that is searched for, in characters.
const LONGEST_SEARCH: usize = 100;

/// All routes.
pub fn routes(routes: Routes) -> Routes {
    let (read, write) = (Access::Needs(Scope::Read), Access::Needs(Scope::Write));
    routes
        .noun("Aliases", "The addresses handed out to sites, one each.")
        .on::<__path_list, _, _>(read, list)
        .once::<alias_new::__path_create, _, _>(Access::Needs(Scope::AliasCreate), alias_new::create)
        .on::<__path_show, _, _>(read, show)
        .on::<__path_change, _, _>(write, change)
        .on::<__path_forget, _, _>(write, forget)
        .on::<alias_unmake::__path_unmake, _, _>(write, alias_unmake::unmake)
        .on::<__path_set_state, _, _>(write, set_state)
}

/// In which order, and where in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(as = AliasSort)]
enum Sort {
    /// Newest first.
    #[serde(rename = "-created_at")]
    Newest,
    /// Oldest first.
    #[serde(rename = "created_at")]
    Oldest,
    /// By address.
    #[serde(rename = "address")]
    Address,
    /// By address, from the end.
    #[serde(rename = "-address")]
    AddressReversed,
    /// Pinned ones, then the others, each newest first.
    #[serde(rename = "pinned")]
    PinnedFirst,
}

impl From<Sort> for PageOrder {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Newest => Self::Newest,
            Sort::Oldest => Self::Oldest,
            Sort::Address => Self::Address,
            Sort::AddressReversed => Self::AddressReversed,
            Sort::PinnedFirst => Self::PinnedFirst,
        }
    }
}

/// Which aliases.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Only those in one of these states, with commas between; all states when it is left out.
    #[param(value_type = Option<Vec<shape::State>>, style = Form, explode = false)]
    state: Option<String>,
    /// Only those for this site: a web address or a domain. "Which address did I give lg.com?"
    #[param(example = "lg.com")]
    site: Option<String>,
    /// Only those with this tag.
    #[param(example = "shops")]
    tag: Option<String>,
    /// Only those that forward to the mailbox with this id.
    #[param(value_type = Option<PublicId>)]
    mailbox: Option<String>,
    /// Only those on this domain.
    #[param(example = "you.example")]
    domain: Option<String>,
    /// Only those that are pinned, or that are not.
    pinned: Option<bool>,
    /// Only those with this text in address, note or site, in any case.
    #[param(max_length = 100)]
    search: Option<String>,
    /// In which order; newest first when it is left out.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many, 1 to 100; 50 when it is left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// Where the page begins: the `next` of the page before, in the same order.
    cursor: Option<String>,
}

/// Lists aliases.
///
/// All that were not forgotten, killed ones, too, unless `state` says otherwise.
#[utoipa::path(get, path = "/v1/aliases", params(Query),
    responses((status = 200, description = "A page of aliases.", body = Page<AliasShape>)))]
pub async fn list(
    State(broker): State<Broker>,
    reader: Reader,
    Params(query): Params<Query>,
) -> Result<Json<Page<AliasShape>>, Problem> {
    let limit = page::limit(query.limit)?;
    let order = PageOrder::from(query.sort.unwrap_or(Sort::Newest));
    let start = match &query.cursor {
        None => PageStart::Offset(0),
        Some(cursor) => PageStart::After(open(cursor, order)?),
    };
    let Some(filter) = filter(&broker, reader.user_id(), &query).await? else { return Ok(Json(Page::whole(Vec::new()))) };
    let found = alias_page::list(&broker.desk, &filter, order, &start, limit + 1).await?;
    let (found, next) = page::cut(found, limit, |last| seal(&Cursor::after(last), order));
    let now = broker.now();
    Ok(Json(Page { items: found.iter().map(|listed| AliasShape::of(listed, now)).collect(), next }))
}

/// `None` when nothing can match.
async fn filter(broker: &Broker, user: UserId, query: &Query) -> Result<Option<PageFilter>, Problem> {
    let mut filter = PageFilter::all(user);
    if let Some(states) = &query.state {
        let states: Result<Vec<AliasState>, _> = states.split(',').map(|state| state.trim().parse()).collect();
        filter.states = states.map_err(|error| Problem::bad_query(format!("state: {error}")))?;
    }
    if let Some(site) = &query.site {
        filter.site = Some(Site::parse(site).map_err(|error| Problem::bad_query(format!("site: {error}")))?);
    }
    if let Some(tag) = &query.tag {
        filter.tag = Some(Tag::parse(tag).map_err(|error| Problem::bad_query(format!("tag: {error}")))?);
    }
    if query.search.as_ref().is_some_and(|search| search.chars().count() > LONGEST_SEARCH) {
        return Err(Problem::bad_query(format!("search: {LONGEST_SEARCH} characters at the most")));
    }
    filter.search.clone_from(&query.search);
    filter.pinned = query.pinned;
    if let Some(id) = &query.mailbox {
        let id = parse_id(id).ok_or_else(|| Problem::bad_query("mailbox: give the id of a mailbox, see /v1/mailboxes"))?;
        let all = mailbox::list(&broker.desk, user).await?;
        let Some(mailbox) = all.iter().find(|mailbox| mailbox.uuid == id) else { return Ok(None) };
        filter.mailbox = Some(mailbox.id);
    }
    if let Some(name) = &query.domain {
        let name = DomainName::parse(name).map_err(|error| Problem::bad_query(format!("domain: {error}")))?;
        let usable = domain::list_usable(&broker.desk, user).await?;
        let Some(domain) = usable.iter().find(|domain| domain.name == name) else { return Ok(None) };
        filter.domain = Some(domain.id);
    }
    Ok(Some(filter))
}

/// Which order a cursor belongs to.
fn mark(order: PageOrder) -> u8 {
    match order {
        PageOrder::PinnedFirst => b'p',
        PageOrder::PinnedLast => b'q',
        PageOrder::Newest => b'n',
        PageOrder::Oldest => b'o',
        PageOrder::Address => b'a',
        PageOrder::AddressReversed => b'r',
    }
}

fn seal(cursor: &Cursor, order: PageOrder) -> String {
    let mut place = vec![mark(order), u8::from(cursor.pinned)];
    place.extend(cursor.id.0.to_be_bytes());
    place.extend(cursor.address.as_bytes());
    page::seal(&place)
}

fn open(cursor: &str, order: PageOrder) -> Result<Cursor, Problem> {
    let place = page::open(cursor)?;
    let (head, rest) = place.split_at_checked(2).ok_or_else(page::bad_cursor)?;
    let (key, address) = rest.split_first_chunk::<8>().ok_or_else(page::bad_cursor)?;
    let address = String::from_utf8(address.to_vec()).map_err(|_| page::bad_cursor())?;
    let pinned = match head {
        [found, pinned @ 0..=1] if *found == mark(order) && !address.contains('\0') => *pinned == 1,
        _ => return Err(page::bad_cursor()),
    };
    Ok(Cursor { pinned, id: AliasId(i64::from_be_bytes(*key)), address })
}

/// Shows an alias.
#[utoipa::path(get, path = "/v1/aliases/{alias}", params(("alias" = PublicId, Path, description = "Its id.")),
    responses((status = 200, description = "The alias.", body = AliasShape)))]
pub async fn show(
    State(broker): State<Broker>,
    reader: Reader,
    Id(id): Id,
    _: Params<Nothing>,
) -> Result<Json<AliasShape>, Problem> {
    one(&broker, reader.user_id(), id).await
}

async fn one(broker: &Broker, user: UserId, id: Uuid) -> Result<Json<AliasShape>, Problem> {
    let listed = alias_page::get_by_uuid(&broker.desk, user, id).await?;
    Ok(Json(AliasShape::of(&listed, broker.now())))
}

/// What to change of an alias; what is left out stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AliasChange)]
#[expect(clippy::option_option, reason = "null and not there are two things")]
pub struct Edit {
    /// The owner's note.
    #[schema(max_length = 10_000)]
    note: Option<String>,
    /// The name replies go out with; null for the bare address.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    /// Whether lists show it first.
    pinned: Option<bool>,
    /// Where it forwards to from now on: ids or addresses of verified mailboxes.
    #[schema(min_items = 1, max_items = 20)]
    mailboxes: Option<Vec<String>>,
    /// When it dies by itself; null for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// After how many messages it dies by itself, those it took already among them; null for never.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1)]
    max_messages: Option<Option<std::num::NonZeroU32>>,
    /// Its labels from now on.
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
}

/// Changes an alias.
#[utoipa::path(patch, path = "/v1/aliases/{alias}", params(("alias" = PublicId, Path, description = "Its id.")),
    request_body(content = Edit, example = json!({"note": "television, 2026", "tags": ["home", "shops"], "pinned": true})),
    responses((status = 200, description = "The alias as it is then.", body = AliasShape)))]
pub async fn change(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    body: Body<Edit>,
) -> Result<Json<AliasShape>, Problem> {
    let (edit, user) = (body.value, writer.user_id());
    let there = alias_page::get_by_uuid(&broker.desk, user, id).await?;
    let mailboxes = match edit.mailboxes {
        None => None,
        Some(named) => Some(pick_ids(&broker, user, &named).await?),
    };
    let change = Change {
        note: edit.note,
        display_name: edit.display_name,
        pinned: edit.pinned,
        mailboxes,
        expires_at: edit.expires_at.map(|at| at.as_deref().map(moment).transpose()).transpose()?,
        max_messages: edit.max_messages,
        tags: edit.tags.as_deref().map(tags).transpose()?,
    };
    alias_change::change(&broker.desk, user, there.alias.id, change).await?;
    one(&broker, user, id).await
}

/// A date in the field `expires_at`.
pub(super) fn moment(text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse_rfc3339(text.trim())
        .ok_or_else(|| Problem::invalid("expires_at", "give a date and time as in 2026-12-31T23:59:59Z (RFC 3339)"))
}

/// The field `tags`.
pub(super) fn tags(texts: &[String]) -> Result<Vec<Tag>, Problem> {
    texts.iter().map(|text| Tag::parse(text).map_err(|error| Problem::invalid("tags", error))).collect()
}

/// Mailboxes named by id or address in the field `mailboxes`.
async fn pick(broker: &Broker, user: UserId, named: &[String]) -> Result<Vec<crate::model::mailbox::Mailbox>, Problem> {
    let all = mailbox::list(&broker.desk, user).await?;
    let find = |name: &String| {
        let found = if let Some(id) = parse_id(name) {
            all.iter().find(|mailbox| mailbox.uuid == id)
        } else {
            let address = Address::parse(name).ok()?.folded();
            all.iter().find(|mailbox| mailbox.address.folded() == address)
        };
        found.cloned()
    };
    let unknown =
        || Problem::invalid("mailboxes", "there is no such mailbox; give ids or addresses of your own, see /v1/mailboxes");
    named.iter().map(|name| find(name).ok_or_else(unknown)).collect()
}

async fn pick_ids(broker: &Broker, user: UserId, named: &[String]) -> Result<Vec<MailboxId>, Problem> {
    Ok(pick(broker, user, named).await?.into_iter().map(|mailbox| mailbox.id).collect())
}

/// Forgets an alias.
///
/// It is gone with everything it counted and everybody it corresponded with; its address is never given out again. To
/// refuse its mail and keep it in the list, kill it.
#[utoipa::path(delete, path = "/v1/aliases/{alias}", params(("alias" = PublicId, Path, description = "Its id.")),
    responses((status = 204, description = "It is forgotten."),
        (status = 409, description = "Everybody must be able to reach this address (postmaster, abuse).")))]
pub async fn forget(State(broker): State<Broker>, writer: Writer, Id(id): Id, _: Params<Nothing>) -> Result<StatusCode, Problem> {
    let there: Listed = alias_page::get_by_uuid(&broker.desk, writer.user_id(), id).await?;
    alias_change::forget(&broker.desk, writer.user_id(), there.alias.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which state.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedState {
    /// What the alias shall do with mail; `active` revives a killed one.
    state: shape::State,
}

/// What a change of state did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StateChange)]
pub struct StateChanged {
    /// The alias as it is now.
    alias: AliasShape,
    /// Whether it was in another state before.
    changed: bool,
    /// Messages that still waited and will not be delivered: only a kill cancels any.
    cancelled: u64,
}

/// Locks, pauses, kills or revives an alias.
///
/// It holds from the answer on: after a kill nothing more of it is delivered, waiting mail neither.
#[utoipa::path(post, path = "/v1/aliases/{alias}/state", params(("alias" = PublicId, Path, description = "Its id.")),
    request_body(content = WantedState, example = json!({"state": "paused"})),
    responses((status = 200, description = "What was done.", body = StateChanged),
        (status = 409, description = "Everybody must be able to reach this address (postmaster, abuse).")))]
pub async fn set_state(
    State(broker): State<Broker>,
    writer: Writer,
    Id(id): Id,
    body: Body<WantedState>,
) -> Result<Json<StateChanged>, Problem> {
    let user = writer.user_id();
    let there = alias_page::get_by_uuid(&broker.desk, user, id).await?;
    let done = alias::set_state(&broker.desk, user, &there.alias.address, body.value.state.into()).await?;
    let Json(alias) = one(&broker, user, id).await?;
    Ok(Json(StateChanged { alias, changed: done.changed, cancelled: done.cancelled }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_order() {
        let cursor = Cursor { pinned: true, id: AliasId(7), address: "shop@you.example".into() };
        let sealed = seal(&cursor, PageOrder::Newest);
        assert_eq!(open(&sealed, PageOrder::Newest).unwrap(), cursor);
        assert!(open(&sealed, PageOrder::Oldest).is_err() && open("", PageOrder::Newest).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_cursor_or_none(text in "\\PC{0,30}|bg[A-Za-z0-9_-]{8,30}") {
            if let Ok(cursor) = open(&text, PageOrder::Newest) {
                prop_assert_eq!(seal(&cursor, PageOrder::Newest), text);
            }
        }
    }
}

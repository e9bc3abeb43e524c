//! What the address of the list asks for, and the links that keep it. Words nobody knows mean what is meant without any.

use std::fmt::Display;

use uuid::Uuid;

use crate::model::alias::AliasState;
use crate::model::site::Site;
use crate::model::tag::Tag;
use crate::web::form::{Fields, encode};

/// Rows of a page when nothing is said.
const USUAL: u32 = 50;
/// Rows of a page, to choose from; the most is what can be changed at once.
pub const SIZES: [u32; 3] = [USUAL, 150, 500];
/// Tags to choose from at the most; others are reached by the links of the rows that have them.
pub const MOST_TAGS: u32 = 200;
/// The longest text that is searched for, in characters: addresses have 254.
const LONGEST_SEARCH: usize = 300;

/// Which states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shown {
    /// All but killed ones.
    #[default]
    Alive,
    /// Active ones.
    Active,
    /// Locked ones.
    Locked,
    /// Paused ones.
    Paused,
    /// Killed ones.
    Killed,
    /// Whatever there is.
    All,
}

impl Shown {
    /// In the order they are offered in.
    pub const ALL: [Self; 6] = [Self::Alive, Self::Active, Self::Locked, Self::Paused, Self::Killed, Self::All];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Paused => "paused",
            Self::Killed => "killed",
            Self::All => "all",
        }
    }

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Alive => "In use",
            Self::Active => "Open",
            Self::Locked => "Locked",
            Self::Paused => "Paused",
            Self::Killed => "Killed",
            Self::All => "All",
        }
    }

    /// The states behind it.
    pub const fn states(self) -> &'static [AliasState] {
        match self {
            Self::Alive => &[AliasState::Active, AliasState::Locked, AliasState::Paused],
            Self::Active => &[AliasState::Active],
            Self::Locked => &[AliasState::Locked],
            Self::Paused => &[AliasState::Paused],
            Self::Killed => &[AliasState::Killed],
            Self::All => &[AliasState::Active, AliasState::Locked, AliasState::Paused, AliasState::Killed],
        }
    }
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Pinned ones, then the newest.
    #[default]
    Newest,
    /// The oldest.
    Oldest,
    /// By address.
    Address,
    /// Those that forwarded most.
    Mail,
    /// Those that forwarded last.
    Last,
}

impl Sort {
    /// In the order they are offered in.
    pub const ALL: [Self; 5] = [Self::Newest, Self::Oldest, Self::Address, Self::Mail, Self::Last];

    /// The word in the address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Address => "address",
            Self::Mail => "mail",
            Self::Last => "last",
        }
    }

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Newest => "Newest first",
            Self::Oldest => "Oldest first",
            Self::Address => "By address",
            Self::Mail => "Most mail first",
            Self::Last => "Last mail first",
        }
    }
}

/// Where the page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// At the beginning.
    #[default]
    First,
    /// Behind this alias.
    After(Uuid),
    /// It ends before this alias.
    Before(Uuid),
    /// After so many: in orders that have no index.
    From(u32),
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Text in address, site or note.
    pub search: String,
    /// The states.
    pub shown: Shown,
    /// The site they are for.
    pub site: Option<Site>,
    /// A tag they have.
    pub tag: Option<Tag>,
    /// A mailbox they forward to.
    pub mailbox: Option<Uuid>,
    /// The order.
    pub sort: Sort,
    /// Rows of a page when they are not as many as usual; one of [`SIZES`].
    pub size: Option<u32>,
    /// Where it begins.
    pub place: Place,
}

impl Wanted {
    /// Reads a query.
    pub fn read(asked: &Fields) -> Self {
        let uuid = |name| asked.some(name).and_then(|text| Uuid::parse_str(text).ok());
        let place = match (uuid("after"), uuid("before"), asked.text("from").parse()) {
            (Some(uuid), ..) => Place::After(uuid),
            (None, Some(uuid), _) => Place::Before(uuid),
            (None, None, Ok(from)) => Place::From(from),
            (None, None, Err(_)) => Place::First,
        };
        Self {
            search: asked.text("q").chars().take(LONGEST_SEARCH).collect::<String>().trim().to_owned(),
            shown: Shown::ALL.into_iter().find(|shown| shown.as_str() == asked.text("state")).unwrap_or_default(),
            site: asked.some("site").and_then(|text| Site::parse(text).ok()),
            tag: asked.some("tag").and_then(|text| Tag::parse(text).ok()),
            mailbox: uuid("mailbox"),
            sort: Sort::ALL.into_iter().find(|sort| sort.as_str() == asked.text("sort")).unwrap_or_default(),
            size: SIZES.into_iter().find(|size| *size != USUAL && size.to_string() == asked.text("rows")),
            place,
        }
    }

    /// How many rows a page has.
    pub fn size(&self) -> u32 {
        self.size.unwrap_or(USUAL)
    }

    /// Whether it asks for anything besides states and order.
    pub const fn is_narrowed(&self) -> bool {
        !self.search.is_empty() || self.site.is_some() || self.tag.is_some() || self.mailbox.is_some()
    }

    /// The same with a change, from the beginning.
    pub fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = Self { place: Place::First, ..self.clone() };
        change(&mut changed);
        changed
    }

    /// The same from another place.
    pub fn at(&self, place: Place) -> Self {
        Self { place, ..self.clone() }
    }

    /// As the path of the page with its query, without the slash in front.
    pub fn link(&self) -> String {
        let mut fields = self.fields();
        fields.extend(match self.place {
            Place::First => None,
            Place::After(uuid) => Some(("after", uuid.to_string())),
            Place::Before(uuid) => Some(("before", uuid.to_string())),
            Place::From(from) => Some(("from", from.to_string())),
        });
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if fields.is_empty() { "aliases".to_owned() } else { format!("aliases?{}", encode(&fields)) }
    }

    /// What a form that asks for text, tag, mailbox, order and size keeps of the rest.
    pub fn kept(&self) -> Vec<(&'static str, String)> {
        let mut fields = self.fields();
        fields.retain(|(name, _)| ["state", "site"].contains(name));
        fields
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = Vec::new();
        let mut add = |name, value: Option<String>| fields.extend(value.map(|value| (name, value)));
        add("q", Some(self.search.clone()).filter(|search| !search.is_empty()));
        add("state", Some(self.shown).filter(|shown| *shown != Shown::Alive).map(|shown| shown.as_str().to_owned()));
        add("site", self.site.as_ref().map(ToString::to_string));
        add("tag", self.tag.as_ref().map(ToString::to_string));
        add("mailbox", self.mailbox.as_ref().map(ToString::to_string));
        add("sort", Some(self.sort).filter(|sort| *sort != Sort::Newest).map(|sort| sort.as_str().to_owned()));
        add("rows", self.size.as_ref().map(ToString::to_string));
        fields
    }
}

/// One of several to choose from.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What people read.
    pub label: String,
    /// Whether it is the one.
    pub chosen: bool,
}

impl Choice {
    /// One.
    pub fn new(value: impl Display, label: impl Into<String>, chosen: bool) -> Self {
        Self { value: value.to_string(), label: label.into(), chosen }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn read(query: &str) -> Wanted {
        Wanted::read(&Fields::read(Bytes::from(query.to_owned())).now_or_never().unwrap())
    }

    #[test]
    fn nothing_asked_for_is_the_plain_list() {
        assert_eq!(read(""), Wanted::default());
        assert_eq!(read("state=nonsense&sort=x&rows=7&after=1&mailbox=&site=com&tag=,"), Wanted::default());
        assert_eq!(Wanted::default().link(), "aliases");
        assert_eq!(Wanted::default().size(), 50);
    }

    #[test]
    fn a_link_keeps_what_was_asked_for() {
        let uuid = Uuid::from_u128(7);
        let query = format!("q=100%25&state=all&site=lg.com&tag=work&mailbox={uuid}&sort=last&rows=500&before={uuid}");
        let wanted = read(&query);
        assert_eq!(wanted.link(), format!("aliases?{query}"));
        assert_eq!((wanted.shown, wanted.size(), wanted.place), (Shown::All, 500, Place::Before(uuid)));
        assert_eq!(wanted.with(|wanted| wanted.tag = None).place, Place::First);
        assert_eq!(wanted.kept(), [("state", "all".to_owned()), ("site", "lg.com".to_owned())]);
    }

    proptest! {
        #[test]
        fn any_query_is_read_and_its_link_means_the_same(query in "\\PC{0,80}|(q|tag|site|from|state)=[^&]{0,20}(&(q|tag|sort|rows)=\\PC{0,9})?") {
            let wanted = read(&query);
            let link = wanted.link();
            prop_assert_eq!(read(link.split_once('?').map_or("", |(_, query)| query)), wanted);
        }
    }
}

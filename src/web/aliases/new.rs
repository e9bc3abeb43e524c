//! New aliases: one field and one button for most, more choices for the rest, and a way to take a mistake back.

use std::num::NonZeroU32;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::row::Link;
use super::wanted::{Choice, Wanted};
use crate::model::alias_name::NameFormat;
use crate::model::id::UserId;
use crate::model::mailbox::Mailbox;
use crate::model::site::Site;
use crate::model::tag::{MOST_TAGS, Tag};
use crate::model::{DomainName, Timestamp};
use crate::service::alias::{self, CreateError, GetError, NewAlias};
use crate::service::alias_change::{self, Change, ChangeError};
use crate::service::alias_page::{self, PageFilter, PageOrder, PageStart};
use crate::service::alias_unmake::{self, UnmakeError};
use crate::service::broker::Broker;
use crate::service::{StorageError, domain, mailbox};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Asked, Checked, Fields, MENDABLE};
use crate::web::pages;
use crate::web::session::SignedIn;
use crate::web::when;

/// Aliases that there are already for the site, shown at the most.
const SHOWN: u32 = 4;

/// What was wrong in which field.
type Wrong = (&'static str, String);

/// The form.
#[derive(Debug, Default)]
pub struct Form {
    /// What was written; the names are those of the fields.
    pub site: String,
    /// The name of its own.
    pub name: String,
    /// The note.
    pub note: String,
    /// Tags with commas between.
    pub tags: String,
    /// The last day.
    pub expires: String,
    /// The number of messages.
    pub max_messages: String,
    /// The domains there are.
    pub domains: Vec<Choice>,
    /// How names are drawn.
    pub formats: Vec<Choice>,
    /// Where it can forward to, when there is more than one mailbox.
    pub mailboxes: Vec<Choice>,
    /// Whether more than the site is shown.
    pub is_open: bool,
    /// All mailboxes of the user.
    pub all_mailboxes: Vec<Mailbox>,
    wrong: Vec<Wrong>,
}

impl Form {
    /// With nothing in it.
    pub async fn empty(broker: &Broker, user: UserId) -> Result<Self, StorageError> {
        Self::filled(broker, user, &Fields::default()).await
    }

    /// With what was written.
    async fn filled(broker: &Broker, user: UserId, fields: &Fields) -> Result<Self, StorageError> {
        // PostgreSQL takes no NUL in a text.
        let text = |name| fields.text(name).replace('\0', "");
        let all_mailboxes = mailbox::list(&broker.desk, user).await?;
        let ticked = fields.all("mailbox");
        let is_ticked = |mailbox: &Mailbox| match ticked.as_slice() {
            [] => mailbox.is_default,
            uuids => uuids.contains(&mailbox.uuid.to_string().as_str()),
        };
        let verified = all_mailboxes.iter().filter(|mailbox| mailbox.verified_at.is_some() && all_mailboxes.len() > 1);
        let domains = domain::list_usable(&broker.desk, user).await?;
        let domains = domains.iter().filter(|_| domains.len() > 1);
        Ok(Self {
            site: text("site"),
            name: text("name"),
            note: text("note"),
            tags: text("tags"),
            expires: text("expires"),
            max_messages: text("max_messages"),
            domains: domains
                .map(|domain| Choice::new(&domain.name, domain.name.as_str(), domain.name.as_str() == text("domain")))
                .collect(),
            formats: FORMATS.map(|(value, label)| Choice::new(value, label, value == text("format"))).into(),
            mailboxes: verified
                .map(|mailbox| Choice::new(mailbox.uuid, mailbox.address.to_string(), is_ticked(mailbox)))
                .collect(),
            is_open: false,
            wrong: Vec::new(),
            all_mailboxes,
        })
    }

    /// What is wrong with a field.
    pub fn error(&self, field: &str) -> Option<&str> {
        self.wrong.iter().find(|(wrong, _)| *wrong == field).map(|(_, sentence)| sentence.as_str())
    }

    fn but(mut self, wrong: Vec<Wrong>) -> Self {
        self.is_open = wrong.iter().any(|(field, _)| *field != "site");
        self.wrong = wrong;
        self
    }
}

/// With an example first: narrow fields show no more.
const FORMATS: [(&str, &str); 4] = [
    ("site", "lg.k7f3qz2m: with the site’s name"),
    ("words", "amber-otter-lamp-k7f3q: easy to say"),
    ("random", "7kq2m9x4b8zt3nfa: says nothing"),
    ("uuid", "0d9f6c1e-8a4b-…: a UUID"),
];

/// An alias that was just made.
#[derive(Debug)]
pub struct Made {
    /// Id for the outside.
    pub uuid: String,
    /// The address.
    pub address: String,
    /// The site.
    pub site: Option<String>,
    /// Where its mail goes.
    pub mailboxes: String,
    /// What the user had for this site already.
    pub others: Vec<Link>,
    /// Whether it can be taken back.
    pub can_undo: bool,
}

impl Made {
    /// A user's alias; `None` unless it is a new one of theirs.
    pub async fn find(broker: &Broker, user: UserId, uuid: Uuid) -> Result<Option<Self>, StorageError> {
        let listed = match alias_page::get_by_uuid(&broker.desk, user, uuid).await {
            Ok(listed) => listed,
            Err(GetError::Unknown) => return Ok(None),
            Err(GetError::Storage(error)) => return Err(error),
        };
        if broker.now().since(listed.alias.created_at) > alias_unmake::HOLDS {
            return Ok(None);
        }
        let others = match &listed.alias.site {
            Some(site) => {
                let filter = PageFilter { site: Some(site.clone()), ..PageFilter::alive(user) };
                alias_page::list(&broker.desk, &filter, PageOrder::Newest, &PageStart::Offset(0), SHOWN).await?
            }
            None => Vec::new(),
        };
        let others = others.iter().map(|other| &other.alias).filter(|other| other.uuid != uuid);
        let mailboxes: Vec<String> = listed.mailboxes.iter().map(|mailbox| mailbox.address.to_string()).collect();
        Ok(Some(Self {
            uuid: uuid.to_string(),
            address: listed.alias.address.to_string(),
            site: listed.alias.site.as_ref().map(ToString::to_string),
            mailboxes: mailboxes.join(", "),
            others: others.map(|other| Link { text: other.address.to_string(), to: format!("aliases/{}", other.uuid) }).collect(),
            can_undo: listed.last_day.is_none() && listed.alias.messages_used == 0,
        }))
    }
}

/// The form by itself, for a bookmark or what a phone shares.
#[derive(Debug, Template)]
#[template(path = "alias_new.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    form: Form,
    /// What the user has for that site.
    others: Vec<Link>,
    all_for_site: String,
    bookmark: String,
}

impl Page {
    async fn new(broker: &Broker, who: &SignedIn, form: Form) -> Result<Self, StorageError> {
        let site = read_site(&form.site).ok().flatten();
        let filter = PageFilter { site: site.clone(), ..PageFilter::alive(who.user_id()) };
        let others = match site {
            Some(_) => alias_page::list(&broker.desk, &filter, PageOrder::Newest, &PageStart::Offset(0), SHOWN).await?,
            None => Vec::new(),
        };
        let link = |other: &alias_page::Listed| Link {
            text: other.alias.address.to_string(),
            to: format!("aliases/{}", other.alias.uuid),
        };
        let url = broker.rules.public_url.trim_end_matches('/');
        Ok(Self {
            chrome: who.chrome("New alias"),
            form,
            others: others.iter().map(link).collect(),
            all_for_site: Wanted { site, ..Wanted::default() }.link(),
            // In a window of its own: what was half written on the other page stays. Of its address only the host is told.
            bookmark: format!(
                "javascript:void(open('{url}/aliases/new?site='+encodeURIComponent(location.hostname),'_blank','noopener'))"
            ),
        })
    }
}

/// `GET /aliases/new`
pub async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let mut form = Form::filled(&broker, who.user_id(), &asked).await?;
    // A phone that shares a page says where it is in one of these, as it likes.
    let shared = ["site", "url", "text", "title"].into_iter().map(|name| asked.text(name));
    let site = shared.clone().find_map(|text| read_site(text).ok().flatten());
    form.site = site.map_or_else(|| form.site.clone(), |site| site.to_string());
    Ok(pages::show(StatusCode::OK, &Page::new(&broker, &who, form).await?))
}

/// `POST /aliases/new`
pub async fn make(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let form = Form::filled(&broker, who.user_id(), &fields).await?;
    let wrong = match read(who.user_id(), &form, &fields) {
        Ok((new, tags)) => match alias::create_tagged(&broker.desk, new, tags).await {
            Ok(alias) => return Ok(who.go(&format!("aliases?made={}", alias.uuid))),
            Err(error) => vec![explain(error)?],
        },
        Err(wrong) => wrong,
    };
    let mut page = Page::new(&broker, &who, form.but(wrong)).await?;
    let general = page.form.error("form").unwrap_or("No alias was made yet. Please look at the marked fields.").to_owned();
    page.chrome = page.chrome.but(general);
    Ok(pages::show(MENDABLE, &page))
}

/// `POST /aliases/unmake`
pub async fn unmake(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let uuid = Uuid::parse_str(fields.text("alias")).map_err(|_| Failure::NotFound)?;
    let said = match alias_unmake::unmake(&broker, who.user_id(), uuid).await {
        Ok(_) => "unmade",
        Err(UnmakeError::Used) => "used",
        Err(UnmakeError::TooLate) => "late",
        Err(UnmakeError::Unknown) => return Err(Failure::NotFound),
        Err(UnmakeError::Storage(error)) => return Err(error.into()),
    };
    Ok(who.go(&format!("aliases?said={said}")))
}

/// What was written, or everything that is wrong with it.
fn read(user: UserId, form: &Form, fields: &Fields) -> Result<(NewAlias, Vec<Tag>), Vec<Wrong>> {
    let mut wrong: Vec<Wrong> = Vec::new();
    let site = take(&mut wrong, "site", read_site(&form.site));
    if form.site.is_empty() && form.name.is_empty() && form.note.is_empty() {
        wrong.push((
            "site",
            "Write which site it is for, such as lg.com. If it is for none, give it a name of your own or a note under “More choices”."
                .into(),
        ));
    }
    let domain = fields.some("domain").map(DomainName::parse).transpose().map_err(|_| CreateError::UnknownDomain.to_string());
    let domain = take(&mut wrong, "domain", domain);
    let format = fields.some("format").map_or(Ok(NameFormat::default()), str::parse).map_err(capital);
    let format = take(&mut wrong, "format", format.map(Some)).unwrap_or_default();
    let note = alias_change::check(Change { note: Some(form.note.clone()), ..Change::default() });
    take(&mut wrong, "note", note.map(|_| None::<()>).map_err(|error: ChangeError| capital(&error.to_string())));
    let tags = take(&mut wrong, "tags", read_tags(&form.tags).map(Some)).unwrap_or_default();
    let expires_at = take(&mut wrong, "expires", read_day(&form.expires));
    let max_messages = take(&mut wrong, "max_messages", read_number(&form.max_messages));
    let mut mailboxes = Vec::new();
    for uuid in fields.all("mailbox") {
        match form.all_mailboxes.iter().find(|mailbox| mailbox.uuid.to_string() == uuid) {
            Some(mailbox) => mailboxes.push(mailbox.address.clone()),
            None => wrong.push(("mailbox", "One of these mailboxes is gone. Please choose again.".into())),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let chosen = Some(form.name.clone()).filter(|name| !name.is_empty());
    let note = form.note.clone();
    Ok((NewAlias { user, site, domain, format, chosen, note, mailboxes, expires_at, max_messages }, tags))
}

fn take<T>(wrong: &mut Vec<Wrong>, field: &'static str, read: Result<Option<T>, String>) -> Option<T> {
    read.unwrap_or_else(|sentence| {
        wrong.push((field, sentence));
        None
    })
}

/// A site from whatever was pasted: an address of the web, of mail, a sentence with one in it.
fn read_site(text: &str) -> Result<Option<Site>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let found = Site::parse(text).ok().or_else(|| Site::find_in(text));
    found.map(Some).ok_or_else(|| {
        "Write the site’s web address, such as lg.com; you can paste it whole. If you know its name only, leave this empty and \
         write that as a note under “More choices”."
            .to_owned()
    })
}

fn read_tags(text: &str) -> Result<Vec<Tag>, String> {
    let tags = Tag::parse_list(text).map_err(|error| capital(&error.to_string()))?;
    if tags.len() > MOST_TAGS { Err(format!("An alias has {MOST_TAGS} tags at the most.")) } else { Ok(tags) }
}

/// The end of that day.
fn read_day(text: &str) -> Result<Option<Timestamp>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = when::parse_field(text).ok_or("Write the day as year, month, day: 2027-01-31.")?;
    Ok(Some(when::start(day.saturating_add(1))))
}

fn read_number(text: &str) -> Result<Option<NonZeroU32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| "Write a number from 1 on, or leave it empty.".to_owned())
}

fn explain(error: CreateError) -> Result<Wrong, Failure> {
    let text = capital(&error.to_string());
    Ok(match error {
        CreateError::Name(_) | CreateError::Taken => ("name", text),
        CreateError::Exhausted => ("format", text),
        CreateError::NoDomain => ("form", "There is no domain to make an alias on yet. Please tell whoever runs this Postern.".into()),
        CreateError::UnknownDomain => ("domain", text),
        CreateError::UnknownMailbox => ("form", "You have no mailbox that mail could go to. Please add one under “Mailboxes”.".into()),
        CreateError::UnverifiedMailbox => (
            "form",
            "Your mailbox is not verified yet. Please follow the link in the mail we sent there, or ask for a new one under “Mailboxes”."
                .into(),
        ),
        CreateError::InThePast => ("expires", "That day is over. Please choose a later one.".into()),
        CreateError::Storage(error) => return Err(error.into()),
    })
}

/// An error's text as a sentence.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_ends_at_midnight() {
        assert_eq!(read_day("2027-01-31").unwrap().unwrap().to_rfc3339(), "2027-02-01T00:00:00Z");
        assert_eq!(read_day(""), Ok(None));
        for text in ["31.1.2027", "2027-02-30", "99999-12-31", "soon"] {
            assert!(read_day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_site_is_read_from_whatever_was_pasted() {
        for (text, site) in [
            ("https://www.lg.com/uk/?a=b@c.de", Some("lg.com")),
            ("Look at this: https://shop.example.co.uk/x !", Some("example.co.uk")),
            ("", None),
        ] {
            assert_eq!(read_site(text).unwrap().as_ref().map(Site::as_str), site, "{text}");
        }
        assert!(read_site("Amazon").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
            drop((read_day(&text), read_number(&text), read_tags(&text), read_site(&text)));
        }
    }
}

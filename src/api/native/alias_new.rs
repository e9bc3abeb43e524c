//! `POST /v1/aliases`: an alias is made, once for a key.

use std::num::NonZeroU32;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::alias::{moment, tags};
use super::caller::Creator;
use super::once::{self, RequestKey};
use super::problem::Problem;
use super::request::{Body, parse_id};
use super::shape::AliasShape;
use crate::model::alias_name::NameFormat;
use crate::model::api_token::Scope;
use crate::model::site::Site;
use crate::model::{Address, DomainName};
use crate::service::alias::NewAlias;
use crate::service::alias_new::{self, Named, Wanted};
use crate::service::alias_page::Listed;
use crate::service::broker::Broker;

/// How the name of an alias is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = NameFormat)]
pub enum Format {
    /// The site's name and eight symbols: `lg.k7f3qz2m`.
    Site,
    /// Three words and five symbols: `amber-otter-lamp-k7f3q`.
    Words,
    /// Sixteen symbols.
    Random,
    /// A random UUID.
    Uuid,
}

impl From<Format> for NameFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Site => Self::Site,
            Format::Words => Self::Words,
            Format::Random => Self::Random,
            Format::Uuid => Self::Uuid,
        }
    }
}

/// What a new alias is made of; everything may be left out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAlias)]
pub struct New {
    /// The site it is for: a web address or a domain.
    #[schema(example = "https://www.lg.com/")]
    site: Option<String>,
    /// The domain it lives on; the instance's first when it is left out (see `/v1/options`).
    #[schema(example = "you.example")]
    domain: Option<String>,
    /// How its name is made; `site` when it is left out.
    format: Option<Format>,
    /// The name itself, instead of one that is made.
    #[schema(max_length = 64)]
    name: Option<String>,
    /// The owner's note.
    #[schema(max_length = 10_000)]
    note: Option<String>,
    /// The name replies go out with.
    #[schema(max_length = 80)]
    display_name: Option<String>,
    /// Whether lists show it first.
    pinned: Option<bool>,
    /// Its labels.
    #[schema(max_items = 20)]
    tags: Option<Vec<String>>,
    /// Where it forwards to: ids of verified mailboxes, or addresses if the token may read; the default one when it is left
    /// out.
    #[schema(max_items = 20)]
    mailboxes: Option<Vec<String>>,
    /// When it dies by itself.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// After how many messages it dies by itself.
    #[schema(value_type = Option<u32>, minimum = 1)]
    max_messages: Option<NonZeroU32>,
}

/// Makes an alias.
#[utoipa::path(post, path = "/v1/aliases",
    request_body(content = New, example = json!({"site": "https://www.lg.com/", "note": "television"})),
    responses((status = 201, description = "The alias.", body = AliasShape,
            headers(("Location" = String, description = "Its address."))),
        (status = 409, description = "The chosen name is in use or was once, or there is no domain yet.")))]
pub async fn create(
    State(broker): State<Broker>,
    creator: Creator,
    key: RequestKey,
    body: Body<New>,
) -> Result<Response, Problem> {
    let (sees_mailboxes, now) = (creator.0.token.scopes.allow(Scope::Read), broker.now());
    let wanted = read(&creator, body.value, sees_mailboxes)?;
    let shape = move |made: &Listed| {
        let shape = AliasShape::of(made, now);
        if sees_mailboxes { shape } else { shape.without_mailboxes() }
    };
    let answer = alias_new::create(&broker.desk, wanted, key.once(&creator.0, &body.bytes, shape)).await?;
    Ok(once::answer(answer, "/v1/aliases"))
}

/// The field `mailboxes`. Whoever may not look at mailboxes can't find out by their addresses which there are.
fn mailboxes(named: &[String], sees_mailboxes: bool) -> Result<Vec<Named>, Problem> {
    let wrong = if sees_mailboxes {
        "there is no such mailbox; give ids or addresses of your own, see /v1/mailboxes"
    } else {
        "give the ids of mailboxes; naming them by address needs a token that may read"
    };
    let read = |name: &String| {
        let address = || Address::parse(name).ok().filter(|_| sees_mailboxes).map(Named::Address);
        parse_id(name).map(Named::Id).or_else(address).ok_or_else(|| Problem::invalid("mailboxes", wrong))
    };
    named.iter().map(read).collect()
}

fn read(creator: &Creator, new: New, sees_mailboxes: bool) -> Result<Wanted, Problem> {
    let site = new.site.map(|text| Site::parse(&text).map_err(|error| Problem::invalid("site", error))).transpose()?;
    let domain = new.domain.map(|text| DomainName::parse(&text).map_err(|error| Problem::invalid("domain", error)));
    Ok(Wanted {
        alias: NewAlias {
            user: creator.user_id(),
            site,
            domain: domain.transpose()?,
            format: new.format.map(NameFormat::from).unwrap_or_default(),
            chosen: new.name,
            note: new.note.unwrap_or_default(),
            mailboxes: Vec::new(),
            expires_at: new.expires_at.as_deref().map(moment).transpose()?,
            max_messages: new.max_messages,
        },
        mailboxes: mailboxes(&new.mailboxes.unwrap_or_default(), sees_mailboxes)?,
        display_name: new.display_name,
        pinned: new.pinned.unwrap_or(false),
        tags: new.tags.as_deref().map(tags).transpose()?.unwrap_or_default(),
    })
}

//! `/domains/names`: names that are made without network, the key for them, and a page for the phone that needs nothing else.
//!
//! Whoever has the key makes aliases of its owner's, so it is shown to those who just proved who they are.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::model::DomainName;
use crate::service::broker::Broker;
use crate::service::domain;
use crate::service::signed_name::{self, KeyChangeError, NameKey};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Asked, Checked};
use crate::web::pages;
use crate::web::session::{Confirmed, SignedIn};

const SAID: &[(&str, &str)] = &[
    ("new", "A new key is drawn. Save the page for your phone anew; names of the old key that had no mail yet are unknown now."),
    ("off", "Names without network are off. Those that had mail live on as ordinary aliases."),
];

#[derive(Debug, Template)]
#[template(path = "domain_names.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    key: Option<String>,
    domains: Vec<String>,
    /// What was asked for.
    site: String,
    domain: String,
    address: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "offline_names.html", config = "src/web/askama.toml")]
struct Offline {
    key: String,
    domains: Vec<String>,
}

async fn domains(broker: &Broker, who: &SignedIn) -> Result<Vec<String>, Failure> {
    let usable = domain::list_usable(&broker.desk, who.user_id()).await?;
    Ok(usable.into_iter().map(|domain| domain.name.to_string()).collect())
}

/// The page, with the name for a site when one is asked for.
pub async fn show(State(broker): State<Broker>, Confirmed(who): Confirmed, Asked(asked): Asked) -> Result<Response, Failure> {
    let key = signed_name::key(&broker.desk, who.user_id()).await?;
    let (site, wanted) = (asked.text("site").to_owned(), asked.text("domain").to_owned());
    let mut page = Page {
        chrome: who.chrome("Names without network").saying(asked.some("said"), SAID),
        key: key.as_ref().map(NameKey::shown),
        domains: domains(&broker, &who).await?,
        address: None,
        site,
        domain: wanted,
    };
    if asked.some("said") == Some("full") {
        page.chrome = page.chrome.but(KeyChangeError::Full.to_string());
    }
    if let (Some(key), false) = (key, page.site.is_empty()) {
        let domain = page.domains.iter().find(|name| **name == page.domain).and_then(|name| DomainName::parse(name).ok());
        let made = domain.map(|domain| key.address(&page.site, &domain));
        match made {
            Some(Ok(address)) => page.address = Some(address.to_string()),
            Some(Err(_)) => {
                page.chrome = page.chrome.but("A site has 1 to 57 letters, digits, hyphens and dots, for example lg.com.");
            }
            None => page.chrome = page.chrome.but("Choose one of the domains."),
        }
    }
    Ok(pages::show(StatusCode::OK, &page))
}

/// Draws a key, or ends it.
pub async fn change(State(broker): State<Broker>, _: Confirmed, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let is_off = fields.is_on("off");
    let changed = if is_off {
        signed_name::remove_key(&broker.desk, who.user_id()).await
    } else {
        signed_name::renew_key(&broker.desk, who.user_id()).await.map(drop)
    };
    match changed {
        Ok(()) => {}
        Err(KeyChangeError::Full) => return Ok(who.go("domains/names?said=full")),
        Err(KeyChangeError::Unknown) => return Err(Failure::NotFound),
        Err(KeyChangeError::Storage(error)) => return Err(error.into()),
    }
    broker.name_keys.forget();
    Ok(who.go(if is_off { "domains/names?said=off" } else { "domains/names?said=new" }))
}

/// A page to be kept on a phone: the key is inside, and it asks no server for anything.
pub async fn offline(State(broker): State<Broker>, Confirmed(who): Confirmed) -> Result<Response, Failure> {
    let key = signed_name::key(&broker.desk, who.user_id()).await?.ok_or(Failure::NotFound)?;
    let page = Offline { key: key.shown(), domains: domains(&broker, &who).await? };
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_DISPOSITION, "attachment; filename=\"postern-names.html\"")];
    Ok((headers, pages::show(StatusCode::OK, &page)).into_response())
}

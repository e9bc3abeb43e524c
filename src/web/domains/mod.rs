//! `/domains`: the domains one's aliases live on, and bringing one's own. One of them is `one`'s, names that are made
//! without network are `names`'s.

mod names;
mod one;
mod view;

use std::collections::HashMap;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::failure::Failure;
use super::form::{Asked, Checked, MENDABLE};
use super::pages;
use super::session::SignedIn;
use crate::model::DomainName;
use crate::model::id::DomainId;
use crate::service::broker::Broker;
use crate::service::domain_claim::{self, ClaimError};
use crate::service::{domain, overview};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/domains", get(list).post(add))
        .route("/domains/names", get(names::show).post(names::change))
        .route("/domains/offline.html", get(names::offline))
        .route("/domains/{uuid}", get(one::show))
        .route("/domains/{uuid}/check", post(one::check))
        .route("/domains/{uuid}/catch-all", post(one::catch_all))
        .route("/domains/{uuid}/sending", post(one::sending))
        .route("/domains/{uuid}/remove", post(one::remove))
}

#[derive(Debug, Template)]
#[template(path = "domains.html", config = "src/web/askama.toml")]
struct Page {
    chrome: super::chrome::Chrome,
    rows: Vec<Row>,
    /// What was written into the field.
    name: String,
}

#[derive(Debug)]
struct Row {
    name: String,
    state: &'static str,
    aliases: i64,
    /// Where there is more to see.
    uuid: Option<String>,
}

impl Page {
    async fn of(broker: &Broker, who: &SignedIn) -> Result<Self, Failure> {
        let (desk, user) = (&broker.desk, who.user_id());
        let counts: HashMap<DomainId, i64> = overview::aliases_by_domain(desk, user).await?;
        let usable = domain::list_usable(desk, user).await?;
        let mut rows: Vec<Row> = usable
            .iter()
            .map(|domain| Row {
                name: domain.name.to_string(),
                state: if domain.user_id.is_some() { "yours" } else { "for everybody here" },
                aliases: counts.get(&domain.id).copied().unwrap_or(0),
                uuid: (domain.user_id.is_some() || who.user.is_admin).then(|| domain.uuid.to_string()),
            })
            .collect();
        rows.extend(domain_claim::list(desk, user).await?.iter().map(|claim| Row {
            name: claim.name.to_string(),
            state: "not proven yet",
            aliases: 0,
            uuid: Some(claim.uuid.to_string()),
        }));
        Ok(Self { chrome: who.chrome("Domains"), rows, name: String::new() })
    }
}

async fn list(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    let mut page = Page::of(&broker, &who).await?;
    page.chrome = page.chrome.saying(asked.some("said"), &[("removed", "The domain is removed.")]);
    Ok(pages::show(StatusCode::OK, &page))
}

async fn add(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    let text = fields.text("domain");
    let wrong = match DomainName::parse(text.trim_end_matches('.')) {
        Err(_) => "That is not the name of a domain. It looks like example.com, without http:// and without a path.",
        Ok(name) => match domain_claim::claim(&broker.desk, &broker.rules.hostname, who.user_id(), name).await {
            Ok(claim) => return Ok(who.go(&format!("domains/{}", claim.uuid))),
            Err(ClaimError::PublicSuffix) => {
                "Nobody can own that name. Give the one you registered, such as example.com, or a name below it."
            }
            Err(ClaimError::Instance) => "That name belongs to this instance. You can make aliases on its domains already.",
            Err(ClaimError::Taken) => "This domain is in use here already. If it is yours, ask whoever runs this Postern.",
            Err(ClaimError::TooMany) => "You have 20 domains that are not proven yet. Prove or remove one of them first.",
            Err(ClaimError::Storage(error)) => return Err(error.into()),
        },
    };
    let mut page = Page { name: text.to_owned(), ..Page::of(&broker, &who).await? };
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(MENDABLE, &page))
}

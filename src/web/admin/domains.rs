//! The instance's domains, each with its records as they are published now.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::service::broker::Broker;
use crate::web::chrome::Chrome;
use crate::web::dns_records::{self, DomainRecords};
use crate::web::failure::Failure;
use crate::web::pages;
use crate::web::session::Admin;

#[derive(Debug, Template)]
#[template(path = "admin/domains.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    section: &'static str,
    domains: Vec<DomainRecords>,
}

pub(super) async fn list(State(broker): State<Broker>, Admin(who): Admin) -> Result<Response, Failure> {
    let domains = dns_records::of_instance(&broker).await?;
    Ok(pages::show(StatusCode::OK, &Page { chrome: who.chrome("Domains for everybody"), section: "domains", domains }))
}

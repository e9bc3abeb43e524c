//! The end of an account, for its owner.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::need_proof;
use crate::model::Address;
use crate::service::account::{self, RemoveError};
use crate::service::broker::Broker;
use crate::service::overview;
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Checked, MENDABLE};
use crate::web::pages;
use crate::web::session::{Confirmed, SignedIn, clear_cookie};

#[derive(Debug, Template)]
#[template(path = "delete_account.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    email: String,
    aliases: i64,
    /// Whether nobody else has an account.
    is_only_one: bool,
}

pub(super) async fn look(State(broker): State<Broker>, Confirmed(who): Confirmed) -> Result<Response, Failure> {
    show(&broker, &who, None).await
}

async fn show(broker: &Broker, who: &SignedIn, wrong: Option<(StatusCode, &str)>) -> Result<Response, Failure> {
    let counts = overview::state_counts(&broker.desk, who.user_id()).await?;
    let chrome = who.chrome("Delete your account");
    let chrome = match wrong {
        Some((_, wrong)) => chrome.but(wrong),
        None => chrome,
    };
    let aliases = counts.active + counts.paused + counts.killed;
    let is_only_one = account::is_only_one(&broker.desk).await?;
    let page = Page { chrome, email: who.user.email.to_string(), aliases, is_only_one };
    Ok(pages::show(wrong.map_or(StatusCode::OK, |(status, _)| status), &page))
}

pub(super) async fn delete(State(broker): State<Broker>, Checked { who, fields }: Checked) -> Result<Response, Failure> {
    if let Some(first) = need_proof(&broker, &who, "/security/delete") {
        return Ok(first);
    }
    let typed = Address::parse(fields.text("email")).map(|address| address.folded()).unwrap_or_default();
    if typed != who.user.email.folded() {
        let wrong = "Nothing was deleted: what you typed is not the address you sign in with.";
        return show(&broker, &who, Some((MENDABLE, wrong))).await;
    }
    match account::remove(&broker, &who.user).await {
        Ok(_) | Err(RemoveError::Unknown) => Ok(([clear_cookie(&broker)], who.go("sign-in?said=gone")).into_response()),
        Err(RemoveError::LastAdmin) => {
            let wrong = "Nothing was deleted: you are the only administrator, and there are other users. Make one of them an \
                         administrator first.";
            show(&broker, &who, Some((StatusCode::CONFLICT, wrong))).await
        }
        Err(RemoveError::Storage(error)) => Err(error.into()),
    }
}

//! Making a key or a password, and the one page on which it is seen.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::{LIVES, Page, choices, takes_mail};
use crate::model::api_token::{Scope, Scopes};
use crate::service::app_password::CreateError as PasswordError;
use crate::service::broker::Broker;
use crate::service::token::CreateError as TokenError;
use crate::service::{app_password, token as tokens};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Checked, Fields, MENDABLE};
use crate::web::pages;
use crate::web::session::Confirmed;

const NAME: &str = "Nothing was made. Write what it is for: a name of 1 to 100 characters.";

const NO_PORT: &str = "Nothing was made: no port takes mail from programs here, so it could not be used.";

/// A key, once.
#[derive(Debug, Template)]
#[template(path = "access_token.html", config = "src/web/askama.toml")]
struct MadeToken {
    chrome: Chrome,
    name: String,
    secret: String,
    /// Where programs find this instance.
    url: String,
    /// Phones take no other.
    is_https: bool,
    may_everything: bool,
    /// Whether it opens more than the programs that are named have a use for.
    is_wide: bool,
    may_make: bool,
}

/// A password for a program that hands in mail, once.
#[derive(Debug, Template)]
#[template(path = "access_password.html", config = "src/web/askama.toml")]
struct MadePassword {
    chrome: Chrome,
    name: String,
    secret: String,
    host: String,
    user_name: String,
    tls_ports: Vec<u16>,
    starttls_ports: Vec<u16>,
}

/// Makes a key.
pub async fn token(State(broker): State<Broker>, _: Confirmed, form: Checked) -> Result<Response, Failure> {
    let Checked { who, fields } = form;
    let choice = choices(&who.user).find(|(word, ..)| *word == fields.text("may"));
    let life = LIVES.iter().find(|(word, ..)| *word == fields.text("life"));
    let (Some((_, _, wanted)), Some((_, _, days))) = (choice, life) else {
        return again(&broker, &form_of(who, fields), "Nothing was made. Please choose what it may do, and for how long.").await;
    };
    let expires_at = (*days > 0).then(|| broker.now().plus(Duration::from_hours(24 * days)));
    let scopes = Scopes::new(wanted.to_vec());
    let made = tokens::create_told(&broker.desk, who.user_id(), fields.text("name"), scopes.clone(), expires_at).await;
    let secret = match made {
        Ok((_, secret)) => secret,
        Err(TokenError::Name | TokenError::InThePast) => return again(&broker, &form_of(who, fields), NAME).await,
        Err(TokenError::NotAdmin) => {
            return again(&broker, &form_of(who, fields), "Nothing was made. You do not administer this Postern any more.").await;
        }
        Err(TokenError::Storage(error)) => return Err(error.into()),
    };
    let url = broker.rules.public_url.clone();
    let is_wide = scopes.allow(Scope::Account) || scopes.allow(Scope::Admin);
    let page = MadeToken {
        chrome: who.chrome("Your new key"),
        name: fields.text("name").to_owned(),
        // The one moment at which its owner sees it.
        secret: secret.into_inner(),
        is_https: url.starts_with("https://"),
        url,
        is_wide,
        may_everything: !is_wide && scopes.allow(Scope::Write),
        may_make: !is_wide && scopes.allow(Scope::AliasCreate),
    };
    Ok(pages::show(StatusCode::OK, &page))
}

/// Makes a password.
pub async fn password(State(broker): State<Broker>, _: Confirmed, form: Checked) -> Result<Response, Failure> {
    let Checked { who, fields } = form;
    if !takes_mail(&broker) {
        return again(&broker, &form_of(who, fields), NO_PORT).await;
    }
    let secret = match app_password::create_told(&broker.desk, who.user_id(), fields.text("name")).await {
        Ok((_, secret)) => secret,
        Err(PasswordError::Name) => return again(&broker, &form_of(who, fields), NAME).await,
        Err(PasswordError::Exhausted | PasswordError::Hash(_)) => {
            return again(&broker, &form_of(who, fields), "Nothing was made: too much is going on. Please try again.").await;
        }
        Err(PasswordError::Storage(error)) => return Err(error.into()),
    };
    let page = MadePassword {
        chrome: who.chrome("Your new password"),
        name: fields.text("name").to_owned(),
        secret: secret.shown(),
        host: broker.rules.hostname.to_string(),
        user_name: who.user.email.to_string(),
        tls_ports: broker.rules.submissions_ports.clone(),
        starttls_ports: broker.rules.submission_ports.clone(),
    };
    Ok(pages::show(StatusCode::OK, &page))
}

fn form_of(who: crate::web::session::SignedIn, fields: Fields) -> Checked {
    Checked { who, fields }
}

/// The page again, with what was written.
async fn again(broker: &Broker, form: &Checked, wrong: &str) -> Result<Response, Failure> {
    let page = Page::load(broker, &form.who, &Fields::default()).await?;
    let text = |name: &str| form.fields.text(name).to_owned();
    // Both forms have a name; only that of a key says what it may do.
    let is_token = !form.fields.all("may").is_empty();
    let (token_name, password_name) = if is_token { (text("name"), String::new()) } else { (String::new(), text("name")) };
    let page = Page { token_name, password_name, may: text("may"), life: text("life"), ..page };
    Ok(pages::show(MENDABLE, &page.but(wrong)))
}

//! `/access`: what programs and devices act for a user with: API tokens, and passwords for programs that hand in mail.
//!
//! Making one asks for a proof of who is there (`Confirmed`): it outlives the session. What is made is shown on the answer
//! page, once, with how to enter it.

mod made;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use uuid::Uuid;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Asked, Checked, Fields};
use super::id::Id;
use super::session::SignedIn;
use super::{pages, when};
use crate::model::Timestamp;
use crate::model::api_token::{ApiToken, Scope, Scopes};
use crate::model::user::User;
use crate::service::app_password::{self, RevokeError};
use crate::service::broker::Broker;
use crate::service::token;

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/access", get(look))
        .route("/access/tokens", post(made::token))
        .route("/access/tokens/{id}/revoke", post(revoke_token))
        .route("/access/passwords", post(made::password))
        .route("/access/passwords/{id}/revoke", post(revoke_password))
}

const SAID: [(&str, &str); 2] = [
    ("token-revoked", "The key is revoked: whatever used it is shut out from now on."),
    ("password-revoked", "The password is revoked: whatever used it can send nothing more."),
];

/// What a key may do: what forms send, and in words.
const CHOICES: [(&str, &str, &[Scope]); 5] = [
    ("make", "Only make new aliases. It sees nothing: right for a password manager", &[Scope::AliasCreate]),
    ("see", "See everything, change nothing", &[Scope::Read]),
    ("all", "Everything but change how you sign in: right for a browser extension and a phone app", &[Scope::Write]),
    (
        "account",
        "Everything, and change how you sign in or delete your account: that asks for your password as well",
        &[Scope::Write, Scope::Account],
    ),
    ("admin", "Everything but change how you sign in, and administer this Postern", &[Scope::Write, Scope::Admin]),
];

/// How long it is in force: what forms send, in words, in days.
const LIVES: [(&str, &str, u64); 4] =
    [("", "until I revoke it", 0), ("30", "30 days", 30), ("90", "90 days", 90), ("365", "a year", 365)];

/// A key, or a password, as it is listed.
#[derive(Debug)]
struct Row {
    uuid: Uuid,
    name: String,
    may: String,
    made: String,
    used: String,
    until: Option<String>,
}

/// The page.
#[derive(Debug, Template)]
#[template(path = "access.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    /// What a key may do, for whoever asks: what the form sends, and in words.
    choices: Vec<(&'static str, &'static str)>,
    /// Whether something may be made without proving anew who is there.
    is_confirmed: bool,
    /// Whether a port takes mail from programs.
    takes_mail: bool,
    tokens: Vec<Row>,
    passwords: Vec<Row>,
    /// What was written into the forms.
    token_name: String,
    may: String,
    life: String,
    password_name: String,
}

/// Whether a mail program could use a password at all.
fn takes_mail(broker: &Broker) -> bool {
    !(broker.rules.submission_ports.is_empty() && broker.rules.submissions_ports.is_empty())
}

/// Those a user has: only an administrator can hand on administration.
fn choices(user: &User) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static [Scope])> {
    let is_admin = user.is_admin;
    CHOICES.iter().filter(move |(_, _, scopes)| is_admin || !scopes.contains(&Scope::Admin))
}

impl Page {
    async fn load(broker: &Broker, who: &SignedIn, asked: &Fields) -> Result<Self, Failure> {
        let now = broker.now();
        let tokens = token::list(&broker.desk, who.user_id()).await?;
        let passwords = app_password::list(&broker.desk, who.user_id()).await?;
        let used = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| when::distance(now, at));
        let row = |token: &ApiToken| Row {
            uuid: token.uuid,
            name: token.name.clone(),
            may: words(&token.scopes),
            made: when::day(token.created_at.day()),
            used: used(token.last_used_at),
            until: token.expires_at.map(|at| {
                let day = when::day(at.day());
                if at <= now { format!("ended on {day}") } else { format!("until {day}") }
            }),
        };
        Ok(Self {
            chrome: who.chrome("Apps").saying(asked.some("said"), &SAID),
            choices: choices(&who.user).map(|(word, words, _)| (*word, *words)).collect(),
            is_confirmed: who.session.is_confirmed(now),
            takes_mail: takes_mail(broker),
            tokens: tokens.iter().map(row).collect(),
            passwords: passwords
                .iter()
                .map(|password| Row {
                    uuid: password.uuid,
                    name: password.name.clone(),
                    may: String::new(),
                    made: when::day(password.created_at.day()),
                    used: used(password.last_used_at),
                    until: None,
                })
                .collect(),
            token_name: String::new(),
            may: "all".to_owned(),
            life: String::new(),
            password_name: String::new(),
        })
    }

    fn but(mut self, wrong: &str) -> Self {
        self.chrome = self.chrome.but(wrong);
        self
    }
}

fn words(scopes: &Scopes) -> String {
    let may = |scope| scopes.allow(scope);
    let mut words = match (may(Scope::Write), may(Scope::Read), may(Scope::AliasCreate)) {
        (true, ..) if may(Scope::Account) => vec!["everything"],
        (true, ..) => vec!["everything but change how you sign in"],
        (false, true, true) => vec!["see everything", "make new aliases"],
        (false, true, false) => vec!["see everything"],
        (false, false, true) => vec!["make new aliases"],
        (false, false, false) => Vec::new(),
    };
    words.extend(may(Scope::Account).then_some("change how you sign in"));
    words.extend(may(Scope::Admin).then_some("administer this Postern"));
    match words.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{}, and {last}", first.join(", ")),
        _ => words.concat(),
    }
}

async fn look(State(broker): State<Broker>, who: SignedIn, Asked(asked): Asked) -> Result<Response, Failure> {
    Ok(pages::show(StatusCode::OK, &Page::load(&broker, &who, &asked).await?))
}

async fn revoke_token(State(broker): State<Broker>, Id(uuid): Id, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    let all = token::list(&broker.desk, who.user_id()).await?;
    let found = all.iter().find(|token| token.uuid == uuid).ok_or(Failure::NotFound)?;
    if token::revoke(&broker.desk, who.user_id(), found.id).await? {
        Ok(who.go("access?said=token-revoked"))
    } else {
        Err(Failure::NotFound)
    }
}

async fn revoke_password(State(broker): State<Broker>, Id(uuid): Id, Checked { who, .. }: Checked) -> Result<Response, Failure> {
    match app_password::revoke(&broker.desk, who.user_id(), uuid).await {
        Ok(()) => Ok(who.go("access?said=password-revoked")),
        Err(RevokeError::Unknown) => Err(Failure::NotFound),
        Err(RevokeError::Storage(error)) => Err(error.into()),
    }
}

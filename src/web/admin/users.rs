//! Accounts: who has one, who administers the instance, away with one.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::{PAGE, day};
use crate::model::id::UserId;
use crate::model::person::Person;
use crate::service::admin::{self, AdminError};
use crate::service::broker::Broker;
use crate::service::role;
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Asked, Checked, MENDABLE};
use crate::web::id::Word;
use crate::web::pages;
use crate::web::session::{Admin, Confirmed, SignedIn};

/// An account in words.
#[derive(Debug)]
struct Row {
    uuid: String,
    email: String,
    is_admin: bool,
    since: String,
    mailboxes: i64,
    verified: i64,
    aliases: i64,
    factor: &'static str,
}

impl Row {
    fn new(person: &Person) -> Self {
        Self {
            uuid: person.uuid.to_string(),
            email: person.email.to_string(),
            is_admin: person.is_admin,
            since: day(person.created_at),
            mailboxes: person.mailboxes,
            verified: person.verified_mailboxes,
            aliases: person.aliases,
            factor: match (person.has_second_factor, person.passkeys > 0) {
                (true, true) => "code and passkey",
                (true, false) => "code",
                (false, true) => "passkey",
                (false, false) => "none",
            },
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "admin/users.html", config = "src/web/askama.toml")]
struct ListPage {
    chrome: Chrome,
    section: &'static str,
    rows: Vec<Row>,
    next: Option<i64>,
}

pub(super) async fn list(State(broker): State<Broker>, Admin(who): Admin, Asked(asked): Asked) -> Result<Response, Failure> {
    let after = asked.text("after").parse().ok().map(UserId);
    let people = admin::list(&broker.desk, after, PAGE).await?;
    let is_full = u32::try_from(people.len()).is_ok_and(|count| count == PAGE);
    let page = ListPage {
        chrome: who.chrome("Users").saying(asked.some("said"), &[("removed", "The account is gone.")]),
        section: "users",
        next: people.last().filter(|_| is_full).map(|person| person.id.0),
        rows: people.iter().map(Row::new).collect(),
    };
    Ok(pages::show(StatusCode::OK, &page))
}

#[derive(Debug, Template)]
#[template(path = "admin/user.html", config = "src/web/askama.toml")]
pub(super) struct OnePage {
    chrome: Chrome,
    section: &'static str,
    row: Row,
    is_self: bool,
}

impl OnePage {
    pub(super) fn new(who: &SignedIn, person: &Person) -> Self {
        Self {
            chrome: who.chrome(person.email.to_string()),
            section: "users",
            row: Row::new(person),
            is_self: person.id == who.user_id(),
        }
    }

    /// The page with what went wrong.
    pub(super) fn but(mut self, wrong: &str) -> Self {
        self.chrome = self.chrome.but(wrong);
        self
    }
}

pub(super) async fn find(broker: &Broker, uuid: &str) -> Result<Person, Failure> {
    let uuid = Uuid::parse_str(uuid).map_err(|_| Failure::NotFound)?;
    admin::find(&broker.desk, uuid).await?.ok_or(Failure::NotFound)
}

/// Everything on this page takes the proof of who one is, so it is asked for before it is opened.
pub(super) async fn show(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Confirmed(_): Confirmed,
    Word(uuid): Word,
    Asked(asked): Asked,
) -> Result<Response, Failure> {
    let person = find(&broker, &uuid).await?;
    let mut page = OnePage::new(&who, &person);
    page.chrome = page.chrome.saying(
        asked.some("said"),
        &[
            ("admin", "This user administers the instance now."),
            (
                "no-factors",
                "The second step is off, and all browsers of the account are signed out. The user gets a letter about it.",
            ),
            ("link", "A link for a new password is on its way to the address of the account."),
            ("no-admin", "This user does not administer the instance any more."),
        ],
    );
    Ok(pages::show(StatusCode::OK, &page))
}

pub(super) async fn set_admin(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Confirmed(_): Confirmed,
    Word(uuid): Word,
    Checked { fields, .. }: Checked,
) -> Result<Response, Failure> {
    let person = find(&broker, &uuid).await?;
    let is_admin = fields.text("to") == "admin";
    match admin::set_admin(&broker.desk, person.uuid, is_admin).await {
        // Whoever gave it up sees none of these pages any more.
        Ok(_) if person.id == who.user_id() && !is_admin => Ok(who.go("aliases")),
        Ok(_) => Ok(who.go(&format!("admin/users/{uuid}?said={}", if is_admin { "admin" } else { "no-admin" }))),
        Err(error) => refused(&who, &person, error),
    }
}

pub(super) async fn remove(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Confirmed(_): Confirmed,
    Word(uuid): Word,
    Checked { fields, .. }: Checked,
) -> Result<Response, Failure> {
    let person = find(&broker, &uuid).await?;
    let removed = admin::remove(&broker.desk, person.uuid, fields.text("email")).await;
    if removed.is_ok() {
        // The next administrator reads what was sent to the role addresses.
        if let Err(error) = role::ensure(&broker.desk, &broker.rules.domains).await {
            tracing::warn!(%error, "the role addresses could not be made; the next start makes them");
        }
    }
    match removed {
        Ok(_) if person.id == who.user_id() => Ok(who.go("sign-in?said=gone")),
        Ok(_) => Ok(who.go("admin/users?said=removed")),
        Err(error) => refused(&who, &person, error),
    }
}

fn refused(who: &SignedIn, person: &Person, error: AdminError) -> Result<Response, Failure> {
    let wrong = match error {
        AdminError::Unknown => return Err(Failure::NotFound),
        AdminError::Last => "Nobody else administers this Postern. Make somebody else an administrator first.",
        AdminError::OtherAddress => "That is not the address of this account. Type it as it stands above.",
        AdminError::Storage(error) => return Err(error.into()),
    };
    let mut page = OnePage::new(who, person);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(MENDABLE, &page))
}

//! `/setup`: the first run, step by step: who you are, the domain, how mail leaves, done.
//!
//! The first step is open to whoever has the link that was printed at the start, and only while nobody has an account;
//! the others are for whoever made that account, and can be left out or come back to.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::chrome::Chrome;
use super::dns_records::{self, DomainRecords};
use super::failure::Failure;
use super::form::{Anonymous, Checked, MENDABLE};
use super::id::Word;
use super::pages::{self, Message};
use super::session::{Admin, SignedIn, Visitor, go, set_cookie};
use super::sign_up::{NO_ADDRESS, OWN_DOMAIN, not_set, twice};
use crate::model::Address;
use crate::model::mailbox::Mailbox;
use crate::service::broker::Broker;
use crate::service::mailbox_test::{TestError, Tested};
use crate::service::setup::{self, SetupError};
use crate::service::verification::{self, Sent};
use crate::service::{mailbox, session};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/setup", get(begin))
        .route("/setup/{secret}", get(person).post(make))
        .route("/setup/domain", get(domain))
        .route("/setup/mail", get(mail).post(try_mail))
        .route("/setup/done", get(done))
}

async fn begin(State(broker): State<Broker>, visitor: Visitor) -> Result<Response, Failure> {
    if setup::is_done(&broker.desk).await? {
        return Ok(go(&visitor.path, ""));
    }
    let chrome = Chrome::open(&visitor.path, "Nobody has an account yet");
    let text = "Whoever started this Postern makes the first account: by the link that was printed when it started (look for \
                “make the first one here” in its log), or by the command “postern user add”.";
    Ok(pages::show(StatusCode::OK, &Message { chrome, text }))
}

/// Step 1.
#[derive(Debug, Template)]
#[template(path = "setup/person.html", config = "src/web/askama.toml")]
struct PersonPage {
    chrome: Chrome,
    step: u8,
    email: String,
}

impl PersonPage {
    fn new(visitor: &Visitor, email: &str) -> Self {
        Self { chrome: Chrome::open(&visitor.path, "Welcome to your Postern"), step: 1, email: email.to_owned() }
    }
}

async fn person(State(broker): State<Broker>, visitor: Visitor, Word(secret): Word) -> Result<Response, Failure> {
    if !setup::may(&broker.desk, &secret).await? {
        return Err(Failure::NotFound);
    }
    Ok(pages::show(StatusCode::OK, &PersonPage::new(&visitor, "")))
}

async fn make(
    State(broker): State<Broker>,
    visitor: Visitor,
    Word(secret): Word,
    Anonymous(fields): Anonymous,
) -> Result<Response, Failure> {
    let email = fields.text("email");
    let no_address = Address::parse(email).is_err().then(|| NO_ADDRESS.to_owned());
    let password = twice(&broker, &fields, email);
    let wrong: Vec<String> = no_address.into_iter().chain(password.as_ref().err().cloned()).collect();
    let made = match password {
        Ok(password) if wrong.is_empty() => setup::begin(&broker, &secret, email, &password).await,
        _ => return again(&broker, &visitor, &secret, email, (MENDABLE, wrong.join(" "))).await,
    };
    let wrong = match made {
        Ok(user) => {
            let opened = session::open(&broker.desk, user.id, false, visitor.browser).await;
            let Ok(opened) = opened.inspect_err(|error| tracing::warn!(%error, "a session could not be opened")) else {
                // The account is made: its owner signs in by hand.
                return Ok(go(&visitor.path, "sign-in"));
            };
            return Ok(([set_cookie(&broker, opened.1.reveal())], go(&visitor.path, "setup/domain")).into_response());
        }
        Err(SetupError::Closed) => return Err(Failure::NotFound),
        Err(SetupError::Address) => (MENDABLE, NO_ADDRESS.to_owned()),
        Err(SetupError::OwnDomain) => (MENDABLE, OWN_DOMAIN.to_owned()),
        Err(SetupError::Password(error)) => not_set(error)?,
        Err(SetupError::Storage(error)) => return Err(error.into()),
    };
    again(&broker, &visitor, &secret, email, wrong).await
}

/// The form again, for whoever may see it.
async fn again(
    broker: &Broker,
    visitor: &Visitor,
    secret: &str,
    email: &str,
    (status, wrong): (StatusCode, String),
) -> Result<Response, Failure> {
    if !setup::may(&broker.desk, secret).await? {
        return Err(Failure::NotFound);
    }
    let mut page = PersonPage::new(visitor, email);
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(status, &page))
}

/// Step 2.
#[derive(Debug, Template)]
#[template(path = "setup/domain.html", config = "src/web/askama.toml")]
struct DomainPage {
    chrome: Chrome,
    step: u8,
    hostname: String,
    domains: Vec<DomainRecords>,
    is_ok: bool,
}

async fn domain(State(broker): State<Broker>, Admin(who): Admin) -> Result<Response, Failure> {
    let domains = dns_records::of_instance(&broker).await?;
    let page = DomainPage {
        chrome: who.chrome("Tell the world where your mail goes"),
        step: 2,
        hostname: broker.rules.hostname.to_string(),
        is_ok: domains.iter().all(|domain| domain.is_ok),
        domains,
    };
    Ok(pages::show(StatusCode::OK, &page))
}

/// Step 3.
#[derive(Debug, Template)]
#[template(path = "setup/mail.html", config = "src/web/askama.toml")]
struct MailPage {
    chrome: Chrome,
    step: u8,
    smarthost: Option<String>,
    mailbox: String,
    is_verified: bool,
    /// What a test that failed said, in the words of the other server.
    detail: Option<String>,
}

impl MailPage {
    fn new(broker: &Broker, who: &SignedIn, mailbox: &Mailbox) -> Self {
        Self {
            chrome: who.chrome("Try whether mail gets out"),
            step: 3,
            smarthost: broker.rules.smarthost.clone(),
            mailbox: mailbox.address.to_string(),
            is_verified: mailbox.verified_at.is_some(),
            detail: None,
        }
    }
}

/// The default mailbox of whoever sets the instance up.
async fn own_mailbox(broker: &Broker, who: &SignedIn) -> Result<Mailbox, Failure> {
    let mailboxes = mailbox::list(&broker.desk, who.user_id()).await?;
    mailboxes.into_iter().max_by_key(|mailbox| mailbox.is_default).ok_or(Failure::NotFound)
}

async fn mail(State(broker): State<Broker>, Admin(who): Admin) -> Result<Response, Failure> {
    let mailbox = own_mailbox(&broker, &who).await?;
    Ok(pages::show(StatusCode::OK, &MailPage::new(&broker, &who, &mailbox)))
}

/// Nothing is changed by a test, so its outcome is shown at once.
async fn try_mail(State(broker): State<Broker>, Admin(who): Admin, Checked { fields, .. }: Checked) -> Result<Response, Failure> {
    let mailbox = own_mailbox(&broker, &who).await?;
    let mut page = MailPage::new(&broker, &who, &mailbox);
    let outcome = if fields.text("do") == "link" {
        Ok(match verification::resend(&broker, &mailbox).await? {
            Sent::Mailed => LINK_SENT,
            Sent::Enough => LINK_ENOUGH,
            Sent::Needless => LINK_NEEDLESS,
        }
        .to_owned())
    } else {
        match setup::try_mail(&broker, &mailbox).await {
            Ok(None) => Err((NO_DOMAIN, None)),
            Ok(Some(Tested::Taken { .. })) => Ok(TAKEN.to_owned()),
            Ok(Some(Tested::Refused(failure))) => Err((REFUSED, Some(failure))),
            Ok(Some(Tested::Unanswered(failure))) => Err((UNANSWERED, Some(failure))),
            Err(TestError::Unverified) => Err((REFUSED, None)),
            Err(TestError::Unsigned(error)) => {
                tracing::warn!(%error, "a test message could not be signed");
                Err((UNSIGNED, None))
            }
            Err(TestError::Storage(error)) => return Err(error.into()),
        }
    };
    match outcome {
        Ok(said) => page.chrome.said = Some(said),
        Err((wrong, failure)) => {
            page.chrome.wrong = Some(wrong.to_owned());
            page.detail = failure.map(|failure| format!("{} {}", failure.status, failure.detail.reveal()));
        }
    }
    Ok(pages::show(StatusCode::OK, &page))
}

const TAKEN: &str =
    "The mail server of your inbox has taken the test message. Look into your inbox, and into the folder for spam.";
const LINK_SENT: &str = "Another link is on its way to your inbox.";
const LINK_ENOUGH: &str = "Several links were sent within the last hour. Please look for them in the folder for spam.";
const LINK_NEEDLESS: &str = "Your inbox is confirmed already.";
const REFUSED: &str = "The mail server refused the test message.";
const UNANSWERED: &str = "The test message could not be handed over now.";
const UNSIGNED: &str = "The test message could not be signed. Please try again in a minute.";
const NO_DOMAIN: &str = "There is no domain to write from. Set instance.domains in the settings and start Postern again.";

/// Step 4.
#[derive(Debug, Template)]
#[template(path = "setup/done.html", config = "src/web/askama.toml")]
struct DonePage {
    chrome: Chrome,
    step: u8,
    mailbox: String,
    is_verified: bool,
    public_url: String,
}

async fn done(State(broker): State<Broker>, Admin(who): Admin) -> Result<Response, Failure> {
    let mailbox = own_mailbox(&broker, &who).await?;
    let page = DonePage {
        chrome: who.chrome("Your Postern is set up"),
        step: 4,
        mailbox: mailbox.address.to_string(),
        is_verified: mailbox.verified_at.is_some(),
        public_url: broker.rules.public_url.clone(),
    };
    Ok(pages::show(StatusCode::OK, &page))
}

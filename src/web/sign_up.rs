//! `/sign-up`, `/sign-up/…`, `/invite/…`: an account made by oneself. The first form asks for an address only and always
//! gets the same answer; the link in the mail leads to the second one. A link is used up by its form, never by looking:
//! mail scanners follow links.

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::chrome::Chrome;
use super::failure::Failure;
use super::form::{Anonymous, Asked, Fields, MENDABLE, encode};
use super::id::Word;
use super::pages::{self, Message};
use super::session::{Visitor, go, set_cookie};
use crate::config::instance::Registration;
use crate::model::Private;
use crate::service::broker::Broker;
use crate::service::password::{self, Easy, SetError};
use crate::service::sign_up::{self, AskError, FinishError};
use crate::service::{invite, session};

/// The routes.
pub fn routes() -> Router<Broker> {
    Router::new()
        .route("/sign-up", get(look).post(ask))
        .route("/sign-up/{secret}", get(open).post(finish))
        .route("/invite/{secret}", get(invited))
}

/// The form that asks for an address, of a sign-up or a reset.
#[derive(Debug, Template)]
#[template(path = "ask_address.html", config = "src/web/askama.toml")]
pub(super) struct AddressPage {
    pub chrome: Chrome,
    /// Whether the letter is on its way: nothing is asked then.
    pub is_sent: bool,
    /// What this is for.
    pub why: &'static str,
    /// The path the form goes to.
    pub path: &'static str,
    pub button: &'static str,
    pub email: String,
    /// What the link of an invitation holds.
    pub invite: String,
}

/// The form that asks for a new password, twice.
#[derive(Debug, Template)]
#[template(path = "choose_password.html", config = "src/web/askama.toml")]
pub(super) struct PasswordPage {
    pub chrome: Chrome,
    /// The address of the account.
    pub email: String,
    pub why: &'static str,
    pub button: &'static str,
}

/// A link that does not work, and the way to another one.
#[derive(Debug, Template)]
#[template(path = "stale_link.html", config = "src/web/askama.toml")]
pub(super) struct StalePage {
    pub chrome: Chrome,
    pub text: &'static str,
    /// The path where another one is asked for, and what the way there is called.
    pub again: (&'static str, &'static str),
}

/// The answer for a link that does not work.
pub(super) fn stale(visitor: &Visitor, text: &'static str, again: (&'static str, &'static str)) -> Response {
    let chrome = Chrome::open(&visitor.path, "This link does not work any more");
    pages::show(StatusCode::NOT_FOUND, &StalePage { chrome, text, again })
}

const ONCE: &str = "A link works once, within 24 hours. If you used it already, sign in; otherwise have another one sent.";
const ONCE_INVITED: &str = "A link works once, within 24 hours. If you used it already, sign in; otherwise open your invitation again \
                            and have another link sent.";
const SENT_TITLE: &str = "Look into your inbox";

/// What both forms that ask for an address show once they were sent.
pub(super) fn is_sent(fields: &Fields) -> bool {
    fields.text("said") == "sent"
}

/// A link to sign up that does not work: where invitations are needed, the way to another one is the invitation.
fn no_link(broker: &Broker, visitor: &Visitor) -> Response {
    match broker.rules.registration {
        Registration::Invite => stale(visitor, ONCE_INVITED, ("sign-in", "Sign in")),
        Registration::Open | Registration::Closed => stale(visitor, ONCE, ("sign-up", "Make an account")),
    }
}

fn page(visitor: &Visitor, invite: &str, is_sent: bool) -> AddressPage {
    AddressPage {
        chrome: Chrome::open(&visitor.path, if is_sent { SENT_TITLE } else { "Make an account" }),
        is_sent,
        why: "Give the address of the inbox where your mail shall arrive. We send you a link; you choose your password there.",
        path: "sign-up",
        button: "Send me the link",
        email: String::new(),
        invite: invite.to_owned(),
    }
}

fn closed(visitor: &Visitor, title: &str, text: &'static str) -> Response {
    pages::show(StatusCode::FORBIDDEN, &Message { chrome: Chrome::open(&visitor.path, title), text })
}

const CLOSED: &str = "Here accounts are made by whoever runs this Postern. Please ask them.";
const NO_INVITE: &str =
    "To make an account here, you need an invitation that still works. Please ask whoever runs this Postern for one.";

async fn look(State(broker): State<Broker>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Failure> {
    if is_sent(&asked) {
        return Ok(pages::show(StatusCode::OK, &page(&visitor, asked.text("invite"), true)));
    }
    offer(&broker, &visitor, asked.text("invite")).await
}

async fn invited(State(broker): State<Broker>, visitor: Visitor, Word(secret): Word) -> Result<Response, Failure> {
    offer(&broker, &visitor, &secret).await
}

async fn offer(broker: &Broker, visitor: &Visitor, secret: &str) -> Result<Response, Failure> {
    if visitor.signed_in.is_some() {
        return Ok(go(&visitor.path, "aliases"));
    }
    Ok(match broker.rules.registration {
        Registration::Closed => closed(visitor, "No new accounts", CLOSED),
        Registration::Invite if invite::find_open(&broker.desk, secret).await?.is_none() => {
            closed(visitor, "You need an invitation", NO_INVITE)
        }
        Registration::Invite | Registration::Open => pages::show(StatusCode::OK, &page(visitor, secret, false)),
    })
}

async fn ask(State(broker): State<Broker>, visitor: Visitor, Anonymous(fields): Anonymous) -> Result<Response, Failure> {
    let (email, secret) = (fields.text("email"), fields.some("invite"));
    let (status, wrong) = match sign_up::ask(&broker, visitor.browser.ip, email, secret).await {
        Ok(()) => {
            // Whoever tries again needs the invitation once more.
            let invite = secret.map(|secret| format!("&{}", encode(&[("invite", secret)]))).unwrap_or_default();
            return Ok(go(&visitor.path, &format!("sign-up?said=sent{invite}")));
        }
        Err(AskError::Closed) => return Ok(closed(&visitor, "No new accounts", CLOSED)),
        Err(AskError::NoInvite) => return Ok(closed(&visitor, "You need an invitation", NO_INVITE)),
        Err(AskError::Address) => (MENDABLE, NO_ADDRESS),
        Err(AskError::OwnDomain) => (MENDABLE, OWN_DOMAIN),
        Err(AskError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, TOO_MANY),
        Err(AskError::NoDomain) => (StatusCode::SERVICE_UNAVAILABLE, NO_DOMAIN),
        Err(AskError::Storage(error)) => return Err(error.into()),
    };
    let mut page = AddressPage { email: email.to_owned(), ..page(&visitor, secret.unwrap_or_default(), false) };
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(status, &page))
}

pub(super) const NO_ADDRESS: &str = "That is no mail address. It looks like name@example.com.";
pub(super) const OWN_DOMAIN: &str =
    "Addresses of that domain are handled by this Postern itself. Give the address of an inbox elsewhere.";
pub(super) const TOO_MANY: &str = "That were too many letters. Please wait a quarter of an hour, then try again.";
pub(super) const NO_DOMAIN: &str = "This Postern can't send mail yet, because it has no domain. Please tell whoever runs it.";

fn choose(visitor: &Visitor, email: String) -> PasswordPage {
    PasswordPage {
        chrome: Chrome::open(&visitor.path, "Choose your password"),
        email,
        why: "You sign in with your address and this password.",
        button: "Make my account",
    }
}

async fn open(State(broker): State<Broker>, visitor: Visitor, Word(secret): Word) -> Result<Response, Failure> {
    Ok(match sign_up::look(&broker.desk, &secret).await? {
        Some(link) => pages::show(StatusCode::OK, &choose(&visitor, link.address.to_string())),
        None => no_link(&broker, &visitor),
    })
}

async fn finish(
    State(broker): State<Broker>,
    visitor: Visitor,
    Word(secret): Word,
    Anonymous(fields): Anonymous,
) -> Result<Response, Failure> {
    let Some(link) = sign_up::look(&broker.desk, &secret).await? else {
        return Ok(no_link(&broker, &visitor));
    };
    let made = match twice(&broker, &fields, &link.address.to_string()) {
        Ok(password) => sign_up::finish(&broker, &secret, &password).await,
        Err(wrong) => return Ok(choose_again(choose(&visitor, link.address.to_string()), (MENDABLE, wrong))),
    };
    let wrong = match made {
        Ok(user) => {
            let opened = session::open(&broker.desk, user.id, false, visitor.browser).await;
            let Ok(opened) = opened.inspect_err(|error| tracing::warn!(%error, "a session could not be opened")) else {
                // The account is made: its owner signs in by hand.
                return Ok(go(&visitor.path, "sign-in"));
            };
            let to = go(&visitor.path, "aliases?said=welcome");
            return Ok(([set_cookie(&broker, opened.1.reveal())], to).into_response());
        }
        Err(FinishError::Gone) => return Ok(no_link(&broker, &visitor)),
        Err(FinishError::Taken) => {
            return Ok(stale(&visitor, "You have an account with this address already.", ("sign-in", "Sign in")));
        }
        Err(FinishError::Invite) => {
            return Ok(stale(
                &visitor,
                "The invitation you came with was used by somebody else, or taken back. Please ask for another one.",
                ("sign-in", "Sign in"),
            ));
        }
        Err(FinishError::OwnDomain) => (MENDABLE, OWN_DOMAIN.to_owned()),
        Err(FinishError::Password(error)) => not_set(error)?,
        Err(FinishError::Storage(error)) => return Err(error.into()),
    };
    Ok(choose_again(choose(&visitor, link.address.to_string()), wrong))
}

/// The form again, with what was wrong.
pub(super) fn choose_again(mut page: PasswordPage, (status, wrong): (StatusCode, String)) -> Response {
    page.chrome = page.chrome.but(wrong);
    pages::show(status, &page)
}

/// The password, when both fields hold the same and it will do for whoever signs in with that address; otherwise all that is
/// wrong with it at once.
pub(super) fn twice(broker: &Broker, fields: &Fields, email: &str) -> Result<Private<String>, String> {
    let (first, second) = (fields.raw("password"), fields.raw("again"));
    let unequal = (first != second).then(|| "The two passwords are not the same. Type it twice.".to_owned());
    let faults = password::faults(first, &password::public_names(broker, email));
    let wrong: Vec<String> = unequal.into_iter().chain(faults.iter().map(words)).collect();
    if wrong.is_empty() { Ok(Private::new(first.to_owned())) } else { Err(wrong.join(" ")) }
}

/// What is wrong with a password.
fn words(error: &SetError) -> String {
    match error {
        SetError::Length => "A password has 8 characters or more. A few words in a row are easy to keep in mind.".to_owned(),
        SetError::Easy(easy) => sentence(*easy).to_owned(),
        SetError::Unknown | SetError::Hash(_) | SetError::Storage(_) => error.to_string(),
    }
}

/// Why a password is refused that is long enough.
pub(super) fn sentence(easy: Easy) -> &'static str {
    match easy {
        Easy::Common => "This password is among the first that anybody would try. A few words in a row are hard to guess.",
        Easy::Named => "This password is little more than your address or the name of this Postern, which anybody can guess.",
    }
}

/// Why a password won't do, in words; what no other password would mend is a failure.
pub(super) fn not_set(error: SetError) -> Result<(StatusCode, String), Failure> {
    match error {
        SetError::Length | SetError::Easy(_) => Ok((MENDABLE, words(&error))),
        SetError::Hash(_) => {
            Ok((StatusCode::SERVICE_UNAVAILABLE, "Too many people are here right now. Please try again in a minute.".to_owned()))
        }
        SetError::Unknown => Err(Failure::NotFound),
        SetError::Storage(error) => Err(error.into()),
    }
}

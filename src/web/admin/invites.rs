//! Invitations: made with a note and an end, shown once as a link, taken back.

use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::{day, moment};
use crate::config::instance::Registration;
use crate::model::Timestamp;
use crate::model::invite::{Invite, InviteState};
use crate::service::broker::Broker;
use crate::service::invite::{self, CreateError};
use crate::web::chrome::Chrome;
use crate::web::failure::Failure;
use crate::web::form::{Asked, Checked, MENDABLE};
use crate::web::id::Word;
use crate::web::pages;
use crate::web::session::{Admin, SignedIn};

#[derive(Debug)]
struct Row {
    uuid: String,
    note: String,
    made: String,
    ends: String,
    state: &'static str,
    is_used: bool,
}

impl Row {
    fn new(invite: &Invite, now: Timestamp) -> Self {
        Self {
            uuid: invite.uuid.to_string(),
            note: if invite.note.is_empty() { "no note".to_owned() } else { invite.note.clone() },
            made: day(invite.created_at),
            ends: invite.used_at.map_or_else(|| moment(invite.expires_at), |at| format!("used on {}", day(at))),
            state: invite.state(now).as_str(),
            is_used: invite.state(now) == InviteState::Used,
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "admin/invites.html", config = "src/web/askama.toml")]
struct Page {
    chrome: Chrome,
    section: &'static str,
    /// The link that was just made.
    link: Option<String>,
    rows: Vec<Row>,
    note: String,
    days: String,
    /// Why invitations are of no use, or not needed.
    hint: Option<&'static str>,
}

async fn page(broker: &Broker, who: &SignedIn) -> Result<Page, Failure> {
    let now = broker.now();
    Ok(Page {
        chrome: who.chrome("Invitations"),
        section: "invites",
        link: None,
        rows: invite::list(&broker.desk).await?.iter().map(|invite| Row::new(invite, now)).collect(),
        note: String::new(),
        days: "7".to_owned(),
        hint: match broker.rules.registration {
            Registration::Closed => Some(
                "Nobody can use an invitation now: registration is closed in the settings. Set instance.registration to invite and start Postern again.",
            ),
            Registration::Open => Some("Everybody can make an account here, with and without an invitation."),
            Registration::Invite => None,
        },
    })
}

pub(super) async fn list(State(broker): State<Broker>, Admin(who): Admin, Asked(asked): Asked) -> Result<Response, Failure> {
    let mut page = page(&broker, &who).await?;
    page.chrome = page.chrome.saying(asked.some("said"), &[("revoked", "The invitation does not work any more.")]);
    Ok(pages::show(StatusCode::OK, &page))
}

/// The link is shown in the answer itself: it is nowhere else.
pub(super) async fn create(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Checked { fields, .. }: Checked,
) -> Result<Response, Failure> {
    let (note, days) = (fields.text("note"), fields.text("days"));
    // What is no number is no time at all.
    let hours = days.parse::<u64>().unwrap_or(0).saturating_mul(24).min(24 * 10_000);
    let made = invite::create(&broker.desk, Some(who.user_id()), note, Duration::from_hours(hours)).await;
    let wrong = match made {
        Ok((_, secret)) => {
            let mut page = page(&broker, &who).await?;
            page.link = Some(invite::link(&broker.rules.public_url, &secret));
            return Ok(pages::show(StatusCode::OK, &page));
        }
        Err(CreateError::Note) => "The note is too long. It has 200 characters at the most.",
        Err(CreateError::Lasts) => "Say for how many days it works: from 1 to 366.",
        Err(CreateError::Storage(error)) => return Err(error.into()),
    };
    let mut page = Page { note: note.to_owned(), days: days.to_owned(), ..page(&broker, &who).await? };
    page.chrome = page.chrome.but(wrong);
    Ok(pages::show(MENDABLE, &page))
}

pub(super) async fn revoke(
    State(broker): State<Broker>,
    Admin(who): Admin,
    Word(uuid): Word,
    Checked { .. }: Checked,
) -> Result<Response, Failure> {
    let uuid = Uuid::parse_str(&uuid).map_err(|_| Failure::NotFound)?;
    if !invite::revoke(&broker.desk, uuid).await? {
        return Err(Failure::NotFound);
    }
    Ok(who.go("admin/invites?said=revoked"))
}

//! `postern invite new|list|revoke`.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::config::Config;
use crate::config::instance::Registration;
use crate::model::Timestamp;
use crate::model::invite::Invite;
use crate::service::invite::{self, CreateError};

use super::args::InviteCommand;
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};

/// An invitation as shown, and as the API tells of it.
#[derive(Serialize, Deserialize)]
pub struct View {
    id: String,
    note: String,
    state: String,
    created_at: String,
    expires_at: String,
    used_at: Option<String>,
    /// Only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<String>,
}

impl View {
    fn of(invite: &Invite, link: Option<String>, now: Timestamp) -> Self {
        Self {
            id: invite.uuid.to_string(),
            note: invite.note.clone(),
            state: invite.state(now).as_str().to_owned(),
            created_at: invite.created_at.to_rfc3339(),
            expires_at: invite.expires_at.to_rfc3339(),
            used_at: invite.used_at.map(Timestamp::to_rfc3339),
            link,
        }
    }
}

#[derive(Serialize)]
struct Revoked {
    revoked: String,
}

/// Runs one of them.
pub fn run(config: &Config, command: InviteCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let now = desk.clock.now();
        match command {
            InviteCommand::New { note, expires } => {
                let (invite, secret) = invite::create(desk, None, &note, expires).await.map_err(create_failed)?;
                // The one moment at which the link is known.
                let view = View::of(&invite, Some(invite::link(&config.instance.public_url, &secret)), now);
                print_made(&view, config.instance.registration == Registration::Closed, output)
            }
            InviteCommand::List => {
                let views: Vec<View> = invite::list(desk).await?.iter().map(|invite| View::of(invite, None, now)).collect();
                print_list(&views, output)
            }
            InviteCommand::Revoke { id } => {
                if !invite::revoke(desk, id).await? {
                    return Err(unknown());
                }
                print_revoked(id, output)
            }
        }
    })
}

pub(super) fn print_made(view: &View, is_closed: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| {
        writeln!(to, "{}", view.link.as_deref().unwrap_or_default())?;
        writeln!(to, "give it to whom you invite: it makes one account, until {}", view.expires_at)?;
        if is_closed {
            writeln!(to, "it does not work yet: write registration = \"invite\" under [instance] in the settings")?;
        }
        Ok(())
    })?)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "no invitations", ["ID", "STATE", "SINCE", "UNTIL", "NOTE"], |view| {
        let (since, until) = (view.created_at.clone(), view.expires_at.clone());
        [view.id.clone(), view.state.clone(), since, until, printable(&view.note)]
    })?)
}

pub(super) fn print_revoked(id: Uuid, output: &mut Output<'_>) -> Result<(), Failure> {
    let revoked = Revoked { revoked: id.to_string() };
    Ok(output.show(&revoked, |to| writeln!(to, "invitation {id} does not work any more"))?)
}

pub(super) fn unknown() -> Failure {
    Failure::new("there is no such invitation that was not used", "see `postern invite list`")
}

fn create_failed(error: CreateError) -> Failure {
    match error {
        CreateError::Note => Failure::new(error.to_string(), "choose a shorter --note"),
        CreateError::Lasts => Failure::new(error.to_string(), "give another --expires, for example 7d"),
        CreateError::Storage(error) => error.into(),
    }
}

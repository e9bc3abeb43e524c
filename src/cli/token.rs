//! `postern token new|list|revoke`.

use serde::Serialize;

use crate::config::Config;
use crate::model::api_token::{ApiToken, Scopes};
use crate::model::id::ApiTokenId;
use crate::model::{Address, Timestamp};
use crate::service::token::{self, CreateError};

use super::args::{Handle, TokenCommand};
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};
use super::queue::number;

/// A token as shown.
#[derive(Serialize)]
pub struct View {
    pub(super) id: Handle,
    pub(super) name: String,
    pub(super) scopes: String,
    pub(super) created_at: String,
    pub(super) expires_at: Option<String>,
    pub(super) last_used_at: Option<String>,
    /// Only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<String>,
}

impl View {
    fn of(token: &ApiToken, secret: Option<String>) -> Self {
        Self {
            id: Handle::Number(token.id.0),
            name: token.name.clone(),
            scopes: token.scopes.to_string(),
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.map(Timestamp::to_rfc3339),
            last_used_at: token.last_used_at.map(Timestamp::to_rfc3339),
            token: secret,
        }
    }
}

#[derive(Serialize)]
struct Revoked {
    revoked: Handle,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: TokenCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        match command {
            TokenCommand::New { name, scopes, expires } => {
                let expires_at = expires.map(|expires| desk.clock.now().plus(expires));
                let made = token::create(desk, user, &name, Scopes::new(scopes), expires_at).await;
                let (token, secret) = made.map_err(create_failed)?;
                // The one moment at which its owner sees it.
                print_made(&View::of(&token, Some(secret.into_inner())), output)
            }
            TokenCommand::List => {
                let views: Vec<View> = token::list(desk, user).await?.iter().map(|token| View::of(token, None)).collect();
                print_list(&views, output)
            }
            TokenCommand::Revoke { id } => {
                if !token::revoke(desk, user, ApiTokenId(number(id)?)).await? {
                    return Err(unknown());
                }
                print_revoked(id, output)
            }
        }
    })
}

pub(super) fn print_made(view: &View, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| {
        writeln!(to, "{}", view.token.as_deref().unwrap_or_default())?;
        writeln!(to, "keep it now: it is not shown again")
    })?)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "no tokens", ["ID", "NAME", "SCOPES", "SINCE", "LAST USED", "UNTIL"], |view| {
        let when = |at: &Option<String>| at.clone().unwrap_or_else(|| "-".into());
        let (since, used, until) = (view.created_at.clone(), when(&view.last_used_at), when(&view.expires_at));
        [view.id.to_string(), printable(&view.name), view.scopes.clone(), since, used, until]
    })?)
}

pub(super) fn print_revoked(revoked: Handle, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(&Revoked { revoked }, |to| writeln!(to, "token {revoked} is revoked"))?)
}

pub(super) fn unknown() -> Failure {
    Failure::new("there is no such token", "see `postern token list`")
}

fn create_failed(error: CreateError) -> Failure {
    match error {
        CreateError::Name => Failure::new(error.to_string(), "choose another --name"),
        CreateError::InThePast => Failure::new(error.to_string(), "give a longer --expires"),
        CreateError::NotAdmin => Failure::new(
            error.to_string(),
            "an administrator can make this user one, on the page for users; or leave --scope admin out",
        ),
        CreateError::Storage(error) => error.into(),
    }
}

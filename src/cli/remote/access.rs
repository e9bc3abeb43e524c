//! `postern token …` and `postern app-password …` on an instance elsewhere.

use serde::Deserialize;
use serde_json::json;

use super::super::args::{AppPasswordCommand, Handle, TokenCommand};
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::{app_password, token};
use super::client::Client;
use super::delivery::id;
use crate::model::api_token::{Scope, Scopes};

/// A token as the API tells of it.
#[derive(Deserialize)]
struct Token {
    id: Handle,
    name: String,
    scopes: Vec<String>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// A new one, and its secret.
#[derive(Deserialize)]
struct Made {
    secret: String,
    token: Token,
}

/// A new app password, its secret, and what a mail program wants to know.
#[derive(Deserialize)]
struct Fresh {
    secret: String,
    user_name: String,
    server: String,
    tls_ports: Vec<u16>,
    starttls_ports: Vec<u16>,
    app_password: app_password::View,
}

impl Token {
    fn shown(self, secret: Option<String>) -> token::View {
        token::View {
            id: self.id,
            name: self.name,
            scopes: self.scopes.join(" "),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            token: secret,
        }
    }
}

/// Runs a `postern token …`.
pub async fn run_token(client: &Client, command: TokenCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        TokenCommand::New { name, scopes, expires } => {
            let scopes = Scopes::new(scopes);
            let words: Vec<&str> = scopes.as_slice().iter().copied().map(Scope::as_str).collect();
            let expires_at = expires.map(|expires| client.now().plus(expires).to_rfc3339());
            let wanted = json!({ "name": name, "scopes": words, "expires_at": expires_at });
            let Made { secret, token } = client.make_secret(&["tokens"], &wanted).await?;
            token::print_made(&token.shown(Some(secret)), output)
        }
        TokenCommand::List => {
            let all: Vec<Token> = client.whole(&["tokens"]).await?;
            token::print_list(&all.into_iter().map(|token| token.shown(None)).collect::<Vec<_>>(), output)
        }
        TokenCommand::Revoke { id: handle } => {
            client.delete::<()>(&["tokens", &id(handle)?]).await.map_err(|fault| fault.or_missing(token::unknown))?;
            token::print_revoked(handle, output)
        }
    }
}

/// Runs a `postern app-password …`.
pub async fn run_app_password(client: &Client, command: AppPasswordCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        AppPasswordCommand::New { name } => {
            let made: Fresh = client.make_secret(&["app-passwords"], &json!({ "name": name })).await?;
            let fresh = app_password::Fresh {
                view: made.app_password,
                password: made.secret,
                server: made.server,
                user_name: made.user_name,
                tls_ports: made.tls_ports,
                starttls_ports: made.starttls_ports,
            };
            app_password::print_made(&fresh, output)
        }
        AppPasswordCommand::List => {
            app_password::print_list(&client.whole::<app_password::View>(&["app-passwords"]).await?, output)
        }
        AppPasswordCommand::Revoke { id } => {
            let done = client.delete::<()>(&["app-passwords", &id.to_string()]).await;
            done.map_err(|fault| fault.or_missing(app_password::unknown))?;
            app_password::print_revoked(id, output)
        }
    }
}

//! `postern app-password new|list|revoke`.

use std::io::{self, Write};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::model::app_password::AppPassword;
use crate::model::{Address, Timestamp};
use crate::service::app_password::{self, CreateError, RevokeError};

use super::args::AppPasswordCommand;
use super::desk;
use super::failure::Failure;
use super::output::{Output, printable};

/// An app password as shown, and as the API tells of it.
#[derive(Serialize, Deserialize)]
pub struct View {
    id: String,
    name: String,
    created_at: String,
    last_used_at: Option<String>,
}

impl View {
    fn of(app_password: &AppPassword) -> Self {
        Self {
            id: app_password.uuid.to_string(),
            name: app_password.name.clone(),
            created_at: app_password.created_at.to_rfc3339(),
            last_used_at: app_password.last_used_at.map(Timestamp::to_rfc3339),
        }
    }
}

/// A fresh one with what a mail program wants to know.
#[derive(Serialize)]
pub struct Fresh {
    #[serde(flatten)]
    pub(super) view: View,
    pub(super) password: String,
    pub(super) server: String,
    pub(super) user_name: String,
    /// Ports with TLS from the first byte.
    pub(super) tls_ports: Vec<u16>,
    pub(super) starttls_ports: Vec<u16>,
}

impl Fresh {
    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "password   {}   (shown this once)", self.password)?;
        writeln!(to, "user name  {}", printable(&self.user_name))?;
        writeln!(to, "server     {}", self.server)?;
        for port in &self.tls_ports {
            writeln!(to, "port       {port} with SSL/TLS")?;
        }
        for port in &self.starttls_ports {
            writeln!(to, "port       {port} with STARTTLS")?;
        }
        if self.tls_ports.is_empty() && self.starttls_ports.is_empty() {
            writeln!(to, "no port takes it yet: set smtp.submissions, for example [\"0.0.0.0:465\"]")?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Revoked {
    revoked: String,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: AppPasswordCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?;
        match command {
            AppPasswordCommand::New { name } => {
                let (made, secret) = app_password::create(desk, user.id, &name).await.map_err(create_failed)?;
                let ports = |addresses: &[SocketAddr]| addresses.iter().map(SocketAddr::port).collect();
                let fresh = Fresh {
                    view: View::of(&made),
                    password: secret.shown(),
                    server: config.instance.hostname.clone(),
                    user_name: user.email.to_string(),
                    tls_ports: ports(&config.smtp.submissions),
                    starttls_ports: ports(&config.smtp.submission),
                };
                print_made(&fresh, output)
            }
            AppPasswordCommand::List => {
                let views: Vec<View> = app_password::list(desk, user.id).await?.iter().map(View::of).collect();
                print_list(&views, output)
            }
            AppPasswordCommand::Revoke { id } => {
                app_password::revoke(desk, user.id, id).await.map_err(|error| match error {
                    RevokeError::Unknown => unknown(),
                    RevokeError::Storage(error) => error.into(),
                })?;
                print_revoked(id, output)
            }
        }
    })
}

pub(super) fn print_made(fresh: &Fresh, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(fresh, |to| fresh.write(to))?)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "no app passwords", ["ID", "NAME", "SINCE", "LAST USED"], |view| {
        let used = view.last_used_at.clone().unwrap_or_else(|| "never".to_owned());
        [view.id.clone(), printable(&view.name), view.created_at.clone(), used]
    })?)
}

pub(super) fn print_revoked(id: uuid::Uuid, output: &mut Output<'_>) -> Result<(), Failure> {
    let revoked = Revoked { revoked: id.to_string() };
    Ok(output.show(&revoked, |to| writeln!(to, "{} is revoked", revoked.revoked))?)
}

pub(super) fn unknown() -> Failure {
    Failure::new("there is no such app password", "see `postern app-password list`")
}

fn create_failed(error: CreateError) -> Failure {
    match error {
        CreateError::Storage(error) => error.into(),
        CreateError::Name => Failure::new(error.to_string(), "say which device it is for, for example \"phone\""),
        CreateError::Exhausted | CreateError::Hash(_) => Failure::new(error.to_string(), "try again"),
    }
}

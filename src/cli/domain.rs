//! `postern domain add|list`.

use serde::Serialize;

use crate::config::Config;
use crate::model::Address;
use crate::model::domain::Domain;
use crate::service::domain::{self, AddError};

use super::args::DomainCommand;
use super::desk;
use super::failure::Failure;
use super::output::Output;

#[derive(Serialize)]
struct View {
    id: String,
    name: String,
    /// Whether every user of the instance may use it.
    shared: bool,
    created_at: String,
}

impl View {
    fn of(domain: &Domain) -> Self {
        Self {
            id: domain.uuid.to_string(),
            name: domain.name.to_string(),
            shared: domain.user_id.is_none(),
            created_at: domain.created_at.to_rfc3339(),
        }
    }
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: DomainCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        match command {
            DomainCommand::Add { domain } => {
                let view = View::of(&domain::add(desk, domain, Some(user)).await.map_err(add_failed)?);
                Ok(output.show(&view, |to| {
                    writeln!(
                        to,
                        "{0} can hold aliases now; its MX record must point here: {0}. MX 10 {1}.",
                        view.name, config.instance.hostname
                    )
                })?)
            }
            DomainCommand::List => {
                let views: Vec<View> = domain::list_usable(desk, user).await?.iter().map(View::of).collect();
                Ok(output.list(&views, "no domains", ["DOMAIN", "FOR", "SINCE"], |view| {
                    [view.name.clone(), if view.shared { "everybody" } else { "this user" }.to_owned(), view.created_at.clone()]
                })?)
            }
        }
    })
}

fn add_failed(error: AddError) -> Failure {
    match error {
        AddError::Taken => {
            Failure::new("this domain is on this instance already, perhaps for someone else", "see `postern domain list`")
        }
        AddError::Storage(error) => error.into(),
    }
}

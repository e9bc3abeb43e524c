//! `postern domain list|check` on an instance elsewhere.

use serde::Deserialize;

use super::super::args::DomainCommand;
use super::super::domain::{self, CheckView, RecordView, View};
use super::super::failure::Failure;
use super::super::output::Output;
use super::client::Client;
use crate::model::DomainName;

/// A domain as the API tells of it: one that aliases can be made on.
#[derive(Deserialize)]
struct Domain {
    id: String,
    name: String,
    is_own: bool,
    catch_all: String,
    catch_all_pattern: Option<String>,
    created_at: String,
}

impl Domain {
    fn shown(self) -> View {
        View {
            id: self.id,
            name: self.name,
            shared: !self.is_own,
            proven: true,
            catch_all: self.catch_all,
            catch_all_pattern: self.catch_all_pattern,
            created_at: self.created_at,
        }
    }
}

/// Runs one of them; those that are not here were refused before.
pub async fn run(client: &Client, command: DomainCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    let all: Vec<Domain> = client.whole(&["domains"]).await?;
    match command {
        DomainCommand::List => domain::print_list(&all.into_iter().map(Domain::shown).collect::<Vec<_>>(), output),
        DomainCommand::Check { domain } => {
            let found = all.iter().find(|one| DomainName::parse(&one.name).is_ok_and(|name| name == domain));
            let found = found.ok_or_else(unknown)?;
            let records: Vec<RecordView> =
                client.whole(&["domains", &found.id, "check"]).await.map_err(|fault| fault.or_missing(unknown))?;
            domain::print_checked(&CheckView::of(&domain, records), output)
        }
        _ => Err(super::elsewhere("domain")),
    }
}

fn unknown() -> Failure {
    Failure::new("this domain is not on this instance", "see `postern domain list`")
}

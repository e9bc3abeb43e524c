//! `postern domain list|check|claim|make-by-sending|catch-all|remove` on an instance elsewhere.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::args::DomainCommand;
use super::super::domain::{self, CheckView, RecordView, View};
use super::super::failure::Failure;
use super::super::output::Output;
use super::super::own_domain::{self, Claimed};
use super::client::Client;
use super::fault::Fault;
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

/// A domain that is not proven yet.
#[derive(Deserialize)]
struct Claim {
    id: String,
    name: String,
    has_mailboxes: bool,
    created_at: String,
}

/// What DNS says of a domain.
#[derive(Deserialize)]
struct Records {
    records: Vec<RecordView>,
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

impl Claim {
    fn shown(self) -> View {
        View {
            id: self.id,
            name: self.name,
            shared: false,
            proven: false,
            catch_all: "off".to_owned(),
            catch_all_pattern: None,
            created_at: self.created_at,
        }
    }
}

/// Runs one of them; those that are not here were refused before.
pub async fn run(client: &Client, command: DomainCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        DomainCommand::List => {
            let mut views: Vec<View> = domains(client).await?.into_iter().map(Domain::shown).collect();
            views.extend(claims(client).await?.into_iter().map(Claim::shown));
            domain::print_list(&views, output)
        }
        DomainCommand::Check { domain } => {
            let records = look(client, &domain).await?;
            domain::print_checked(&CheckView::of(&domain, records), output)
        }
        DomainCommand::Claim { domain } => claim(client, &domain, output).await,
        DomainCommand::MakeBySending { domain, allowed } => {
            change(client, &domain, &json!({ "submission_creates": allowed }), domain::not_set).await?;
            domain::print_setting(&domain, allowed, output)
        }
        DomainCommand::CatchAll { domain, word, patterns } => {
            let choice = own_domain::parse(&word, &patterns.join(" "))?;
            let patterns = choice.patterns().map(ToString::to_string);
            let wanted = json!({ "catch_all": choice.as_str(), "catch_all_pattern": patterns });
            change(client, &domain, &wanted, own_domain::not_owned).await?;
            own_domain::print_caught(&domain, &choice, output)
        }
        DomainCommand::Remove { domain } => remove(client, &domain, output).await,
        DomainCommand::Add { .. } | DomainCommand::RotateKeys(_) => Err(super::elsewhere("domain")),
    }
}

async fn domains(client: &Client) -> Result<Vec<Domain>, Fault> {
    client.whole(&["domains"]).await
}

async fn claims(client: &Client) -> Result<Vec<Claim>, Fault> {
    client.whole(&["domain-claims"]).await
}

fn is_called(name: &DomainName, text: &str) -> bool {
    DomainName::parse(text).is_ok_and(|found| found == *name)
}

async fn find_claim(client: &Client, name: &DomainName) -> Result<Option<Claim>, Fault> {
    Ok(claims(client).await?.into_iter().find(|claim| is_called(name, &claim.name)))
}

/// A domain of one's own, by its name.
async fn find_own(client: &Client, name: &DomainName, missing: fn() -> Failure) -> Result<Domain, Failure> {
    let found = domains(client).await?.into_iter().find(|domain| is_called(name, &domain.name));
    found.filter(|domain| domain.is_own).ok_or_else(missing)
}

/// What DNS says; a claim is proven by that.
async fn look(client: &Client, name: &DomainName) -> Result<Vec<RecordView>, Failure> {
    if let Some(claim) = find_claim(client, name).await? {
        let looked = client.act::<Records>(&["domain-claims", &claim.id, "check"], None::<&()>).await;
        return match looked {
            Err(Fault::Refused { status: 409, .. }) => Err(own_domain::taken()),
            looked => Ok(looked.map_err(|fault| fault.or_missing(unknown))?.records),
        };
    }
    let found = domains(client).await?.into_iter().find(|domain| is_called(name, &domain.name)).ok_or_else(unknown)?;
    client.whole(&["domains", &found.id, "check"]).await.map_err(|fault| fault.or_missing(unknown))
}

async fn claim(client: &Client, name: &DomainName, output: &mut Output<'_>) -> Result<(), Failure> {
    let made: Claim = client.make(&["domain-claims"], &json!({ "name": name.as_str() })).await?;
    let shown: Records = client.get(&["domain-claims", &made.id]).await?;
    let proof = shown.records.into_iter().next().ok_or_else(unknown)?;
    own_domain::print_claimed(&Claimed::new(made.name, proof, made.has_mailboxes), output)
}

async fn change(client: &Client, name: &DomainName, wanted: &Value, missing: fn() -> Failure) -> Result<(), Failure> {
    let found = find_own(client, name, missing).await?;
    let changed = client.change::<Domain>(&["domains", &found.id], wanted).await;
    changed.map(drop).map_err(|fault| fault.or_missing(missing))
}

async fn remove(client: &Client, name: &DomainName, output: &mut Output<'_>) -> Result<(), Failure> {
    let (noun, id) = match find_claim(client, name).await? {
        Some(claim) => ("domain-claims", claim.id),
        None => ("domains", find_own(client, name, own_domain::not_owned).await?.id),
    };
    client.delete::<()>(&[noun, &id]).await.map_err(|fault| fault.or_missing(own_domain::not_owned))?;
    own_domain::print_removed(name, output)
}

fn unknown() -> Failure {
    Failure::new("this domain is not on this instance", "see `postern domain list`")
}

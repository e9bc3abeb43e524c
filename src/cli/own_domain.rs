//! `postern domain claim|catch-all|remove`, and the proof that `postern domain check` looks for.

use serde::Serialize;

use crate::app;
use crate::config::Config;
use crate::model::catch_all::CatchAll;
use crate::model::{Address, DomainName};
use crate::service::Desk;
use crate::service::domain::{self, ChangeError, RemoveError};
use crate::service::domain_check::{self, Record, Surroundings};
use crate::service::domain_claim::{self, ClaimError, FindError};
use crate::service::user::{self, ResolveError};

use super::desk;
use super::domain::{RecordView, write_record};
use super::failure::Failure;
use super::output::Output;

/// A claim as shown: the record that proves it, and what to be careful about.
#[derive(Serialize)]
pub struct Claimed {
    domain: String,
    proof: RecordView,
    warning: Option<&'static str>,
}

impl Claimed {
    /// Of a claim of this name.
    pub fn new(domain: String, proof: RecordView, has_mailboxes: bool) -> Self {
        Self { domain, proof, warning: has_mailboxes.then_some(MAILBOXES) }
    }
}

const MAILBOXES: &str =
    "mailboxes of yours are on this domain: once its MX record points here, mail to them comes here instead and is refused";

/// Claims a domain and shows the record that proves it.
pub async fn claim(
    config: &Config,
    desk: &Desk,
    user: Option<&Address>,
    name: DomainName,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let user = desk::user(desk, user).await?.id;
    let around = app::surroundings(config)?;
    let claim = domain_claim::claim(desk, &around.hostname, user, name).await.map_err(claim_failed)?;
    let proof = domain_check::ownership(&around, &claim).await.into();
    let is_in_use = domain_claim::has_mailboxes(desk, &claim.name, Some(user)).await?;
    print_claimed(&Claimed::new(claim.name.to_string(), proof, is_in_use), output)
}

pub(super) fn print_claimed(view: &Claimed, output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.show(view, |to| {
        write_record(to, &view.proof)?;
        if let Some(warning) = view.warning {
            writeln!(to, "careful: {warning}")?;
        }
        writeln!(to, "publish this record, then: postern domain check {}", view.domain)
    })?)
}

/// What came of a claim of this name; nothing when the domain is in use, or nobody of that name claimed it.
pub async fn prove(
    desk: &Desk,
    around: &Surroundings,
    user: Option<&Address>,
    name: &DomainName,
) -> Result<Vec<Record>, Failure> {
    let user = match user::resolve(desk, user).await {
        Ok(user) => user.id,
        // The domains of the instance are checked before there is anybody, and whoever is meant.
        Err(ResolveError::Nobody | ResolveError::Several) => return Ok(Vec::new()),
        Err(_) => desk::user(desk, user).await?.id,
    };
    match domain_claim::check(desk, around, user, name).await {
        Ok(look) => Ok(look.records),
        Err(FindError::Unknown) => Ok(Vec::new()),
        Err(FindError::Taken) => Err(taken()),
        Err(FindError::Storage(error)) => Err(error.into()),
    }
}

/// Somebody else was the first to prove it.
pub fn taken() -> Failure {
    Failure::new("somebody else on this instance has proven this domain", "take your claim back: `postern domain remove`")
}

#[derive(Serialize)]
struct Caught {
    domain: String,
    catch_all: String,
    catch_all_pattern: Option<String>,
}

/// Says for which names the first message makes the alias.
pub async fn catch_all(
    desk: &Desk,
    user: Option<&Address>,
    name: DomainName,
    word: &str,
    patterns: &str,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let user = desk::user(desk, user).await?.id;
    let choice = parse(word, patterns)?;
    domain::set_catch_all(desk, user, name.clone(), choice.clone()).await.map_err(|error| match error {
        ChangeError::NotOwned => not_owned(),
        ChangeError::Storage(error) => error.into(),
    })?;
    print_caught(&name, &choice, output)
}

/// What names are meant.
pub fn parse(word: &str, patterns: &str) -> Result<CatchAll, Failure> {
    CatchAll::parse(word, patterns).map_err(|error| {
        Failure::new(error.to_string(), "for example: postern domain catch-all you.example pattern 'shop-*' '*.web'")
    })
}

pub(super) fn print_caught(name: &DomainName, choice: &CatchAll, output: &mut Output<'_>) -> Result<(), Failure> {
    let view = Caught {
        domain: name.to_string(),
        catch_all: choice.as_str().to_owned(),
        catch_all_pattern: choice.patterns().map(ToString::to_string),
    };
    Ok(output.show(&view, |to| match choice {
        CatchAll::Off => writeln!(to, "mail for names of {name} that were never made is refused"),
        CatchAll::On => writeln!(to, "the first message to any name of {name} makes the alias"),
        CatchAll::Pattern(patterns) => writeln!(to, "the first message to a name of {name} like {patterns} makes the alias"),
    })?)
}

#[derive(Serialize)]
struct Removed {
    removed: String,
}

/// Removes a domain of the user's own, or takes a claim back.
pub async fn remove(desk: &Desk, user: Option<&Address>, name: DomainName, output: &mut Output<'_>) -> Result<(), Failure> {
    let user = desk::user(desk, user).await?.id;
    match domain_claim::remove(desk, user, name.clone()).await {
        Ok(()) => {}
        Err(FindError::Storage(error)) => return Err(error.into()),
        Err(FindError::Unknown | FindError::Taken) => {
            domain::remove(desk, user, name.clone()).await.map_err(|error| match error {
                RemoveError::NotOwned => not_owned(),
                RemoveError::HasAliases(_) => {
                    Failure::new(error.to_string(), "see `postern alias list`; killed ones go with the domain")
                }
                RemoveError::Storage(error) => error.into(),
            })?;
        }
    }
    print_removed(&name, output)
}

pub(super) fn print_removed(name: &DomainName, output: &mut Output<'_>) -> Result<(), Failure> {
    let view = Removed { removed: name.to_string() };
    Ok(output.show(&view, |to| writeln!(to, "{} is removed", view.removed))?)
}

/// Nothing of this user's can be changed by that name.
pub fn not_owned() -> Failure {
    Failure::new("there is no such domain of this user's own", "see `postern domain list`")
}

fn claim_failed(error: ClaimError) -> Failure {
    let problem = error.to_string();
    let hint = match error {
        ClaimError::PublicSuffix => "for example: postern domain claim example.com",
        ClaimError::Instance => "its aliases are for everybody: `postern alias new`",
        ClaimError::Taken => "see `postern domain list`; if it is yours, ask who runs the instance",
        ClaimError::TooMany => "see `postern domain list`",
        ClaimError::Storage(error) => return error.into(),
    };
    Failure::new(problem, hint)
}

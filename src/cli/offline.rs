//! `postern alias new SITE --offline`: a signed name, made on the spot. With a key at hand no database is needed.

use serde::Serialize;

use crate::config::Config;
use crate::model::{Address, DomainName};
use crate::service::signed_name::{self, NameKey};

use super::args::NewAlias;
use super::desk;
use super::failure::Failure;
use super::output::Output;

#[derive(Serialize)]
struct View {
    address: String,
    site: String,
    /// Its first message makes it.
    state: &'static str,
}

/// Runs it.
pub fn run(config: &Config, user: Option<&Address>, new: &NewAlias, output: &mut Output<'_>) -> Result<(), Failure> {
    let key = match given(new)? {
        Some(key) => key,
        None => stored(config, user)?,
    };
    let domain = match &new.domain {
        Some(domain) => domain.clone(),
        None => first(config)?,
    };
    print(new, &address(&key, new, &domain)?, output)
}

/// The key at hand: in a file, or where other people can't see it.
pub fn given(new: &NewAlias) -> Result<Option<NameKey>, Failure> {
    let Some(path) = &new.offline.key_file else { return Ok(new.offline.key.clone()) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{} can't be read: {error}", path.display()), "check --key-file"))?;
    NameKey::parse(&text).map(Some).map_err(|error| Failure::new(error.to_string(), "check what is in --key-file"))
}

/// The name that is wanted.
pub fn address(key: &NameKey, new: &NewAlias, domain: &DomainName) -> Result<String, Failure> {
    let address = key.address(new.site.as_str(), domain);
    Ok(address.map_err(|error| Failure::new(error.to_string(), "make it online: leave --offline out"))?.to_string())
}

/// The address alone, ready to be copied.
pub(super) fn print(new: &NewAlias, address: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    let view = View { address: address.to_owned(), site: new.site.as_str().to_owned(), state: "unmade" };
    Ok(output.show(&view, |to| writeln!(to, "{}", view.address))?)
}

/// This user has no key.
pub fn signs_none() -> Failure {
    Failure::new("this user signs no names", "draw a key: `postern user name-key --new`")
}

/// Nothing says which domain is meant.
pub fn no_domain() -> Failure {
    Failure::new("it is not clear on which domain", "say it with --domain")
}

fn stored(config: &Config, user: Option<&Address>) -> Result<NameKey, Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        let key = signed_name::key(desk, user).await?;
        key.ok_or_else(signs_none)
    })
}

fn first(config: &Config) -> Result<DomainName, Failure> {
    let first = config.instance.domains.first().and_then(|name| DomainName::parse(name).ok());
    first.ok_or_else(no_domain)
}

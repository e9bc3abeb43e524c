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
    let key = match (&new.offline.key_file, &new.offline.key) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::new(format!("{} can't be read: {error}", path.display()), "check --key-file"))?;
            NameKey::parse(&text).map_err(|error| Failure::new(error.to_string(), "check what is in --key-file"))?
        }
        (None, Some(key)) => key.clone(),
        (None, None) => stored(config, user)?,
    };
    let domain = match &new.domain {
        Some(domain) => domain.clone(),
        None => first(config)?,
    };
    let site = new.site.as_str();
    let address =
        key.address(site, &domain).map_err(|error| Failure::new(error.to_string(), "make it online: leave --offline out"))?;
    let view = View { address: address.to_string(), site: site.to_owned(), state: "unmade" };
    Ok(output.show(&view, |to| writeln!(to, "{}", view.address))?)
}

fn stored(config: &Config, user: Option<&Address>) -> Result<NameKey, Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        let key = signed_name::key(desk, user).await?;
        key.ok_or_else(|| Failure::new("this user signs no names", "draw a key: `postern user name-key --new`"))
    })
}

fn first(config: &Config) -> Result<DomainName, Failure> {
    let first = config.instance.domains.first().and_then(|name| DomainName::parse(name).ok());
    first.ok_or_else(|| Failure::new("it is not clear on which domain", "say it with --domain"))
}

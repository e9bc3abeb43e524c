//! `postern user name-key` and `postern alias new --offline` on an instance elsewhere.

use serde::Deserialize;
use serde_json::json;

use super::super::args::{NameKeyArgs, NewAlias};
use super::super::failure::Failure;
use super::super::offline;
use super::super::output::Output;
use super::super::user::{self, KeyView};
use super::client::Client;
use super::fault::Fault;
use crate::model::DomainName;

#[derive(Deserialize)]
struct Account {
    email: String,
}

#[derive(Deserialize)]
struct Key {
    key: Option<String>,
}

#[derive(Deserialize)]
struct Name {
    address: String,
}

#[derive(Deserialize)]
struct Options {
    default_domain: Option<String>,
}

/// Runs a `postern user name-key`, for a token of the scope `account`, which sees the address as well.
pub async fn run(client: &Client, args: &NameKeyArgs, output: &mut Output<'_>) -> Result<(), Failure> {
    let Account { email } = client.get(&["sign-in"]).await?;
    let Key { key } = if args.off {
        client.delete::<()>(&["name-key"]).await?;
        Key { key: None }
    } else if args.new {
        client.act(&["name-key"], None::<&()>).await?
    } else {
        client.get(&["name-key"]).await?
    };
    user::print_key(&KeyView { email, name_key: key }, output)
}

/// Runs a `postern alias new --offline`: with a key at hand the instance is asked for no name.
pub async fn sign(client: &Client, new: &NewAlias, output: &mut Output<'_>) -> Result<(), Failure> {
    let address = match offline::given(new)? {
        Some(key) => {
            let domain = match &new.domain {
                Some(domain) => domain.clone(),
                None => first(client).await?,
            };
            offline::address(&key, new, &domain)?
        }
        None => signed(client, new).await?,
    };
    offline::print(new, &address, output)
}

async fn first(client: &Client) -> Result<DomainName, Failure> {
    let Options { default_domain } = client.get(&["options"]).await?;
    default_domain.and_then(|name| DomainName::parse(&name).ok()).ok_or_else(offline::no_domain)
}

async fn signed(client: &Client, new: &NewAlias) -> Result<String, Failure> {
    let wanted = json!({ "site": new.site.as_str(), "domain": new.domain.as_ref().map(DomainName::as_str) });
    match client.act::<Name>(&["signed-names"], Some(&wanted)).await {
        Ok(name) => Ok(name.address),
        // No key, or no domain: which of them, the instance says.
        Err(Fault::Refused { status: 409, detail }) => {
            Err(Failure::new(detail, "draw a key with `postern user name-key --new`; see the domains with `postern domain list`"))
        }
        Err(fault) => Err(fault.into()),
    }
}

//! `postern block add|list|remove`.

use serde::Serialize;

use crate::config::Config;
use crate::model::Address;
use crate::model::block::Sender;
use crate::service::{block, contact};

use super::args::{BlockCommand, OneBlock};
use super::contact::failed;
use super::desk;
use super::failure::Failure;
use super::output::Output;

/// Somebody who is blocked.
#[derive(Serialize)]
pub struct View {
    /// An address, or a domain with its subdomains.
    pub(super) sender: String,
    /// The alias; all of them without one.
    pub(super) alias: Option<String>,
    /// Since when; not known of a contact.
    pub(super) since: Option<String>,
}

/// What `add` and `remove` say when they changed something, and when not.
pub(super) const ADDED: [&str; 2] = ["is blocked", "is blocked already"];
pub(super) const REMOVED: [&str; 2] = ["may write again", "was not blocked"];

#[derive(Serialize)]
struct Done {
    sender: String,
    alias: Option<String>,
    changed: bool,
}

/// Runs one of them.
pub fn run(config: &Config, user: Option<&Address>, command: BlockCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    desk::with(config, async |desk| {
        let user = desk::user(desk, user).await?.id;
        let (sender, alias, changed, words) = match command {
            BlockCommand::List => return list(&block::list(desk, user).await?, output),
            BlockCommand::Add(OneBlock { sender, alias: None }) => {
                let changed = block::add(desk, user, sender.clone()).await.map_err(not_added)?;
                (sender, None, changed, ADDED)
            }
            BlockCommand::Remove(OneBlock { sender, alias: None }) => {
                let changed = block::remove(desk, user, sender.clone()).await?;
                (sender, None, changed, REMOVED)
            }
            BlockCommand::Add(OneBlock { sender, alias: Some(alias) }) => {
                contact::block(desk, user, &alias, one(&sender)?).await.map_err(failed)?;
                (sender, Some(alias), true, ADDED)
            }
            BlockCommand::Remove(OneBlock { sender, alias: Some(alias) }) => {
                let changed = contact::unblock(desk, user, &alias, &one(&sender)?).await.map_err(failed)?;
                (sender, Some(alias), changed, REMOVED)
            }
        };
        print_done(&sender, alias.as_ref(), changed, words, output)
    })
}

pub(super) fn print_done(
    sender: &Sender,
    alias: Option<&Address>,
    changed: bool,
    words: [&str; 2],
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let place = alias.map_or_else(|| "all your aliases".into(), ToString::to_string);
    let done = Done { sender: written(sender), alias: alias.map(ToString::to_string), changed };
    let [new, old] = words;
    Ok(output.show(&done, |to| writeln!(to, "{} {} at {place}", done.sender, if done.changed { new } else { old }))?)
}

/// At one alias only an address can be blocked: a contact.
pub(super) fn one(sender: &Sender) -> Result<Address, Failure> {
    match sender {
        Sender::Address(address) => Ok(address.clone()),
        Sender::Domain(_) => {
            Err(Failure::new("a domain can be blocked at all aliases only", "leave --alias out, or give an address"))
        }
    }
}

/// As people write it.
pub(super) fn written(sender: &Sender) -> String {
    match sender {
        Sender::Address(address) => address.to_string(),
        Sender::Domain(domain) => domain.to_string(),
    }
}

fn list(blocks: &block::Blocks, output: &mut Output<'_>) -> Result<(), Failure> {
    let everywhere = blocks.everywhere.iter().map(|block| View {
        sender: written(&block.sender),
        alias: None,
        since: Some(block.created_at.to_rfc3339()),
    });
    let contacts = blocks.contacts.iter().map(|(contact, alias)| View {
        sender: contact.address.to_string(),
        alias: Some(alias.address.to_string()),
        since: None,
    });
    print_list(&everywhere.chain(contacts).collect::<Vec<View>>(), output)
}

pub(super) fn print_list(views: &[View], output: &mut Output<'_>) -> Result<(), Failure> {
    Ok(output.list(views, "nobody is blocked", ["SENDER", "AT", "SINCE"], |view| {
        let dash = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.into());
        [view.sender.clone(), dash(&view.alias, "all aliases"), dash(&view.since, "-")]
    })?)
}

fn not_added(error: block::AddError) -> Failure {
    match error {
        block::AddError::TooMany => Failure::new(error.to_string(), "see `postern block list`"),
        block::AddError::Storage(error) => error.into(),
    }
}

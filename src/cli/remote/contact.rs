//! `postern contact …` and `postern block …` on an instance elsewhere.

use serde::Deserialize;
use serde_json::json;

use super::super::args::{BlockCommand, ContactCommand, OneBlock, OneContact};
use super::super::block;
use super::super::contact::{self, View};
use super::super::failure::Failure;
use super::super::output::Output;
use super::alias;
use super::client::Client;
use super::mailbox::Named;
use crate::model::Address;
use crate::model::block::Sender;
use crate::service::contact::ContactError;

/// A block as the API tells of it.
#[derive(Deserialize)]
struct Block {
    id: String,
    sender: String,
    created_at: String,
}

/// A correspondent who is blocked at one alias.
#[derive(Deserialize)]
struct BlockedContact {
    address: String,
    alias: Named,
}

/// Runs a `postern contact …`.
pub async fn run(client: &Client, command: ContactCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        ContactCommand::New(OneContact { alias, address }) => contact::print_made(&put(client, &alias, &address).await?, output),
        ContactCommand::List(one) => contact::print_list(&of_alias(client, &one.alias).await?, output),
        ContactCommand::Block(OneContact { alias, address }) => {
            contact::print_blocked(&block(client, &alias, &address).await?, &alias, output)
        }
        ContactCommand::Unblock(OneContact { alias, address }) => {
            let changed = unblock(client, &alias, &address).await?;
            contact::print_unblocked(&address, changed, &alias, output)
        }
    }
}

async fn of_alias(client: &Client, alias: &Address) -> Result<Vec<View>, Failure> {
    let id = alias::id(client, alias).await?;
    let all = client.all(&["aliases", &id, "contacts"], &[]).await;
    all.map_err(|fault| fault.or_missing(super::super::alias::unknown))
}

/// One that is there already is given back as it is.
async fn put(client: &Client, alias: &Address, address: &Address) -> Result<View, Failure> {
    let id = alias::id(client, alias).await?;
    let made = client.make(&["aliases", &id, "contacts"], &json!({ "address": address.to_string() })).await;
    made.map_err(|fault| fault.or_missing(super::super::alias::unknown))
}

async fn block(client: &Client, alias: &Address, address: &Address) -> Result<View, Failure> {
    let view = put(client, alias, address).await?;
    if view.blocked { Ok(view) } else { set_blocked(client, &view.id, true).await }
}

async fn unblock(client: &Client, alias: &Address, address: &Address) -> Result<bool, Failure> {
    let key = address.folded();
    let all = of_alias(client, alias).await?;
    let found = all.iter().find(|view| Address::parse(&view.address).is_ok_and(|address| address.folded() == key));
    let view = found.ok_or_else(|| contact::failed(ContactError::Unknown))?;
    if view.blocked {
        set_blocked(client, &view.id, false).await?;
    }
    Ok(view.blocked)
}

async fn set_blocked(client: &Client, id: &str, blocked: bool) -> Result<View, Failure> {
    let changed = client.change(&["contacts", id], &json!({ "blocked": blocked })).await;
    changed.map_err(|fault| fault.or_missing(|| contact::failed(ContactError::Unknown)))
}

/// Runs a `postern block …`.
pub async fn run_block(client: &Client, command: BlockCommand, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        BlockCommand::List => {
            let blocks: Vec<Block> = client.whole(&["blocks"]).await?;
            let contacts: Vec<BlockedContact> = client.whole(&["blocks", "contacts"]).await?;
            let at_one = contacts.into_iter().map(|contact| block::View {
                sender: contact.address,
                alias: Some(contact.alias.address),
                since: None,
            });
            let views: Vec<block::View> = blocks.into_iter().map(shown).chain(at_one).collect();
            block::print_list(&views, output)
        }
        BlockCommand::Add(OneBlock { sender, alias: None }) => {
            let there = find(client, &sender).await?;
            if there.is_none() {
                client.make::<Block>(&["blocks"], &json!({ "sender": sender.to_string() })).await?;
            }
            block::print_done(&sender, None, there.is_none(), block::ADDED, output)
        }
        BlockCommand::Remove(OneBlock { sender, alias: None }) => {
            let there = find(client, &sender).await?;
            if let Some(block) = &there {
                client.delete::<()>(&["blocks", &block.id]).await?;
            }
            block::print_done(&sender, None, there.is_some(), block::REMOVED, output)
        }
        BlockCommand::Add(OneBlock { sender, alias: Some(alias) }) => {
            block(client, &alias, &block::one(&sender)?).await?;
            block::print_done(&sender, Some(&alias), true, block::ADDED, output)
        }
        BlockCommand::Remove(OneBlock { sender, alias: Some(alias) }) => {
            let changed = unblock(client, &alias, &block::one(&sender)?).await?;
            block::print_done(&sender, Some(&alias), changed, block::REMOVED, output)
        }
    }
}

fn shown(block: Block) -> block::View {
    let sender = block.sender.parse::<Sender>().map_or(block.sender, |sender| block::written(&sender));
    block::View { sender, alias: None, since: Some(block.created_at) }
}

async fn find(client: &Client, sender: &Sender) -> Result<Option<Block>, Failure> {
    let wanted = sender.to_string();
    let blocks: Vec<Block> = client.whole(&["blocks"]).await?;
    Ok(blocks.into_iter().find(|block| block.sender == wanted))
}

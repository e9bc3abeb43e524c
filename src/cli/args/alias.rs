//! What concerns aliases: the aliases themselves, their correspondents, who may not write, what is held.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use crate::model::alias::AliasState;
use crate::model::alias_name::NameFormat;
use crate::model::block::Sender;
use crate::model::site::Site;
use crate::model::{Address, DomainName};
use crate::service::signed_name::{NameKey, NameKeyError};

use super::Handle;

/// `postern alias …`
#[derive(Debug, Subcommand)]
pub enum AliasCommand {
    /// Make an alias for a site
    New(NewAlias),
    /// List aliases, newest first
    List {
        /// Only those for this site
        #[arg(long, value_parser = Site::parse)]
        site: Option<Site>,
        /// Only those in this state
        #[arg(long, value_parser = states())]
        state: Option<AliasState>,
    },
    /// Show one alias with its counters
    Show(OneAlias),
    /// Accept proven mail of known senders only: its site, its first senders, whom you wrote to; others get 550
    Lock(OneAlias),
    /// Accept nothing for now: senders get 450 and keep trying
    Pause(OneAlias),
    /// End it: senders get 550 from now on, what waits for it is not delivered
    Kill(OneAlias),
    /// Make a locked, paused or killed alias active again
    Revive(OneAlias),
    /// Change the name replies go out with, or the note
    Edit(EditAlias),
}

/// `postern alias edit …`
#[derive(Debug, Args)]
pub struct EditAlias {
    /// Its address
    #[arg(value_parser = Address::parse)]
    pub alias: Address,
    /// What is changed.
    #[command(flatten)]
    pub texts: AliasTexts,
}

/// The texts of an alias.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct AliasTexts {
    /// Name that replies and new mail go out with
    #[arg(long, value_name = "NAME", conflicts_with = "no_display_name")]
    pub display_name: Option<String>,
    /// Replies and new mail go out under the bare address
    #[arg(long)]
    pub no_display_name: bool,
    /// A note to yourself; an empty one removes it
    #[arg(long)]
    pub note: Option<String>,
}

/// `postern contact …`
#[derive(Debug, Subcommand)]
pub enum ContactCommand {
    /// Make a contact and print the address that stands for it: mail to that goes out from the alias
    New(OneContact),
    /// List an alias's contacts, oldest first
    List(OneAlias),
    /// Take nothing from a contact and send nothing to it
    Block(OneContact),
    /// Let a blocked contact write again
    Unblock(OneContact),
}

/// A contact by its alias and its own address.
#[derive(Debug, Args)]
pub struct OneContact {
    /// Address of the alias
    #[arg(value_parser = Address::parse)]
    pub alias: Address,
    /// Address of the contact
    #[arg(value_parser = Address::parse)]
    pub address: Address,
}

/// `postern block …`
#[derive(Debug, Subcommand)]
pub enum BlockCommand {
    /// Block a sender at all your aliases, or at one
    Add(OneBlock),
    /// List everybody you blocked
    List,
    /// Let a sender write again
    Remove(OneBlock),
}

/// A sender, and where.
#[derive(Debug, Args)]
pub struct OneBlock {
    /// Address, or domain with its subdomains
    #[arg(value_name = "ADDRESS|DOMAIN", value_parser = clap::value_parser!(Sender))]
    pub sender: Sender,
    /// Only at this alias; the sender must be an address then
    #[arg(long, value_parser = Address::parse)]
    pub alias: Option<Address>,
}

/// `postern hold …`
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// List what is held
    List,
    /// Show who wrote what, and why it is held
    Show(OneHeld),
    /// Deliver a held message
    Release(OneHeld),
    /// Let a held message go: it is not delivered, its content is erased
    #[command(visible_alias = "discard")]
    Drop(OneHeld),
}

/// A held message by its number.
#[derive(Debug, Args)]
pub struct OneHeld {
    /// Number of the delivery, from `postern hold list`
    pub id: Handle,
}

/// `postern alias new …`
#[derive(Debug, Args)]
pub struct NewAlias {
    /// Web address or domain of the site; any page of it will do
    #[arg(value_parser = Site::parse)]
    pub site: Site,
    /// Domain the alias lives on; the first of the instance unless given
    #[arg(long, value_parser = DomainName::parse)]
    pub domain: Option<DomainName>,
    /// How the name is made
    #[arg(long, default_value = "site", value_parser = formats())]
    pub format: NameFormat,
    /// The name itself, instead of a made one
    #[arg(long, value_name = "LOCALPART", conflicts_with = "format")]
    pub name: Option<String>,
    /// A note to yourself
    #[arg(long, default_value = "", hide_default_value = true)]
    pub note: String,
    /// Inbox to forward to, once for each; the default inbox unless given
    #[arg(long = "mailbox", value_name = "EMAIL", value_parser = Address::parse)]
    pub mailboxes: Vec<Address>,
    /// How long it lives, for example 30d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub expires: Option<Duration>,
    /// How many messages it takes
    #[arg(long, value_name = "N", value_parser = max_messages)]
    pub max_messages: Option<NonZeroU32>,
    /// Without the database.
    #[command(flatten)]
    pub offline: WithoutNetwork,
}

/// A name that is signed and not made: its first message makes it.
#[derive(Debug, Args)]
pub struct WithoutNetwork {
    /// Print a signed name and make nothing: the first message to it makes the alias (see `postern user name-key`)
    #[arg(long, conflicts_with_all = ["format", "name", "note", "mailboxes", "expires", "max_messages"])]
    pub offline: bool,
    /// File with the key of --offline; without one the database is asked
    #[arg(long, value_name = "FILE", requires = "offline")]
    pub key_file: Option<PathBuf>,
    /// The key of --offline, where other people can't see it
    #[arg(long, value_name = "KEY", env = "POSTERN_NAME_KEY", hide_env_values = true, hide = true, value_parser = name_key)]
    pub key: Option<NameKey>,
}

fn name_key(text: &str) -> Result<NameKey, NameKeyError> {
    NameKey::parse(text)
}

/// An alias by its address.
#[derive(Debug, Args)]
pub struct OneAlias {
    /// Its address
    #[arg(value_parser = Address::parse)]
    pub alias: Address,
}

fn max_messages(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "a number from 1 on")
}

fn formats() -> impl TypedValueParser<Value = NameFormat> {
    PossibleValuesParser::new(["site", "words", "random", "uuid"]).try_map(|word| word.parse::<NameFormat>())
}

fn states() -> impl TypedValueParser<Value = AliasState> {
    PossibleValuesParser::new(["active", "locked", "paused", "killed"]).try_map(|word| word.parse::<AliasState>())
}

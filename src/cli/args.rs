//! The command line as types. Values are parsed into model types here, so that a wrong one is a usage error (status 2).

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::model::alias::AliasState;
use crate::model::alias_name::NameFormat;
use crate::model::api_token::Scope;
use crate::model::block::Sender;
use crate::model::site::Site;
use crate::model::user::OnQuarantine;
use crate::model::{Address, DomainName};

/// E-mail alias broker: one address per site, relayed to your inbox, killed when it leaks.
#[derive(Debug, Parser)]
#[command(name = "postern", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub struct CommandLine {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do; help without one.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What holds for every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Settings file; postern.toml in this folder when it is there
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "POSTERN_CONFIG",
        hide_env_values = true,
        help_heading = "For every command"
    )]
    pub config: Option<PathBuf>,
    /// Whose aliases and mailboxes; may be left out while there is one user
    #[arg(long, global = true, value_name = "EMAIL", value_parser = Address::parse, help_heading = "For every command")]
    pub user: Option<Address>,
    /// Write one JSON document instead of text
    #[arg(long, global = true, help_heading = "For every command")]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it work on this machine: a broker, an inbox, two sites, and a page that shows them
    Try(TryArgs),
    /// Take and relay mail until told to stop; /readyz says when everything is open
    Serve,
    /// Show the settings in force, secrets masked, and check them
    Config,
    /// People with an account
    #[command(subcommand)]
    User(UserCommand),
    /// Real inboxes
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// Addresses handed out to sites
    #[command(subcommand)]
    Alias(AliasCommand),
    /// Whom an alias corresponds with, and the addresses that stand for them
    #[command(subcommand)]
    Contact(ContactCommand),
    /// Senders you want nothing from: they get 550
    #[command(subcommand)]
    Block(BlockCommand),
    /// Suspicious messages kept for your decision
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Domains aliases live on
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Passwords of devices and programs that send mail through this instance
    #[command(subcommand)]
    AppPassword(AppPasswordCommand),
    /// What programs need to act for a user: a browser, a phone, a script
    #[command(subcommand)]
    Token(TokenCommand),
    /// Messages that wait or could not be delivered
    #[command(subcommand)]
    Queue(QueueCommand),
}

/// `postern try`
#[derive(Debug, Args)]
pub struct TryArgs {
    /// Port of the gate; a free one when left out
    #[arg(long, value_name = "N")]
    pub smtp_port: Option<u16>,
    /// Port of the page; a free one when left out
    #[arg(long, value_name = "N")]
    pub http_port: Option<u16>,
    /// Do not open the page in the browser
    #[arg(long)]
    pub no_browser: bool,
    /// Play the story, print each step and end; status 0 only if every step held
    #[arg(long)]
    pub script: bool,
}

/// `postern user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add an account; its first mailbox is the same address
    Add {
        /// Address of the account and of its first mailbox
        #[arg(value_parser = Address::parse)]
        email: Address,
        /// May administer the instance
        #[arg(long)]
        admin: bool,
        /// You vouch for the mailbox: mail is forwarded to it at once
        #[arg(long)]
        verified: bool,
    },
    /// List all accounts
    List,
    /// Change what happens to a user's mail
    Set(UserSettings),
    /// Remove an account with its mailboxes and aliases; their addresses are never handed out again
    Remove {
        /// Address of the account
        #[arg(value_parser = Address::parse)]
        email: Address,
    },
}

/// `postern user set …`
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct UserSettings {
    /// Mail whose domain asks for quarantine: delivered with a warning, or held until you decide
    #[arg(long, value_name = "tag|hold", value_parser = on_quarantine(), hide_possible_values = true)]
    pub on_quarantine: Option<OnQuarantine>,
    /// Whether your mailbox's address in the text of a reply is replaced by the alias; otherwise it is only counted
    #[arg(long, value_name = "on|off", value_parser = switch(), hide_possible_values = true)]
    pub replace_quoted: Option<bool>,
}

/// `postern mailbox …`
#[derive(Debug, Subcommand)]
pub enum MailboxCommand {
    /// Add an inbox
    Add {
        /// Its address
        #[arg(value_parser = Address::parse)]
        email: Address,
        /// You vouch for it: mail is forwarded to it at once
        #[arg(long)]
        verified: bool,
    },
    /// List a user's inboxes
    List,
    /// Show one inbox, and why mail does not go there if it does not
    Show(OneMailbox),
    /// Send a test message to an inbox; a paused one is resumed when its server takes it
    Test(OneMailbox),
    /// Let every alias that forwards to OLD forward to NEW instead
    Move {
        /// The inbox that is left
        #[arg(value_parser = Address::parse)]
        old: Address,
        /// The inbox that takes over
        #[arg(value_parser = Address::parse)]
        new: Address,
        /// You vouch for NEW: mail is forwarded to it at once
        #[arg(long)]
        verified: bool,
    },
    /// Show, set or remove the PGP key that mail for an inbox is encrypted with
    Key(MailboxKey),
    /// Remove an inbox that no alias needs
    Remove {
        /// Its address
        #[arg(value_parser = Address::parse)]
        email: Address,
    },
}

/// An inbox by its address.
#[derive(Debug, Args)]
pub struct OneMailbox {
    /// Its address
    #[arg(value_parser = Address::parse)]
    pub email: Address,
}

/// `postern mailbox key …`
#[derive(Debug, Args)]
pub struct MailboxKey {
    /// Its address
    #[arg(value_parser = Address::parse)]
    pub email: Address,
    /// Encrypt with the public key in this file from now on
    #[arg(long, value_name = "FILE")]
    pub set: Option<PathBuf>,
    /// Encrypt the subject as well
    #[arg(long, requires = "set")]
    pub hide_subject: bool,
    /// Forward unencrypted from now on
    #[arg(long, conflicts_with = "set")]
    pub remove: bool,
}

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
    /// Accept nothing for now: senders get 450 and keep trying
    Pause(OneAlias),
    /// End it: senders get 550 from now on, what waits for it is not delivered
    Kill(OneAlias),
    /// Make a paused or killed alias active again
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
    Drop(OneHeld),
}

/// A held message by its number.
#[derive(Debug, Args)]
pub struct OneHeld {
    /// Number of the delivery, from `postern hold list`
    pub id: i64,
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
}

/// An alias by its address.
#[derive(Debug, Args)]
pub struct OneAlias {
    /// Its address
    #[arg(value_parser = Address::parse)]
    pub alias: Address,
}

/// `postern domain …`
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Add a domain of a user's own
    Add {
        /// Its name
        #[arg(value_parser = DomainName::parse)]
        domain: DomainName,
    },
    /// List the domains a user can make aliases on
    List,
    /// Show the DNS records a domain needs, beside those published now, and what is wrong with them
    Check {
        /// Its name
        #[arg(value_parser = DomainName::parse)]
        domain: DomainName,
    },
    /// Say whether sending from an address of your own domain makes the alias when there is none
    MakeBySending {
        /// Its name
        #[arg(value_parser = DomainName::parse)]
        domain: DomainName,
        /// yes or no
        #[arg(action = clap::ArgAction::Set, value_parser = yes_or_no())]
        allowed: bool,
    },
    /// Replace the keys its mail is signed with: make new ones, publish them, activate them
    RotateKeys(RotateKeys),
}

/// `postern domain rotate-keys …`
#[derive(Debug, Args)]
pub struct RotateKeys {
    /// Name of the domain
    #[arg(value_parser = DomainName::parse)]
    pub domain: DomainName,
    /// The new keys are published: let them sign from now on
    #[arg(long)]
    pub activate: bool,
    /// Forget replaced keys whose last signatures have expired, and say which records may go
    #[arg(long, conflicts_with = "activate")]
    pub remove: bool,
}

/// `postern app-password …`
#[derive(Debug, Subcommand)]
pub enum AppPasswordCommand {
    /// Make one for a device and show it, this once, with the settings for its mail program
    New {
        /// What you call the device
        name: String,
    },
    /// List them, oldest first
    List,
    /// End one: its device can't send any more
    Revoke {
        /// Its id, from `postern app-password list`
        id: uuid::Uuid,
    },
}

/// `postern token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is shown this once
    New {
        /// What you call it: the program or device it is for
        #[arg(long, value_name = "T")]
        name: String,
        /// What it may do: alias:create, read or write; once for each. Everything when left out
        #[arg(long = "scope", value_name = "S", value_parser = scopes())]
        scopes: Vec<Scope>,
        /// How long it is in force, for example 365d; until it is revoked when left out
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
        expires: Option<Duration>,
    },
    /// List a user's tokens
    List,
    /// End a token at once
    Revoke {
        /// Its number, from `postern token list`
        id: i64,
    },
}

/// `postern queue …`
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// List what waits and what could not be delivered
    List,
    /// Show one delivery with the reason
    Show(OneDelivery),
    /// Try again now: one delivery, or all that wait
    Retry {
        /// Number of the delivery
        id: Option<i64>,
    },
    /// Give a delivery up
    Drop(OneDelivery),
}

/// A delivery by its number.
#[derive(Debug, Args)]
pub struct OneDelivery {
    /// Number of the delivery, from `postern queue list`
    pub id: i64,
}

fn max_messages(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "a number from 1 on")
}

fn on_quarantine() -> impl TypedValueParser<Value = OnQuarantine> {
    PossibleValuesParser::new(["tag", "hold"]).try_map(|word| word.parse::<OnQuarantine>())
}

fn switch() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["on", "off"]).map(|word| word == "on")
}

fn formats() -> impl TypedValueParser<Value = NameFormat> {
    PossibleValuesParser::new(["site", "words", "random", "uuid"]).try_map(|word| word.parse::<NameFormat>())
}

fn yes_or_no() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["yes", "no"]).map(|word| word == "yes")
}

fn scopes() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(["alias:create", "read", "write"]).try_map(|word| word.parse::<Scope>())
}

fn states() -> impl TypedValueParser<Value = AliasState> {
    PossibleValuesParser::new(["active", "locked", "paused", "killed"]).try_map(|word| word.parse::<AliasState>())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn the_options_for_every_command_may_stand_behind_it() {
        let line = CommandLine::try_parse_from(["postern", "alias", "new", "lg.com", "--expires", "30d", "--json"]).unwrap();
        assert!(line.global.json);
        let Some(Command::Alias(AliasCommand::New(new))) = line.command else { panic!("{line:?}") };
        assert_eq!((new.site.as_str(), new.expires), ("lg.com", Some(Duration::from_hours(720))));
    }

    #[test]
    fn wrong_values_are_usage_errors() {
        for words in [
            &["alias", "new", "localhost"][..],
            &["alias", "new", "lg.com", "--format", "rhyme"],
            &["alias", "new", "lg.com", "--name", "a", "--format", "uuid"],
            &["alias", "new", "lg.com", "--max-messages", "0"],
            &["alias", "list", "--state", "dead"],
            &["user", "add", "nobody"],
            &["--user", "ann", "alias", "list"],
            &["queue", "show", "x"],
            &["alias", "edit", "a@you.example"],
            &["alias", "edit", "a@you.example", "--display-name", "A", "--no-display-name"],
            &["user", "set"],
            &["user", "set", "--on-quarantine", "drop"],
            &["block", "add", "a b"],
        ] {
            let line = CommandLine::try_parse_from(std::iter::once("postern").chain(words.iter().copied()));
            assert_eq!(line.unwrap_err().exit_code(), 2, "{words:?}");
        }
    }
}

//! The command line as types. Values are parsed into model types here, so that a wrong one is a usage error (status 2).

mod access;
mod alias;
mod handle;
mod remote;
mod transfer;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};

use crate::model::Address;
use crate::model::user::OnQuarantine;

pub use access::*;
pub use alias::*;
pub use handle::Handle;
pub use remote::Remote;
pub use transfer::*;

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
    /// An instance elsewhere.
    #[command(flatten)]
    pub remote: Remote,
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
    /// Links by which others make an account
    #[command(subcommand)]
    Invite(InviteCommand),
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
    /// Bring aliases along from another service, a table, or an export
    #[command(subcommand)]
    Import(ImportCommand),
    /// Write everything a user has into one ZIP archive
    Export(ExportArgs),
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
    /// Begin without an account: set everything up on Postern's own pages, with the local inbox as your real one
    #[arg(long, conflicts_with = "script")]
    pub first_run: bool,
}

/// `postern user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add an account; its first mailbox is the same address. With --url, --admin and --verified take your own password on standard input, and a code on the next line if you have a second factor
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
    /// Set the password somebody signs in with, or let somebody in again who lost their second factor
    Passwd {
        /// Address of the account
        #[arg(value_parser = Address::parse)]
        email: Address,
        /// Read it from standard input: one line. With --url, for oneself: the password of now, the new one, and a code if there is a second factor, a line each
        #[arg(long, required_unless_present = "reset_second_factors")]
        password_stdin: bool,
        /// Take away their authenticator program, recovery codes and passkeys: the password alone signs them in then
        #[arg(long)]
        reset_second_factors: bool,
    },
    /// List all accounts
    List,
    /// Change what happens to a user's mail
    Set(UserSettings),
    /// Show the key that names are signed with where there is no network, for a phone
    NameKey(NameKeyArgs),
    /// Remove an account with its mailboxes and aliases; their addresses are never handed out again. With --url, your own password stands on standard input, and a code on the next line if you have a second factor
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

/// `postern user name-key …`
#[derive(Debug, Args)]
pub struct NameKeyArgs {
    /// Draw a key; names signed with the one before that had no mail yet are unknown from now on
    #[arg(long, conflicts_with = "off")]
    pub new: bool,
    /// Sign no names any more
    #[arg(long)]
    pub off: bool,
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
    /// Let every alias that forwards to OLD forward to NEW instead, once a link that is mailed to NEW was followed
    Move {
        /// The inbox that is left
        #[arg(value_parser = Address::parse)]
        old: Address,
        /// The inbox that takes over
        #[arg(value_parser = Address::parse)]
        new: Address,
        /// At once, without a link: you vouch for NEW
        #[arg(long, visible_alias = "now")]
        verified: bool,
        /// The address they sign in with follows, if it is OLD
        #[arg(long)]
        sign_in: bool,
    },
    /// Cancel the move of an inbox: mail keeps going there
    CancelMove(OneMailbox),
    /// Show, set or remove the PGP key that mail for an inbox is encrypted with
    Key(MailboxKey),
    /// Let new aliases forward to an inbox
    Default(OneMailbox),
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
fn on_quarantine() -> impl TypedValueParser<Value = OnQuarantine> {
    PossibleValuesParser::new(["tag", "hold"]).try_map(|word| word.parse::<OnQuarantine>())
}

fn switch() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["on", "off"]).map(|word| word == "on")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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

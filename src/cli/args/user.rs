//! `postern user …` as types.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use crate::model::Address;
use crate::model::user::OnQuarantine;

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
    /// Set the password somebody signs in with
    Passwd {
        /// Address of the account
        #[arg(value_parser = Address::parse)]
        email: Address,
        /// Read it from standard input: one line
        #[arg(long, required = true)]
        password_stdin: bool,
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

fn on_quarantine() -> impl TypedValueParser<Value = OnQuarantine> {
    PossibleValuesParser::new(["tag", "hold"]).try_map(|word| word.parse::<OnQuarantine>())
}

fn switch() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["on", "off"]).map(|word| word == "on")
}

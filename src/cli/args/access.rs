//! What concerns domains, the secrets of programs and devices, and the queue.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};

use crate::model::DomainName;
use crate::model::api_token::Scope;

use super::Handle;

/// `postern domain …`
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Add a domain of a user's own; you vouch that it is theirs
    Add {
        /// Its name
        #[arg(value_parser = DomainName::parse)]
        domain: DomainName,
    },
    /// Say that a domain is a user's own; it is in use once a TXT record proved it (see check)
    Claim {
        /// Its name
        #[arg(value_parser = DomainName::parse)]
        domain: DomainName,
    },
    /// List the domains a user can make aliases on, and those not proven yet
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
    /// Say for which names of your own domain the first message makes the alias
    CatchAll {
        /// Its name
        #[arg(value_parser = DomainName::parse)]
        domain: DomainName,
        /// off: for none, on: for all, pattern: for those that match
        #[arg(value_name = "off|on|pattern", value_parser = ["off", "on", "pattern"], hide_possible_values = true)]
        word: String,
        /// With pattern: what a name looks like; * is any run of characters
        #[arg(value_name = "PATTERN")]
        patterns: Vec<String>,
    },
    /// Remove a user's own domain that no living alias is on, or one that is not proven
    Remove {
        /// Its name
        #[arg(value_parser = DomainName::parse)]
        domain: DomainName,
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
        /// What it may do: alias:create, read, write, account or admin; once for each. write when left out: everything but how the user signs in
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
        id: Handle,
    },
}

/// `postern invite …`
#[derive(Debug, Subcommand)]
pub enum InviteCommand {
    /// Make a link that makes one account; it is shown this once
    New {
        /// Whom it is for, for your own list
        #[arg(long, value_name = "T", default_value = "")]
        note: String,
        /// How long it works, for example 7d
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = humantime::parse_duration)]
        expires: Duration,
    },
    /// List invitations, the newest first
    List,
    /// Take an invitation back
    Revoke {
        /// Its id, from `postern invite list`
        id: uuid::Uuid,
    },
}

/// `postern queue …`
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// List what waits and what could not be delivered
    List(Whose),
    /// Show one delivery with the reason
    Show(OneDelivery),
    /// Try again now: one delivery, or all that wait
    Retry {
        /// Number of the delivery; its id with --url
        id: Option<Handle>,
        /// Whose.
        #[command(flatten)]
        whose: Whose,
    },
    /// Give a delivery up
    Drop(OneDelivery),
}

/// A delivery by its number.
#[derive(Debug, Args)]
pub struct OneDelivery {
    /// Number of the delivery, from `postern queue list`; its id with --url
    pub id: Handle,
    /// Whose.
    #[command(flatten)]
    pub whose: Whose,
}

/// Whose deliveries are meant.
#[derive(Debug, Clone, Copy, Args)]
pub struct Whose {
    /// With --url: everybody's, not only your own; takes a token with the scope admin. On the instance itself it is everybody's
    #[arg(long, conflicts_with = "user")]
    pub everybody: bool,
}

fn yes_or_no() -> impl TypedValueParser<Value = bool> {
    PossibleValuesParser::new(["yes", "no"]).map(|word| word == "yes")
}

fn scopes() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(Scope::ALL.map(Scope::as_str)).try_map(|word| word.parse::<Scope>())
}

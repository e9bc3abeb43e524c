//! Commands on an instance elsewhere: `--url` and a token. What they say is what the commands of `cli` say; what they know
//! comes over `/v1` (described at `/openapi.json`), read into types of their own. No settings and no database are opened.

mod access;
mod admin_user;
mod alias;
mod client;
mod contact;
mod delivery;
mod domain;
mod fault;
mod invite;
mod mailbox;
mod plain;
mod queue;
mod sending;
mod signed_name;
mod transfer;
mod user;

use std::io::Write;

use reqwest::header::HeaderValue;
use url::{Host, Url};

use super::args::{AliasCommand, Command, DomainCommand, Global, ImportCommand, MailboxCommand, Remote, UserCommand};
use super::desk;
use super::failure::Failure;
use super::output::Output;
use client::Client;
use plain::Plain;

/// What is done about a token that is missing or not taken.
const MAKE_A_TOKEN: &str = "make one on the instance (`postern token new --name \"my laptop\"`, or its page for programs), and \
                            give it with --token-file or POSTERN_TOKEN";

/// Which instance, and the token it takes, if one was given.
#[derive(Debug)]
pub struct Target {
    url: Url,
    token: Option<HeaderValue>,
}

impl Target {
    /// What the command line says; `None` when it is about this machine.
    pub fn of(global: &Global) -> Result<Option<Self>, Failure> {
        let Remote { url, token, token_file, insecure } = &global.remote;
        let Some(url) = url else {
            if token.is_some() || token_file.is_some() || *insecure {
                return Err(Failure::misuse(
                    "a token is for an instance elsewhere, and none is named",
                    "say which with --url, or leave the token out (is POSTERN_TOKEN set?)",
                ));
            }
            return Ok(None);
        };
        if let Some(user) = &global.user {
            return Err(Failure::misuse(format!("--user {user}: the token says whose things these are"), "leave --user out"));
        }
        if url.scheme() != "https" && !is_loopback(url) && !insecure {
            return Err(Failure::misuse(
                "the token would be readable for everybody on the way: this address is http",
                "give an https address, or say --insecure where nobody else is on the way",
            ));
        }
        let text = match (token_file, token) {
            (Some(path), _) => Some(
                std::fs::read_to_string(path)
                    .map_err(|error| Failure::new(format!("{} can't be read: {error}", path.display()), "check --token-file"))?,
            ),
            (None, token) => token.as_ref().map(|token| token.reveal().clone()),
        };
        Ok(Some(Self { url: url.clone(), token: text.as_deref().map(authorization).transpose()? }))
    }
}

/// The header field; the token itself is shown nowhere.
fn authorization(text: &str) -> Result<HeaderValue, Failure> {
    let token = text.trim();
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let value = is_token.then(|| HeaderValue::try_from(format!("Bearer {token}")).ok()).flatten();
    let mut value = value.ok_or_else(|| Failure::misuse("what was given is no token", MAKE_A_TOKEN))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether what is sent stays on this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // RFC 6761 §6.3.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Runs a command there.
pub fn run(target: &Target, command: Command, json: bool, writer: &mut dyn Write) -> Result<(), Failure> {
    if let Some(words) = here_only(&command) {
        let hint = match words {
            "domain add" => "there, its operator vouches for it; from here a domain is claimed and proven: postern domain claim",
            _ => "here, leave --url out (is POSTERN_URL set?)",
        };
        return Err(Failure::misuse(format!("{words} works on the instance itself; run it there"), hint));
    }
    let token = target.token.clone().ok_or_else(|| Failure::misuse("the instance asks for a token", MAKE_A_TOKEN))?;
    let client = Client::new(target.url.clone(), token)?;
    let mut plain = None;
    // Programs get what there is; JSON has no raw line or escape characters.
    let writer: &mut dyn Write = if json { writer } else { plain.insert(Plain::new(writer)) };
    let output = &mut Output::new(json, writer);
    desk::runtime()?.block_on(async {
        match command {
            Command::Alias(AliasCommand::New(new)) if new.offline.offline => signed_name::sign(&client, &new, output).await,
            Command::Alias(command) => alias::run(&client, command, output).await,
            Command::Mailbox(command) => mailbox::run(&client, command, output).await,
            Command::Contact(command) => contact::run(&client, command, output).await,
            Command::Block(command) => contact::run_block(&client, command, output).await,
            Command::Hold(command) => delivery::run_hold(&client, command, output).await,
            Command::Queue(command) if queue::is_everybodys(&command) => queue::run(&client, command, output).await,
            Command::Queue(command) => delivery::run_queue(&client, command, output).await,
            Command::User(UserCommand::NameKey(args)) => signed_name::run(&client, &args, output).await,
            Command::User(command @ (UserCommand::Add { .. } | UserCommand::List)) => {
                admin_user::run(&client, command, output).await
            }
            Command::User(command) => user::run(&client, command, output).await,
            Command::Invite(command) => invite::run(&client, command, output).await,
            Command::Domain(command) => domain::run(&client, command, output).await,
            Command::Token(command) => access::run_token(&client, command, output).await,
            Command::Import(command) => transfer::run_import(&client, command, json, output).await,
            Command::Export(args) => transfer::run_export(&client, &args, output).await,
            Command::AppPassword(command) => access::run_app_password(&client, command, output).await,
            other => Err(elsewhere(&format!("{other:?}"))),
        }
    })
}

/// Never reached for what `here_only` names; said all the same should the two ever differ.
fn elsewhere(words: &str) -> Failure {
    let name = words.split(['(', ' ', '{']).next().unwrap_or_default().to_lowercase();
    Failure::misuse(format!("{name} works on the instance itself; run it there"), "here, leave --url out")
}

/// The words of a command that the API has nothing for.
fn here_only(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Try(_) => "try",
        Command::Serve => "serve",
        Command::Config => "config",
        // Nobody vouches for a file over the network.
        Command::Import(ImportCommand::Postern(export)) if export.trust => "import --trust",
        Command::User(command) => match command {
            UserCommand::Passwd { reset_second_factors: true, .. } => "user passwd --reset-second-factors",
            UserCommand::Set(_) => "user set",
            UserCommand::Add { .. }
            | UserCommand::List
            | UserCommand::Passwd { .. }
            | UserCommand::Remove { .. }
            | UserCommand::NameKey(_) => return None,
        },
        Command::Mailbox(command) => match command {
            MailboxCommand::Add { verified: true, .. } => "mailbox add --verified",
            MailboxCommand::Move { .. } => "mailbox move",
            MailboxCommand::CancelMove(_) => "mailbox cancel-move",
            MailboxCommand::Key(_) => "mailbox key",
            _ => return None,
        },
        Command::Domain(command) => match command {
            DomainCommand::Add { .. } => "domain add",
            DomainCommand::RotateKeys(_) => "domain rotate-keys",
            DomainCommand::List
            | DomainCommand::Check { .. }
            | DomainCommand::Claim { .. }
            | DomainCommand::MakeBySending { .. }
            | DomainCommand::CatchAll { .. }
            | DomainCommand::Remove { .. } => return None,
        },
        _ => return None,
    })
}

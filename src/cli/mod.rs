//! The command line: one file per command, each working on the configured database directly, also while `serve` runs;
//! in `remote` those that work on an instance elsewhere.
//!
//! What a command found goes to standard output (`output.rs`), why it failed to standard error as one line and a hint
//! (`failure.rs`). Exit status: 0 done, 1 failed, 2 wrong usage.

mod alias;
mod app_password;
mod args;
mod block;
mod config;
mod contact;
mod desk;
mod domain;
mod export;
mod failure;
mod hold;
mod import;
mod invite;
mod mailbox;
mod mailbox_move;
mod offline;
mod output;
mod own_domain;
mod password;
mod pgp_key;
mod queue;
mod remote;
mod sandbox;
mod serve;
mod token;
mod user;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::config::{Config, default_path};

use args::{Command, CommandLine, Global};
use failure::Failure;
use output::Output;

/// Runs one command; `words` begin with the program's name.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let line = match CommandLine::try_parse_from(words) {
        Ok(line) => line,
        Err(error) => return usage(&error),
    };
    match execute(line, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Standard error is the last place there is: if it is closed, the exit status has to do.
            failure.print(&mut io::stderr()).unwrap_or_default();
            ExitCode::from(failure.status())
        }
    }
}

/// Help and version go to standard output, wrong usage to standard error.
fn usage(error: &clap::Error) -> ExitCode {
    error.print().unwrap_or_default();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn execute(line: CommandLine, writer: &mut dyn Write) -> Result<(), Failure> {
    let Some(command) = line.command else {
        return Ok(write!(writer, "{}", CommandLine::command().render_help())?);
    };
    if let Some(target) = remote::Target::of(&line.global)? {
        return remote::run(&target, command, line.global.json, writer);
    }
    let config = || settings(&line.global);
    let user = line.global.user.as_ref();
    let json = line.global.json;
    let output = |writer| Output::new(json, writer);
    match command {
        // Needs no settings: it makes its own, in a temporary folder, and prints as it goes.
        Command::Try(args) => sandbox::run(&args, writer),
        Command::Serve => serve::run(&config()?),
        Command::Config => config::run(&config()?, &mut output(writer)),
        Command::User(command) => user::run(&config()?, user, command, &mut output(writer)),
        Command::Invite(command) => invite::run(&config()?, command, &mut output(writer)),
        Command::Mailbox(command) => mailbox::run(&config()?, user, command, &mut output(writer)),
        Command::Alias(command) => alias::run(&config()?, user, command, &mut output(writer)),
        Command::Contact(command) => contact::run(&config()?, user, command, &mut output(writer)),
        Command::Block(command) => block::run(&config()?, user, command, &mut output(writer)),
        Command::Hold(command) => hold::run(&config()?, user, command, &mut output(writer)),
        Command::Domain(command) => domain::run(&config()?, user, command, &mut output(writer)),
        Command::AppPassword(command) => app_password::run(&config()?, user, command, &mut output(writer)),
        Command::Token(command) => token::run(&config()?, user, command, &mut output(writer)),
        Command::Import(command) => import::run(&config()?, user, command, json, &mut output(writer)),
        Command::Export(args) => export::run(&config()?, user, &args, &mut output(writer)),
        Command::Queue(command) => queue::run(&config()?, user, command, &mut output(writer)),
    }
}

fn settings(global: &Global) -> Result<Config, Failure> {
    let path = global.config.clone().or_else(default_path);
    Ok(Config::load(path.as_deref())?)
}

//! `postern try`: the story on this machine, played to its end (`--script`) or served as a page.

use std::io::Write;

use super::args::TryArgs;
use super::desk;
use super::failure::Failure;
use crate::config::log::Log;
use crate::sandbox::{self, Options};
use crate::telemetry;

/// Returns at the end of the story, or at Ctrl-C.
pub fn run(args: &TryArgs, writer: &mut dyn Write) -> Result<(), Failure> {
    let options = Options {
        smtp_port: args.smtp_port,
        http_port: args.http_port,
        open_browser: !args.no_browser && !args.script,
        script: args.script,
        first_run: args.first_run,
    };
    telemetry::log::init(&Log { level: "warn".into(), ..Log::default() })?;
    desk::runtime()?.block_on(sandbox::run(options, writer)).map_err(|error| match error {
        sandbox::Error::Output(error) => error.into(),
        error => Failure::new(error.to_string(), error.hint()),
    })
}

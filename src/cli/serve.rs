//! `postern serve`: the log is set up, then the instance runs until it is told to stop.

use crate::config::Config;
use crate::{app, telemetry};

use super::desk;
use super::failure::Failure;

/// Returns after an orderly stop; an error means it could not start or had to stop by itself.
pub fn run(config: &Config) -> Result<(), Failure> {
    config.check()?;
    telemetry::log::init(&config.log)?;
    desk::runtime()?.block_on(app::serve(config))?;
    Ok(())
}

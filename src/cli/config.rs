//! `postern config`: the settings in force, secrets masked, then whether they make sense.

use crate::config::Config;

use super::failure::Failure;
use super::output::Output;

/// Shows them first, so that they can be seen also when the check refuses them.
pub fn run(config: &Config, output: &mut Output<'_>) -> Result<(), Failure> {
    let text = config
        .to_masked_toml()
        .map_err(|error| Failure::new(format!("the settings can't be written as TOML: {error}"), "try again with --json"))?;
    output.show(&config.masked(), |to| write!(to, "{text}"))?;
    config.check()?;
    crate::telemetry::log::subscriber(&config.log, false, std::io::sink)?;
    Ok(())
}

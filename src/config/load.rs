//! Reading the settings: defaults, then the TOML file, then `POSTERN__SECTION__KEY` from the environment, then the
//! files that hold secrets. The only place that reads the environment.

use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Env, Format, Toml};

use super::{Config, ConfigError};

/// What every overriding variable begins with; `__` also stands between section and key.
const PREFIX: &str = "POSTERN__";

/// The settings file that is taken when none is named, where there is one in the working folder.
pub fn default_path() -> Option<PathBuf> {
    let path = PathBuf::from("postern.toml");
    path.exists().then_some(path)
}

impl Config {
    /// Reads the settings; without a path from the environment alone. Paths in them are relative to the working folder.
    ///
    /// Only the form is checked here; whether the values make sense together says [`Config::check`].
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut figment = Figment::new();
        if let Some(path) = path {
            // Read here, so that a folder or a file without read permission is told from a mistake in it.
            std::fs::File::open(path).and_then(|file| file.metadata()).map_err(|error| {
                ConfigError::new(
                    format!("the settings file {} can't be read ({error})", path.display()),
                    "give the path of your settings with --config, or start from deploy/example.toml",
                )
            })?;
            figment = figment.merge(Toml::file_exact(path));
        }
        figment = figment.merge(Env::prefixed(PREFIX).split("__"));
        let mut config: Self = figment.extract().map_err(|error| explain(path, error))?;
        if let Some(file) = &config.database.url_file {
            config.database.url = secret("database.url_file", file)?;
        }
        if let Some(file) = &config.outbound.smarthost_file {
            config.outbound.smarthost = secret("outbound.smarthost_file", file)?;
        }
        Ok(config)
    }
}

/// The content of a file that holds a secret, without white space around it.
fn secret(setting: &str, path: &Path) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        ConfigError::new(
            format!("{setting}: {} can't be read ({error})", path.display()),
            "check the path and that the user Postern runs as may read it",
        )
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(ConfigError::new(format!("{setting}: {} is empty", path.display()), "write the value into that file"));
    }
    Ok(text.to_owned())
}

/// The first thing that is wrong, with the setting and where it was written.
fn explain(path: Option<&Path>, error: figment::Error) -> ConfigError {
    let key = error.path.join(".");
    let from_environment = error.metadata.as_ref().is_some_and(|metadata| metadata.name.contains("environment"));
    let place = if from_environment {
        " in the environment".to_owned()
    } else {
        path.map_or_else(String::new, |path| format!(" in {}", path.display()))
    };
    match error.kind {
        Kind::UnknownField(name, known) => {
            // The path of an unknown key ends with it or with its section, depending on where the reader noticed.
            let setting = match error.path.last() {
                Some(last) if *last == name => key,
                Some(_) => format!("{key}.{name}"),
                None => name,
            };
            ConfigError::new(
                format!("there is no setting {setting}{place}"),
                format!("correct or remove it; known here: {}", known.join(", ")),
            )
        }
        kind if key.is_empty() => ConfigError::new(
            format!("the settings can't be read{place}: {kind}"),
            "correct the line; values are written as in TOML",
        ),
        kind => ConfigError::new(
            format!("{key}{place} has a wrong value: {kind}"),
            "see deploy/example.toml for the form of every setting",
        ),
    }
}

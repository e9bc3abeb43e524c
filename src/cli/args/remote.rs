//! The options that let a command work on an instance elsewhere, through its API.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{StringValueParser, TypedValueParser};
use url::Url;

use crate::model::Private;

/// Which instance, and what for a caller is believed there.
#[derive(Debug, Args)]
#[command(next_help_heading = "For an instance elsewhere")]
pub struct Remote {
    /// Work on the instance at this address, through its API; no settings and no database are read here
    #[arg(long, global = true, value_name = "URL", env = "POSTERN_URL", hide_env_values = true, value_parser = instance)]
    pub url: Option<Url>,
    /// Token of that instance. Others on this machine may see it: better give --token-file, or POSTERN_TOKEN
    #[arg(long, global = true, value_name = "TOKEN", env = "POSTERN_TOKEN", hide_env_values = true, value_parser = private())]
    pub token: Option<Private<String>>,
    /// File with the token
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Send the token although the address is http, where everybody on the way can read it
    #[arg(long, global = true)]
    pub insecure: bool,
}

/// Never refused: what is wrong with a token is said without showing it.
fn private() -> impl TypedValueParser<Value = Private<String>> {
    StringValueParser::new().map(Private::new)
}

fn instance(text: &str) -> Result<Url, &'static str> {
    const EXAMPLE: &str = "give the web address of the instance, for example https://gate.you.example";
    let url = Url::parse(text).map_err(|_| EXAMPLE)?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(EXAMPLE);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("leave out user and password: a token says who you are");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("leave out what begins with ? or #");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_a_place_on_the_web_and_nothing_more() {
        for good in ["https://gate.you.example", "https://you.example/postern/", "http://127.0.0.1:8080"] {
            assert!(instance(good).is_ok(), "{good}");
        }
        for wrong in ["gate.you.example", "ftp://you.example", "https://a:b@you.example", "https://you.example/?a", "file:///a"] {
            assert!(instance(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_none(text in "\\PC{0,40}|https?://[a-z.@:/?#]{0,20}") {
            if let Ok(url) = instance(&text) {
                prop_assert!(url.has_host());
            }
        }
    }
}

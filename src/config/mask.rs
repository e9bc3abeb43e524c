//! The settings in force, for `postern config`: passwords inside URLs are not shown.

use super::Config;

/// What stands in the place of a secret.
const MASK: &str = "********";

impl Config {
    /// The same settings with every password hidden.
    #[must_use]
    pub fn masked(&self) -> Self {
        let mut config = self.clone();
        config.database.url = mask_url(&config.database.url);
        config.outbound.smarthost = mask_url(&config.outbound.smarthost);
        config
    }

    /// The settings as TOML with every password hidden.
    pub fn to_masked_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(&self.masked())
    }
}

/// Hides the password before the `@` of a URL and in a `password=` parameter behind it.
fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (login, place) = match rest.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, rest),
    };
    let login = login.map_or_else(String::new, |login| match login.split_once(':') {
        Some((user, _)) => format!("{user}:{MASK}@"),
        None => format!("{login}@"),
    });
    let place = match place.split_once('?') {
        Some((place, parameters)) => {
            let parameters = parameters.split('&').map(|parameter| match parameter.split_once('=') {
                Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}={MASK}"),
                _ => parameter.to_owned(),
            });
            format!("{place}?{}", parameters.collect::<Vec<_>>().join("&"))
        }
        None => place.to_owned(),
    };
    format!("{scheme}://{login}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_wherever_they_stand() {
        for (url, shown) in [
            ("postgres://ann:s3cret@db/postern", "postgres://ann:********@db/postern"),
            (
                "postgres://ann:s3c@ret@db/x?sslmode=require&password=s3cret",
                "postgres://ann:********@db/x?sslmode=require&password=********",
            ),
            ("smtp://relay.example:587", "smtp://relay.example:587"),
            ("sqlite:postern.db", "sqlite:postern.db"),
            ("", ""),
        ] {
            assert_eq!(mask_url(url), shown);
        }
        let mut config = Config::default();
        config.outbound.smarthost = "smtp://u:s3cret@h".into();
        assert!(!config.to_masked_toml().unwrap().contains("s3cret"));
    }
}

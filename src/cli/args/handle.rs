//! What a delivery or a token is named by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A number where the database is at hand; an id over the API, which tells nobody how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Handle {
    /// Its key in the database.
    Number(i64),
    /// Its id for the outside.
    Id(Uuid),
}

/// The text is neither.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("give the number or the id that the list shows")]
pub struct NoHandle;

impl FromStr for Handle {
    type Err = NoHandle;
    fn from_str(text: &str) -> Result<Self, NoHandle> {
        let number = text.parse().map(Self::Number);
        number.or_else(|_| Uuid::try_parse(text).map(Self::Id)).map_err(|_| NoHandle)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.pad(&number.to_string()),
            Self::Id(id) => f.pad(&id.to_string()),
        }
    }
}

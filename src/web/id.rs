//! The ids in a path. What is none leads nowhere, like the id of what is not there.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use uuid::Uuid;

use super::failure::Failure;

/// The one id in a path.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub Uuid);

/// The two ids in a path.
#[derive(Debug, Clone, Copy)]
pub struct Ids(pub Uuid, pub Uuid);

/// The one word in a path: what a link holds. What is no text leads nowhere, too.
#[derive(Debug, Clone)]
pub struct Word(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Word {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(word) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Failure::NotFound)?;
        Ok(Self(word))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path(id) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| Failure::NotFound)?;
        Ok(Self(parse(&id)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Path((one, other)) =
            Path::<(String, String)>::from_request_parts(parts, state).await.map_err(|_| Failure::NotFound)?;
        Ok(Self(parse(&one)?, parse(&other)?))
    }
}

fn parse(text: &str) -> Result<Uuid, Failure> {
    Uuid::parse_str(text).map_err(|_| Failure::NotFound)
}

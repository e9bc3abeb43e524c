//! Requests read as its clients write them: nested keys in queries (`filter[active]`, with a stray `=` from Android),
//! empty text for "not given", bodies without their type. What can't be read is an error in JSON all the same.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::ApiError;
use crate::api::body;

/// The query: keys as they are meant, only those that have a value, in the order they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// From pairs as they were decoded.
    pub fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().map(meant).filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The last value of that key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// Yes or no; anything else is an error.
    pub fn flag(&self, key: &'static str) -> Result<Option<bool>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid(key, format!("The {key} field must be true or false."))),
        }
    }

    /// An id: `Some(None)` for one that can't be anything's.
    pub fn id(&self, key: &str) -> Option<Option<Uuid>> {
        self.get(key).map(|text| Uuid::parse_str(text).ok())
    }

    /// A number within bounds.
    pub fn number(&self, key: &'static str, default: u32, most: u32) -> Result<u32, ApiError> {
        let Some(text) = self.get(key) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| ApiError::invalid(key, format!("The {key} field must be between 1 and {most}.")))
    }

    /// All pairs but those of one key.
    pub fn without<'a>(&'a self, key: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter(move |(found, _)| found != key).map(|(found, value)| (found.as_str(), value.as_str()))
    }
}

/// What comes after a closing bracket is no part of a key. With a stray `=` that was not encoded, the second one ended up
/// in front of the value.
fn meant((mut key, mut value): (String, String)) -> (String, String) {
    if let Some((head, _)) = key.rsplit_once(']').filter(|(head, _)| head.contains('[')) {
        key = format!("{head}]");
        if let Some(rest) = value.strip_prefix('=') {
            value = rest.to_owned();
        }
    }
    (key.trim_end_matches('=').to_owned(), value.trim().to_owned())
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        // Pairs can be read from any query.
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        Ok(pairs.map_or_else(|_| Self::default(), |Query(pairs)| Self::new(pairs)))
    }
}

/// The id in the path. What is none is nothing's.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::not_found())?;
        Uuid::parse_str(&text).map(Self).map_err(|_| ApiError::not_found())
    }
}

/// The JSON of a body, whatever its content type; an empty body is an empty object.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|refused| {
            let is_large = refused.status() == StatusCode::PAYLOAD_TOO_LARGE;
            let status = if is_large { refused.status() } else { StatusCode::BAD_REQUEST };
            ApiError::new(status, "The request body could not be read.")
        })?;
        let unreadable = || ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "The request body is not what is expected here.");
        body::json(&bytes).map(Self).ok_or_else(unreadable)
    }
}

/// One id in a body.
#[derive(Debug, Deserialize)]
pub struct OneId {
    id: Option<String>,
}

impl OneId {
    /// The id; one that is no id is nothing's.
    pub fn get(&self) -> Result<Uuid, ApiError> {
        let text = self.id.as_deref().filter(|text| !text.is_empty()).ok_or_else(|| required("id"))?;
        Uuid::parse_str(text).map_err(|_| ApiError::not_found())
    }
}

/// The error for a field that is not there.
pub fn required(field: &'static str) -> ApiError {
    ApiError::invalid(field, format!("The {field} field is required."))
}

/// A text in a body: a field that is there and null (or empty, which means the same) is told from one that is not there.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    Ok(Some(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())))
}

/// A text in a body, an empty one taken for none.
pub fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(present(deserializer)?.flatten())
}

/// Several ids in a body; what is no id is nothing's.
pub fn ids(texts: Option<Vec<String>>, field: &'static str, most: usize) -> Result<Vec<Uuid>, ApiError> {
    let texts = texts.filter(|texts| !texts.is_empty()).ok_or_else(|| required(field))?;
    if texts.len() > most {
        return Err(ApiError::invalid(field, format!("The {field} field must not have more than {most} items.")));
    }
    Ok(texts.iter().filter_map(|text| Uuid::parse_str(text).ok()).collect())
}

/// What most answers are wrapped in.
#[derive(Debug, Serialize)]
pub struct Data<T> {
    /// What was asked for.
    pub data: T,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_stray_equals_sign_belongs_to_no_key() {
        for pair in
            [("filter[active]", "true"), ("filter[active]=", "true"), ("filter[active]", "=true"), ("filter[active]x", "true")]
        {
            assert_eq!(params(&[pair]).flag("filter[active]").unwrap(), Some(true), "{pair:?}");
        }
        assert_eq!(params(&[("sort=", "-email")]).get("sort"), Some("-email"));
    }

    #[test]
    fn an_empty_value_is_none_and_the_last_one_counts() {
        let params = params(&[("a", "1"), ("a", "2"), ("b", ""), ("filter[x]", " ")]);
        assert_eq!((params.get("a"), params.get("b"), params.get("filter[x]")), (Some("2"), None, None));
    }

    #[test]
    fn numbers_and_flags_keep_to_their_bounds() {
        let wrong = params(&[("n", "0"), ("m", "101"), ("f", "maybe")]);
        assert!(wrong.number("n", 5, 100).is_err() && wrong.number("m", 5, 100).is_err() && wrong.flag("f").is_err());
        assert_eq!(wrong.number("x", 5, 100).unwrap(), 5);
    }

    proptest! {
        #[test]
        fn any_pairs_are_read(key in "\\PC{0,30}", value in "\\PC{0,30}") {
            let params = Params::new(vec![(key.clone(), value)]);
            let _ = params.get(&key);
        }
    }
}

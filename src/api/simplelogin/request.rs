//! Requests read as leniently as the clients are careless: queries that are not encoded, bodies without their type, empty
//! bodies, keys that are no numbers. What can't be read is an error in JSON all the same.

use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use crate::api::body;
use crate::model::site::Site;

/// Items of one page of a list.
pub const PAGE: u32 = 20;

/// The query.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether the name is there, with any value or none.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How many items come before the page that is asked for.
    pub fn offset(&self, name: &'static str) -> Result<u32, ApiError> {
        let wrong = || ApiError::bad_request(format!("{name} must be provided in request query"));
        let page: u32 = self.get(name).and_then(|text| text.trim().parse().ok()).ok_or_else(wrong)?;
        Ok(page.saturating_mul(PAGE))
    }

    /// The site behind `hostname`: a host, a whole URL, or words that browsers have for "no page".
    pub fn site(&self) -> Option<Site> {
        self.get("hostname").and_then(|text| Site::parse(text).ok())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        // Pairs can be read from any query.
        Ok(Query::<Vec<(String, String)>>::from_request_parts(parts, state).await.map_or_else(|_| Self::default(), |q| Self(q.0)))
    }
}

/// The number in the path.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::no_endpoint())?;
        text.parse().map(Self).map_err(|_| ApiError::no_endpoint())
    }
}

/// The JSON of a body, whatever its content type; an empty body is an empty object.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|refused| {
            let status =
                if refused.status() == StatusCode::PAYLOAD_TOO_LARGE { refused.status() } else { StatusCode::BAD_REQUEST };
            ApiError::new(status, "the request body could not be read")
        })?;
        body::json(&bytes).map(Self).ok_or_else(|| ApiError::bad_request("request body is no valid JSON"))
    }
}

//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a thing is made once although a client asks twice.

use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::Problem;
use crate::service::idempotency::{Answer, Key, Once, OnceError};
use crate::service::token::Caller;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in characters.
const LONGEST: usize = 255;

/// The key of a request, if it has one, and what the request is apart from its body.
#[derive(Debug, Clone)]
pub struct RequestKey {
    text: Option<String>,
    request: String,
}

impl<S: Send + Sync> FromRequestParts<S> for RequestKey {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(NAME).iter();
        let first = values.next();
        if values.next().is_some() {
            return Err(bad("send it once"));
        }
        let text = first.map(|value| value.to_str().ok().and_then(parse).ok_or_else(|| bad("1 to 255 visible ASCII characters")));
        Ok(Self { text: text.transpose()?, request: format!("{} {}", parts.method, parts.uri.path()) })
    }
}

fn bad(fix: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "Bad header", format!("Idempotency-Key: {fix}"))
}

/// The draft has it in quotes, many clients do not.
fn parse(value: &str) -> Option<String> {
    let value = value.trim();
    let text = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    let is_key = (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    is_key.then(|| text.to_owned())
}

impl RequestKey {
    /// A thing to do once for this key and this body; `shape` is what is said about it (201).
    pub fn once<T, S: Serialize>(self, caller: &Caller, body: &[u8], shape: impl FnOnce(&T) -> S + Send + 'static) -> Once<T> {
        let key = self.text.map(|text| {
            let mut digest = Sha256::new();
            // What a token may see is part of the answer.
            let scopes = caller.token.scopes.to_string();
            for part in [self.request.as_bytes(), scopes.as_bytes(), body] {
                digest.update(part.len().to_be_bytes());
                digest.update(part);
            }
            Key { user: caller.user.id, text, request: digest.finalize().into() }
        });
        // Shapes are structs of texts and numbers: nothing can fail.
        let render = move |done: &T| (201, serde_json::to_vec(&shape(done)).unwrap_or_default());
        Once { key, render: Box::new(render) }
    }

    /// Goes on only without a key: an answer that holds a secret is not kept.
    pub fn refuse(&self) -> Result<(), Problem> {
        self.refuse_for("leave it out here: the answer holds a secret, and no secret is kept")
    }

    /// The same for a request with a proof in it: what is kept of a request would be a hash that passwords can be tried at
    /// quickly, and a code that comes a second time does not count.
    pub fn refuse_proof(&self) -> Result<(), Problem> {
        self.refuse_for("leave it out with a proof: nothing is kept of a request that holds a password")
    }

    fn refuse_for(&self, why: &str) -> Result<(), Problem> {
        if self.text.is_some() { Err(bad(why)) } else { Ok(()) }
    }
}

/// The answer, with the address of what was made when it has one below `collection`.
pub fn answer(answer: Answer, collection: &str) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::CREATED);
    let id = serde_json::from_slice::<Made>(&answer.body).ok().map(|made| format!("{collection}/{}", made.id));
    let content_type = HeaderValue::from_static("application/json");
    let mut response = (status, [(CONTENT_TYPE, content_type)], answer.body).into_response();
    if let Some(location) = id.and_then(|location| HeaderValue::try_from(location).ok()) {
        response.headers_mut().insert(LOCATION, location);
    }
    if answer.replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

#[derive(serde::Deserialize)]
struct Made {
    id: uuid::Uuid,
}

impl<E> From<OnceError<E>> for Problem
where
    Problem: From<E>,
{
    fn from(error: OnceError<E>) -> Self {
        match error {
            OnceError::OtherRequest => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Key used before",
                "Idempotency-Key: it was sent with another request; send a new one with every new request",
            ),
            OnceError::Failed(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_comes_with_and_without_quotes() {
        assert_eq!(parse(" \"8e03978e\" ").as_deref(), Some("8e03978e"));
        assert_eq!(parse("8e03978e").as_deref(), Some("8e03978e"));
        for wrong in ["", "\"\"", "a b", "\"a", "é", &"x".repeat(256)] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_none(text in "\\PC{0,40}|[ -~]{0,40}") {
            if let Some(key) = parse(&text) {
                prop_assert_eq!(parse(&format!("\"{key}\"")), Some(key));
            }
        }
    }
}

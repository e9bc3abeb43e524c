//! What requests are read into: the id in a path, a query, a JSON body. Strict, and every refusal names what is wrong.

use std::cell::RefCell;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problem::Problem;

/// An id as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(as = Id, value_type = String, format = "uuid", example = "01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct PublicId(pub Uuid);

/// The id in a path. What is none names nothing.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| Problem::not_found())?;
        parse_id(&text).map(Self).ok_or_else(Problem::not_found)
    }
}

/// An id as it is shown, and no other way to write one.
pub fn parse_id(text: &str) -> Option<Uuid> {
    if text.len() == 36 { Uuid::try_parse(text).ok() } else { None }
}

/// The query of a request.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Neither database has it in a text.
        if parts.uri.query().is_some_and(|query| query.contains("%00")) {
            return Err(Problem::bad_query("there is a NUL character in it; leave it out"));
        }
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(Problem::bad_query(reason))
            }
        }
    }
}

/// No query at all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// The JSON body of a request, and the bytes it was read from.
#[derive(Debug)]
pub struct Body<T> {
    /// What it says.
    pub value: T,
    /// As it came.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok())) {
            let fix = "send the body as JSON, with the header Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not JSON", fix));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        Ok(Self { value: read(&bytes)?, bytes })
    }
}

fn unread(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Too large", "a body has 1 MiB at the most; send less at once");
    }
    Problem::new(StatusCode::BAD_REQUEST, "Bad body", "the body did not arrive whole; send it again")
}

fn is_json(content_type: Option<&str>) -> bool {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Reads a body; the refusal names the field.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "Bad JSON", format!("the body is no JSON: {error}")))?;
    let Value::Object(fields) = value else {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid value", "the body must be a JSON object: {…}"));
    };
    if let Some((field, _)) = fields.iter().find(|(name, value)| name.contains('\0') || has_nul(value)) {
        return Err(Problem::invalid(&field.replace('\0', ""), "there is a NUL character in it; leave it out"));
    }
    // Which field is being read when the reader stumbles.
    let at = RefCell::new(None);
    let entries = fields.iter().map(Some).chain([None]).map_while(|entry| {
        *at.borrow_mut() = entry.map(|(name, _)| name.clone());
        entry.map(|(name, value)| (name.as_str(), value))
    });
    let read = T::deserialize(MapDeserializer::<_, serde_json::Error>::new(entries));
    read.map_err(|error| match at.take() {
        Some(field) => Problem::invalid(&field, error),
        // One that is missing is named in the error itself.
        None => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid value", error.to_string()),
    })
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// For a field where null means something: absent is `None`, null is `Some(None)`.
pub fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(clippy::option_option, reason = "null and not there are two things")]
    struct Thing {
        name: String,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default, deserialize_with = "present")]
        note: Option<Option<String>>,
    }

    fn detail(body: &str) -> String {
        read::<Thing>(body.as_bytes()).unwrap_err().detail().to_owned()
    }

    #[test]
    fn a_body_is_read_or_the_field_is_named() {
        let thing = |count, note| Thing { name: "x".into(), count, note };
        assert_eq!(read::<Thing>(b"{\"name\":\"x\"}").unwrap(), thing(None, None));
        assert_eq!(read::<Thing>(b"{\"name\":\"x\",\"count\":3,\"note\":null}").unwrap(), thing(Some(3), Some(None)));
        assert!(detail("{\"name\":\"x\",\"count\":\"3\"}").starts_with("count: invalid type: string \"3\""));
        assert!(detail("{\"name\":7}").starts_with("name: invalid type"));
        assert!(detail("{\"name\":\"x\",\"other\":1}").starts_with("other: unknown field `other`, expected one of `name`"));
        assert_eq!(detail("{}"), "missing field `name`");
        assert!(detail("{\"name\":\"a\\u0000b\"}").starts_with("name: there is a NUL"));
        assert!(detail("[]").contains("JSON object") && detail("nonsense").contains("no JSON"));
    }

    #[test]
    fn an_id_is_written_one_way() {
        assert!(parse_id("01890a5d-ac96-774b-bcce-b302099a8057").is_some());
        for text in ["", "1", "01890a5dac96774bbcceb302099a8057", "{01890a5d-ac96-774b-bcce-b302099a8057}"] {
            assert_eq!(parse_id(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60), text in "\\PC{0,40}") {
            prop_assert!(read::<Thing>(&bytes).is_ok() || read::<Thing>(&bytes).is_err());
            parse_id(&text);
            is_json(Some(&text));
        }
    }
}

//! Forms with a file: `multipart/form-data` (RFC 7578), whose parts are taken apart byte for byte, so that a file is what
//! it was. The form's token is checked before anybody sees the file. Few are read at once: each is in memory.

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use memchr::memmem;

use super::failure::Failure;
use super::form::{Fields, is_foreign, is_ours};
use super::session::SignedIn;
use crate::service::broker::Broker;
use crate::service::import::upload::LARGEST;

/// What stands around a file in a form.
const AROUND: usize = 64 * 1024;
/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_mins(10);
/// Parts of a form: none of ours has so many.
const MOST_PARTS: usize = 32;
/// The longest value of a part that is no file.
const LONGEST_VALUE: usize = 4096;

/// A form with a file in its field `file`, of somebody who is signed in, its token checked.
pub struct Uploaded {
    /// Who.
    pub who: SignedIn,
    /// What they wrote.
    pub fields: Fields,
    /// The file; empty when none was chosen.
    pub file: Vec<u8>,
}

impl FromRequest<Broker> for Uploaded {
    type Rejection = Response;
    async fn from_request(request: Request, broker: &Broker) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let who = SignedIn::from_request_parts(&mut parts, broker).await?;
        let refuse = |failure: Failure| failure.into_response();
        if is_foreign(&parts.headers) {
            return Err(refuse(Failure::Foreign));
        }
        let pass = broker.imports.receive(who.user_id()).map_err(|busy| refuse(busy.into()))?;
        let body = tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, LARGEST + AROUND)).await;
        let body = body.map_err(|_| refuse(Failure::Slow))?.map_err(|_| refuse(Failure::TooLarge))?;
        drop(pass);
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let read = take_apart(kind, &body).ok_or_else(|| refuse(Failure::Form))?;
        let texts = read.iter().filter(|(name, value)| name != "file" && value.len() <= LONGEST_VALUE);
        let fields =
            Fields::new(texts.map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into_owned())).collect());
        is_ours(&who, &fields).map_err(refuse)?;
        let file = read.into_iter().find(|(name, _)| name == "file").map(|(_, value)| value.to_vec()).unwrap_or_default();
        if file.len() > LARGEST {
            return Err(refuse(Failure::TooLarge));
        }
        Ok(Self { who, fields, file })
    }
}

/// Name and bytes of each part, in their order; `None` when it is no such form, or cut off.
fn take_apart<'b>(kind: &str, body: &'b [u8]) -> Option<Vec<(String, &'b [u8])>> {
    let delimiter = [b"\r\n--", boundary(kind)?.as_bytes()].concat();
    // The first delimiter has no line end in front.
    let mut rest = body.strip_prefix(delimiter.get(2..)?)?;
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let (part, after) = rest.split_at_checked(memmem::find(rest, &delimiter)?)?;
        rest = after.get(delimiter.len()..)?;
        let (head, content) = part.split_at_checked(memmem::find(part, b"\r\n\r\n")?)?;
        if parts.len() == MOST_PARTS {
            return None;
        }
        parts.push((name(head)?, content.get(4..)?));
    }
}

/// What separates the parts: at most 70 characters (RFC 2046 §5.1.1).
fn boundary(kind: &str) -> Option<&str> {
    let (essence, parameters) = kind.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    })?;
    (1..=70).contains(&value.len()).then_some(value)
}

/// The field a part is of: our fields have plain names.
fn name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    line.split(';').find_map(|parameter| Some(parameter.trim().strip_prefix("name=\"")?.strip_suffix('"')?.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x1";

    #[test]
    fn a_file_is_taken_byte_for_byte() {
        for file in [&b""[..], b"\r\n", b"a\r\n\r\n--\r\n------x\r\n", b"\0\xff\r", b"PK\x03\x04\r\n\r\n"] {
            let head = "------x1\r\nContent-Disposition: form-data; name=\"source\"\r\n\r\ncsv\r\n------x1\r\n\
                        content-disposition: form-data; name=\"file\"; filename=\"a; name=b.csv\"\r\nContent-Type: text/csv\r\n\r\n";
            let body = [head.as_bytes(), file, b"\r\n------x1--\r\n"].concat();
            let parts = take_apart(KIND, &body).unwrap();
            assert_eq!(parts, [("source".to_owned(), &b"csv"[..]), ("file".to_owned(), file)]);
            assert_eq!(take_apart(KIND, body.get(..body.len() - 6).unwrap()), None, "cut off");
        }
        for kind in ["", "text/plain; boundary=a", "multipart/form-data", "multipart/form-data; boundary="] {
            assert_eq!(take_apart(kind, b"--a--"), None);
        }
        assert_eq!(take_apart("Multipart/Form-Data; charset=x; Boundary=\"a\"", b"--a--"), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn any_form_is_taken_apart_or_refused(pieces in prop::collection::vec(prop::sample::select(vec![
            &b"------x1"[..], b"\r\n", b"--", b"Content-Disposition: form-data; name=\"a\"", b"\xff\0",
        ]), 0..30)) {
            if let Some(parts) = take_apart(KIND, &pieces.concat()) {
                prop_assert!(parts.len() <= MOST_PARTS);
            }
        }
    }
}

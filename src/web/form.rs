//! Forms: read, and believed only when they are ours.
//!
//! A form of a signed-in user carries a token that only a page of the same session was given. Forms without a session (to
//! sign in, to ask for a link) are refused when the browser says that another site sent them (`Sec-Fetch-Site`, `Origin`).

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Form, body::Body};

use super::failure::Failure;
use super::session::{HalfSignedIn, SignedIn};
use crate::service::broker::Broker;

/// The largest form in bytes: the longest has a public key in it.
pub const LARGEST: usize = 256 * 1024;

/// The fields of a form or of a query, in their order.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`; what is none has no fields.
    pub async fn read(body: Bytes) -> Self {
        let request = Request::post("/").header("content-type", "application/x-www-form-urlencoded").body(Body::from(body));
        let Ok(request) = request else { return Self::default() };
        Self(Form::<Vec<(String, String)>>::from_request(request, &()).await.map(|form| form.0).unwrap_or_default())
    }

    /// These fields.
    pub fn new(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The first field of that name without white space around it; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The first field of that name as it is: for passwords.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str())
    }

    /// The first field of that name when there is something in it.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// All fields of that name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Whether a box of that name is ticked.
    pub fn is_on(&self, name: &str) -> bool {
        self.0.iter().any(|(found, value)| found == name && !value.is_empty() && value != "off")
    }
}

/// Fields as a query (`application/x-www-form-urlencoded`).
pub fn encode(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The query of a page.
#[derive(Debug, Clone, Default)]
pub struct Asked(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Fields::read(Bytes::from(parts.uri.query().unwrap_or_default().to_owned())).await))
    }
}

/// A form of somebody who is signed in, its token checked.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Who.
    pub who: SignedIn,
    /// What they wrote.
    pub fields: Fields,
}

/// The same for somebody whose second factor has to follow.
#[derive(Debug, Clone)]
pub struct HalfChecked {
    /// Who.
    pub who: SignedIn,
    /// What they wrote.
    pub fields: Fields,
}

/// A form of anybody.
#[derive(Debug, Clone)]
pub struct Anonymous(pub Fields);

impl FromRequest<Broker> for Checked {
    type Rejection = Response;
    async fn from_request(request: Request, broker: &Broker) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let who = SignedIn::from_request_parts(&mut parts, broker).await?;
        let fields = fields(&parts.headers, body).await.map_err(IntoResponse::into_response)?;
        is_ours(&who, &fields).map_err(IntoResponse::into_response)?;
        Ok(Self { who, fields })
    }
}

impl FromRequest<Broker> for HalfChecked {
    type Rejection = Response;
    async fn from_request(request: Request, broker: &Broker) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let HalfSignedIn(who) = HalfSignedIn::from_request_parts(&mut parts, broker).await?;
        let fields = fields(&parts.headers, body).await.map_err(IntoResponse::into_response)?;
        is_ours(&who, &fields).map_err(IntoResponse::into_response)?;
        Ok(Self { who, fields })
    }
}

impl FromRequest<Broker> for Anonymous {
    type Rejection = Failure;
    async fn from_request(request: Request, _: &Broker) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        fields(&parts.headers, body).await.map(Self)
    }
}

async fn fields(headers: &HeaderMap, body: Body) -> Result<Fields, Failure> {
    if is_foreign(headers) {
        return Err(Failure::Foreign);
    }
    let body = axum::body::to_bytes(body, LARGEST).await.map_err(|_| Failure::TooLarge)?;
    Ok(Fields::read(body).await)
}

/// Whether the form carries the token of its session.
pub fn is_ours(who: &SignedIn, fields: &Fields) -> Result<(), Failure> {
    let (ours, theirs) = (who.form_token(), fields.raw("form_token"));
    // The token is a digest of a secret: a comparison that takes longer for a longer match tells nothing of use, and still.
    if bool::from(subtle::ConstantTimeEq::ct_eq(ours.as_bytes(), theirs.as_bytes())) { Ok(()) } else { Err(Failure::Form) }
}

/// Whether the browser says that a page of another site sent this.
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => !matches!(site, "same-origin" | "none"),
        None => match (text(ORIGIN.as_str()), text(HOST.as_str())) {
            (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, from)| from != host),
            _ => false,
        },
    }
}

/// A form that can't be handled as it is: the same page again with the words, and a status that says so.
pub const MENDABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_another_site_sends_is_foreign() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect::<HeaderMap>()
        };
        for ours in [&[][..], &[("sec-fetch-site", "same-origin")], &[("origin", "http://a.example:1"), ("host", "a.example:1")]]
        {
            assert!(!is_foreign(&headers(ours)), "{ours:?}");
        }
        for foreign in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://b.example"), ("host", "a.example")],
            &[("origin", "null"), ("host", "a.example")],
        ] {
            assert!(is_foreign(&headers(foreign)), "{foreign:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(value in "\\PC{0,40}") {
            let text = encode(&[("a", "x"), ("next", &value)]);
            let read = futures_util::FutureExt::now_or_never(Fields::read(Bytes::from(text))).unwrap();
            prop_assert_eq!(read.raw("next"), value.as_str());
        }
    }
}

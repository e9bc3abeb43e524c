//! Who is asking: the session cookie of a request, and what each kind of page asks of it.
//!
//! The cookie is out of reach of scripts, comes with no request that another site makes by itself (SameSite=Lax; every
//! change is a POST with a token of its own, see `form`), and never over plain HTTP where pages are served over HTTPS.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{COOKIE, LOCATION, REFERER, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use uuid::Uuid;

use super::chrome::{self, Chrome};
use super::failure::Failure;
use crate::model::Private;
use crate::model::id::UserId;
use crate::model::session::Session;
use crate::model::user::User;
use crate::service::broker::Broker;
use crate::service::session::{self, Browser, Present};

/// Somebody who signed in, every factor included.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// By which session.
    pub session: Session,
    path: String,
    secret: Private<String>,
}

impl SignedIn {
    /// Whose things this is about.
    pub fn user_id(&self) -> UserId {
        self.user.id
    }

    /// The frame of a page of theirs.
    pub fn chrome(&self, title: impl Into<String>) -> Chrome {
        Chrome::of(&self.path, title, &self.user, self.form_token())
    }

    /// What each of their forms carries.
    pub fn form_token(&self) -> String {
        session::form_token(self.secret.reveal())
    }

    /// Where whoever did not prove lately who they are is sent to do so, and then back to `page`.
    pub fn need_proof(&self, broker: &Broker, page: &str) -> Option<Response> {
        let is_confirmed = self.session.is_confirmed(broker.now());
        (!is_confirmed).then(|| self.go(&format!("confirm?{}", super::form::encode(&[("next", page)]))))
    }

    /// Sends the browser to a page after a form was handled (303); `to` is its path without the slash in front.
    pub fn go(&self, to: &str) -> Response {
        go(&self.path, to)
    }
}

/// Somebody whose password was right and whose second factor has to follow; or who is signed in.
#[derive(Debug, Clone)]
pub struct HalfSignedIn(pub SignedIn);

/// Somebody who proved within the last quarter of an hour who they are: what dangerous acts ask for.
#[derive(Debug, Clone)]
pub struct Confirmed(pub SignedIn);

/// Somebody who administers the instance. For everybody else there are no such pages.
#[derive(Debug, Clone)]
pub struct Admin(pub SignedIn);

/// Whoever it is, signed in or not.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The one who signed in.
    pub signed_in: Option<SignedIn>,
    /// The session of its cookie, also one whose second factor has to follow.
    before: Option<(UserId, Uuid)>,
    /// The browser.
    pub browser: Browser,
    /// The path of the request.
    pub path: String,
}

impl Visitor {
    /// Ends the session of the cookie that is about to be replaced: nobody can sign it out any more.
    pub async fn leave(&self, broker: &Broker) {
        let Some((user, uuid)) = self.before else { return };
        if let Err(error) = session::end(&broker.desk, user, uuid).await {
            tracing::warn!(%error, "the session before could not be ended");
        }
    }
}

/// Sends a browser at `from` on to a page with a GET (303).
pub fn go(from: &str, to: &str) -> Response {
    let to = format!("{}{to}", chrome::root(from));
    // With nothing in front, a colon in the first part or a slash at the start would make it the address of another site.
    let first = to.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let to = if first.is_empty() || first.contains(':') { format!("./{to}") } else { to };
    let location = HeaderValue::from_str(&to).unwrap_or(HeaderValue::from_static("./"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}

/// The field that gives a browser its session.
pub fn set_cookie(broker: &Broker, secret: &str) -> (axum::http::HeaderName, HeaderValue) {
    cookie(broker, secret, 31_536_000)
}

/// The field that takes it away.
pub fn clear_cookie(broker: &Broker) -> (axum::http::HeaderName, HeaderValue) {
    cookie(broker, "", 0)
}

fn cookie(broker: &Broker, value: &str, seconds: u32) -> (axum::http::HeaderName, HeaderValue) {
    let url = &broker.rules.public_url;
    let secure = if url.starts_with("https://") { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", session::cookie_name(url));
    (SET_COOKIE, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("postern=")))
}

/// The session a request comes with, with or without the second factor.
async fn present(parts: &Parts, broker: &Broker) -> Result<Option<SignedIn>, Failure> {
    let fields = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let Some(secret) = session::in_cookie(fields, &broker.rules.public_url) else { return Ok(None) };
    let found = session::find(&broker.desk, secret).await?;
    let (path, secret) = (parts.uri.path().to_owned(), Private::new(secret.to_owned()));
    Ok(found.map(|Present { user, session }| SignedIn { user, session, path, secret }))
}

/// What comes back to where one was once something else is done first.
fn first(parts: &Parts, public_url: &str, page: &str) -> Response {
    let next = if parts.method == Method::GET {
        parts.uri.path_and_query().map(|asked| asked.as_str().to_owned())
    } else {
        origin_page(&parts.headers, public_url)
    };
    let to = next.map_or_else(|| page.to_owned(), |next| format!("{page}?{}", super::form::encode(&[("next", &next)])));
    go(parts.uri.path(), &to)
}

/// The page a form was on: what it held is gone, and still one comes back to where one was. A browser says it (`Referer`);
/// of what it says only the path counts, so that it leads nowhere but to us. What a proxy puts in front of our paths is not
/// one of their parts.
fn origin_page(headers: &HeaderMap, public_url: &str) -> Option<String> {
    let path = path_of(headers.get(REFERER)?.to_str().ok()?)?.split('#').next()?;
    let below = path_of(public_url).and_then(|prefix| path.strip_prefix(prefix));
    Some(below.filter(|rest| rest.starts_with('/')).unwrap_or(path).to_owned())
}

/// An address from the first slash behind its host on.
fn path_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    rest.get(rest.find('/')?..)
}

async fn signed_in(parts: &Parts, broker: &Broker) -> Result<SignedIn, Response> {
    let first = |page| first(parts, &broker.rules.public_url, page);
    match present(parts, broker).await.map_err(IntoResponse::into_response)? {
        Some(found) if !found.session.needs_factor => Ok(found),
        Some(_) => Err(first("sign-in/factor")),
        None => Err(first("sign-in")),
    }
}

impl FromRequestParts<Broker> for SignedIn {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Response> {
        signed_in(parts, broker).await
    }
}

impl FromRequestParts<Broker> for HalfSignedIn {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Response> {
        let found = present(parts, broker).await.map_err(IntoResponse::into_response)?;
        found.map(Self).ok_or_else(|| first(parts, &broker.rules.public_url, "sign-in"))
    }
}

impl FromRequestParts<Broker> for Confirmed {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Response> {
        let found = signed_in(parts, broker).await?;
        if found.session.is_confirmed(broker.now()) {
            Ok(Self(found))
        } else {
            Err(first(parts, &broker.rules.public_url, "confirm"))
        }
    }
}

impl FromRequestParts<Broker> for Admin {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Response> {
        let found = signed_in(parts, broker).await?;
        if found.user.is_admin { Ok(Self(found)) } else { Err(Failure::NotFound.into_response()) }
    }
}

impl FromRequestParts<Broker> for Visitor {
    type Rejection = Failure;
    async fn from_request_parts(parts: &mut Parts, broker: &Broker) -> Result<Self, Failure> {
        let found = present(parts, broker).await?;
        let before = found.as_ref().map(|found| (found.user.id, found.session.uuid));
        let signed_in = found.filter(|found| !found.session.needs_factor);
        let text = |name: &str| parts.headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let user_agent = text(USER_AGENT.as_str()).unwrap_or_default().to_owned();
        let ip = broker.rules.client_ip(peer, text("x-forwarded-for"));
        let browser = Browser { user_agent, ip };
        Ok(Self { signed_in, before, browser, path: parts.uri.path().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::web::sign_in::after;

    /// Where a browser goes that is told this on the page at `path`; all that may be the same is.
    fn led(path: &str, response: &Response) -> Result<Url, TestCaseError> {
        let us = Url::parse("https://postern.example:8443").unwrap();
        let here = Url::parse(&format!("https://postern.example:8443{path}")).unwrap();
        let location = response.headers().get(LOCATION).unwrap().to_str().unwrap();
        let to = here.join(location).unwrap();
        prop_assert_eq!(to.origin(), us.origin(), "{} from {}", location, path);
        prop_assert!(to.username().is_empty() && to.password().is_none());
        Ok(to)
    }

    fn referer() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[a-z]{0,6}:?[/\\\\]{0,4}[a-z.@:%]{0,12}[/\\\\#?:.a-z%@]{0,24}".prop_map(String::into_bytes),
            "https?://[a-z.@:]{0,12}//?[a-z]{0,8}:?//?.{0,12}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 0..40),
        ]
    }

    proptest! {
        #[test]
        fn whatever_a_browser_says_one_comes_from_one_stays_with_us(
            referer in referer(),
            path in "/[a-z0-9/.:@]{0,24}",
            prefix in "(/[a-z]{1,3})?",
            is_form: bool,
        ) {
            let method = if is_form { Method::POST } else { Method::GET };
            let request = Request::builder().method(method).uri(&path).body(());
            prop_assume!(request.is_ok());
            let (mut parts, ()) = request.unwrap().into_parts();
            if let Ok(value) = HeaderValue::from_bytes(&referer) {
                parts.headers.insert(REFERER, value);
            }
            let to = led(&path, &first(&parts, &format!("https://postern.example:8443{prefix}"), "sign-in"))?;
            // What the page then sends on, from wherever it is.
            let next = to.query_pairs().find(|(name, _)| name == "next").map(|(_, value)| value.into_owned());
            for page in ["/sign-in", "/sign-in/factor", "/confirm"] {
                led(page, &go(page, after(next.as_deref().unwrap_or_default())))?;
            }
        }
    }
}

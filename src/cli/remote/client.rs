//! The API of an instance elsewhere over HTTP: bearer token, JSON, pages, and one more try where it can't do harm.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use super::super::failure::Failure;
use super::fault::{Fault, FetchError};
use super::sending::Sending;
use crate::app::Environment;
use crate::model::Timestamp;
use crate::model::id::uuid_v7;

const CONNECT: Duration = Duration::from_secs(10);
/// From the connection to the end of the answer. An instance waits a minute for the server of a mailbox it tests.
const DEADLINE: Duration = Duration::from_secs(90);
/// The same for a file that comes or goes, on a slow line.
const FILE_DEADLINE: Duration = Duration::from_hours(1);
/// Largest answer that is read, in bytes: a page has a hundred things, what came of an import fifty thousand.
const LARGEST: usize = 64 << 20;
/// Things of a page: the most there can be.
const PAGE: &str = "100";
/// How often something is asked when the connection breaks off under the question.
const TRIES: u8 = 2;

/// One instance and the token it takes.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: HeaderValue,
    environment: Environment,
}

/// Whether a question may be asked again when nobody knows what came of it.
enum Again {
    /// Asked twice, it is done once: a question, or a change that says how things shall be.
    Harmless,
    /// The instance keeps the answer under a key.
    Keyed,
    /// It would be done twice, or the second answer would be another one.
    Never,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// An answer, read whole.
struct Answer {
    status: StatusCode,
    location: Option<String>,
    body: Vec<u8>,
}

impl Client {
    /// Nothing is sent yet.
    pub fn new(base: Url, token: HeaderValue) -> Result<Self, Failure> {
        let wrong = |error: String| Failure::new(format!("TLS can't be set up: {error}"), "is this a damaged installation?");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = builder.map_err(|error| wrong(error.to_string()))?.with_root_certificates(roots).with_no_client_auth();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // The token is for this instance and for nobody it may point to.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(DEADLINE)
            .user_agent(concat!("Postern/", env!("CARGO_PKG_VERSION")));
        if base.scheme() != "https" {
            // A proxy would read the token.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| wrong(error.to_string()))?;
        Ok(Self { http, base, token, environment: Environment::system() })
    }

    /// The time that spans of the command line are counted from.
    pub fn now(&self) -> Timestamp {
        self.environment.clock.now()
    }

    /// One thing.
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Fault> {
        self.exchange(Method::GET, self.address(path, &[])?, None, &Again::Harmless).await
    }

    /// All things of a list, page by page.
    pub async fn all<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<T>, Fault> {
        let mut query: Vec<(&str, String)> = query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        query.push(("limit", PAGE.to_owned()));
        self.pages(path, query).await
    }

    /// All things of a list that has one page.
    pub async fn whole<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Vec<T>, Fault> {
        self.pages(path, Vec::new()).await
    }

    async fn pages<T: DeserializeOwned>(&self, path: &[&str], query: Vec<(&str, String)>) -> Result<Vec<T>, Fault> {
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.clone();
            query.extend(cursor.iter().map(|cursor| ("cursor", cursor.clone())));
            let url = self.address(path, &query)?;
            let page: Page<T> = self.exchange(Method::GET, url, None, &Again::Harmless).await?;
            // A page with nothing on it is the last one, whatever it says.
            let is_last = page.items.is_empty();
            found.extend(page.items);
            match page.next {
                Some(next) if !is_last => cursor = Some(next),
                _ => return Ok(found),
            }
        }
    }

    /// Makes a thing, once however often it is asked for.
    pub async fn make<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Fault> {
        self.exchange(Method::POST, self.address(path, &[])?, Some(json(body)?), &Again::Keyed).await
    }

    /// Makes a thing that comes with a secret: the instance keeps no answer, so it is asked for once.
    pub async fn make_secret<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Fault> {
        self.exchange(Method::POST, self.address(path, &[])?, Some(json(body)?), &Again::Never).await
    }

    /// Says how a thing shall be.
    pub async fn change<T: DeserializeOwned>(&self, path: &[&str], body: &impl Serialize) -> Result<T, Fault> {
        self.exchange(Method::PATCH, self.address(path, &[])?, Some(json(body)?), &Again::Harmless).await
    }

    /// Has something done to a thing.
    pub async fn act<T: DeserializeOwned>(&self, path: &[&str], body: Option<&impl Serialize>) -> Result<T, Fault> {
        let body = body.map(json).transpose()?;
        self.exchange(Method::POST, self.address(path, &[])?, body, &Again::Never).await
    }

    /// Removes a thing.
    pub async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Fault> {
        self.exchange(Method::DELETE, self.address(path, &[])?, None, &Again::Never).await
    }

    /// Sends a file, once; `went` is told how much of it is on its way.
    pub async fn send<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        file: Vec<u8>,
        went: impl Fn(u64) + Send + Sync + 'static,
    ) -> Result<T, Fault> {
        let body = reqwest::Body::wrap(Sending::new(file, Box::new(went)));
        let request = self.http.post(self.address(path, query)?).header(AUTHORIZATION, self.token.clone());
        let request = request.header(CONTENT_TYPE, "application/octet-stream").timeout(FILE_DEADLINE).body(body);
        let answer = self.ask(request).await.map_err(|error| self.unreachable(&error, &Method::POST))?;
        self.read(answer)
    }

    /// Fetches a file; `went` is told how much of it there is, and of how much.
    pub async fn fetch(
        &self,
        path: &[&str],
        mut to: impl std::io::Write,
        mut went: impl FnMut(u64, Option<u64>),
    ) -> Result<(), FetchError> {
        let request = self.http.get(self.address(path, &[]).map_err(Fault::from)?).header(AUTHORIZATION, self.token.clone());
        let lost = |error| Fault::from(self.unreachable(&error, &Method::GET));
        let mut response = request.timeout(FILE_DEADLINE).send().await.map_err(lost)?;
        if response.status() != StatusCode::OK {
            let answer = collect(response).await.map_err(lost)?;
            let stranger = self.stranger(answer.status);
            return Err(self.read::<serde_json::Value>(answer).err().unwrap_or_else(|| stranger.into()).into());
        }
        let (total, mut done) = (response.content_length(), 0);
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            to.write_all(&chunk).map_err(FetchError::Disk)?;
            done += chunk.len() as u64;
            went(done, total);
        }
        to.flush().map_err(FetchError::Disk)
    }

    fn address(&self, path: &[&str], query: &[(&str, String)]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => _ = segments.pop_if_empty().push("v1").extend(path),
            Err(()) => {
                return Err(Failure::misuse(
                    "this is no web address",
                    "give one with --url, for example https://gate.you.example",
                ));
            }
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
        again: &Again,
    ) -> Result<T, Fault> {
        let key = matches!(again, Again::Keyed).then(|| uuid_v7(self.now(), &self.environment.chance).to_string());
        let mut tries = 1;
        let answer = loop {
            let mut request = self.http.request(method.clone(), url.clone()).header(AUTHORIZATION, self.token.clone());
            if let Some(key) = &key {
                request = request.header("idempotency-key", key);
            }
            if let Some(body) = &body {
                request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
            }
            match self.ask(request).await {
                Err(error) if !error.is_connect() && !matches!(again, Again::Never) && tries < TRIES => tries += 1,
                Err(error) => return Err(self.unreachable(&error, &method).into()),
                Ok(answer) => break answer,
            }
        };
        self.read(answer)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        collect(request.send().await?).await
    }

    fn read<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, Fault> {
        let status = answer.status;
        if status.is_success() {
            // A thing that is done has no body; that is null for whoever wants nothing of it.
            let body = if answer.body.is_empty() { b"null".as_slice() } else { &answer.body };
            return serde_json::from_slice(body).map_err(|_| self.stranger(status).into());
        }
        if let (true, Some(location)) = (status.is_redirection(), &answer.location) {
            let location: String = location.chars().take(200).collect();
            let hint = format!("it points to {location}; give the instance's own address with --url");
            return Err(Failure::new(format!("{} sends callers elsewhere (HTTP {})", self.place(), status.as_u16()), hint).into());
        }
        Err(Fault::read(status.as_u16(), &answer.body).unwrap_or_else(|| self.stranger(status).into()))
    }

    /// The instance as it is named to people.
    fn place(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    pub(super) fn stranger(&self, status: StatusCode) -> Failure {
        let problem = format!("{} does not answer as a Postern does (HTTP {})", self.place(), status.as_u16());
        Failure::new(
            problem,
            "is this the address of the instance, and is it as new as this program? does its proxy pass on /v1?",
        )
    }

    fn unreachable(&self, error: &reqwest::Error, method: &Method) -> Failure {
        let reason = reason(error);
        let problem = format!("{} can't be reached: {reason}", self.place());
        if error.is_connect() || *method == Method::GET {
            return Failure::new(problem, "is the instance running, and is this its address (--url)?");
        }
        Failure::new(problem, "it may have been done all the same: look before you ask again")
    }
}

async fn collect(mut response: reqwest::Response) -> Result<Answer, reqwest::Error> {
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (status, mut body) = (response.status(), Vec::new());
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            // Cut off it is no JSON, and that is said.
            break;
        }
    }
    Ok(Answer { status, location, body })
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body)
        .map_err(|error| Failure::new(format!("the request can't be written: {error}"), "change what it says"))
}

/// The innermost reason: the outer ones say that there is one.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().chars().filter(|c| !c.is_control()).collect()
}

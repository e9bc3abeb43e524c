//! A browser without scripts: it keeps a cookie, fills in forms with the token of its session, follows nothing by itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use postern::model::id::UserId;
use postern::service::broker::Broker;
use postern::service::session::{self, Browser as Visitor};

use super::app::TestApp;
use super::http::{Answer, request};

/// A browser.
pub struct Browser {
    address: SocketAddr,
    /// What the session's cookie holds.
    pub cookie: Option<String>,
    /// Header fields that every request has besides.
    pub extra: Vec<(&'static str, String)>,
}

impl Browser {
    /// One that nobody has signed in with.
    pub fn new(app: &TestApp) -> Self {
        Self { address: app.running.http, cookie: None, extra: Vec::new() }
    }

    /// One that the app's user has signed in with.
    pub async fn signed_in(app: &TestApp) -> Self {
        Self::of(app, app.user).await
    }

    /// One that this user has signed in with.
    pub async fn of(app: &TestApp, user: UserId) -> Self {
        let secret = sign_in(&app.running.broker, user).await;
        Self { cookie: Some(secret), ..Self::new(app) }
    }

    /// A page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    /// A form. The token of the session is added.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.cookie.as_deref().map(session::form_token).unwrap_or_default();
        let mut all = vec![("form_token", token.as_str())];
        all.extend(fields);
        self.send("POST", path, &encode(&all)).await
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let cookie = self.cookie.as_deref().map(|secret| format!("postern={secret}"));
        let mut headers = vec![("User-Agent", "test browser")];
        if method == "POST" {
            headers.push(("Content-Type", "application/x-www-form-urlencoded"));
            headers.push(("Sec-Fetch-Site", "same-origin"));
        }
        headers.extend(cookie.as_deref().map(|cookie| ("Cookie", cookie)));
        headers.extend(self.extra.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = request(self.address, &format!("{method} {path}"), &headers, body).await;
        if let Some(set) = answer.header("set-cookie") {
            let value = set.split_once('=').unwrap().1.split(';').next().unwrap();
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        answer
    }
}

/// Begins a session; what its cookie holds.
pub async fn sign_in(broker: &Broker, user: UserId) -> String {
    let visitor = Visitor { user_agent: "test browser".into(), ip: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    session::open(&broker.desk, user, false, visitor).await.unwrap().1.into_inner()
}

/// Fields as a form's body.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| -> String {
        text.bytes()
            .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

//! SimpleLogin's API as its clients speak it.

mod bitwarden;
mod errors;
mod extension;
mod lists;
mod login;
mod mailboxes;
mod options;
mod phones;
mod register;
mod settings;
mod strangers;

use postern::model::alias::Alias;
use serde_json::Value;

use super::draw_token;
use crate::support::app::TestApp;
use crate::support::http::{Answer, replay, request};

/// A running instance and a key of its user.
struct Client {
    app: TestApp,
    key: String,
}

impl Client {
    async fn start(database: &crate::support::database::Database) -> Self {
        let app = TestApp::start(database).await;
        let key = draw_token(&app, &[]).await;
        Self { app, key }
    }

    /// A request with the key, `body` as JSON when there is one.
    async fn ask(&self, head: &str, body: &str) -> Answer {
        let answer = super::with_key(&self.app, &self.key, head, body).await;
        assert!(serde_json::from_str::<Value>(&answer.body).is_ok(), "{head} is answered with {}", answer.body);
        answer
    }

    /// The same, and the answer must have this status.
    async fn expect(&self, status: u16, head: &str, body: &str) -> Value {
        let answer = self.ask(head, body).await;
        assert_eq!(answer.status, status, "{head}: {}", answer.body);
        answer.json()
    }

    /// A request as it was recorded: its head, line by line, then its body. `KEY` stands for the key.
    async fn replay(&self, head: &[&str], body: &str) -> Answer {
        let head = head.join("\r\n").replace("KEY", &self.key);
        let length = body.len();
        let bytes = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let answer = replay(self.app.running.http, bytes.as_bytes()).await;
        assert!(serde_json::from_str::<Value>(&answer.body).is_ok(), "{head} is answered with {}", answer.body);
        answer
    }

    async fn without_key(&self, head: &str, body: &str) -> Answer {
        request(self.app.running.http, head, &[("Content-Type", "application/json")], body).await
    }
}

/// Every field has the type that Swift and Kotlin decode it as, and is null only where that is allowed.
fn assert_is_alias(value: &Value) {
    let small = |field: &str| value[field].as_i64().and_then(|number| i32::try_from(number).ok());
    for field in ["id", "creation_timestamp", "nb_block", "nb_forward", "nb_reply"] {
        assert!(small(field).is_some(), "{field} in {value}");
    }
    for field in ["enabled", "support_pgp", "disable_pgp", "pinned"] {
        assert!(value[field].is_boolean(), "{field} in {value}");
    }
    for field in ["name", "note"] {
        assert!(value[field].is_string() || value[field].is_null(), "{field} in {value}");
    }
    assert!(value["email"].as_str().unwrap().contains('@') && value["creation_date"].as_str().unwrap().ends_with("+00:00"));
    assert!(value.get("latest_activity").unwrap().is_null());
    let mailboxes = value["mailboxes"].as_array().unwrap();
    assert!(!mailboxes.is_empty() && mailboxes[0] == value["mailbox"], "{value}");
    assert!(mailboxes.iter().all(|mailbox| mailbox["id"].is_i64() && mailbox["email"].is_string()));
}

fn emails(list: &Value) -> Vec<String> {
    list["aliases"].as_array().unwrap().iter().map(|alias| alias["email"].as_str().unwrap().to_owned()).collect()
}

fn path(alias: &Alias, rest: &str) -> String {
    format!("/api/aliases/{}{rest}", alias.id)
}

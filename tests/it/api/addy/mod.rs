//! addy.io's API as its clients speak it.

mod aliases;
mod android;
mod bitwarden;
mod errors;
mod extension;
mod lists;
mod others;
mod recipients;
mod sign_in;
mod strangers;

use postern::model::api_token::Scopes;
use postern::service::token;
use serde_json::Value;

use super::draw_token;
use crate::support::app::{TestApp, user};
use crate::support::http::{Answer, replay};

/// A letter that goes through.
const MESSAGE: &str = "From: News <news@lg.example>\r\nSubject: Sale\r\n\r\nbuy\r\n";

/// A running instance and a token of its user.
struct Client {
    app: TestApp,
    token: String,
}

impl Client {
    async fn start(database: &crate::support::database::Database) -> Self {
        let app = TestApp::start(database).await;
        let token = draw_token(&app, &[]).await;
        Self { app, token }
    }

    /// A request with the token; an answer has no body or JSON.
    async fn ask(&self, head: &str, body: &str) -> Answer {
        // Nobody asks more than once in a second: the limit is a test of its own.
        self.app.clock.advance(std::time::Duration::from_secs(1));
        self.ask_at_once(head, body).await
    }

    async fn ask_at_once(&self, head: &str, body: &str) -> Answer {
        let answer = super::with_bearer(&self.app, &self.token, head, body).await;
        assert!(answer.body.is_empty() || serde_json::from_str::<Value>(&answer.body).is_ok(), "{head}: {}", answer.body);
        answer
    }

    /// The same; the answer must have this status and JSON.
    async fn expect(&self, status: u16, head: &str, body: &str) -> Value {
        let answer = self.ask(head, body).await;
        assert_eq!(answer.status, status, "{head}: {}", answer.body);
        answer.json()
    }

    /// The same; it is done and there is nothing to say.
    async fn done(&self, head: &str, body: &str) {
        let answer = self.ask(head, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{head}");
    }

    /// A request as it was recorded: its head, line by line, then its body. `TOKEN` stands for the token.
    async fn replay(&self, head: &[&str], body: &str) -> Answer {
        let head = head.join("\r\n").replace("TOKEN", &self.token);
        let length = body.len();
        let bytes = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        replay(self.app.running.http, bytes.as_bytes()).await
    }

    /// A second user's token.
    async fn stranger(&self) -> String {
        let (stranger, _) = user(self.app.storage(), &*self.app.clock, "eve@inbox.example").await;
        let made = token::create(&self.app.running.broker.desk, stranger, "eve", Scopes::new(vec![]), None).await;
        made.unwrap().1.into_inner()
    }

    /// The ids of all mailboxes, the default one first.
    async fn recipients(&self) -> Vec<String> {
        let all = self.expect(200, "GET /api/v1/recipients", "").await;
        all["data"].as_array().unwrap().iter().map(|recipient| text(&recipient["id"])).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The local parts of a page of aliases.
fn names(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|alias| text(&alias["local_part"])).collect()
}

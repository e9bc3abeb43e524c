//! Our own API as programs speak it.

mod admin;
mod aliases;
mod deliveries;
mod document;
mod domains;
mod errors;
mod mailboxes;
mod nouns;
mod once;
mod pages;
mod second_factor;
mod sign_in;
mod strangers;
mod transfer;

use postern::model::api_token::{Scope, Scopes};
use postern::service::{token, user};
use serde_json::Value;

use super::{draw_token, with_bearer};
use crate::support::app::{MAILBOX, TestApp, user as make_user};
use crate::support::database::{Database, address};
use crate::support::http::{Answer, request};

/// A letter that goes through.
const MESSAGE: &str = "From: News <news@lg.example>\r\nSubject: Sale\r\n\r\nbuy\r\n";

/// The second user.
const EVE: &str = "eve@inbox.example";

/// A running instance and a token of its user.
struct Client {
    app: TestApp,
    token: String,
}

impl Client {
    async fn start(database: &Database) -> Self {
        let app = TestApp::start(database).await;
        let token = draw_token(&app, &[]).await;
        Self { app, token }
    }

    /// The same with an administrator's token that may do everything here.
    async fn start_as_admin(database: &Database) -> Self {
        let mut client = Self::start(database).await;
        client.make_admin(MAILBOX, true).await;
        client.token = client.token(&[Scope::Write, Scope::Admin]).await;
        client
    }

    /// Makes somebody an administrator, or no longer one.
    async fn make_admin(&self, email: &str, is_admin: bool) {
        let desk = &self.app.running.broker.desk;
        let user = user::find_by_email(desk, &address(email)).await.unwrap().unwrap();
        postern::service::admin::set_admin(desk, user.uuid, is_admin).await.unwrap();
    }

    /// A request with the token; an answer has no body, or JSON.
    async fn ask(&self, head: &str, body: &str) -> Answer {
        let answer = with_bearer(&self.app, &self.token, head, body).await;
        assert!(answer.body.is_empty() || serde_json::from_str::<Value>(&answer.body).is_ok(), "{head}: {}", answer.body);
        answer
    }

    /// The same; the answer must have this status and JSON.
    async fn expect(&self, status: u16, head: &str, body: &str) -> Value {
        let answer = self.ask(head, body).await;
        assert_eq!(answer.status, status, "{head}: {}", answer.body);
        answer.json()
    }

    /// The same; it is refused, and what is wrong is said.
    async fn refused(&self, status: u16, head: &str, body: &str) -> String {
        let answer = self.ask(head, body).await;
        assert_eq!(answer.status, status, "{head}: {}", answer.body);
        detail(&answer)
    }

    /// The same; it is done and there is nothing to say.
    async fn done(&self, head: &str, body: &str) {
        let answer = self.ask(head, body).await;
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{head}");
    }

    /// A token of the user with these scopes.
    async fn token(&self, scopes: &[Scope]) -> String {
        draw_token(&self.app, scopes).await
    }

    /// A second user's token; it may do all that users may.
    async fn stranger(&self) -> String {
        make_user(self.app.storage(), &*self.app.clock, EVE).await;
        self.token_of_eve(&[Scope::Write, Scope::Account]).await
    }

    /// One more of the second user's.
    async fn token_of_eve(&self, scopes: &[Scope]) -> String {
        let desk = &self.app.running.broker.desk;
        let eve = user::find_by_email(desk, &address(EVE)).await.unwrap().unwrap();
        let made = token::create(desk, eve.id, "eve", Scopes::new(scopes.to_vec()), None).await;
        made.unwrap().1.into_inner()
    }

    /// A request under a key.
    async fn once(&self, key: &str, head: &str, body: &str) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json"), ("Idempotency-Key", key)];
        request(self.app.running.http, head, &headers, body).await
    }
}

/// What a problem says; it is a whole one.
fn detail(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{}", answer.body);
    let problem = answer.json();
    assert_eq!(problem["status"], u64::from(answer.status), "{problem}");
    assert!(problem["title"].is_string() && problem["type"] == "about:blank", "{problem}");
    text(&problem["detail"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// One field of all things of a page.
fn each(page: &Value, field: &str) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| text(&item[field])).collect()
}

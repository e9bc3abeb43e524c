//! Letters that strangers have us send, asked for all at once and on two nodes: never more than the limits say.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use postern::config::instance::Registration;
use postern::model::Clock;
use postern::model::mail_link::{MailLink, Purpose};
use postern::service::{mailbox, session};
use postern::storage::{self, mail_link};

use crate::support::app::{MAILBOX, Node, TestApp};
use crate::support::browser::{Browser, encode};
use crate::support::database::{Database, address, each_driver};
use crate::support::http::{Answer, request};

/// Links of one purpose that go to one inbox within an hour.
const AN_HOUR: usize = 5;
/// Letters to sign up in all.
const AN_HOUR_IN_ALL: usize = 200;
/// Links that one user has mailed within an hour.
const AN_HOUR_A_USER: usize = 20;

/// An instance; where two nodes can share a database, of two nodes.
struct Instance {
    app: TestApp,
    other: Option<Node>,
}

impl Instance {
    async fn start(database: &Database) -> Self {
        let app = TestApp::with(database, |config| config.instance.registration = Registration::Open).await;
        let is_shared = app.config.database.url.starts_with("postgres");
        let other = if is_shared { Some(app.another_node().await) } else { None };
        Self { app, other }
    }

    /// The node that a request goes to: each in turn.
    fn node(&self, number: usize) -> SocketAddr {
        match &self.other {
            Some(other) if number % 2 == 1 => other.running.http,
            _ => self.app.running.http,
        }
    }

    /// The same form at each of these addresses, at once.
    async fn ask(&self, path: &str, emails: impl IntoIterator<Item = String>) {
        let head = format!("POST {path}");
        let asked = emails.into_iter().enumerate().map(|(number, email)| {
            let (node, head) = (self.node(number), head.as_str());
            async move {
                let headers = [("Content-Type", "application/x-www-form-urlencoded")];
                request(node, head, &headers, &encode(&[("email", &email)])).await
            }
        });
        let answers: Vec<Answer> = join_all(asked).await;
        assert!(answers.iter().all(|answer| answer.status == 303), "{answers:?}");
    }

    /// How many letters went out.
    async fn letters(&self) -> usize {
        self.app.wait_until(async |app| app.queue().await.is_empty()).await;
        self.app.sink.messages().len()
    }

    async fn finish(self) {
        if let Some(other) = self.other {
            other.running.stop(Duration::from_secs(10)).await;
        }
        self.app.finish().await;
    }
}

#[tokio::test]
async fn who_forgot_a_password_many_times_at_once_gets_five_links() {
    each_driver(async |database| {
        let instance = Instance::start(&database).await;
        instance.ask("/reset", (0..10).map(|_| MAILBOX.to_owned())).await;
        assert_eq!(instance.letters().await, AN_HOUR);
        instance.app.clock.advance(Duration::from_hours(1));
        instance.ask("/reset", (0..10).map(|_| MAILBOX.to_uppercase())).await;
        assert_eq!(instance.letters().await, 2 * AN_HOUR);
        instance.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_inbox_gets_five_invitations_to_sign_up_at_once_whatever_stands_behind_the_plus() {
    each_driver(async |database| {
        let instance = Instance::start(&database).await;
        instance.ask("/sign-up", (0..16).map(|number| format!("New.Person+{number}@inbox.example"))).await;
        assert_eq!(instance.letters().await, AN_HOUR);
        instance.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_instance_invites_so_many_strangers_an_hour_and_not_one_more() {
    each_driver(async |database| {
        let instance = Instance::start(&database).await;
        let now = instance.app.clock.now();
        let write = instance.app.storage().write(move |tx| {
            Box::pin(async move {
                for number in 0..AN_HOUR_IN_ALL - 4 {
                    let link = MailLink {
                        purpose: Purpose::SignUp,
                        address: address(&format!("before{number}@inbox.example")),
                        user_id: None,
                        mailbox_id: None,
                        invite_id: None,
                        created_at: now,
                        expires_at: now.plus(Duration::from_hours(24)),
                    };
                    mail_link::create(tx, &rand::random(), &link).await?;
                }
                Ok::<_, storage::Error>(())
            })
        });
        write.await.unwrap();
        instance.ask("/sign-up", (0..24).map(|number| format!("p{number}@inbox.example"))).await;
        assert_eq!(instance.letters().await, 4);
        instance.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_user_has_so_many_strangers_written_to_an_hour_and_not_one_more() {
    each_driver(async |database| {
        let instance = Instance::start(&database).await;
        let app = &instance.app;
        let mut paths = Vec::new();
        for number in 0..10 {
            let email = address(&format!("victim{number}@inbox.example"));
            let added = mailbox::add(&app.running.broker.desk, app.user, email, false).await.unwrap();
            paths.push(format!("POST /mailboxes/{}/resend", added.uuid));
        }
        let secret = Browser::signed_in(app).await.cookie.unwrap();
        let (cookie, body) = (format!("postern={secret}"), encode(&[("form_token", &session::form_token(&secret))]));
        let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", cookie.as_str())];
        // The first letter of each, then four more: ten times five would be allowed by address.
        let asked = paths.iter().cycle().take(40).enumerate();
        let asked = asked.map(|(number, head)| request(instance.node(number), head, &headers, &body));
        let mut told: Vec<u16> = join_all(asked).await.iter().map(|answer| answer.status).collect();
        told.sort_unstable();
        assert_eq!(told, [[303; AN_HOUR_A_USER], [429; 40 - AN_HOUR_A_USER]].concat());
        assert_eq!(instance.letters().await, AN_HOUR_A_USER);
        instance.finish().await;
    })
    .await;
}

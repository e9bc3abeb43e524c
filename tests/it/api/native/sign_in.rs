//! How one signs in, by token: nothing changes without a proof, and what the pages end ends.

use std::time::Duration;

use postern::model::Private;
use postern::model::api_token::Scope;
use postern::model::id::UserId;
use postern::service::{mailbox, password};
use serde_json::{Value, json};

use super::{Client, each, text};
use crate::api::with_bearer;
use crate::storage::plans::execute;
use crate::support::app::{MAILBOX, TestApp, user};
use crate::support::browser::Browser;
use crate::support::database::{Database, address, each_driver};
use crate::support::totp::turn_on;

pub const PASSWORD: &str = "correct horse battery";
const NEW: &str = "another horse battery";
/// As long as failures are remembered.
pub const WINDOW: Duration = Duration::from_mins(15);

/// An instance whose user has a password, and a token for how they sign in.
pub async fn start(database: &Database) -> Client {
    let mut client = Client::start(database).await;
    password::set(&client.app.running.broker.desk, client.app.user, &Private::new(PASSWORD.to_owned())).await.unwrap();
    client.token = client.token(&[Scope::Account]).await;
    client
}

/// A body with a proof, and more.
pub fn proved(password: &str, code: Option<&str>, more: Value) -> String {
    let mut body = more;
    body["proof"] = json!({ "password": password, "code": code });
    body.to_string()
}

/// Whether a browser is signed in.
pub async fn is_in(browser: &mut Browser) -> bool {
    browser.get("/aliases").await.status == 200
}

/// Where the page leads whoever signs in with this.
async fn signs_in(app: &TestApp, email: &str, password: &str) -> Option<String> {
    let answer = Browser::new(app).post("/sign-in", &[("email", email), ("password", password)]).await;
    answer.header("location").map(str::to_owned)
}

/// What was mailed meanwhile.
pub async fn letters(app: &TestApp) -> Vec<String> {
    app.deliver_after(Duration::ZERO).await;
    app.sink.messages().into_iter().map(|message| String::from_utf8(message.content).unwrap()).collect()
}

#[tokio::test]
async fn how_one_signs_in_is_shown_and_since_when() {
    each_driver(async |database| {
        let client = start(&database).await;
        let shown = client.expect(200, "GET /v1/sign-in", "").await;
        let expected = json!({
            "email": MAILBOX, "has_password": true, "second_factor": false, "totp_since": null, "passkeys": 0,
            "recovery_codes": 0, "recovery_codes_since": null,
        });
        assert_eq!(shown, expected);
        turn_on(&client.app).await;
        let shown = client.expect(200, "GET /v1/sign-in", "").await;
        assert_eq!((&shown["second_factor"], &shown["recovery_codes"]), (&json!(true), &json!(10)));
        assert!(text(&shown["totp_since"]).ends_with('Z') && shown["totp_since"] == shown["recovery_codes_since"], "{shown}");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn another_password_takes_the_one_before_ends_every_browser_and_is_told_of() {
    each_driver(async |database| {
        let client = start(&database).await;
        let mut browsers = [Browser::signed_in(&client.app).await, Browser::signed_in(&client.app).await];
        let write = client.token(&[Scope::Write]).await;
        let change = "POST /v1/sign-in/password";
        let body = |password: &str, new: &str| proved(password, None, json!({ "new_password": new }));
        assert_eq!(client.refused(422, change, &body("wrong horse", NEW)).await, "proof: the password or the code is not right");
        let said = client.refused(422, change, &body(PASSWORD, "short")).await;
        assert!(said.starts_with("new_password: a password has 8 characters"), "{said}");
        assert!(client.refused(422, change, &json!({ "new_password": NEW }).to_string()).await.contains("`proof`"));
        assert!(is_in(&mut browsers[0]).await);

        client.done(change, &body(PASSWORD, NEW)).await;
        for browser in &mut browsers {
            assert!(!is_in(browser).await, "it is signed out");
        }
        assert_eq!(signs_in(&client.app, MAILBOX, NEW).await.as_deref(), Some("aliases"));
        assert_eq!(signs_in(&client.app, MAILBOX, PASSWORD).await, None);
        client.expect(200, "GET /v1/sign-in", "").await;
        assert_eq!(with_bearer(&client.app, &write, "GET /v1/account", "").await.status, 200, "tokens stay in force");
        let letters = letters(&client.app).await;
        assert_eq!(letters.len(), 1);
        assert!(letters[0].contains("Subject: Your password was changed"), "{}", letters[0]);
        let words = letters[0].split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("and all browsers were signed out"), "{words}");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn who_guesses_waits_a_quarter_of_an_hour_whatever_it_is_for() {
    each_driver(async |database| {
        let client = start(&database).await;
        let id = text(&client_mailbox(&client).await);
        let asked = [
            ("POST /v1/sign-in/password", json!({ "new_password": NEW })),
            ("POST /v1/sign-in/address", json!({ "mailbox": id })),
            ("POST /v1/sign-in/totp", json!({})),
            ("POST /v1/account/remove", json!({ "email": MAILBOX })),
        ];
        for number in 0..10 {
            let (head, more) = &asked[number % asked.len()];
            client.refused(422, head, &proved(&format!("guess {number}"), None, more.clone())).await;
        }
        for (head, more) in &asked {
            let said = client.refused(429, head, &proved(PASSWORD, None, more.clone())).await;
            assert!(said.contains("wait a quarter of an hour"), "{said}");
        }
        client.app.clock.advance(WINDOW);
        client.expect(200, "POST /v1/sign-in/totp", &proved(PASSWORD, None, json!({}))).await;
        assert_eq!(signs_in(&client.app, MAILBOX, PASSWORD).await.as_deref(), Some("aliases"), "nothing was changed");
        client.app.finish().await;
    })
    .await;
}

/// The id of the user's mailbox.
async fn client_mailbox(client: &Client) -> Value {
    let own = mailbox::find(&client.app.running.broker.desk, client.app.user, &address(MAILBOX)).await.unwrap().unwrap();
    json!(own.uuid.to_string())
}

#[tokio::test]
async fn a_user_without_a_password_proves_nothing() {
    each_driver(async |database| {
        let mut client = Client::start(&database).await;
        client.token = client.token(&[Scope::Account]).await;
        assert_eq!(client.expect(200, "GET /v1/sign-in", "").await["has_password"], false);
        for password in ["", "correct horse", &"x".repeat(5000)] {
            let body = proved(password, None, json!({ "new_password": NEW }));
            let said = client.refused(422, "POST /v1/sign-in/password", &body).await;
            let url = &client.app.running.broker.rules.public_url;
            assert_eq!(said, format!("proof: this user has no password; set one by the link that {url}/reset mails"));
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn one_signs_in_with_another_verified_mailbox_of_ones_own() {
    each_driver(async |database| {
        let client = start(&database).await;
        let desk = &client.app.running.broker.desk;
        client.app.mailbox("Jane@work.example").await;
        mailbox::add(desk, client.app.user, address("new@work.example"), false).await.unwrap();
        client.app.mailbox("eve@inbox.example").await;
        let (eve, _) = user(client.app.storage(), &*client.app.clock, "eve@inbox.example").await;
        let id =
            async |user: UserId, text: &str| mailbox::find(desk, user, &address(text)).await.unwrap().unwrap().uuid.to_string();
        let change = "POST /v1/sign-in/address";
        for (mailbox, status) in [
            (id(client.app.user, "new@work.example").await, 409),
            (id(client.app.user, "eve@inbox.example").await, 409),
            (id(eve, "eve@inbox.example").await, 422),
            (uuid::Uuid::nil().to_string(), 422),
            ("nonsense".to_owned(), 422),
        ] {
            client.refused(status, change, &proved(PASSWORD, None, json!({ "mailbox": mailbox }))).await;
        }
        let work = json!({ "mailbox": id(client.app.user, "jane@work.example").await });
        client.refused(422, change, &proved("wrong horse", None, work.clone())).await;
        assert_eq!(signs_in(&client.app, MAILBOX, PASSWORD).await.as_deref(), Some("aliases"));
        let shown = client.expect(200, change, &proved(PASSWORD, None, work)).await;
        assert_eq!(shown["email"], "Jane@work.example");
        let again = client.expect(200, "GET /v1/sign-in", "").await;
        assert_eq!(text(&again["email"]).to_lowercase(), "jane@work.example");
        assert_eq!(signs_in(&client.app, "jane@work.example", PASSWORD).await.as_deref(), Some("aliases"));
        assert_eq!(signs_in(&client.app, MAILBOX, PASSWORD).await, None);
        let letters = letters(&client.app).await;
        assert!(letters.len() == 1 && letters[0].contains("Subject: You sign in with another address now"), "{letters:?}");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_account_ends_with_everything_it_has_when_its_owner_says_so_twice() {
    each_driver(async |database| {
        let client = start(&database).await;
        client.app.alias("shop").await;
        let mut browser = Browser::signed_in(&client.app).await;
        execute(&database, "UPDATE users SET is_admin = TRUE".into()).await;
        let (eve, _) = user(client.app.storage(), &*client.app.clock, "eve@inbox.example").await;
        let remove = "POST /v1/account/remove";
        let body = |password: &str, email: &str| proved(password, None, json!({ "email": email }));
        assert!(client.refused(422, remove, &body(PASSWORD, "jane@else.example")).await.starts_with("email: "));
        assert!(client.refused(422, remove, &body("wrong horse", MAILBOX)).await.starts_with("proof: "));
        let said = client.refused(409, remove, &body(PASSWORD, MAILBOX)).await;
        assert!(said.contains("only administrator"), "{said}");
        assert!(is_in(&mut browser).await);

        execute(&database, "UPDATE users SET is_admin = TRUE".into()).await;
        let gone = client.expect(200, remove, &body(PASSWORD, &MAILBOX.to_uppercase())).await;
        assert_eq!(gone, json!({ "retired_aliases": 1 }));
        assert_eq!(client.ask("GET /v1/sign-in", "").await.status, 401);
        assert!(!is_in(&mut browser).await);
        let left = client.app.read(async |tx| postern::storage::user::list(tx, None, 10).await).await;
        assert_eq!(left.iter().map(|user| user.id).collect::<Vec<_>>(), [eve]);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_signed_out_at_once_by_token_alone() {
    each_driver(async |database| {
        let client = start(&database).await;
        let (mut first, mut second) = (Browser::signed_in(&client.app).await, Browser::signed_in(&client.app).await);
        let list = client.expect(200, "GET /v1/sessions", "").await;
        let ids = each(&list, "id");
        assert_eq!((ids.len(), &list["next"]), (2, &Value::Null));
        let shown = &list["items"][0];
        assert_eq!((&shown["user_agent"], &shown["client_ip"]), (&json!("test browser"), &json!("127.0.0.1")));
        assert!(is_in(&mut first).await && is_in(&mut second).await);
        // Of two that began at once, the later one comes first.
        client.done(&format!("DELETE /v1/sessions/{}", ids[1]), "").await;
        assert!(!is_in(&mut first).await && is_in(&mut second).await);
        assert_eq!(client.ask(&format!("DELETE /v1/sessions/{}", ids[1]), "").await.status, 404);
        let mut third = Browser::signed_in(&client.app).await;
        let (eve, _) = user(client.app.storage(), &*client.app.clock, "eve@inbox.example").await;
        let mut foreign = Browser::of(&client.app, eve).await;
        assert_eq!(client.expect(200, "POST /v1/sessions/end-all", "").await, json!({ "ended": 2 }));
        assert!(!is_in(&mut second).await && !is_in(&mut third).await && is_in(&mut foreign).await);
        assert_eq!(client.expect(200, "GET /v1/sessions", "").await["items"], json!([]));
        client.app.finish().await;
    })
    .await;
}

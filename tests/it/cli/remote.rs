//! Commands on an instance elsewhere: over its API, saying what the same commands say beside its database.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use postern::model::api_token::{Scope, Scopes};
use postern::service::token;
use serde_json::Value;

use super::support::{Installation, Run};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::{Database, each_driver};
use crate::support::sink::{Point, Script};

/// A letter that goes through.
const MESSAGE: &str = "From: News <news@lg.com>\r\nSubject: Sale\r\n\r\nbuy\r\n";

/// A running instance; beside its database, and somewhere else with nothing but a token.
struct Both {
    app: TestApp,
    here: Arc<Installation>,
    there: Arc<Installation>,
    token: String,
}

impl Both {
    async fn start(database: &Database) -> Self {
        let app = TestApp::start(database).await;
        let settings = format!(
            "[instance]\nhostname = \"gate.you.example\"\ndomains = [\"you.example\"]\n[database]\nurl = \"{}\"\n\
             [outbound]\nmode = \"smarthost\"\nsmarthost = \"{}\"\n[dkim]\nalgorithms = [\"ed25519\"]\n[dns]\nzone_file = \"empty.zone\"\n",
            app.config.database.url, app.config.outbound.smarthost
        );
        let here = Installation::with(&settings);
        std::fs::write(here.path().join("empty.zone"), "").unwrap();
        // Settings that can't be read show that they are not.
        let there = Installation::with("nonsense = [");
        let token = draw(&app, &[]).await;
        Self { app, here: Arc::new(here), there: Arc::new(there), token }
    }

    fn url(&self) -> String {
        format!("http://{}", self.app.running.http)
    }

    /// A command beside the database.
    async fn local(&self, words: &[&str]) -> Run {
        run(&self.here, &[], words).await
    }

    /// A command from elsewhere.
    async fn remote(&self, words: &[&str]) -> Run {
        run(&self.there, &[("POSTERN_URL", &self.url()), ("POSTERN_TOKEN", &self.token)], words).await
    }

    /// Both say the same, to people and to programs.
    async fn same(&self, words: &[&str]) -> Value {
        assert_eq!(self.local(words).await.ok(), self.remote(words).await.ok(), "{words:?}");
        let words = [words, &["--json"]].concat();
        let (local, remote) = (self.local(&words).await.json(), self.remote(&words).await.json());
        assert_eq!(local, remote, "{words:?}");
        remote
    }
}

async fn draw(app: &TestApp, scopes: &[Scope]) -> String {
    let made = token::create(&app.running.broker.desk, app.user, "test", Scopes::new(scopes.to_vec()), None).await;
    made.unwrap().1.into_inner()
}

/// The instance goes on meanwhile.
async fn run(installation: &Arc<Installation>, variables: &[(&str, &str)], words: &[&str]) -> Run {
    let installation = Arc::clone(installation);
    let owned = |text: &&str| (*text).to_owned();
    let variables: Vec<(String, String)> = variables.iter().map(|(name, value)| (owned(name), owned(value))).collect();
    let words: Vec<String> = words.iter().map(owned).collect();
    let work = move || {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        installation.run_in(&variables, &words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// The error line of wrong usage; a hint follows.
fn misuse(run: Run) -> String {
    assert_eq!((run.status, run.out.as_str()), (2, ""), "{}", run.err);
    let (error, hint) = run.err.split_once('\n').unwrap();
    assert!(hint.starts_with("hint: ") && hint.lines().count() == 1, "{}", run.err);
    error.strip_prefix("error: ").unwrap().to_owned()
}

#[tokio::test]
async fn an_alias_lives_its_life_and_is_told_of_in_the_same_words() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        assert_eq!(both.same(&["alias", "list"]).await, serde_json::json!([]));
        let words = ["alias", "new", "https://www.lg.com/tv", "--note", "a tv", "--mailbox", MAILBOX, "--max-messages", "9"];
        let made = both.remote(&[&words[..], &["--json", "--expires", "900d"]].concat()).await.json();
        let address = made["address"].as_str().unwrap().to_owned();
        assert_eq!((&made["site"], &made["state"], &made["max_messages"]), (&"lg.com".into(), &"active".into(), &9.into()));
        let listed = both.same(&["alias", "list", "--site", "lg.com", "--state", "active"]).await;
        assert_eq!(listed, serde_json::json!([made]));
        let chosen = both.remote(&["alias", "new", "shop.example.com", "--name", "shop"]).await.ok();
        assert_eq!(chosen, "shop@you.example\n");

        let shown = both.same(&["alias", "show", &address.to_uppercase()]).await;
        assert_eq!(shown["mailboxes"], serde_json::json!([MAILBOX]));
        let edited = both.remote(&["alias", "edit", &address, "--display-name", "Jane", "--note", "n", "--json"]).await.json();
        assert_eq!((&edited["display_name"], &edited["note"]), (&"Jane".into(), &"n".into()));
        let edited = both.remote(&["alias", "edit", &address, "--no-display-name"]).await.ok();
        assert_eq!(edited, format!("{address} is changed\n"));
        for (command, state) in [("lock", "locked"), ("pause", "paused"), ("kill", "killed")] {
            assert_eq!(both.remote(&["alias", command, &address]).await.ok(), format!("{address} is {state}\n"));
            let again = both.same(&["alias", command, &address]).await;
            assert_eq!((&again["state"], &again["changed"]), (&state.into(), &false.into()));
        }
        assert_eq!(both.remote(&["alias", "revive", &address, "--json"]).await.json()["changed"], true);
        both.same(&["alias", "show", &address]).await;
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_list_is_followed_to_its_end() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        for number in 0..205 {
            both.app.alias(&format!("n{number}")).await;
        }
        assert_eq!(both.same(&["alias", "list"]).await.as_array().unwrap().len(), 205);
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_a_user_is_told_of_in_the_same_words() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        both.app.alias("shop").await;
        let done = async |words: &[&str]| both.remote(words).await.ok();
        both.same(&["mailbox", "list"]).await;
        assert!(done(&["mailbox", "add", "new@inbox.example"]).await.contains("a link that verifies it is on its way"));
        assert_eq!(both.same(&["mailbox", "list"]).await[1]["address"], "new@inbox.example");
        both.same(&["mailbox", "show", "New@Inbox.example"]).await;
        assert!(both.remote(&["mailbox", "default", "new@inbox.example"]).await.error().contains("not verified"));
        done(&["mailbox", "remove", "new@inbox.example"]).await;
        assert_eq!(both.remote(&["mailbox", "show", "new@inbox.example"]).await.error(), "there is no such mailbox");
        both.app.mailbox("second@inbox.example").await;
        assert_eq!(done(&["mailbox", "default", "second@inbox.example"]).await, "new aliases forward to second@inbox.example\n");
        assert_eq!(both.same(&["mailbox", "list"]).await[1]["default"], true);
        assert!(done(&["mailbox", "test", "second@inbox.example"]).await.contains("took the test message"));

        let reverse = done(&["contact", "new", "shop@you.example", "support@lg.com"]).await;
        assert_eq!(both.same(&["contact", "list", "shop@you.example"]).await[0]["reverse_address"], reverse.trim());
        for command in ["block", "unblock", "unblock"] {
            done(&["contact", command, "shop@you.example", "support@lg.com"]).await;
            both.same(&["contact", "list", "shop@you.example"]).await;
            both.same(&["block", "list"]).await;
        }
        assert_eq!(done(&["block", "add", "spam.example"]).await, "spam.example is blocked at all your aliases\n");
        assert_eq!(done(&["block", "add", "@spam.example"]).await, "spam.example is blocked already at all your aliases\n");
        both.same(&["block", "list"]).await;
        both.same(&["block", "add", "spam.example"]).await;
        done(&["block", "remove", "spam.example"]).await;
        both.same(&["block", "remove", "spam.example"]).await;

        both.same(&["domain", "list"]).await;
        both.local(&["domain", "check", "you.example"]).await.ok();
        both.same(&["domain", "check", "you.example"]).await;
        let fresh = both.remote(&["app-password", "new", "phone", "--json"]).await.json();
        assert_eq!((&fresh["server"], &fresh["user_name"]), (&"gate.you.example".into(), &MAILBOX.into()));
        assert_eq!(both.same(&["app-password", "list"]).await[0]["id"], fresh["id"]);
        done(&["app-password", "revoke", fresh["id"].as_str().unwrap()]).await;
        both.app.running.stop(std::time::Duration::from_secs(10)).await;
    })
    .await;
}

#[tokio::test]
async fn a_token_makes_tokens_and_ends_them() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        let made = both.remote(&["token", "new", "--name", "phone", "--scope", "alias:create", "--json"]).await.json();
        let listed = both.remote(&["token", "list", "--json"]).await.json();
        assert_eq!((&listed[1]["name"], &listed[1]["scopes"]), (&"phone".into(), &"alias:create".into()));
        // A token that makes aliases does that, and is told what it may not.
        let url = both.url();
        let phone = [("POSTERN_URL", url.as_str()), ("POSTERN_TOKEN", made["token"].as_str().unwrap())];
        run(&both.there, &phone, &["alias", "new", "lg.com"]).await.ok();
        let refused = run(&both.there, &phone, &["alias", "list"]).await.error();
        assert_eq!(refused, "this needs a token with the scope read");
        let id = made["id"].as_str().unwrap();
        assert_eq!(both.remote(&["token", "revoke", id]).await.ok(), format!("token {id} is revoked\n"));
        assert_eq!(both.remote(&["token", "revoke", id]).await.error(), "there is no such token");
        assert!(misuse(both.remote(&["token", "revoke", "1"]).await).contains("named by its id"));
        let refused = run(&both.there, &phone, &["alias", "new", "lg.com"]).await.error();
        assert_eq!(refused, "the instance does not take this token");
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_waits_is_seen_tried_again_and_given_up() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        let alias = both.app.alias("shop").await;
        both.app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert!(both.app.send("news@lg.com", &alias, MESSAGE).await.starts_with("250"));
        let listed = both.remote(&["queue", "list", "--json"]).await.json();
        let mut local = both.local(&["queue", "list", "--json"]).await.json();
        local[0]["id"] = listed[0]["id"].clone();
        assert_eq!(local, listed);
        let id = listed[0]["id"].as_str().unwrap();
        assert!(both.remote(&["queue", "show", id]).await.ok().contains("state       waiting\n"));
        assert!(both.remote(&["alias", "show", "shop@you.example"]).await.ok().contains(id));
        assert_eq!(both.remote(&["queue", "drop", id]).await.ok(), format!("delivery {id} is given up\n"));
        assert_eq!(both.remote(&["queue", "drop", id]).await.error(), "this delivery does not wait any more");
        assert_eq!(both.remote(&["queue", "retry"]).await.ok(), "0 deliveries are due now\n");
        assert_eq!(both.remote(&["hold", "list"]).await.ok(), "nothing is held\n");
        assert_eq!(both.remote(&["hold", "discard", id]).await.error(), "there is no such held message");
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_resting_site_is_tried_at_once_for_who_asks() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        let alias = both.app.alias("shop").await;
        for place in ["elsewhere", "beside the database", "beside the database, for all"] {
            both.app.next_hop(Script::new().reply(Point::Greeting, "421 4.3.2 busy\r\n"));
            assert!(both.app.send("news@lg.com", &alias, MESSAGE).await.starts_with("250"));
            both.app.wait_until(async |app| app.queue().await.iter().all(|row| row.last_failure.is_some())).await;
            both.app.next_hop(Script::new());
            let told = if place == "elsewhere" {
                let id = both.remote(&["queue", "list", "--json"]).await.json()[0]["id"].as_str().unwrap().to_owned();
                both.remote(&["queue", "retry", &id]).await
            } else {
                let id = both.app.queue().await[0].id.to_string();
                let words = ["queue", "retry", id.as_str()];
                both.local(if place.ends_with("all") { &words[..2] } else { &words }).await
            };
            assert_eq!(told.ok(), "1 deliveries are due now\n", "{place}");
            both.app.wait_until(async |app| app.queue().await.is_empty()).await;
        }
        assert_eq!(both.app.sink.messages().len(), 3);
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_may_come_from_a_file_and_a_wrong_one_is_not_shown() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        let path = both.there.path().join("token");
        std::fs::write(&path, format!("{}\n", both.token)).unwrap();
        let url = both.url();
        let words = ["alias", "list", "--url", &url, "--token-file", "token"];
        assert_eq!(run(&both.there, &[("POSTERN_TOKEN", "wrong")], &words).await.ok(), "no aliases\n");
        let wrong = run(&both.there, &[], &["--url", &url, "--token", "s3cret-wrong", "alias", "list"]).await;
        assert!(!wrong.err.contains("s3cret"), "{}", wrong.err);
        assert_eq!(wrong.error(), "the instance does not take this token");
        let wrong = run(&both.there, &[], &["--url", &url, "--token", "s3cret wrong", "alias", "list"]).await;
        assert!(!wrong.err.contains("s3cret"), "{}", wrong.err);
        assert!(misuse(wrong).contains("no token"));
        let none = run(&both.there, &[], &["--url", &url, "alias", "list"]).await;
        assert!(misuse(none).contains("asks for a token"));
        let refused = both.remote(&["alias", "new", "lg.com", "--name", "postmaster"]).await.error();
        assert!(refused.starts_with("name: ") && refused.contains("reserved"), "{refused}");
        both.app.finish().await;
    })
    .await;
}

#[test]
fn a_token_goes_to_an_instance_it_is_safe_with_and_nowhere_else() {
    let installation = Installation::with("nonsense = [");
    let run = |url: &str, words: &[&str]| installation.run(&[&["--url", url, "--token", "t0ken"], words].concat());
    // Nobody is there: it would have been asked.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = run(&gone, &["alias", "list"]).error();
    assert!(error.starts_with(&format!("{gone} can't be reached: ")), "{error}");
    for url in
        ["http://gate.you.example", "http://192.0.2.1:8080", "http://127.0.0.1.you.example", "http://localhost.you.example"]
    {
        assert!(misuse(run(url, &["alias", "list"])).contains("readable for everybody on the way"), "{url}");
    }
    for url in ["gate.you.example", "ftp://gate.you.example", "https://ann:secret@gate.you.example"] {
        let run = run(url, &["alias", "list"]);
        assert!(run.status == 2 && run.err.starts_with("error: invalid value"), "{}", run.err);
    }
    let error = misuse(installation.run(&["--token", "t0ken", "alias", "list"]));
    assert_eq!(error, "a token is for an instance elsewhere, and none is named");
    let error = misuse(run("https://gate.you.example", &["--user", "ann@inbox.example", "alias", "list"]));
    assert_eq!(error, "--user ann@inbox.example: the token says whose things these are");
}

#[test]
fn a_command_that_needs_the_instance_itself_says_so() {
    let installation = Installation::with("nonsense = [");
    for words in [
        &["user", "add", "ann@inbox.example"][..],
        &["user", "list"],
        &["invite", "new"],
        &["serve"],
        &["config"],
        &["domain", "add", "you.example"],
        &["mailbox", "move", "a@inbox.example", "b@inbox.example"],
        &["export", "--to", "out.zip"],
        &["import", "csv", "in.csv"],
    ] {
        let said = misuse(installation.run(&[&["--url", "https://gate.you.example"], words].concat()));
        assert!(said.ends_with(" works on the instance itself; run it there"), "{said}");
        assert!(said.starts_with(words[0]), "{said}");
    }
    let vouched = ["mailbox", "add", "a@inbox.example", "--verified", "--url", "https://gate.you.example"];
    assert!(misuse(installation.run(&vouched)).starts_with("mailbox add --verified works"));
}

/// A server that reads one request on each connection and answers with these bytes; the requests.
fn serve(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            let mut chunk = [0; 4096];
            // A body is JSON and ends with the bracket; without one the head ends with an empty line.
            let is_whole = |bytes: &[u8]| bytes.ends_with(b"}") || bytes.starts_with(b"GET") && bytes.ends_with(b"\r\n\r\n");
            while !is_whole(&bytes) {
                let read = stream.read(&mut chunk).unwrap();
                assert!(read > 0, "the request is whole");
                bytes.extend_from_slice(&chunk[..read]);
            }
            requests.push(String::from_utf8(bytes).unwrap());
            stream.write_all(answer.as_bytes()).unwrap();
        }
        requests
    });
    (url, served)
}

fn answer(head: &str, body: &str) -> String {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn ask(url: &str, words: &[&str]) -> Run {
    Installation::new().run(&[&["--url", url, "--token", "t0ken"], words].concat())
}

#[test]
fn a_broken_connection_is_tried_once_more_under_the_same_key() {
    let made = r#"{"id":"i","address":"a@you.example","site":"lg.com","state":"active","note":"","display_name":null,
        "expires_at":null,"max_messages":null,"created_at":"2027-01-01T00:00:00Z","state_changed_at":"2027-01-01T00:00:00Z"}"#;
    let (url, served) = serve(vec![String::new(), answer("201 Created", made)]);
    assert_eq!(ask(&url, &["alias", "new", "lg.com"]).ok(), "a@you.example\n");
    let keys: Vec<String> = served.join().unwrap().iter().map(|request| field(request, "idempotency-key")).collect();
    assert!(keys[0] == keys[1] && keys[0].len() == 36, "{keys:?}");
    // A secret is asked for once.
    let (url, served) = serve(vec![String::new()]);
    assert!(ask(&url, &["app-password", "new", "phone"]).error().contains("can't be reached"));
    let requests = served.join().unwrap();
    assert!(requests.len() == 1 && !requests[0].to_lowercase().contains("idempotency-key"), "{requests:?}");
}

fn field(request: &str, name: &str) -> String {
    let line = request.lines().find_map(|line| line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name)));
    line.map(|(_, value)| value.to_owned()).unwrap()
}

#[test]
fn an_answer_of_something_else_is_not_taken_for_the_instance() {
    let (url, _) = serve(vec![answer("301 Moved\r\nLocation: https://evil.example/v1/domains", "")]);
    let run = ask(&url, &["domain", "list"]);
    assert!(run.err.contains("it points to https://evil.example/"), "{}", run.err);
    assert!(run.error().contains("sends callers elsewhere (HTTP 301)"));
    for answer in [answer("200 OK", "<html>"), answer("404 Not Found", "nginx"), answer("200 OK", "{}"), answer("204 No", "")] {
        let (url, _) = serve(vec![answer]);
        assert!(ask(&url, &["domain", "list"]).error().contains("does not answer as a Postern does"));
    }
    // What it says does nothing to the terminal.
    let (url, _) = serve(vec![answer("409 No", "{\"detail\":\"no\\u001b[2J way\"}")]);
    assert_eq!(ask(&url, &["domain", "list"]).error(), "no[2J way");
    let item = "{\"id\":\"i\",\"name\":\"a\\u009bb\",\"is_own\":true,\"catch_all\":\"off\",\"catch_all_pattern\":null,\"created_at\":\"\"}";
    let (url, _) = serve(vec![answer("200 OK", &format!("{{\"items\":[{item}],\"next\":null}}"))]);
    assert!(ask(&url, &["domain", "list"]).ok().contains("a\u{fffd}b"));
}

//! Commands on an instance elsewhere: over its API, saying what the same commands say beside its database.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use postern::model::Private;
use postern::model::api_token::{Scope, Scopes};
use postern::service::{admin, password, token, user, verification};
use serde_json::Value;

use super::support::{Installation, Run};
use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::{Database, address, each_driver};
use crate::support::sink::{Point, Script};
use crate::support::totp::{code_now, turn_on};

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

/// The same, with a token of an administrator that is for that alone.
async fn start_as_admin(database: &Database) -> Both {
    let mut both = Both::start(database).await;
    let desk = &both.app.running.broker.desk;
    let me = user::find_by_email(desk, &address(MAILBOX)).await.unwrap().unwrap();
    admin::set_admin(desk, me.uuid, true).await.unwrap();
    both.token = draw(&both.app, &[Scope::Admin]).await;
    both
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
async fn a_domain_is_brought_and_set_up_in_the_same_words() {
    each_driver(async |database| {
        let mut both = Both::start(&database).await;
        let claimed = both.same(&["domain", "claim", "Own.example"]).await;
        assert!(both.same(&["domain", "claim", "mailbox-provider.example"]).await["warning"].is_string());
        assert_eq!(both.same(&["domain", "list"]).await[1]["proven"], false);
        assert_eq!(both.same(&["domain", "check", "own.example"]).await["ok"], false);
        let not_owned = "there is no such domain of this user's own";
        for words in [&["catch-all", "own.example", "on"][..], &["make-by-sending", "own.example", "yes"]] {
            assert_eq!(both.remote(&[&["domain"], words].concat()).await.error(), not_owned);
        }
        assert!(both.remote(&["domain", "claim", "co.uk"]).await.error().starts_with("name: "));

        let zone = format!("own.example. TXT \"{}\"\n", claimed["proof"]["value"].as_str().unwrap());
        std::fs::write(both.app.config.dns.zone_file.as_ref().unwrap(), &zone).unwrap();
        std::fs::write(both.here.path().join("empty.zone"), &zone).unwrap();
        both.app = both.app.restart().await;
        let seen = both.remote(&["domain", "check", "own.example"]).await.ok();
        assert!(seen.starts_with("[ok] shows that the domain is yours\n") && seen.contains("_domainkey.own.example."), "{seen}");
        both.same(&["domain", "check", "own.example"]).await;
        let caught = both.same(&["domain", "catch-all", "own.example", "pattern", "Shop-*", "*.web"]).await;
        assert_eq!(caught["catch_all_pattern"], "shop-* *.web");
        assert_eq!(both.same(&["domain", "make-by-sending", "own.example", "yes"]).await["make_by_sending"], true);
        assert_eq!(both.same(&["domain", "list"]).await[1]["catch_all"], "pattern");
        let error = both.remote(&["domain", "catch-all", "own.example", "pattern"]).await.error();
        assert_eq!(error, "give at least one pattern, for example shop-*");
        for word in ["off", "on"] {
            both.same(&["domain", "catch-all", "own.example", word]).await;
        }
        for words in [&["catch-all", "you.example", "on"][..], &["remove", "you.example"]] {
            assert_eq!(both.remote(&[&["domain"], words].concat()).await.error(), not_owned, "it is for everybody");
        }
        let alias = both.remote(&["alias", "new", "lg.com", "--domain", "own.example"]).await.ok();
        assert!(both.remote(&["domain", "remove", "own.example"]).await.error().contains("still alive (1)"));
        both.remote(&["alias", "kill", alias.trim()]).await.ok();
        for name in ["own.example", "mailbox-provider.example"] {
            assert_eq!(both.remote(&["domain", "remove", name]).await.ok(), format!("{name} is removed\n"));
            assert_eq!(both.remote(&["domain", "remove", name]).await.error(), not_owned);
        }
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_is_signed_there_or_with_the_key_at_hand() {
    each_driver(async |database| {
        let mut both = Both::start(&database).await;
        let refused = both.remote(&["user", "name-key"]).await;
        assert!(refused.err.contains("hint: make a token with --scope write --scope account on the instance"), "{}", refused.err);
        both.token = draw(&both.app, &[Scope::Account]).await;
        both.same(&["user", "name-key"]).await;
        both.token = draw(&both.app, &[Scope::Write, Scope::Account]).await;
        let refused = both.remote(&["alias", "new", "lg.com", "--offline"]).await.error();
        assert!(refused.starts_with("this user signs no names; draw a key first"), "{refused}");
        let key = both.remote(&["user", "name-key", "--new"]).await.ok();
        assert_eq!(both.same(&["user", "name-key"]).await["name_key"], key.trim());
        let name = both.same(&["alias", "new", "https://www.lg.com/x", "--offline"]).await;
        assert_eq!((&name["site"], &name["state"]), (&"lg.com".into(), &"unmade".into()));
        let address = name["address"].as_str().unwrap();
        let (url, phone) = (both.url(), draw(&both.app, &[Scope::AliasCreate]).await);
        let phone = [("POSTERN_URL", url.as_str()), ("POSTERN_TOKEN", phone.as_str())];
        let words = ["alias", "new", "lg.com", "--offline"];
        assert_eq!(run(&both.there, &phone, &words).await.ok(), format!("{address}\n"));
        let at_hand = [&phone[..], &[("POSTERN_NAME_KEY", key.trim())]].concat();
        assert_eq!(run(&both.there, &at_hand, &words).await.ok(), format!("{address}\n"));
        run(&both.there, &phone, &["user", "name-key"]).await.error();

        let letter = both.app.send_to("a@lg.com", &[&address.parse().unwrap()], MESSAGE).await;
        assert!(letter.starts_with("250 "), "{letter}");
        assert!(both.remote(&["alias", "show", address]).await.ok().contains("by its first message (signed name)"));
        assert_eq!(both.remote(&["alias", "show", address, "--json"]).await.json()["made_by"], "signed");
        both.remote(&["user", "name-key", "--off"]).await.ok();
        both.same(&["user", "name-key"]).await;
        // Without a network there is nobody to ask, and with both at hand nobody is.
        let gone = [("POSTERN_URL", "http://127.0.0.1:9"), ("POSTERN_TOKEN", "t0ken"), ("POSTERN_NAME_KEY", key.trim())];
        let words = [&words[..], &["--domain", "you.example"]].concat();
        assert_eq!(run(&both.there, &gone, &words).await.ok(), format!("{address}\n"));
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_letter_that_is_not_written_is_not_announced() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        for number in 0..20 {
            let email = format!("m{number}@inbox.example").parse().unwrap();
            verification::add_with(&both.app.running.broker, both.app.user, email).await.unwrap();
        }
        let said = both.remote(&["mailbox", "add", "one-more@inbox.example"]).await.ok();
        assert!(said.starts_with("no link was mailed to one-more@inbox.example: "), "{said}");
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
async fn files_go_there_and_come_from_there_in_the_same_words() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        let put = |name: &str, text: &str| {
            for installation in [&both.here, &both.there] {
                std::fs::write(installation.path().join(name), text).unwrap();
            }
        };
        put("in.csv", "address,note\nshop@you.example,x\nold@elsewhere.example,y\nbad\n");
        let words = ["import", "csv", "in.csv", "--remap", "you.example"];
        let tried = both.same(&[&words[..], &["--dry-run"]].concat()).await;
        assert_eq!((&tried["made"], &tried["dry_run"], tried["lines"].as_array().unwrap().len()), (&1.into(), &true.into(), 3));
        assert_eq!(both.same(&["alias", "list"]).await, serde_json::json!([]));
        let done = both.remote(&[&words[..], &["--report", "report.csv"]].concat()).await.ok();
        assert!(done.contains("old@elsewhere.example -> old@you.example\nbad: the address is not valid\n"), "{done}");
        let report = std::fs::read_to_string(both.there.path().join("report.csv")).unwrap();
        assert_eq!(report.lines().nth(1), Some("1,shop@you.example,made,,,"));
        let again = both.same(&["import", "csv", "in.csv", "--remap", "elsewhere.example=you.example"]).await;
        assert_eq!((&again["there"], &again["skipped"]), (&2.into(), &1.into()));

        // The same archive, but for the moment it was made.
        both.same(&["export", "--to", "all.zip", "--force"]).await;
        let part = |installation: &Installation, name: &str| {
            let mut archive = zip::ZipArchive::new(std::fs::File::open(installation.path().join("all.zip")).unwrap()).unwrap();
            std::io::read_to_string(archive.by_name(name).unwrap()).unwrap()
        };
        for name in ["postern.json", "aliases.csv", "README.txt"] {
            assert_eq!(part(&both.here, name), part(&both.there, name));
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(&both.there.path().join("all.zip").metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(both.remote(&["export", "--to", "all.zip"]).await.error().contains("is there already"));
        assert_eq!(
            both.remote(&["import", "postern", "all.zip"]).await.ok().lines().next().unwrap().split(':').next(),
            Some("2 aliases in the file")
        );

        // What is wrong is said in the instance's words, or before anything is sent.
        put("bad.csv", "a,b\n1,2\n");
        assert!(both.remote(&["import", "csv", "bad.csv"]).await.error().contains("one must be called address or site"));
        assert!(both.remote(&["import", "csv", "none.csv"]).await.error().contains("can't be read"));
        let file = std::fs::File::create(both.there.path().join("large.csv")).unwrap();
        file.set_len((32 << 20) + 1).unwrap();
        assert!(both.remote(&["import", "csv", "large.csv"]).await.error().contains("larger than the 32 MiB"));
        assert!(both.remote(&["export", "--to", "none/all.zip"]).await.error().contains("can't be written"));
        // Progress is told where there is no terminal, too.
        let row = format!("not-an-address,{}\n", "x".repeat(1000));
        put("long.csv", &format!("address,note\n{}", row.repeat(17 << 10)));
        let long = both.remote(&["import", "csv", "long.csv", "--dry-run"]).await;
        assert_eq!((long.status, long.err.as_str()), (0, "8 of 17 MiB sent\n16 of 17 MiB sent\n"));
        both.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn users_and_invitations_are_looked_after_from_elsewhere() {
    each_driver(async |database| {
        let mut both = start_as_admin(&database).await;
        let secret = "correct horse battery";
        password::set(&both.app.running.broker.desk, both.app.user, &Private::new(secret.to_owned())).await.unwrap();
        both.same(&["user", "list"]).await;
        let said = both.remote(&["user", "add", "Ann@inbox.example"]).await.ok();
        assert!(
            said.starts_with("ann@inbox.example is a user now\na link that verifies it is on its way to Ann@inbox.example\n"),
            "{said}"
        );
        let add = ["user", "add", "bob@inbox.example", "--admin", "--verified", "--json"];
        let refused = type_in(&both, &both.token, &add, &["wrong horse"]).await.error();
        assert_eq!(refused, "proof: the password or the code is not right");
        let added = type_in(&both, &both.token, &add, &[secret]).await.json();
        let local = both.local(&["user", "add", "cat@inbox.example", "--verified", "--json"]).await.json();
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!((names(&added), names(&added["mailbox"])), (names(&local), names(&local["mailbox"])));
        assert_eq!(both.same(&["user", "list"]).await[2]["admin"], true);
        assert!(both.remote(&["user", "add", "bob@inbox.example"]).await.error().contains("with this address already"));
        let remove = ["user", "remove", "ANN@inbox.example", "--json"];
        let refused = type_in(&both, &both.token, &remove, &["wrong horse"]).await.error();
        assert_eq!(refused, "proof: the password or the code is not right");
        let removed = type_in(&both, &both.token, &remove, &[secret]).await.json();
        assert_eq!(removed, serde_json::json!({ "removed": "ann@inbox.example", "retired_aliases": 0 }));
        assert_eq!(both.remote(&["user", "remove", "ann@inbox.example"]).await.error(), "there is no user with this address");

        // One's own account is not ended as one of others, whatever the token tells of its user.
        for scopes in [&[Scope::Admin][..], &[Scope::Admin, Scope::Read]] {
            let token = draw(&both.app, scopes).await;
            let refused = type_in(&both, &token, &["user", "remove", MAILBOX], &[secret]).await;
            let (said, is_known) = (refused.error(), scopes.len() > 1);
            assert!(is_known || said.starts_with("this is the account of this token"), "{said}");
            assert!(!is_known || said == "this needs a token with the scope account", "{said}");
        }
        // With a token for both, the second factor is asked for, too.
        let (factor, _) = turn_on(&both.app).await;
        let wide = draw(&both.app, &[Scope::Account, Scope::Admin]).await;
        let remove = ["user", "remove", "cat@inbox.example"];
        type_in(&both, &wide, &remove, &[secret]).await.error();
        let gone = type_in(&both, &wide, &remove, &[secret, &code_now(&both.app, &factor)]).await.ok();
        assert_eq!(gone, "cat@inbox.example is removed; 0 aliases are gone for good\n");

        assert_eq!(both.same(&["invite", "list"]).await, serde_json::json!([]));
        let made = both.remote(&["invite", "new", "--note", "Dan", "--expires", "2d", "--json"]).await.json();
        assert!(made["link"].as_str().unwrap().starts_with("http://127.0.0.1:8080/invite/"), "{made}");
        let listed = both.same(&["invite", "list"]).await;
        assert_eq!((&listed[0]["id"], &listed[0]["note"], listed[0].get("link")), (&made["id"], &"Dan".into(), None));
        let said = both.remote(&["invite", "new"]).await.ok();
        assert!(said.contains("it does not work yet: write registration = \"invite\""), "{said}");
        let id = made["id"].as_str().unwrap();
        assert_eq!(both.remote(&["invite", "revoke", id]).await.ok(), format!("invitation {id} does not work any more\n"));
        assert_eq!(both.remote(&["invite", "revoke", id]).await.error(), "there is no such invitation that was not used");

        // What a token is too little for is said, and how to come by one that is not.
        both.token = draw(&both.app, &[]).await;
        for words in
            [&["user", "list"][..], &["user", "add", "x@inbox.example"], &["invite", "list"], &["queue", "list", "--everybody"]]
        {
            let refused = both.remote(words).await;
            assert!(refused.err.contains("hint: make a token with --scope admin on the instance"), "{}", refused.err);
            assert_eq!(refused.error(), "this needs a token with the scope admin", "{words:?}");
        }
        both.app.finish().await;
    })
    .await;
}

#[test]
fn half_an_archive_is_none() {
    let installation = Installation::new();
    let (url, _) =
        serve(vec!["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nPK\u{3}\u{4}".into(), answer("200 OK", "PK nonsense")]);
    let export = ["--url", &url, "--token", "t0ken", "export", "--to", "all.zip"];
    assert!(installation.run(&export).error().contains("can't be reached"));
    assert!(installation.run(&export).error().contains("no whole export"));
    assert!(!installation.path().join("all.zip").exists());
}

#[tokio::test]
async fn everybodys_queue_is_looked_after_from_elsewhere() {
    each_driver(async |database| {
        let both = start_as_admin(&database).await;
        let alias = both.app.alias("shop").await;
        both.app.next_hop(Script::new().reply(Point::Dot, "451 4.3.0 later\r\n"));
        assert!(both.app.send("news@lg.com", &alias, MESSAGE).await.starts_with("250"));
        let listed = both.remote(&["queue", "list", "--everybody", "--json"]).await.json();
        let local = both.local(&["queue", "list", "--everybody", "--json"]).await.json();
        for name in ["kind", "state", "attempts", "queued_at", "next_attempt_at", "expires_at", "status", "reason"] {
            assert_eq!(listed[0][name], local[0][name], "{name}");
        }
        assert_eq!((&listed[0]["recipient"], &listed[0]["alias"]), (&"mailbox-provider.example".into(), &Value::Null));
        let id = listed[0]["id"].as_str().unwrap();
        assert!(both.remote(&["queue", "show", id, "--everybody"]).await.ok().contains("state       waiting\n"));
        // Without that word they are one's own, which this token is not for.
        assert_eq!(both.remote(&["queue", "show", id]).await.error(), "this needs a token with the scope read");
        assert_eq!(both.remote(&["queue", "retry", "--everybody"]).await.ok(), "1 deliveries are due now\n");
        assert_eq!(both.remote(&["queue", "retry", id, "--everybody"]).await.ok(), "1 deliveries are due now\n");
        assert_eq!(both.remote(&["queue", "drop", id, "--everybody"]).await.ok(), format!("delivery {id} is given up\n"));
        assert_eq!(both.remote(&["queue", "drop", id, "--everybody"]).await.error(), "this delivery does not wait any more");
        let gone = uuid::Uuid::nil().to_string();
        assert!(both.remote(&["queue", "retry", &gone, "--everybody"]).await.error().contains("there is no such delivery"));
        let both_said = both.local(&["queue", "list", "--everybody", "--user", MAILBOX]).await;
        assert!(both_said.status == 2 && both_said.err.contains("cannot be used with"), "{}", both_said.err);
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

/// The same with lines on standard input.
async fn type_in(both: &Both, token: &str, words: &[&str], lines: &[&str]) -> Run {
    let (there, url, token) = (Arc::clone(&both.there), both.url(), token.to_owned());
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let input = [lines, &[""]].concat().join("\n");
    let work = move || {
        let mut all = vec!["--url", &url, "--token", &token];
        all.extend(words.iter().map(String::as_str));
        there.run_with_input(&all, &input)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn ones_own_password_and_account_take_the_password_that_is_and_a_code() {
    each_driver(async |database| {
        let both = Both::start(&database).await;
        let (old, new) = ("correct horse battery", "another horse battery");
        password::set(&both.app.running.broker.desk, both.app.user, &Private::new(old.to_owned())).await.unwrap();
        let token = draw(&both.app, &[Scope::Account]).await;
        let passwd = ["user", "passwd", MAILBOX, "--password-stdin"];
        for words in [&passwd[..], &["user", "remove", MAILBOX]] {
            let refused = type_in(&both, &both.token, words, &[old, new]).await;
            assert!(refused.err.contains("hint: make a token with --scope write --scope account on"), "{}", refused.err);
            assert_eq!(refused.error(), "this needs a token with the scope account");
        }
        let refused = type_in(&both, &token, &passwd, &["wrong horse", new]).await.error();
        assert_eq!(refused, "proof: the password or the code is not right");
        let other = ["user", "passwd", "eve@inbox.example", "--password-stdin"];
        let refused = type_in(&both, &token, &other, &[old, new]).await.error();
        assert!(refused.starts_with("eve@inbox.example is not whose token this is"), "{refused}");
        let done = type_in(&both, &token, &passwd, &[old, new]).await.ok();
        assert_eq!(done, format!("the password of {MAILBOX} is set\n"));

        let (secret, _) = turn_on(&both.app).await;
        let remove = ["user", "remove", &MAILBOX.to_uppercase()];
        let refused = type_in(&both, &token, &remove, &[new]).await.error();
        assert_eq!(refused, "this user has a second factor, and no code was given");
        both.app.alias("shop").await;
        let gone = type_in(&both, &token, &remove, &[new, &code_now(&both.app, &secret)]).await.ok();
        assert_eq!(gone, format!("{MAILBOX} is removed; 1 aliases are gone for good\n"));
        assert_eq!(both.remote(&["alias", "list"]).await.error(), "the instance does not take this token");
        both.app.deliver_after(std::time::Duration::ZERO).await;
        both.app.finish().await;
    })
    .await;
}

#[test]
fn a_command_that_needs_the_instance_itself_says_so() {
    let installation = Installation::with("nonsense = [");
    for words in [
        &["user", "passwd", "ann@inbox.example", "--reset-second-factors"][..],
        &["serve"],
        &["config"],
        &["domain", "add", "you.example"],
        &["mailbox", "move", "a@inbox.example", "b@inbox.example"],
        &["import", "postern", "all.zip", "--trust"],
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
    let page = |items: &str| answer("200 OK", &format!("{{\"items\":[{items}],\"next\":null}}"));
    let (url, _) = serve(vec![page(item), page("")]);
    assert!(ask(&url, &["domain", "list"]).ok().contains("a\u{fffd}b"));
}

#[test]
fn a_fault_of_the_instance_is_told_and_nothing_else_is_tried() {
    let body = r#"{"type":"about:blank","title":"Not now","status":503,"detail":"the database did not do its part; try again"}"#;
    let (url, served) = serve(vec![answer("503 Service Unavailable", body)]);
    assert_eq!(ask(&url, &["user", "remove", "ann@inbox.example"]).error(), "the database did not do its part; try again");
    let requests = served.join().unwrap();
    assert!(requests.len() == 1 && requests[0].starts_with("GET /v1/sign-in "), "{requests:?}");
}

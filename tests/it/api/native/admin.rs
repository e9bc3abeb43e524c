//! What whoever administers the instance does with a token: users, invitations, the queue, domains, health.

use postern::model::api_token::{Scope, Scopes};
use postern::model::delivery::{Delivery, DeliveryState};
use postern::model::{Clock, Private};
use postern::service::{invite, password, token};
use serde_json::json;

use super::sign_in::{PASSWORD, proved};
use super::{Client, EVE, MESSAGE, detail, each, text};
use crate::api::with_bearer;
use crate::support::app::{DOMAIN, MAILBOX};
use crate::support::database::{Database, each_driver};
use crate::support::sink::{Point, Script};
use crate::web::verify::{link, settled};

/// An administrator who can prove to be there.
async fn start_with_password(database: &Database) -> Client {
    let client = Client::start_as_admin(database).await;
    password::set(&client.app.running.broker.desk, client.app.user, &Private::new(PASSWORD.to_owned())).await.unwrap();
    client
}

#[tokio::test]
async fn users_are_made_listed_and_removed() {
    each_driver(async |database| {
        let client = start_with_password(&database).await;
        client.app.alias("shop").await;
        let body = "{\"email\":\"Ann@inbox.example\"}";
        let made = client.once("k", "POST /v1/admin/users", body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let ann = made.json();
        let path = format!("/v1/admin/users/{}", text(&ann["id"]));
        assert_eq!(made.header("location"), Some(path.as_str()));
        assert_eq!(
            (&ann["email"], &ann["is_admin"], &ann["letter"]),
            (&json!("ann@inbox.example"), &json!(false), &json!("sent"))
        );
        assert_eq!((&ann["mailbox"]["address"], &ann["mailbox"]["verified"]), (&json!("Ann@inbox.example"), &json!(false)));
        let again = client.once("k", "POST /v1/admin/users", body).await;
        assert_eq!((again.header("idempotency-replayed"), &again.body), (Some("true"), &made.body));
        let said = client.refused(409, "POST /v1/admin/users", "{\"email\":\"ann@INBOX.example\"}").await;
        assert!(said.contains("with this address already"), "{said}");
        for wrong in ["nobody", "ann@you.example"] {
            let body = json!({ "email": wrong }).to_string();
            assert!(client.refused(422, "POST /v1/admin/users", &body).await.starts_with("email: "), "{wrong}");
        }
        let bob = json!({ "email": "bob@inbox.example", "is_admin": true, "verified": true });
        let bob = client.expect(201, "POST /v1/admin/users", &proved(PASSWORD, None, bob)).await;
        assert_eq!((&bob["is_admin"], &bob["verified_mailboxes"], &bob["letter"]), (&json!(true), &json!(1), &json!("needless")));

        let first = client.expect(200, "GET /v1/admin/users?limit=2", "").await;
        assert_eq!(each(&first, "email"), [MAILBOX, "ann@inbox.example"]);
        let me = &first["items"][0];
        assert_eq!((&me["aliases"], &me["mailboxes"], &me["verified_mailboxes"]), (&json!(1), &json!(1), &json!(1)));
        assert_eq!((&me["totp"], &me["passkeys"], &me["on_quarantine"]), (&json!(false), &json!(0), &json!("tag")));
        let rest = client.expect(200, &format!("GET /v1/admin/users?limit=2&cursor={}", text(&first["next"])), "").await;
        assert_eq!((each(&rest, "email"), &rest["next"]), (vec!["bob@inbox.example".to_owned()], &json!(null)));
        assert_eq!(client.expect(200, &format!("GET {path}"), "").await, first["items"][1]);

        let remove = format!("POST {path}/remove");
        let named = |email: &str, password: &str| proved(password, None, json!({ "email": email }));
        let said = client.refused(422, &remove, &named("bob@inbox.example", "wrong horse")).await;
        assert!(said.starts_with("email: it is not the address of this account"), "{said}");
        let gone = client.expect(200, &remove, &named(" Ann@inbox.example", PASSWORD)).await;
        assert_eq!(gone, json!({ "retired_aliases": 0 }));
        client.refused(404, &format!("GET {path}"), "").await;
        client.refused(404, &remove, &named("ann@inbox.example", "wrong horse")).await;
        client.refused(404, &format!("PATCH {path}"), &proved("wrong horse", None, json!({ "is_admin": true }))).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_found_token_makes_no_administrator_vouches_for_nobody_and_ends_no_account() {
    each_driver(async |database| {
        let client = start_with_password(&database).await;
        client.stranger().await;
        let users = client.expect(200, "GET /v1/admin/users", "").await;
        let path = |nth: usize| format!("/v1/admin/users/{}", text(&users["items"][nth]["id"]));
        let asked = [
            ("POST /v1/admin/users".to_owned(), json!({ "email": "ann@inbox.example", "is_admin": true })),
            ("POST /v1/admin/users".to_owned(), json!({ "email": "ann@inbox.example", "verified": true })),
            (format!("PATCH {}", path(1)), json!({ "is_admin": true })),
            (format!("POST {}/remove", path(1)), json!({ "email": EVE })),
        ];
        for (head, body) in &asked {
            assert!(client.refused(422, head, &body.to_string()).await.contains("proof"), "{head}");
            let said = client.refused(422, head, &proved("wrong horse", None, body.clone())).await;
            assert_eq!(said, "proof: the password or the code is not right", "{head}");
        }
        assert_eq!(client.expect(200, "GET /v1/admin/users", "").await, users);
        // Nothing is kept of a request with a password in it.
        let key = client.once("k", "POST /v1/admin/users", &proved(PASSWORD, None, asked[0].1.clone())).await;
        assert!(key.status == 400 && detail(&key).starts_with("Idempotency-Key: leave it out with a proof"), "{}", key.body);
        client.expect(201, "POST /v1/admin/users", &proved(PASSWORD, None, asked[0].1.clone())).await;
        client.expect(200, &asked[2].0, &proved(PASSWORD, None, asked[2].1.clone())).await;
        // One's own account takes a token that is for that.
        let own = proved(PASSWORD, None, json!({ "email": MAILBOX }));
        assert!(client.refused(409, &format!("POST {}/remove", path(0)), &own).await.contains("/v1/account/remove"));
        client.expect(200, &asked[3].0, &proved(PASSWORD, None, asked[3].1.clone())).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_user_made_so_reads_the_letter_and_nobody_knows_their_password() {
    each_driver(async |database| {
        let client = Client::start_as_admin(&database).await;
        client.expect(201, "POST /v1/admin/users", "{\"email\":\"ann@inbox.example\"}").await;
        settled(&client.app, "ann@inbox.example", 1).await;
        assert!(link(&client.app, "ann@inbox.example").starts_with("/verify/"));
        assert!(
            client
                .refused(422, "POST /v1/admin/users", "{\"email\":\"b@inbox.example\",\"password\":\"x\"}")
                .await
                .contains("password")
        );
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays_one() {
    each_driver(async |database| {
        let client = start_with_password(&database).await;
        let to = |is_admin: bool| proved(PASSWORD, None, json!({ "is_admin": is_admin }));
        let eve = client.stranger().await;
        let users = client.expect(200, "GET /v1/admin/users", "").await;
        let path = |nth: usize| format!("/v1/admin/users/{}", text(&users["items"][nth]["id"]));
        let (me, other) = (path(0), path(1));
        let said = client.refused(409, &format!("PATCH {me}"), &to(false)).await;
        assert_eq!(said, "this is the only administrator; make somebody else one first");
        let changed = client.expect(200, &format!("PATCH {other}"), &to(true)).await;
        assert_eq!((&changed["email"], &changed["is_admin"]), (&json!(EVE), &json!(true)));
        assert_eq!(client.expect(200, &format!("PATCH {me}"), &to(false)).await["is_admin"], false);
        // From here on this user's token is worth nothing here, and everything elsewhere.
        let said = client.refused(403, &format!("PATCH {me}"), &to(true)).await;
        assert_eq!(said, "the user of this token does not administer the instance; ask an administrator to make them one");
        client.expect(200, "GET /v1/account", "").await;
        // Nor does a token become more than it was made for.
        let answer = with_bearer(&client.app, &eve, "GET /v1/admin/users", "").await;
        assert_eq!((answer.status, detail(&answer).as_str()), (403, "this needs a token with the scope admin"));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn nobody_makes_themselves_a_token_to_administer_the_instance() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let desk = &client.app.running.broker.desk;
        let made = token::create(desk, client.app.user, "x", Scopes::new(vec![Scope::Read, Scope::Admin]), None).await;
        assert!(matches!(made, Err(token::CreateError::NotAdmin)), "{made:?}");
        let body = "{\"name\":\"x\",\"scopes\":[\"admin\"]}";
        let need = "this needs a token with the scope admin";
        assert_eq!(client.refused(403, "POST /v1/tokens", body).await, need);
        client.make_admin(MAILBOX, true).await;
        // What may write may not hand on more than it has, whoever's it is.
        assert_eq!(client.refused(403, "POST /v1/tokens", body).await, need);
        let wide = client.token(&[Scope::Write, Scope::Admin]).await;
        let made = with_bearer(&client.app, &wide, "POST /v1/tokens", body).await;
        assert_eq!((made.status, &made.json()["token"]["scopes"]), (201, &json!(["admin"])), "{}", made.body);
        let narrow = text(&made.json()["secret"]);
        assert_eq!(with_bearer(&client.app, &narrow, "GET /v1/admin/users", "").await.status, 200);
        assert_eq!(with_bearer(&client.app, &narrow, "GET /v1/aliases", "").await.status, 403);
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_shown_once_and_taken_back() {
    each_driver(async |database| {
        let client = Client::start_as_admin(&database).await;
        let made = client.expect(201, "POST /v1/admin/invites", "{\"note\":\"Ann\",\"lasts\":3600}").await;
        let link = text(&made["link"]);
        let secret = link.strip_prefix("http://127.0.0.1:8080/invite/").unwrap();
        assert!(invite::find_open(&client.app.running.broker.desk, secret).await.unwrap().is_some());
        assert_eq!(made["registration"], "closed");
        let week = client.expect(201, "POST /v1/admin/invites", "{}").await;
        let list = client.expect(200, "GET /v1/admin/invites", "").await;
        assert_eq!(list, json!({ "items": [week["invite"], made["invite"]], "next": null }));
        assert!(!list.to_string().contains(secret));
        assert_eq!((&made["invite"]["note"], &made["invite"]["state"]), (&json!("Ann"), &json!("open")));
        let key = client.once("k", "POST /v1/admin/invites", "{}").await;
        assert!(key.status == 400 && detail(&key).starts_with("Idempotency-Key: "), "{}", key.body);
        let long = "x".repeat(201);
        for (body, field) in
            [(json!({ "lasts": 59 }), "lasts"), (json!({ "lasts": 31_622_401 }), "lasts"), (json!({ "note": long }), "note")]
        {
            let said = client.refused(422, "POST /v1/admin/invites", &body.to_string()).await;
            assert!(said.starts_with(&format!("{field}: ")), "{said}");
        }
        client.app.clock.advance(std::time::Duration::from_hours(1));
        let list = client.expect(200, "GET /v1/admin/invites", "").await;
        assert_eq!(each(&list, "state"), ["open", "expired"]);
        let path = format!("/v1/admin/invites/{}", text(&week["invite"]["id"]));
        client.done(&format!("DELETE {path}"), "").await;
        client.refused(404, &format!("DELETE {path}"), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn everybodys_queue_shows_no_names_and_is_tried_again_and_dropped() {
    each_driver(async |database| {
        let client = Client::start_as_admin(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, format!("451 4.2.2 <{MAILBOX}> is full\r\n")));
        for _ in 0..3 {
            client.app.send("news@lg.example", &alias, MESSAGE).await;
        }
        client.app.wait_until(async |app| app.queue().await.iter().all(|one| one.last_failure.is_some())).await;
        let totals = client.expect(200, "GET /v1/admin/queue", "").await;
        assert_eq!((&totals["waiting"], &totals["failed"]), (&json!(3), &json!(0)));
        assert!(totals["oldest_waiting_at"].is_string());
        let page = client.expect(200, "GET /v1/admin/queue/deliveries?state=waiting&limit=2", "").await;
        let rest = format!("GET /v1/admin/queue/deliveries?limit=2&cursor={}", text(&page["next"]));
        let rest = client.expect(200, &rest, "").await;
        let ids: Vec<String> = [each(&page, "id"), each(&rest, "id")].concat();
        assert_eq!((ids.len(), &rest["next"]), (3, &json!(null)));
        let one = client.expect(200, &format!("GET /v1/admin/queue/deliveries/{}", ids[0]), "").await;
        assert_eq!(one, page["items"][0]);
        assert_eq!((&one["recipient_domain"], &one["failure"]["code"]), (&json!("mailbox-provider.example"), &json!(451)));
        for text in [page.to_string(), rest.to_string(), one.to_string()] {
            for told in ["jane.roe", "shop", "news", "Sale", &alias.uuid.to_string()] {
                assert!(!text.contains(told), "{told}: {text}");
            }
            assert!(text.contains("…@mailbox-provider.example> is full"), "{text}");
        }

        client.done(&format!("POST /v1/admin/queue/deliveries/{}/retry", ids[0]), "").await;
        let drop = format!("POST /v1/admin/queue/deliveries/{}/drop", ids[1]);
        for wrong in ["x".repeat(201), "a\nb".into()] {
            let body = json!({ "reason": wrong }).to_string();
            assert!(client.refused(422, &drop, &body).await.starts_with("reason: "));
        }
        client.done(&drop, "{\"reason\":\"it hangs\"}").await;
        client.refused(409, &drop, "{}").await;
        client.refused(409, &format!("POST /v1/admin/queue/deliveries/{}/retry", ids[1]), "").await;
        let owners = client.expect(200, &format!("GET /v1/deliveries/{}", ids[1]), "").await;
        assert_eq!(owners["failure"]["detail"], "dropped by the operator: it hangs");
        let cancelled = client.expect(200, "GET /v1/admin/queue/deliveries?state=cancelled", "").await;
        assert_eq!(each(&cancelled, "id"), [ids[1].clone()]);
        client.refused(400, "GET /v1/admin/queue/deliveries?state=lost", "").await;

        let is_over = |one: &Delivery| one.state != DeliveryState::Waiting || one.next_attempt_at > client.app.clock.now();
        client.app.wait_until(async |app| app.queue().await.iter().all(is_over)).await;
        client.app.next_hop(Script::new());
        assert_eq!(client.expect(200, "POST /v1/admin/queue/retry", "").await, json!({ "retried": 2 }));
        client.app.wait_until(async |app| app.sink.messages().len() == 2).await;
        client.refused(404, &format!("POST /v1/admin/queue/deliveries/{}/retry", ids[0]), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_held_is_its_owners_and_nobody_elses() {
    each_driver(async |database| {
        let client = Client::start_as_admin(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        client.app.send("news@lg.example", &alias, MESSAGE).await;
        client.app.wait_until(async |app| app.queue().await.iter().all(|one| one.last_failure.is_some())).await;
        crate::storage::plans::execute(&database, "UPDATE deliveries SET state = 'held'".into()).await;
        let held = client.expect(200, "GET /v1/admin/queue/deliveries?state=held", "").await;
        let path = format!("/v1/admin/queue/deliveries/{}", each(&held, "id")[0]);
        for (head, body) in [(format!("POST {path}/retry"), ""), (format!("POST {path}/drop"), "{}")] {
            assert!(client.refused(409, &head, body).await.contains("held for its owner's decision"), "{head}");
        }
        client.expect(200, &format!("DELETE /v1/holds/{}", each(&held, "id")[0]), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn domains_and_health_say_what_there_is() {
    each_driver(async |database| {
        let client = Client::start_as_admin(&database).await;
        let desk = &client.app.running.broker.desk;
        let own = postern::service::domain::add(desk, "mine.example".parse().unwrap(), Some(client.app.user)).await.unwrap();
        let domains = client.expect(200, "GET /v1/admin/domains", "").await;
        assert_eq!(each(&domains, "name"), [DOMAIN]);
        let records = client.expect(200, &format!("GET /v1/admin/domains/{}/check", each(&domains, "id")[0]), "").await;
        assert!(each(&records, "status").iter().all(|status| status == "missing"), "{records}");
        // A user's own is theirs.
        client.refused(404, &format!("GET /v1/admin/domains/{}/check", own.uuid), "").await;

        let health = client.expect(200, "GET /v1/admin/health", "").await;
        let ready = ["ready", "listeners", "running"].map(|name| health[name] == true);
        assert_eq!((ready, &health["version"]), ([true; 3], &json!(env!("CARGO_PKG_VERSION"))));
        let kind = if desk.storage.is_shared() { "postgresql" } else { "sqlite" };
        assert_eq!((&health["database"]["kind"], &health["database"]["answers"]), (&json!(kind), &json!(true)));
        assert_eq!(
            (&health["nodes"][0]["hostname"], &health["nodes"][0]["is_silent"]),
            (&json!("gate.you.example"), &json!(false))
        );
        let key = &health["keys"][0];
        assert_eq!((&key["domain"], &key["algorithm"], &key["state"]), (&json!(DOMAIN), &json!("ed25519"), &json!("active")));
        assert_eq!((&health["resting"], &health["queue"]["waiting"]), (&json!([]), &json!(0)));
        client.app.finish().await;
    })
    .await;
}

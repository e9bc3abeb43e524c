//! Domains, blocks, failed deliveries, and what does not exist here.

use serde_json::json;

use super::{Client, MESSAGE, text};
use crate::support::database::each_driver;
use crate::support::sink::{Point, Script};

#[tokio::test]
async fn a_domain_of_ones_own_is_shown_and_catches_all_when_asked_to() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let desk = &client.app.running.broker.desk;
        let own = postern::service::domain::add(desk, "mine.example".parse().unwrap(), Some(client.app.user)).await.unwrap();
        let id = own.uuid.to_string();
        let list = client.expect(200, "GET /api/v1/domains", "").await;
        assert_eq!((list["data"].as_array().unwrap().len(), &list["data"][0]["domain"]), (1, &json!("mine.example")));
        let options = client.expect(200, "GET /api/v1/domain-options", "").await;
        assert_eq!(options["sharedDomains"], json!(["you.example"]));
        assert!(options["data"].as_array().unwrap().contains(&json!("mine.example")));
        client.expect(200, &format!("GET /api/v1/domains/{id}"), "").await;
        let body = json!({ "id": id }).to_string();
        client.expect(200, "POST /api/v1/active-domains", &body).await;
        client.done(&format!("DELETE /api/v1/catch-all-domains/{id}"), "").await;
        for (head, body) in [
            (format!("PATCH /api/v1/domains/{id}"), "{\"description\":\"x\"}"),
            (format!("PATCH /api/v1/domains/{id}/default-recipient"), "{\"default_recipient\":\"\"}"),
            (format!("DELETE /api/v1/active-domains/{id}"), ""),
        ] {
            assert!(client.expect(403, &head, body).await["message"].is_string(), "{head}");
        }
        let alias = client.expect(201, "POST /api/v1/aliases", "{\"domain\":\"mine.example\"}").await;
        assert_eq!(alias["data"]["domain"], "mine.example");
        let caught = client.expect(200, "POST /api/v1/catch-all-domains", &body).await;
        assert_eq!(caught["data"]["catch_all"], true);
        client.done(&format!("DELETE /api/v1/catch-all-domains/{id}"), "").await;
        assert_eq!(client.expect(200, &format!("GET /api/v1/domains/{id}"), "").await["data"]["catch_all"], false);
        let refused = client.expect(403, &format!("DELETE /api/v1/domains/{id}"), "").await;
        assert!(refused["message"].as_str().unwrap().contains("still alive (1)"), "{refused}");
        client.done(&format!("DELETE /api/v1/aliases/{}", text(&alias["data"]["id"])), "").await;
        client.done(&format!("DELETE /api/v1/domains/{id}"), "").await;
        assert_eq!(client.expect(200, "GET /api/v1/domains", "").await["data"], json!([]));
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_domain_is_brought_by_publishing_the_record_that_is_asked_for() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for (body, status) in [("{}", 422), ("{\"domain\":\"a b\"}", 422), ("{\"domain\":\"co.uk\"}", 422)] {
            client.expect(status, "POST /api/v1/domains", body).await;
        }
        let body = "{\"domain\":\"Mine.example\"}";
        let asked = text(&client.expect(404, "POST /api/v1/domains", body).await["message"]);
        let record = asked.rsplit(' ').next().unwrap().to_owned();
        assert!(record.starts_with("postern-domain="), "{asked}");
        assert_eq!(text(&client.expect(404, "POST /api/v1/domains", body).await["message"]), asked, "the same record again");
        let zone = client.app.config.dns.zone_file.clone().unwrap();
        std::fs::write(zone, format!("mine.example. TXT \"{record}\"\n")).unwrap();
        let client = Client { app: client.app.restart().await, token: client.token };
        let made = client.expect(201, "POST /api/v1/domains", body).await;
        assert_eq!(made["data"]["domain"], "mine.example");
        assert!(made["data"]["domain_verified_at"].is_string());
        client.expect(422, "POST /api/v1/domains", body).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn senders_are_blocked_and_unblocked() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let made = client.expect(201, "POST /api/v1/blocklist", "{\"type\":\"email\",\"value\":\"News@LG.example\"}").await;
        assert_eq!((&made["data"]["value"], &made["data"]["type"]), (&json!("news@lg.example"), &json!("email")));
        let alias = client.app.alias("shop").await;
        assert!(client.app.send("news@lg.example", &alias, MESSAGE).await.starts_with("550 "));
        for body in [
            "{\"type\":\"email\",\"value\":\"news@lg.example\"}",
            "{\"type\":\"email\",\"value\":\"x\"}",
            "{\"type\":\"colour\",\"value\":\"x\"}",
            "{}",
        ] {
            client.expect(422, "POST /api/v1/blocklist", body).await;
        }
        let bulk = "{\"type\":\"domain\",\"values\":[\"spam.example\",\"@junk.example\",\"spam.example\"]}";
        let many = client.expect(201, "POST /api/v1/blocklist/store/bulk", bulk).await;
        assert_eq!((many["data"].as_array().unwrap().len(), &many["skipped"]), (2, &json!(1)));
        let values = async |query: &str| {
            let page = client.expect(200, &format!("GET /api/v1/blocklist{query}"), "").await;
            page["data"].as_array().unwrap().iter().map(|found| text(&found["value"])).collect::<Vec<_>>()
        };
        assert_eq!(values("?sort=value").await, ["junk.example", "news@lg.example", "spam.example"]);
        assert_eq!(values("?filter[type]=email").await, ["news@lg.example"]);
        assert_eq!(values("?filter[search]=JUNK").await, ["junk.example"]);
        assert_eq!(values("?sort=value&page[size]=1&page[number]=3").await, ["spam.example"]);
        client.done(&format!("DELETE /api/v1/blocklist/{}", text(&made["data"]["id"])), "").await;
        let ids = json!({ "ids": [many["data"][0]["id"], many["data"][1]["id"]] }).to_string();
        assert_eq!(client.expect(200, "POST /api/v1/blocklist/delete/bulk", &ids).await["ids"].as_array().unwrap().len(), 2);
        client.expect(404, "POST /api/v1/blocklist/delete/bulk", &ids).await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_delivery_is_shown_without_nulls_and_forgotten() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, "450 4.2.0 later\r\n"));
        client.app.send("news@unknown.example", &alias, MESSAGE).await;
        client.app.next_hop(Script::new().reply(Point::Rcpt, "550 5.1.1 gone\r\n"));
        client.app.deliver_after(std::time::Duration::from_hours(1)).await;
        let page = client.expect(200, "GET /api/v1/failed-deliveries?page[size]=5", "").await;
        assert_eq!(page["meta"]["total"], 1);
        let failed = &page["data"][0];
        assert_eq!((&failed["alias_email"], &failed["alias_id"]), (&json!("shop@you.example"), &json!(alias.uuid.to_string())));
        assert_eq!(
            (&failed["bounce_type"], &failed["remote_mta"], &failed["status"]),
            (&json!("hard"), &json!(""), &json!("5.1.1"))
        );
        assert!(text(&failed["code"]).contains("gone"), "{failed}");
        assert_eq!(
            (&failed["type"], &failed["email_type"], &failed["is_stored"]),
            (&json!("inbound"), &json!("F"), &json!(false))
        );
        for (kind, count) in [("inbound", 1), ("outbound", 0), ("inbound_quarantined", 0)] {
            let page = client.expect(200, &format!("GET /api/v1/failed-deliveries?filter[email_type]={kind}"), "").await;
            assert_eq!(page["data"].as_array().unwrap().len(), count, "{kind}");
        }
        let path = format!("/api/v1/failed-deliveries/{}", text(&failed["id"]));
        assert_eq!(client.expect(200, &format!("GET {path}"), "").await["data"]["id"], failed["id"]);
        client.expect(404, &format!("GET {path}/download"), "").await;
        client.expect(403, &format!("POST {path}/resend"), "").await;
        client.done(&format!("DELETE {path}"), "").await;
        client.expect(404, &format!("GET {path}"), "").await;
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn what_does_not_exist_here_is_empty_and_refused_with_a_reason() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        assert_eq!(client.expect(200, "GET /api/v1/rules", "").await, json!({ "data": [] }));
        let usernames = client.expect(200, "GET /api/v1/usernames", "").await;
        let id = text(&usernames["data"][0]["id"]);
        let body = json!({ "id": id }).to_string();
        for (head, body) in [
            ("POST /api/v1/rules".to_owned(), "{\"name\":\"x\"}"),
            ("POST /api/v1/usernames".to_owned(), "{\"username\":\"x\"}"),
            (format!("PATCH /api/v1/usernames/{id}"), "{\"description\":\"x\"}"),
            (format!("DELETE /api/v1/usernames/{id}"), ""),
            (format!("DELETE /api/v1/active-usernames/{id}"), ""),
            (format!("DELETE /api/v1/loginable-usernames/{id}"), ""),
            ("POST /api/v1/catch-all-usernames".to_owned(), body.as_str()),
        ] {
            assert!(client.expect(403, &head, body).await["message"].is_string(), "{head}");
        }
        client.expect(200, "POST /api/v1/active-usernames", &body).await;
        client.done(&format!("DELETE /api/v1/catch-all-usernames/{id}"), "").await;
        assert_eq!(client.ask("POST /api/v1/reorder-rules", "{\"ids\":[]}").await.status, 200);
        client.expect(404, &format!("GET /api/v1/rules/{id}"), "").await;
        client.app.finish().await;
    })
    .await;
}

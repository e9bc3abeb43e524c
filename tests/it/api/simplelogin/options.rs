//! Endings that are offered, signed, and sent back.

use std::time::Duration;

use super::Client;
use crate::support::database::each_driver;

#[tokio::test]
async fn every_host_that_browsers_name_gets_options() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let cases = [
            ("", ""),
            ("?hostname=", ""),
            ("?hostname=newtab", ""),
            ("?hostname=undefined", ""),
            ("?hostname=localhost", ""),
            ("?hostname=shop.lg.co.uk", "lg"),
            ("?hostname=https://www.my-shop.com/path", "my-shop"),
            ("?hostname=xn--bcher-kva.example", ""),
        ];
        for (query, prefix) in cases {
            for version in ["v4", "v5"] {
                let options = client.expect(200, &format!("GET /api/{version}/alias/options{query}"), "").await;
                assert_eq!((&options["prefix_suggestion"], &options["can_create"]), (&prefix.into(), &true.into()), "{query}");
                assert!(!options["suffixes"].as_array().unwrap().is_empty());
            }
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn an_ending_can_be_sent_back_days_later_but_not_for_ever_and_not_changed() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let options = client.expect(200, "GET /api/v4/alias/options", "").await;
        let signed = options["suffixes"][0][1].as_str().unwrap();
        let make = async |prefix: &str, signed: &str| {
            let body = serde_json::json!({ "alias_prefix": prefix, "signed_suffix": signed }).to_string();
            client.ask("POST /api/v2/alias/custom/new", &body).await
        };
        client.app.clock.advance(Duration::from_hours(24 * 3));
        assert_eq!(make("one", signed).await.status, 201);
        for wrong in ["", "x", ".abc@you.example", &signed.replace("you.example", "me.example"), &format!("x{signed}")] {
            let answer = make("two", wrong).await;
            assert_eq!((answer.status, &answer.json()["error"]), (400, &"Tampered suffix".into()), "{wrong}");
        }
        for prefix in ["", " ", "a..b", "a@b", "\u{5c71}", "reply+", ".x", &"x".repeat(60)] {
            assert_eq!(make(prefix, signed).await.status, 400, "{prefix}");
        }
        client.app.clock.advance(Duration::from_hours(24 * 5));
        assert_eq!(make("three", signed).await.status, 412);
        client.app.finish().await;
    })
    .await;
}

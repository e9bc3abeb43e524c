//! The Android app: what it asks before it shows anything, and what it decodes without forgiveness.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{Client, MESSAGE, names, text};
use crate::support::database::each_driver;

#[derive(Debug, Deserialize)]
struct Wrapped<T> {
    data: T,
}

#[derive(Debug, Deserialize)]
struct Version {
    #[serde(rename = "version")]
    text: String,
    major: u32,
    minor: u32,
    #[serde(rename = "patch")]
    _patch: u32,
}

/// Fields that the app declares without a question mark.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "that they are there is the test")]
struct Account {
    id: String,
    username: String,
    banner_location: String,
    bandwidth: i64,
    bandwidth_limit: i64,
    username_count: i64,
    username_limit: i64,
    default_username_id: String,
    default_recipient_id: String,
    default_alias_domain: String,
    default_alias_format: String,
    alias_separator: String,
    recipient_count: i64,
    active_domain_count: i64,
    active_shared_domain_alias_count: i64,
    active_rule_count: i64,
    total_emails_forwarded: i64,
    total_emails_blocked: i64,
    total_emails_replied: i64,
    total_emails_sent: i64,
    total_aliases: i64,
    total_active_aliases: i64,
    total_inactive_aliases: i64,
    total_pinned_aliases: i64,
    total_deleted_aliases: i64,
    created_at: String,
    updated_at: String,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "that they are there is the test")]
struct Recipient {
    id: String,
    user_id: String,
    email: String,
    can_reply_send: bool,
    should_encrypt: bool,
    inline_encryption: bool,
    protected_headers: bool,
    remove_pgp_keys: bool,
    remove_pgp_signatures: bool,
    fingerprint: Option<String>,
    email_verified_at: Option<String>,
    aliases: Vec<serde_json::Value>,
    aliases_count: Option<i64>,
    created_at: String,
    updated_at: String,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "that they are there is the test")]
struct Username {
    id: String,
    #[serde(rename = "username")]
    name: String,
    aliases: Vec<serde_json::Value>,
    active: bool,
    catch_all: bool,
    can_login: bool,
    created_at: String,
    updated_at: String,
}

async fn decoded<T: DeserializeOwned>(client: &Client, path: &str) -> T {
    let value = client.expect(200, &format!("GET /api/v1/{path}"), "").await;
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn a_cold_start_finds_everything_it_asks_for() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        assert_eq!(client.token.len(), 56, "the app knows a token on the clipboard by its length");
        let version: Version = decoded(&client, "app-version").await;
        assert!((version.major, version.minor) >= (1, 5), "{}", version.text);
        let account: Wrapped<Account> = decoded(&client, "account-details").await;
        assert_eq!(account.data.username, "jane.roe");
        let path = format!("recipients/{}", account.data.default_recipient_id);
        let recipient: Wrapped<Recipient> = decoded(&client, &path).await;
        assert_eq!(recipient.data.id, account.data.default_recipient_id);
        let username: Wrapped<Username> = decoded(&client, &format!("usernames/{}", account.data.default_username_id)).await;
        assert_eq!(username.data.name, "jane.roe");
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn home_and_widgets_are_filled() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        let alias = client.app.alias("shop").await;
        client.app.send("news@lg.example", &alias, MESSAGE).await;
        assert_eq!(client.app.activity(&alias).await.forwarded, 1);
        for path in ["domains", "rules", "usernames", "domain-options", "api-token-details"] {
            client.expect(200, &format!("GET /api/v1/{path}"), "").await;
        }
        for path in ["failed-deliveries", "blocklist", "aliases"] {
            let page = client.expect(200, &format!("GET /api/v1/{path}?page%5Bnumber%5D=1&page%5Bsize%5D=25"), "").await;
            assert!(page["links"]["first"].is_string() && page["meta"]["total"].is_i64(), "{path}: {page}");
        }
        let chart = client.expect(200, "GET /api/v1/chart-data", "").await;
        assert_eq!(chart["forwardsData"], json!([0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(chart["labels"].as_array().unwrap().len(), 7);
        assert_eq!(chart["outboundMessageTotals"], json!([1, 0, 0]));
        let account = client.expect(200, "GET /api/v1/account-details", "").await;
        assert_eq!(
            (account["data"]["total_aliases"].as_i64(), account["data"]["total_emails_forwarded"].as_i64()),
            (Some(1), Some(1))
        );
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn a_stray_equals_sign_in_a_filter_is_forgiven() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for name in ["on", "off", "gone"] {
            client.app.alias(name).await;
        }
        let all = client.expect(200, "GET /api/v1/aliases", "").await;
        let id = |name: &str| {
            let found = all["data"].as_array().unwrap().iter().find(|alias| alias["local_part"] == name);
            text(&found.unwrap()["id"])
        };
        client.done(&format!("DELETE /api/v1/active-aliases/{}", id("off")), "").await;
        client.done(&format!("DELETE /api/v1/aliases/{}", id("gone")), "").await;
        for (query, expected) in [
            ("filter%5Bactive%5D%3D=true&filter%5Bdeleted%5D%3D=without", vec!["on"]),
            ("filter%5Bactive%5D%3D=false&filter%5Bdeleted%5D%3D=with", vec!["gone", "off"]),
            ("filter[active]==true", vec!["on"]),
            ("filter%5Bactive%5D%3D=&filter%5Bdeleted%5D%3D=only&unknown=1", vec!["gone"]),
            ("filter%5Bdeleted%5D%3D=with&sort=-updated_at&page%5Bsize%5D%3D=2&page%5Bnumber%5D%3D=1", vec!["gone", "off"]),
            ("", vec!["off", "on"]),
        ] {
            let page = client.expect(200, &format!("GET /api/v1/aliases?{query}"), "").await;
            assert_eq!(names(&page), expected, "{query}");
        }
        client.app.finish().await;
    })
    .await;
}

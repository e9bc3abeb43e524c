//! Pages: nothing twice and nothing lost, whatever is made meanwhile.

use std::collections::HashSet;

use super::{Client, each, text};
use crate::support::database::each_driver;

#[tokio::test]
async fn no_alias_comes_twice_or_is_lost_while_others_are_made() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for number in 0..25 {
            client.app.alias(&format!("there{number}")).await;
        }
        for sort in ["-created_at", "created_at", "address", "-address", "pinned"] {
            let mut seen = Vec::new();
            let mut query = format!("limit=4&sort={sort}");
            let mut round = 0;
            loop {
                let page = client.expect(200, &format!("GET /v1/aliases?{query}"), "").await;
                assert!(page["items"].as_array().unwrap().len() <= 4);
                seen.extend(each(&page, "address"));
                // At both ends and in the middle of every order.
                for name in ["aa", "there1", "zz"] {
                    let body = format!("{{\"name\":\"{name}-{}-{round}\"}}", sort.trim_start_matches('-').len());
                    let made = client.ask("POST /v1/aliases", &body).await;
                    assert!([201, 409].contains(&made.status));
                }
                round += 1;
                assert!(round < 200, "{sort} does not end");
                // Who makes aliases faster than they are read reaches no end by age: enough when all old ones were seen.
                let there = seen.iter().filter(|address| is_old(address)).count();
                if page["next"].is_null() || there == 25 {
                    break;
                }
                query = format!("limit=4&sort={sort}&cursor={}", text(&page["next"]));
            }
            let once: HashSet<&String> = seen.iter().collect();
            assert_eq!(once.len(), seen.len(), "{sort}: twice");
            assert_eq!(seen.iter().filter(|address| is_old(address)).count(), 25, "{sort}: lost");
        }
        client.app.finish().await;
    })
    .await;
}

fn is_old(address: &str) -> bool {
    address.starts_with("there") && !address.contains('-')
}

#[tokio::test]
async fn a_cursor_is_taken_by_its_own_list_only() {
    each_driver(async |database| {
        let client = Client::start(&database).await;
        for name in ["one", "two", "three"] {
            client.app.alias(name).await;
        }
        let page = client.expect(200, "GET /v1/aliases?limit=1", "").await;
        let cursor = text(&page["next"]);
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{cursor}");
        let wrong = [format!("cursor={cursor}&sort=address"), "cursor=%20".into(), "cursor=".into(), "cursor=AAAA".into()];
        for query in wrong {
            let said = client.refused(400, &format!("GET /v1/aliases?{query}"), "").await;
            assert!(said.starts_with("cursor: "), "{query}: {said}");
        }
        client.app.finish().await;
    })
    .await;
}

//! The document and the routes agree, and every route is closed to those who may not use it.

use postern::model::api_token::Scope;
use serde_json::Value;

use super::{Client, detail};
use crate::api::with_bearer;
use crate::support::database::{each_driver, on_sqlite};
use crate::support::http::request;

/// An operation of the document.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub value: Value,
}

impl Operation {
    /// The request line with these ids in the path.
    pub fn head(&self, id_of: impl Fn(&str) -> String) -> String {
        let mut path = String::new();
        for piece in self.path.split_inclusive('}') {
            match piece.split_once('{') {
                Some((before, name)) => path.extend([before, &id_of(name.trim_end_matches('}'))]),
                None => path.push_str(piece),
            }
        }
        format!("{} {path}", self.method)
    }

    /// A body that is well formed.
    pub fn body(&self) -> String {
        let body = &self.value["requestBody"]["content"]["application/json"]["example"];
        if body.is_null() { String::new() } else { body.to_string() }
    }

    /// Whether it is for administrators alone: its path and its scope say the same.
    pub fn is_admins(&self) -> bool {
        let is_below = self.path.starts_with("/v1/admin/");
        assert_eq!(is_below, self.value["security"][0]["token"] == serde_json::json!(["admin"]), "{}", self.name());
        is_below
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

pub async fn operations(client: &Client) -> Vec<Operation> {
    let document = request(client.app.running.http, "GET /openapi.json", &[], "").await;
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
    let document = document.json();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, value) in item.as_object().unwrap() {
            all.push(Operation { method: method.to_uppercase(), path: path.clone(), value: value.clone() });
        }
    }
    assert!(all.len() >= 6, "{}", all.len());
    all
}

#[tokio::test]
async fn the_document_is_whole() {
    on_sqlite(async |database| {
        let client = Client::start(&database).await;
        let document = request(client.app.running.http, "GET /openapi.json", &[], "").await.json();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
        assert_eq!(document["servers"][0]["url"], client.app.running.broker.rules.public_url.as_str());
        assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
        // Every reference leads somewhere.
        let text = document.to_string();
        for (at, _) in text.match_indices("\"#/components/schemas/") {
            let name = text[at + "\"#/components/schemas/".len()..].split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name} is not there");
        }
        let mut ids = std::collections::HashSet::new();
        for operation in operations(&client).await {
            let name = operation.name();
            let value = &operation.value;
            assert!(ids.insert(value["operationId"].to_string()), "{name}: its id is another's");
            assert!(value["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{name} says nothing");
            assert_eq!(value["tags"].as_array().map(Vec::len), Some(1), "{name}");
            assert!(value["security"][0]["token"].is_array(), "{name}");
            let answers = value["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{name} has no good answer");
            for status in ["400", "401", "403", "503"] {
                let content = &answers[status]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(content, "#/components/schemas/Problem", "{name}: {status}");
            }
            let content = &value["requestBody"]["content"];
            let is_file = content["application/octet-stream"]["schema"]["$ref"].is_string();
            assert_eq!(content.is_object(), is_file || !operation.body().is_empty(), "{name} has no example of a body");
            assert_eq!(value["requestBody"].is_object(), !operation.body().is_empty(), "{name} has no example of a body");
            let is_guessable = operation.body().contains("\"proof\"") || operation.body().contains("\"code\"");
            assert_eq!(answers.contains_key("429"), is_guessable, "{name}: whoever guesses has to wait");
            for parameter in value["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{name}: {parameter}");
            }
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn people_read_the_same() {
    on_sqlite(async |database| {
        let client = Client::start(&database).await;
        let page = request(client.app.running.http, "GET /docs", &[], "").await;
        assert_eq!(page.status, 200);
        assert!(!page.body.contains("<script") && !page.body.contains("style="));
        for operation in operations(&client).await {
            let call = format!("<code>{} {}</code>", operation.method, operation.path);
            assert!(page.body.contains(&call), "{call} is not there");
            let summary = operation.value["summary"].as_str().unwrap();
            assert!(page.body.contains(&summary.replace('\'', "&#39;")), "{summary} is not there");
        }
        client.app.finish().await;
    })
    .await;
}

#[tokio::test]
async fn every_route_needs_exactly_the_scope_that_the_document_says() {
    each_driver(async |database| {
        let client = Client::start_as_admin(&database).await;
        let mut tokens = Vec::new();
        for scope in Scope::ALL {
            tokens.push((scope, client.token(&[scope]).await));
        }
        let nil = |_: &str| uuid::Uuid::nil().to_string();
        for operation in operations(&client).await {
            let (name, head) = (operation.name(), operation.head(nil));
            let needed: Vec<&str> =
                operation.value["security"][0]["token"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let is_usual = !needed.contains(&"account") && !needed.contains(&"admin");
            let none = request(client.app.running.http, &head, &[], "").await;
            assert_eq!(none.status, 401, "{name} without a token");
            detail(&none);
            for (scope, token) in &tokens {
                // No body: nothing is made, whoever may.
                let answer = with_bearer(&client.app, token, &head, "").await;
                let may = needed.is_empty() || needed.contains(&scope.as_str()) || (*scope == Scope::Write && is_usual);
                assert_eq!(answer.status != 403, may, "{name} with {}: {}", scope.as_str(), answer.body);
                if !may {
                    assert_eq!(detail(&answer), format!("this needs a token with the scope {}", needed[0]), "{name}");
                }
                assert_ne!(answer.status, 401, "{name}: 401 is for the token alone");
                assert_ne!(answer.status, 405, "{name} is not routed");
                assert!(answer.status < 500, "{name}: {}", answer.body);
            }
        }
        client.app.finish().await;
    })
    .await;
}

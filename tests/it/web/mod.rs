//! Health, metrics and pages over a real connection.

mod access;
mod activity;
mod admin;
mod alias;
mod aliases;
mod domains;
mod failure;
mod failures;
mod flood;
mod hold;
pub mod letter;
mod link;
mod mailboxes;
mod onboarding;
#[cfg(feature = "passkeys")]
mod passkeys;
mod programs;
mod rescue;
mod reset;
mod security;
mod setup;
mod sign_in;
mod sign_up;
mod strangers;
mod transfer;
mod two_step;
pub mod verify;
mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postern::web::health::Readiness;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers one request on a fresh listener and gives back head and body.
async fn ask(router: axum::Router, request: &str) -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = async {
        axum::serve(listener, router)
            .with_graceful_shutdown(async {
                stopped.await.unwrap();
            })
            .await
            .unwrap();
    };
    let client = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        stop.send(()).unwrap();
        answer
    };
    let ((), answer) = tokio::join!(server, client);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn ready_means_every_listener_and_the_database() {
    let database = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&database);
    let readiness = Readiness::new(2, move || {
        let seen = Arc::clone(&seen);
        async move { seen.load(Ordering::Acquire) }
    });
    let status = |router| async { ask(router, "GET /readyz").await.0.lines().next().unwrap().to_owned() };
    let router = postern::web::router(readiness.clone());

    assert_eq!(status(router.clone()).await, "http/1.1 503 service unavailable");
    readiness.listening();
    database.store(true, Ordering::Release);
    assert_eq!(status(router.clone()).await, "http/1.1 503 service unavailable");
    readiness.listening();
    assert_eq!(status(router.clone()).await, "http/1.1 200 ok");
    readiness.listening();
    assert_eq!(status(router.clone()).await, "http/1.1 200 ok");
    database.store(false, Ordering::Release);
    let (head, body) = ask(router.clone(), "GET /readyz").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert_eq!(body, r#"{"ready":false,"listeners":true,"database":false,"running":true}"#);
    database.store(true, Ordering::Release);
    readiness.stopping();
    assert_eq!(status(router.clone()).await, "http/1.1 503 service unavailable");
    assert!(ask(router, "GET /healthz").await.0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document_with_the_same_headers() {
    let router = postern::web::router(Readiness::new(0, || async { true }));
    for (request, status) in [("GET /nothing", "404"), ("POST /healthz", "405")] {
        let (head, body) = ask(router.clone(), request).await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
        for line in [
            "content-type: application/problem+json",
            "content-security-policy: default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
        ] {
            assert!(head.contains(line), "{line} is missing in {head}");
        }
        let document: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(document["status"].to_string(), status);
    }
}

#[tokio::test]
async fn metrics_are_text_on_a_router_of_their_own() {
    let (head, body) = ask(postern::web::metrics::router(|| "postern_queue_waiting 3\n".to_owned()), "GET /metrics").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert_eq!(body, "postern_queue_waiting 3\n");
    let router = postern::web::router(Readiness::new(0, || async { true }));
    assert!(ask(router, "GET /metrics").await.0.starts_with("http/1.1 404"));
}

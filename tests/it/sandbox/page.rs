//! The page over HTTP, with the real broker behind it.

use std::fmt::Write;
use std::net::SocketAddr;

use postern::app::Environment;
use postern::model::alias::AliasState;
use postern::sandbox::house::House;
use postern::sandbox::letters::SENDERS;
use postern::sandbox::sender;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::DEADLINE;
use crate::support::http;

async fn open() -> (House, SocketAddr) {
    let house = House::start(&Environment::system(), None, false).await.unwrap();
    house.scene().make_aliases().await.unwrap();
    let page = house.open_page(None).await.unwrap();
    (house, page)
}

async fn request(page: SocketAddr, line: &str, headers: &[(&str, &str)]) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(page).await.unwrap();
    let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "Host") {
        write!(text, "Host: {page}\r\n").unwrap();
    }
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
    BufReader::new(stream)
}

async fn answer(page: SocketAddr, line: &str, headers: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut stream = request(page, line, headers).await;
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_its_files_are_served_under_a_strict_policy() {
    let (house, page) = open().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/page.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = answer(page, &format!("GET {path}"), &[]).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        assert!(answer.contains(&format!("content-type: {kind}\r\n")), "{path}: {answer}");
        assert!(answer.contains("content-security-policy: default-src 'none'; style-src 'self'; script-src 'self';"));
    }
    let missing = answer(page, "GET /nothing", &[]).await;
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.contains("content-security-policy: "));
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_needs_nothing_from_elsewhere_and_no_inline_code() {
    let (house, page) = open().await;
    house.scene().send(&SENDERS[0]).await.unwrap();
    let html = answer(page, "GET /", &[]).await;
    for forbidden in ["style=", "onclick", "onload", "src=\"http", "href=\"http", "<style", "<script>"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forms_send_kill_and_revive() {
    let (house, page) = open().await;
    let post = async |path: &str| answer(page, &format!("POST {path}"), &[("Sec-Fetch-Site", "same-origin")]).await;
    let state = async || house.scene().facts().await.unwrap().cards[0].state;
    assert!(post("/send/lumen-phones.example").await.starts_with("HTTP/1.1 303 "));
    assert!(house.scene().shelf().wait_for(DEADLINE, |message| message.subject.starts_with("Welcome to Lumen")).await.is_some());
    let killed = post("/kill/lumen-phones.example").await;
    assert!(killed.starts_with("HTTP/1.1 303 ") && killed.contains("location: /\r\n"), "{killed}");
    assert_eq!(state().await, AliasState::Killed);
    post("/send/lumen-phones.example").await;
    let html = answer(page, "GET /", &[]).await;
    assert!(
        html.contains("The sender was told <code>550 5.1.1 ") && html.contains("Mail so far: 1 let in, 1 turned away"),
        "{html}"
    );
    assert!(html.contains("<strong>nowhere</strong>"), "{html}");
    post("/revive/lumen-phones.example").await;
    assert_eq!(state().await, AliasState::Active);
    post("/send/lumen-phones.example").await;
    assert!(house.scene().shelf().wait_for(DEADLINE, |message| message.number == 2).await.is_some());
    assert!(post("/kill/nobody.example").await.starts_with("HTTP/1.1 404 "));
    assert!(answer(page, "GET /kill/lumen-phones.example", &[]).await.starts_with("HTTP/1.1 405 "));
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_the_site_from_the_alias_and_a_forged_one_is_refused_on_the_page() {
    let (house, page) = open().await;
    let post = async |path: &str| answer(page, &format!("POST {path}"), &[("Sec-Fetch-Site", "same-origin")]).await;
    assert!(post("/forge/bookworm.example").await.starts_with("HTTP/1.1 404 "), "nothing to answer yet");
    post("/send/bookworm.example").await;
    let mail = house.scene().shelf().wait_for(DEADLINE, |message| message.number == 1).await.unwrap();
    assert!(post("/answer/1").await.starts_with("HTTP/1.1 303 "));
    let got =
        house.scene().shelf().wait_for(DEADLINE, |message| message.recipients == ["orders@bookworm.example"]).await.unwrap();
    let alias = house.scene().alias(&SENDERS[1]).unwrap().to_string();
    assert_eq!((got.from_address.as_str(), &got.subject), (alias.as_str(), &format!("Re: {}", mail.subject)));
    assert!(!got.mentions("inbox.example") && !got.sender.contains("inbox.example"), "{}", got.header());
    assert!(post(&format!("/answer/{}", got.number)).await.starts_with("HTTP/1.1 404 "), "not in the owner's inbox");
    assert!(post("/forge/bookworm.example").await.starts_with("HTTP/1.1 303 "));
    let html = answer(page, "GET /", &[]).await;
    for text in [
        "You answered Bookworm: “Re: ",
        &format!("which sees it come from {alias}."),
        "Somebody wrote to Bookworm in your name",
        "The stranger was told <code>550 5.7.1 ",
        "Mail so far: 1 let in, 1 turned away, 1 answered by you",
        "<strong>nowhere</strong>",
    ] {
        assert!(html.contains(text), "{text}\n{html}");
    }
    let to_the_site = house.scene().shelf().all().into_iter().filter(|mail| mail.recipients == ["orders@bookworm.example"]);
    assert_eq!(to_the_site.count(), 1);
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_and_other_pages_are_kept_out() {
    let (house, page) = open().await;
    assert!(answer(page, "GET /", &[("Host", "evil.example")]).await.starts_with("HTTP/1.1 421 "));
    let foreign = answer(page, "POST /kill/lumen-phones.example", &[("Sec-Fetch-Site", "cross-site")]).await;
    assert!(foreign.starts_with("HTTP/1.1 403 "));
    let foreign = answer(page, "POST /kill/lumen-phones.example", &[("Origin", "http://evil.example")]).await;
    assert!(foreign.starts_with("HTTP/1.1 403 "));
    assert_eq!(house.scene().facts().await.unwrap().cards[0].state, AliasState::Active);
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_mail_sent_by_hand_is_shown_as_text() {
    let (house, page) = open().await;
    let hostile = "<script>alert(1)</script>";
    let letter = postern::sandbox::letters::Letter {
        helo: "evil.example".into(),
        sender: "\"<b>\"@evil.example".into(),
        recipient: house.scene().alias(&SENDERS[1]).unwrap().to_string(),
        subject: hostile.into(),
        bytes: format!("From: \"{hostile}\" <x@evil.example>\r\nSubject: {hostile}\r\n\r\n{hostile}\r\n").into_bytes(),
    };
    assert!(sender::send(house.scene().gate(), &letter).await.unwrap().is_accepted());
    house.scene().shelf().wait_for(DEADLINE, |message| message.subject == hostile).await.unwrap();
    let html = answer(page, "GET /", &[]).await;
    assert!(!html.contains("<script>alert") && !html.contains("<b>"), "{html}");
    assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_stream_tells_of_changes_and_ends_with_the_sandbox() {
    let (house, page) = open().await;
    let mut stream = request(page, "GET /events", &[]).await;
    let mut seen = String::new();
    let mut until = async |count: usize| {
        while seen.matches("data:").count() < count {
            let read = tokio::time::timeout(DEADLINE, stream.read_line(&mut seen)).await.unwrap().unwrap();
            assert!(read > 0, "{seen}");
        }
    };
    // One for the gate and one for the inbox at the beginning, and one more for the kill.
    until(2).await;
    house.scene().set_state(&SENDERS[0], AliasState::Killed).await.unwrap();
    until(3).await;
    house.stop().await.unwrap();
    let mut rest = String::new();
    tokio::time::timeout(DEADLINE, stream.read_to_string(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_begins_without_an_account_and_a_site_writes_to_the_alias_it_is_given() {
    let house = House::start(&Environment::system(), None, true).await.unwrap();
    let page = house.open_page(None).await.unwrap();
    let empty = answer(page, "GET /", &[]).await;
    assert!(empty.contains("does not know you") && empty.contains(house.scene().pages()), "{empty}");
    let hand_out = async |address: &str| {
        let body = format!("address={address}");
        let head = format!("POST /hand-out/lumen-phones.example HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n");
        let kind = "Content-Type: application/x-www-form-urlencoded";
        http::replay(page, format!("{head}{kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
    };
    let refused = hand_out("lumen%40you.example").await;
    assert!(refused.status == 500 && refused.body.contains("nobody has made an account yet"), "{refused:?}");
    assert_eq!(hand_out("lumen").await.status, 422);
    house.stop().await.unwrap();
}

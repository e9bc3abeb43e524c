//! The letters Postern writes: previewed on a page of their own, and the one about a forgery as it arrives.

use std::net::SocketAddr;

use postern::app::Environment;
use postern::sandbox::house::House;
use postern::sandbox::letters::SENDERS;
use postern::sandbox::scene::REAL_ADDRESS;
use postern::service::letters::samples;

use super::DEADLINE;
use crate::support::http::{self, Answer};

async fn open() -> (House, SocketAddr) {
    let house = House::start(&Environment::system(), None, false).await.unwrap();
    house.scene().make_aliases().await.unwrap();
    let page = house.open_page(None).await.unwrap();
    (house, page)
}

async fn get(page: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {page}\r\nConnection: close\r\n\r\n");
    tokio::time::timeout(DEADLINE, http::replay(page, request.as_bytes())).await.unwrap()
}

/// As the template writes text.
fn escaped(text: &str) -> String {
    let ampersands = text.replace('&', "&#38;");
    ampersands.replace('<', "&#60;").replace('>', "&#62;").replace('"', "&#34;").replace('\'', "&#39;")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_letter_is_shown_with_its_subject_its_text_and_its_html_in_both_colours() {
    let (house, page) = open().await;
    assert!(get(page, "/").await.body.contains("<a href=\"/letters\">The letters Postern writes</a>"));
    let letters = get(page, "/letters").await;
    assert_eq!((letters.status, letters.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let html = letters.body;
    let samples = samples::all();
    for (number, sample) in (1..).zip(&samples) {
        assert!(html.contains(&format!("<h2 id=\"letter-{number}\">{}</h2>", escaped(sample.name))), "{html}");
        assert!(html.contains(&format!("<strong>{}</strong>", escaped(&sample.letter.subject))), "{html}");
        assert!(html.contains(&format!("<pre>{}</pre>", escaped(&sample.letter.text().replace('\r', "")))), "{html}");
        let frames = html.matches(&format!("<iframe src=\"/letters/{number}/html\" sandbox ")).count();
        assert_eq!(frames, 2, "{}", sample.name);
        let framed = get(page, &format!("/letters/{number}/html")).await;
        assert_eq!((framed.status, framed.body), (200, sample.letter.html()), "{}", sample.name);
    }
    assert_eq!(html.matches("<iframe ").count(), 2 * samples.len());
    for forbidden in ["<script", "style=", "<form", "href=\"http", "src=\"http"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_alone_may_be_framed_and_bring_its_style() {
    let (house, page) = open().await;
    let policy = async |path: &str| {
        let answer = get(page, path).await;
        let header = |name: &str| answer.header(name).unwrap().to_owned();
        assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff".into(), "no-store".into()));
        (answer.status, header("content-security-policy"), header("x-frame-options"))
    };
    let (status, framed, options) = policy("/letters/1/html").await;
    assert_eq!((status, options.as_str()), (200, "SAMEORIGIN"));
    for directive in
        ["default-src 'none'", "style-src 'unsafe-inline'", "frame-ancestors 'self'", "form-action 'none'", "sandbox"]
    {
        assert!(framed.split("; ").any(|found| found == directive), "{framed}");
    }
    assert!(!framed.contains("script-src") && !framed.contains("allow-"), "{framed}");
    for (path, status) in
        [("/", 200), ("/letters", 200), ("/letters/0/html", 404), ("/letters/999/html", 404), ("/page.css", 200)]
    {
        let (found, policy, options) = policy(path).await;
        assert_eq!((found, options.as_str()), (status, "DENY"), "{path}");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; ") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.ends_with("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(policy.contains("frame-src"), path == "/letters", "{path}: {policy}");
    }
    assert_eq!(policy("/letters/one/html").await.0, 400);
    house.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgery_brings_its_owner_a_letter_that_the_inbox_shows() {
    let (house, page) = open().await;
    let scene = house.scene();
    scene.send(&SENDERS[1]).await.unwrap();
    let mail = scene.shelf().wait_for(DEADLINE, |mail| mail.reverse().is_some()).await.unwrap();
    let (_, seen) = scene.forge(&mail).await.unwrap();
    assert!(seen.reply.starts_with("550 5.7.1 "), "{}", seen.reply);
    let subject = format!("A message through {} was refused", scene.alias(&SENDERS[1]).unwrap());
    let notice = scene.shelf().wait_for(DEADLINE, |mail| mail.subject == subject).await.unwrap();
    assert_eq!((notice.recipients.as_slice(), notice.sender.as_str()), (&[REAL_ADDRESS.to_owned()][..], ""));
    assert_eq!((notice.from_name.as_str(), notice.from_address.as_str()), ("Postern", "postern@you.example"));
    assert_eq!(notice.field("Auto-Submitted").as_deref(), Some("auto-generated"));
    let html = get(page, "/").await.body;
    let heading = format!("<h3 id=\"message-{}\">{subject}</h3>", notice.number);
    assert!(html.contains(&heading) && html.contains("Somebody tried to send mail as your address"), "{html}");
    assert!(!html.contains(&format!("/answer/{}\"", notice.number)), "nobody reads an answer to it");
    house.stop().await.unwrap();
}

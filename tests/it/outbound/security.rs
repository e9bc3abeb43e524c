//! TLS and passwords: a bonus with any certificate, or demanded with a valid one; never a password in clear.

use std::io::Write;
use std::time::Duration;

use postern::config::outbound::Outbound as Settings;

use super::{Bench, deferred, delivered, exchangers, quick, smarthost};
use crate::support::sink::{Act, Identity, Point, Script, Sink};
use postern::config::outbound::Mode;

const TEXT: &str = "Subject: x\r\n\r\nhello\r\n";

/// A smarthost that is not on the loopback by name, so that its password needs TLS.
fn with_password(sink: &Sink, scheme: &str) -> Settings {
    let smarthost = format!("{scheme}://me:se%3Acret@relay.example:{}", sink.port());
    Settings { mode: Mode::Smarthost, smarthost, ..quick() }
}

const ZONE: &str = "relay.example. A 127.0.0.1";

fn trusting(identity: &Identity, mut settings: Settings) -> (tempfile::NamedTempFile, Settings) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(identity.pem.as_bytes()).unwrap();
    settings.smarthost_ca = Some(file.path().to_owned());
    (file, settings)
}

#[tokio::test]
async fn starttls_is_used_when_offered_whatever_the_certificate() {
    let identity = Identity::new(&["someone.else.example"]);
    let sink = Sink::with(Script::new().start_tls(&identity)).await;
    let bench = Bench::of(&exchangers(&sink), "inbox.example. A 127.0.0.1");
    delivered(&bench.give(TEXT).await);
    delivered(&bench.give(&format!("A: b\r\n\r\n{}", "0123456789\r\n".repeat(30_000))).await);
    let messages = sink.messages();
    assert!(messages.iter().all(|message| message.tls));
    assert_eq!(messages[1].content.len(), 8 + 360_000);
    assert_eq!(sink.connections().len(), 1);
}

#[tokio::test]
async fn tls_that_fails_is_left_out_for_an_hour() {
    let sink = Sink::with(Script::new().offer("STARTTLS").at(Point::StartTls, Act::SayAndDrop(b"220 go\r\n".to_vec()))).await;
    let mut settings = exchangers(&sink);
    settings.messages_per_connection = 1;
    let bench = Bench::of(&settings, "inbox.example. A 127.0.0.1");
    delivered(&bench.give(TEXT).await);
    assert_eq!(sink.connections().len(), 2, "one with TLS, one in clear");
    delivered(&bench.give(TEXT).await);
    assert_eq!(sink.connections().len(), 3, "the next one is in clear at once");
    bench.clock.forward(Duration::from_secs(3601));
    delivered(&bench.give(TEXT).await);
    assert_eq!(sink.connections().len(), 5);
}

#[tokio::test]
async fn a_refused_starttls_leaves_the_connection_in_clear_where_nobody_insists() {
    let sink = Sink::with(Script::new().offer("STARTTLS").reply(Point::StartTls, "454 4.7.0 not now\r\n")).await;
    delivered(&Bench::of(&exchangers(&sink), "inbox.example. A 127.0.0.1").give(TEXT).await);
    assert_eq!(sink.connections().len(), 1);
}

#[tokio::test]
async fn a_password_goes_only_over_verified_tls() {
    let identity = Identity::new(&["relay.example"]);
    let script = Script::new().start_tls(&identity).offer("AUTH PLAIN LOGIN");
    let sink = Sink::with(script).await;
    // Nobody vouches for the certificate.
    let report = Bench::of(&with_password(&sink, "smtp"), ZONE).give(TEXT).await;
    assert_eq!((deferred(&report).status.as_str(), report.site_in_trouble), ("4.7.5", true));
    // Vouched for, but for another name.
    let other = Identity::new(&["other.example"]);
    sink.follow(Script::new().start_tls(&other).offer("AUTH PLAIN"));
    let (_file, settings) = trusting(&other, with_password(&sink, "smtp"));
    assert_eq!(deferred(&Bench::of(&settings, ZONE).give(TEXT).await).status, "4.7.5");
    // No TLS at all.
    sink.follow(Script::new().offer("AUTH PLAIN"));
    assert_eq!(deferred(&Bench::of(&with_password(&sink, "smtp"), ZONE).give(TEXT).await).status, "4.7.4");
    assert!(sink.messages().is_empty());
    assert!(sink.connections().iter().all(|c| !String::from_utf8_lossy(&c.received).contains("AUTH")));
}

#[tokio::test]
async fn the_smarthost_gets_the_password_over_starttls_and_over_tls_at_once() {
    let identity = Identity::new(&["relay.example"]);
    for (scheme, script) in [("smtp", Script::new().start_tls(&identity)), ("smtps", Script::new().tls_at_once(&identity))] {
        let sink = Sink::with(script.offer("AUTH PLAIN")).await;
        let (_file, settings) = trusting(&identity, with_password(&sink, scheme));
        delivered(&Bench::of(&settings, ZONE).give(TEXT).await);
        let received = String::from_utf8_lossy(&sink.connections()[0].received).into_owned();
        // base64 of NUL, "me", NUL, "se:cret".
        assert!(received.contains("AUTH PLAIN AG1lAHNlOmNyZXQ=\r\n"), "{received}");
        assert!(sink.messages()[0].tls);
    }
}

#[tokio::test]
async fn a_refused_password_defers_because_it_is_the_operators_mistake() {
    let identity = Identity::new(&["relay.example"]);
    for act in [Act::Say(b"535 5.7.8 no\r\n".to_vec()), Act::Drop, Act::Say(b"?\r\n".to_vec())] {
        let sink = Sink::with(Script::new().start_tls(&identity).offer("AUTH PLAIN").at(Point::Auth, act)).await;
        let (_file, settings) = trusting(&identity, with_password(&sink, "smtp"));
        let report = Bench::of(&settings, ZONE).give(TEXT).await;
        assert_eq!((deferred(&report).status.as_str(), report.site_in_trouble), ("4.7.8", true));
    }
    let sink = Sink::with(Script::new().start_tls(&identity).offer("AUTH CRAM-MD5")).await;
    let (_file, settings) = trusting(&identity, with_password(&sink, "smtp"));
    assert!(deferred(&Bench::of(&settings, ZONE).give(TEXT).await).detail.reveal().contains("offers neither"));
}

#[tokio::test]
async fn a_smarthost_on_the_loopback_may_have_the_password_in_clear() {
    let sink = Sink::with(Script::new().offer("AUTH LOGIN PLAIN")).await;
    let mut settings = smarthost(&sink);
    settings.smarthost = format!("smtp://me:pw@{}", sink.address());
    delivered(&Bench::of(&settings, "").give(TEXT).await);
}

#[tokio::test]
async fn tls_at_once_with_a_silent_server_is_left() {
    let sink = Sink::with(Script::new().at(Point::Greeting, Act::Stall)).await;
    let mut settings = with_password(&sink, "smtps");
    settings.deadlines.tls = postern::config::duration::Span(Duration::from_millis(150));
    let report = tokio::time::timeout(Duration::from_secs(10), Bench::of(&settings, ZONE).give(TEXT)).await.unwrap();
    assert_eq!(deferred(&report).status, "4.7.5");
}

#[tokio::test]
async fn a_bad_setting_is_named_in_one_line() {
    use postern::dns::Resolver;
    use postern::model::{Chance, Clock};
    use postern::outbound::Outbound;
    use rand::SeedableRng;
    let empty = tempfile::NamedTempFile::new().unwrap();
    let smart = |url: &str| Settings { mode: Mode::Smarthost, smarthost: url.to_owned(), ..quick() };
    let bad = [
        (smart("smtp//x"), "outbound.smarthost: "),
        (Settings { smarthost_file: Some("/nonexistent/url".into()), ..smart("") }, "outbound.smarthost_file: "),
        (Settings { smarthost_ca: Some("/nonexistent/ca".into()), ..smart("smtps://x.example") }, "outbound.smarthost_ca: "),
        (Settings { smarthost_ca: Some(empty.path().to_owned()), ..smart("smtps://x.example") }, "outbound.smarthost_ca: "),
    ];
    for (settings, start) in bad {
        let resolver =
            Resolver::open(&postern::config::dns::Dns { zone_file: Some(empty.path().to_owned()), ..Default::default() })
                .unwrap();
        let chance = Chance::new(rand::rngs::StdRng::seed_from_u64(1));
        let clock: std::sync::Arc<dyn Clock> = std::sync::Arc::new(super::Hand::default());
        let error = Outbound::new(&settings, "postern.example", resolver, chance, clock, tokio_util::task::TaskTracker::new());
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with(start) && !error.contains('\n'), "{error}");
    }
}

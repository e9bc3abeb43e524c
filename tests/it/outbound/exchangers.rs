//! Finding the next hop by MX records: what the DNS says, and what it must not be able to make us do.

use std::time::Duration;

use super::{Bench, deferred, delivered, exchangers, refused};
use crate::support::sink::{Act, Point, Script, Sink};

const TEXT: &str = "Subject: x\r\n\r\nhello\r\n";

/// A second sink at the port of the first, on another loopback address.
async fn beside(sink: &Sink, last: u8, script: Script) -> Sink {
    Sink::bind(([127, 0, 0, last], sink.port()).into(), script).await
}

async fn bench(zone: &str) -> (Sink, Bench) {
    let sink = Sink::start().await;
    let bench = Bench::of(&exchangers(&sink), zone);
    (sink, bench)
}

#[tokio::test]
async fn an_exchanger_is_found_and_named_as_the_site() {
    let (sink, bench) = bench("inbox.example. MX 10 mx.inbox.example.\nmx.inbox.example. A 127.0.0.1").await;
    let report = bench.give(TEXT).await;
    delivered(&report);
    assert_eq!(report.site.as_deref(), Some("mx.inbox.example"));
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test]
async fn a_null_mx_accepts_no_mail() {
    let (sink, bench) = bench("inbox.example. MX 0 .\ninbox.example. A 127.0.0.1").await;
    assert_eq!(refused(&bench.give(TEXT).await).status, "5.1.10");
    assert!(sink.connections().is_empty());
}

#[tokio::test]
async fn a_null_mx_among_others_is_ignored() {
    let (_sink, bench) = bench("inbox.example. MX 0 .\ninbox.example. MX 10 mx.\nmx. A 127.0.0.1").await;
    delivered(&bench.give(TEXT).await);
}

#[tokio::test]
async fn a_domain_without_mx_is_its_own_exchanger() {
    let (_sink, bench) = bench("inbox.example. A 127.0.0.1").await;
    delivered(&bench.give(TEXT).await);
}

#[tokio::test]
async fn a_cname_is_followed() {
    let zone = "inbox.example. CNAME real.example.\nreal.example. MX 5 mx.real.example.\nmx.real.example. CNAME host.real.example.\n\
                host.real.example. A 127.0.0.1";
    let (_sink, bench) = bench(zone).await;
    delivered(&bench.give(TEXT).await);
}

#[tokio::test]
async fn a_domain_that_does_not_exist_is_refused() {
    let (_sink, bench) = bench("other.example. A 127.0.0.1").await;
    assert_eq!(refused(&bench.give(TEXT).await).status, "5.1.2");
}

#[tokio::test]
async fn dns_that_fails_only_defers() {
    for zone in [
        "; servfail: inbox.example",
        "inbox.example. MX 10 mx.broken.example.\n; servfail: broken.example",
        "inbox.example. CNAME inbox.example.",
    ] {
        let (_sink, bench) = bench(zone).await;
        let report = bench.give(TEXT).await;
        assert_eq!(deferred(&report).status, "4.4.3", "{zone}");
        assert!(!report.site_in_trouble);
    }
}

#[tokio::test]
async fn exchangers_without_an_address_only_defer() {
    let (_sink, bench) = bench("inbox.example. MX 10 nowhere.example.\ninbox.example. MX 20 mx.\nmx. TXT x").await;
    assert_eq!(deferred(&bench.give(TEXT).await).status, "4.4.4");
}

#[tokio::test]
async fn the_lowest_preference_is_tried_first() {
    let zone = "inbox.example. MX 20 two.\ninbox.example. MX 10 one.\none. A 127.0.0.1\ntwo. A 127.0.0.2";
    let (first, bench) = bench(zone).await;
    let second = beside(&first, 2, Script::new()).await;
    for _ in 0..5 {
        delivered(&bench.give(TEXT).await);
    }
    assert_eq!((first.messages().len(), second.messages().len()), (5, 0));
}

#[tokio::test]
async fn equals_share_the_load() {
    let zone = "inbox.example. MX 10 two.\ninbox.example. MX 10 one.\none. A 127.0.0.1\ntwo. A 127.0.0.2";
    let first = Sink::start().await;
    let second = beside(&first, 2, Script::new()).await;
    let mut settings = exchangers(&first);
    settings.messages_per_connection = 1;
    let bench = Bench::of(&settings, zone);
    for _ in 0..40 {
        delivered(&bench.give(TEXT).await);
    }
    assert!(!first.messages().is_empty() && !second.messages().is_empty());
}

#[tokio::test]
async fn the_next_host_is_tried_when_the_first_is_in_trouble() {
    let zone = "inbox.example. MX 10 one.\ninbox.example. MX 20 two.\none. A 127.0.0.1\ntwo. A 127.0.0.2";
    let scripts = [
        Script::new().reply(Point::Greeting, "554 5.7.1 go away\r\n"),
        Script::new().reply(Point::Greeting, "421 4.3.2 busy\r\n"),
        Script::new().at(Point::Greeting, Act::Drop),
        Script::new().reply(Point::Ehlo, "550 5.7.1 no\r\n"),
        Script::new().at(Point::Mail, Act::Drop),
        Script::new().reply(Point::Mail, "421 4.7.0 later\r\n"),
        Script::new().reply(Point::Rcpt, "421 4.7.0 later\r\n"),
        Script::new().offers(&["PIPELINING", "8BITMIME"]),
    ];
    for script in scripts {
        let first = Sink::with(script).await;
        let second = beside(&first, 2, Script::new()).await;
        let mut hand_off = super::message(TEXT.as_bytes());
        hand_off.smtputf8 = true;
        let report = Bench::of(&exchangers(&first), zone).outbound.hand_off(&hand_off).await;
        delivered(&report);
        assert!(!report.site_in_trouble);
        assert_eq!((first.messages().len(), second.messages().len()), (0, 1));
    }
}

#[tokio::test]
async fn the_next_host_is_tried_when_the_first_refuses_the_connection() {
    // Nothing listens on 127.0.0.3, and "gone" does not exist.
    let zone =
        "inbox.example. MX 5 gone.\ninbox.example. MX 10 one.\ninbox.example. MX 20 two.\none. A 127.0.0.3\ntwo. A 127.0.0.1";
    let (sink, bench) = bench(zone).await;
    delivered(&bench.give(TEXT).await);
    assert_eq!(sink.messages().len(), 1);
}

#[tokio::test]
async fn after_the_dot_no_other_host_is_tried() {
    let zone = "inbox.example. MX 10 one.\ninbox.example. MX 20 two.\none. A 127.0.0.1\ntwo. A 127.0.0.2";
    for act in [Act::Drop, Act::Say(b"421 4.3.0 x\r\n".to_vec()), Act::HalfClose, Act::SayAndDrop(b"2".to_vec())] {
        let first = Sink::with(Script::new().at(Point::Dot, act)).await;
        let second = beside(&first, 2, Script::new()).await;
        deferred(&Bench::of(&exchangers(&first), zone).give(TEXT).await);
        assert_eq!((first.messages().len(), second.connections().len()), (1, 0));
    }
}

#[tokio::test]
async fn at_most_five_addresses_are_tried() {
    let sinks = Sink::with(Script::new().reply(Point::Greeting, "554 no\r\n")).await;
    let few = [1, 4, 5].map(|last| format!("few. A 127.0.0.{last}")).join("\n");
    let many = [6, 7, 8, 9].map(|last| format!("many. A 127.0.0.{last}")).join("\n");
    let zone = format!("inbox.example. MX 10 few.\ninbox.example. MX 20 many.\n{few}\n{many}");
    let mut others = Vec::new();
    for last in 4..10 {
        others.push(beside(&sinks, last, Script::new().reply(Point::Greeting, "554 no\r\n")).await);
    }
    others.push(sinks);
    let report = Bench::of(&exchangers(&others[0]), &zone).give(TEXT).await;
    assert!(report.site_in_trouble);
    assert_eq!(deferred(&report).code, Some(554), "a 5xx greeting refuses no message");
    assert_eq!(others.iter().map(|sink| sink.connections().len()).sum::<usize>(), 5);
}

#[tokio::test]
async fn private_addresses_are_not_connected_unless_allowed() {
    for address in
        ["A 127.0.0.1", "A 10.0.0.1", "A 169.254.169.254", "A 0.0.0.0", "AAAA ::1", "AAAA ::ffff:127.0.0.1", "AAAA fe80::1"]
    {
        let sink = Sink::start().await;
        let mut settings = exchangers(&sink);
        settings.allow_private_targets = false;
        let bench = Bench::of(&settings, &format!("inbox.example. MX 10 mx.\nmx. {address}"));
        let report = tokio::time::timeout(Duration::from_secs(5), bench.give(TEXT)).await.unwrap();
        assert_eq!(deferred(&report).status, "4.4.4", "{address}");
        assert!(sink.connections().is_empty() && !report.site_in_trouble);
    }
}

#[tokio::test]
async fn exchangers_at_or_behind_ourselves_are_left_out() {
    let zone = "inbox.example. MX 10 before.\ninbox.example. MX 20 POSTERN.example.\ninbox.example. MX 30 behind.\n\
                before. A 127.0.0.3\nbehind. A 127.0.0.1\npostern.example. A 127.0.0.1";
    let (sink, bench) = bench(zone).await;
    deferred(&bench.give(TEXT).await);
    assert!(sink.connections().is_empty());
    let loops = Bench::of(&exchangers(&sink), "inbox.example. MX 10 postern.example.\npostern.example. A 127.0.0.1");
    assert_eq!(refused(&loops.give(TEXT).await).status, "5.4.6");
    assert!(sink.connections().is_empty());
}

#[tokio::test]
async fn an_extension_that_no_host_has_refuses_for_good() {
    let (sink, bench) = bench("inbox.example. A 127.0.0.1").await;
    sink.follow(Script::new().offers(&["PIPELINING"]));
    let mut hand_off = super::message("Subject: x\r\n\r\nhé\r\n".as_bytes());
    assert_eq!(refused(&bench.outbound.hand_off(&hand_off).await).status, "5.6.3");
    hand_off.smtputf8 = true;
    assert_eq!(refused(&bench.outbound.hand_off(&hand_off).await).status, "5.6.7");
    sink.follow(Script::new().offers(&["SIZE 10"]));
    let report = Bench::of(&exchangers(&sink), "inbox.example. A 127.0.0.1").give(TEXT).await;
    assert_eq!(refused(&report).status, "5.3.4");
}

#[tokio::test]
async fn only_what_others_said_is_an_attempt() {
    for (zone, attempted) in [
        ("; servfail: inbox.example", false),
        ("inbox.example. MX 10 mx.broken.example.\n; servfail: broken.example", false),
        ("inbox.example. MX 10 mx.\nmx. TXT x", true),
        ("other.example. A 127.0.0.1", true),
        // Nothing listens there.
        ("inbox.example. A 127.0.0.3", true),
        ("inbox.example. A 127.0.0.1", true),
    ] {
        let (_sink, bench) = bench(zone).await;
        assert_eq!(bench.give(TEXT).await.attempted, attempted, "{zone}");
    }
    let (_sink, bench) = bench("inbox.example. A 127.0.0.3").await;
    assert!(bench.give(TEXT).await.site_in_trouble);
    assert!(!bench.give(TEXT).await.attempted, "a resting site is not tried");
}

#[tokio::test]
async fn a_network_that_is_not_there_is_not_the_trouble_of_the_site() {
    // A connection to the broadcast address is refused by this machine itself.
    let (sink, bench) = bench("inbox.example. MX 10 one.\none. A 255.255.255.255").await;
    let report = bench.give(TEXT).await;
    assert_eq!(deferred(&report).status, "4.4.1");
    assert!(!report.attempted && !report.site_in_trouble && sink.connections().is_empty());
}

#[tokio::test]
async fn a_break_at_rcpt_or_data_leads_to_the_next_host() {
    let zone = "inbox.example. MX 10 one.\ninbox.example. MX 20 two.\none. A 127.0.0.1\ntwo. A 127.0.0.2";
    for point in [Point::Rcpt, Point::Data] {
        for offers in [vec!["PIPELINING"], vec![]] {
            let first = Sink::with(Script::new().offers(&offers).at(point, Act::Drop)).await;
            let second = beside(&first, 2, Script::new()).await;
            delivered(&Bench::of(&exchangers(&first), zone).give(TEXT).await);
            assert_eq!((first.messages().len(), second.messages().len()), (0, 1));
        }
    }
}

#[tokio::test]
async fn a_host_that_wants_tls_is_not_taken_at_its_word_when_tls_just_failed() {
    let sink = Sink::with(
        Script::new().offer("STARTTLS").reply(Point::StartTls, "454 not now\r\n").reply(Point::Mail, "530 5.7.0 TLS first\r\n"),
    )
    .await;
    let report = Bench::of(&exchangers(&sink), "inbox.example. A 127.0.0.1").give(TEXT).await;
    assert_eq!(deferred(&report).status, "4.7.0");
    sink.follow(Script::new().reply(Point::Mail, "530 5.7.0 log in first\r\n"));
    let report = Bench::of(&exchangers(&sink), "inbox.example. A 127.0.0.1").give(TEXT).await;
    assert_eq!(refused(&report).code, Some(530), "a stranger that wants a login takes no mail from us");
}

#[tokio::test]
async fn addresses_out_of_reach_use_up_no_turn_and_have_no_say() {
    let far = [1, 2, 3, 4, 5, 6, 7].map(|n| format!("inbox.example. MX 10 far{n}.\nfar{n}. A 255.255.255.255\n")).concat();
    let (sink, bench) = bench(&format!("{far}inbox.example. MX 20 near.\nnear. A 127.0.0.1")).await;
    let report = bench.give(TEXT).await;
    delivered(&report);
    assert!(report.attempted);
    sink.follow(Script::new().offers(&["SIZE 10"]));
    let bench = Bench::of(&exchangers(&sink), &format!("{far}inbox.example. MX 20 near.\nnear. A 127.0.0.1"));
    let report = bench.give(TEXT).await;
    assert_eq!((refused(&report).status.as_str(), report.attempted), ("5.3.4", true));
}

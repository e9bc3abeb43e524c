//! Opening the resolver: a zone file or a server answers, a bad setting is named.

mod network;

use std::io::Write;

use postern::config::dns::Dns;
use postern::dns::{DnsError, Mx, Resolver};
use postern::model::DomainName;

fn open(zone: &str) -> Resolver {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(zone.as_bytes()).unwrap();
    Resolver::open(&Dns { zone_file: Some(file.path().to_owned()), ..Dns::default() }).unwrap()
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

#[tokio::test]
async fn records_come_from_the_zone_file() {
    let resolver = open(
        "$ORIGIN x.example.\n@ MX 10 Mail\n@ MX 20 .\n@ MX 30 192.0.2.1.\n@ TXT \"one \" \"text\"\nmail A 192.0.2.1\nmail A 192.0.2.2\nmail AAAA 2001:db8::1\n\
         1.2.0.192.in-addr.arpa. PTR mail",
    );
    let mut found = resolver.mx(&name("X.example")).await.unwrap();
    found.sort_by_key(|mx| mx.preference);
    let mx = |preference, exchange: Option<&str>| Mx { preference, exchange: exchange.map(name) };
    assert_eq!(found, [mx(10, Some("mail.x.example")), mx(20, None)]);
    let addresses: Vec<String> =
        resolver.addresses(&name("mail.x.example")).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["192.0.2.1", "2001:db8::1", "192.0.2.2"]);
    assert_eq!(resolver.txt("x.example").await.unwrap(), [b"one text"]);
    assert_eq!(resolver.reverse("192.0.2.1".parse().unwrap()).await.unwrap(), [name("mail.x.example")]);
    assert_eq!(resolver.addresses(&name("nowhere.example")).await, Err(DnsError::NoSuchName));
    assert_eq!(resolver.addresses(&name("x.example")).await, Err(DnsError::NoData));
    assert_eq!(resolver.addresses(&name("localhost")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_bad_setting_is_named_in_one_line() {
    let bad = [
        (Dns { resolver: "dns.example".into(), zone_file: None }, "dns.resolver: "),
        (Dns { resolver: "192.0.2.1".into(), zone_file: None }, "dns.resolver: "),
        (Dns { zone_file: Some("/nonexistent/zone".into()), ..Dns::default() }, "dns.zone_file: "),
    ];
    for (settings, start) in bad {
        let error = Resolver::open(&settings).unwrap_err().to_string();
        assert!(error.starts_with(start) && !error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_is_a_temporary_fault() {
    // Bound and silent.
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let resolver = silent.local_addr().unwrap().to_string();
    let resolver = Resolver::open(&Dns { resolver, zone_file: None }).unwrap();
    let started = std::time::Instant::now();
    assert_eq!(resolver.mx(&name("x.example")).await, Err(DnsError::Temporary));
    assert!(started.elapsed() < std::time::Duration::from_secs(8));
}

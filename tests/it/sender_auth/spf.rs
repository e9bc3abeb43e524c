//! SPF over a zone file: every result, every mechanism, and faults that stay faults.

use std::io::Write;

use postern::config::dns::Dns;
use postern::dns::Resolver;
use postern::model::Address;
use postern::sender_auth::{SpfResult, spf};

async fn result(zone: &str, client: &str) -> SpfResult {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(zone.as_bytes()).unwrap();
    let resolver = Resolver::open(&Dns { zone_file: Some(file.path().to_owned()), ..Dns::default() }).unwrap();
    let sender = Address::parse("news@shop.example").unwrap();
    spf(&resolver, client.parse().unwrap(), "mail.shop.example", &sender, "postern.example").await
}

async fn policy(policy: &str, client: &str) -> SpfResult {
    let zone = "mail.shop.example. A 192.0.2.9\nmail.shop.example. AAAA 2001:db8::9\nshop.example. MX 10 mail.shop.example.\n\
                9.2.0.192.in-addr.arpa. PTR mail.shop.example.\nspf.other.example. TXT \"v=spf1 ip4:192.0.2.0/28 -all\"\n\
                ; servfail: broken.example";
    result(&format!("{zone}\nshop.example. TXT \"{policy}\""), client).await
}

#[tokio::test]
async fn every_mechanism_finds_the_client() {
    for terms in ["ip4:192.0.2.9", "ip4:192.0.2.0/24", "a:mail.shop.example", "mx", "include:spf.other.example", "ptr", "a:%{h}"]
    {
        assert_eq!(policy(&format!("v=spf1 {terms} -all"), "192.0.2.9").await, SpfResult::Pass, "{terms}");
        assert_eq!(policy(&format!("v=spf1 {terms} -all"), "198.51.100.1").await, SpfResult::Fail, "{terms}");
    }
    assert_eq!(policy("v=spf1 redirect=spf.other.example", "192.0.2.9").await, SpfResult::Pass);
    assert_eq!(policy("v=spf1 a:mail.shop.example -all", "2001:db8::9").await, SpfResult::Pass);
    assert_eq!(policy("v=spf1 ip4:192.0.2.9 -all", "::ffff:192.0.2.9").await, SpfResult::Pass);
}

#[tokio::test]
async fn every_result_has_its_name() {
    assert_eq!(policy("v=spf1 ~all", "192.0.2.9").await, SpfResult::SoftFail);
    assert_eq!(policy("v=spf1 ?all", "192.0.2.9").await, SpfResult::Neutral);
    assert_eq!(policy("hello", "192.0.2.9").await, SpfResult::None);
    assert_eq!(result("other.example. TXT x", "192.0.2.9").await, SpfResult::None);
    assert_eq!(policy("v=spf1 include:nowhere.example -all", "192.0.2.9").await, SpfResult::PermError);
    assert_eq!(policy("v=spf1 ip4:nonsense -all", "192.0.2.9").await, SpfResult::PermError);
    let endless = "v=spf1 include:shop.example -all";
    assert_eq!(policy(endless, "192.0.2.9").await, SpfResult::PermError);
}

#[tokio::test]
async fn a_fault_is_never_a_pass_or_a_fail() {
    assert_eq!(result("; servfail: shop.example", "192.0.2.9").await, SpfResult::TempError);
    for terms in ["a:broken.example", "mx:broken.example", "include:broken.example", "exists:nowhere.example"] {
        assert_eq!(policy(&format!("v=spf1 {terms} -all"), "192.0.2.9").await, SpfResult::TempError, "{terms}");
    }
}

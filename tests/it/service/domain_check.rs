//! The records a domain needs, beside those of a zone file.

use std::io::Write;

use postern::config::dns::Dns;
use postern::dns::Resolver;
use postern::model::dkim_key::Algorithm;
use postern::service::domain_check::{self, Record, Status, Surroundings};
use postern::service::{Desk, dkim_key, domain};

use super::{desk, name};
use crate::support::database::on_sqlite;

fn around(zone: &str, smarthost: Option<&str>) -> Surroundings {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(zone.as_bytes()).unwrap();
    let resolver = Resolver::open(&Dns { zone_file: Some(file.path().to_owned()), ..Dns::default() }).unwrap();
    Surroundings { hostname: name("mail.you.example"), smarthost: smarthost.map(str::to_owned), resolver }
}

async fn check(desk: &Desk, zone: &str) -> Vec<Record> {
    domain_check::check(desk, &around(zone, None), &name("you.example")).await.unwrap()
}

fn states(records: &[Record]) -> Vec<Status> {
    records.iter().map(|record| record.status).collect()
}

async fn house(database: &crate::support::database::Database) -> Desk {
    let desk = desk(database);
    domain::ensure_instance_domains(&desk, &[name("you.example")]).await.unwrap();
    dkim_key::ensure(&desk, &[Algorithm::Rsa, Algorithm::Ed25519]).await.unwrap();
    desk
}

const ADDRESS: &str = "mail.you.example. A 192.0.2.10\n";

#[tokio::test]
async fn what_it_prints_is_what_it_finds_good() {
    on_sqlite(async |database| {
        let desk = house(&database).await;
        let records = check(&desk, ADDRESS).await;
        assert_eq!(states(&records), [Status::Missing; 5]);
        let names: Vec<_> = records.iter().map(|record| (record.name.as_str(), record.kind)).collect();
        assert_eq!(
            (names[0], names[1], names[4]),
            (("you.example.", "MX"), ("you.example.", "TXT"), ("_dmarc.you.example.", "TXT"))
        );
        assert!(names[2].0.starts_with("rsa-") && names[2].0.ends_with("._domainkey.you.example."), "{names:?}");
        assert_eq!(records[2].data.matches('"').count(), 4, "an RSA key needs two strings: {}", records[2].data);
        let zone: Vec<String> =
            records.iter().map(|record| format!("{} {} {}\n", record.name, record.kind, record.data)).collect();
        let zone = zone.concat();
        let records = check(&desk, &format!("{ADDRESS}{zone}")).await;
        assert_eq!(states(&records), [Status::Ok; 5], "{records:#?}");
        assert!(records.iter().all(|record| record.live == [record.value.clone()] && record.note.is_none()), "{records:#?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    on_sqlite(async |database| {
        let desk = house(&database).await;
        let selector = check(&desk, ADDRESS).await[2].name.clone();
        let zone = format!(
            "{ADDRESS}you.example. MX 10 mx.other.example.\nyou.example. TXT \"v=spf1 ip4:198.51.100.1 -all\"\n\
             {selector} TXT \"v=DKIM1; k=rsa; p=AAAA\"\n_dmarc.you.example. TXT \"v=DMARC1\"\n"
        );
        let records = check(&desk, &zone).await;
        use Status::{Missing, Wrong};
        assert_eq!(states(&records), [Wrong, Wrong, Wrong, Missing, Wrong], "{records:#?}");
        assert_eq!(records[1].note.as_deref(), Some("it does not let 192.0.2.10 send (mail.you.example)"));
        assert_eq!(records[0].live, ["10 mx.other.example."]);
    })
    .await;
}

#[tokio::test]
async fn two_policies_are_none_and_a_backup_is_mentioned() {
    on_sqlite(async |database| {
        let desk = house(&database).await;
        let zone = format!(
            "{ADDRESS}you.example. MX 10 mail.you.example.\nyou.example. MX 20 mx.other.example.\nyou.example. TXT \"v=spf1 mx -all\"\n\
             you.example. TXT \"v=spf1 a -all\"\nyou.example. TXT \"something else\"\n_dmarc.you.example. TXT \"v=DMARC1; p=none\"\n"
        );
        let records = check(&desk, &zone).await;
        assert_eq!((records[0].status, records[0].note.is_some()), (Status::Ok, true));
        assert_eq!((records[1].status, records[1].live.len()), (Status::Wrong, 2));
        assert_eq!((records[4].status, records[4].note.is_some()), (Status::Ok, true));
    })
    .await;
}

#[tokio::test]
async fn what_nobody_can_say_is_unknown() {
    on_sqlite(async |database| {
        let desk = house(&database).await;
        let zone = "; servfail: you.example\n; servfail: _dmarc.you.example\n";
        let records = check(&desk, zone).await;
        assert_eq!(
            (records[0].status, records[1].status, records[4].status),
            (Status::Unknown, Status::Unknown, Status::Unknown)
        );
    })
    .await;
}

#[tokio::test]
async fn behind_a_smarthost_its_policy_is_its_operators() {
    on_sqlite(async |database| {
        let desk = house(&database).await;
        let around = around("you.example. TXT \"v=spf1 include:spf.relay.example -all\"\n", Some("relay.example"));
        let records = domain_check::check(&desk, &around, &name("you.example")).await.unwrap();
        assert_eq!((records[1].status, records[1].value.as_str()), (Status::Ok, "v=spf1 a:relay.example -all"));
    })
    .await;
}

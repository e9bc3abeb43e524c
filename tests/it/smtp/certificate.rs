//! A renewed certificate is used without a restart; a broken one changes nothing; a missing one is named at the start.

use std::sync::Arc;
use std::time::Duration;

use postern::config::smtp::Smtp;
use postern::smtp::Door;
use tokio_util::task::TaskTracker;

use super::{HandClock, Recorder, TestDoor, write_certificate};
use crate::support::client::Client;

const TLS13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

async fn trusts(door: &TestDoor, roots: &rustls::RootCertStore) -> bool {
    let mut client = Client::greeted(door.address).await;
    client.ask("STARTTLS", "220").await;
    client.handshake(roots.clone(), TLS13).await
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = write_certificate(folder.path());
    let door = TestDoor::with(|settings| {
        settings.tls_cert = Some(folder.path().join("cert.pem"));
        settings.tls_key = Some(folder.path().join("key.pem"));
    })
    .await;
    assert!(trusts(&door, &first).await);

    let second = write_certificate(folder.path());
    assert!(trusts(&door, &first).await, "the files are not looked at with every handshake");
    door.clock.advance(Duration::from_secs(3));
    assert!(trusts(&door, &second).await);
    assert!(!trusts(&door, &first).await);

    std::fs::write(folder.path().join("cert.pem"), "half a certi").unwrap();
    door.clock.advance(Duration::from_secs(3));
    assert!(trusts(&door, &second).await, "the old one stays");
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    door.clock.advance(Duration::from_secs(3));
    assert!(trusts(&door, &second).await, "the old one stays");

    let third = write_certificate(folder.path());
    door.clock.advance(Duration::from_secs(3));
    assert!(trusts(&door, &third).await);
}

#[test]
fn what_is_wrong_with_the_files_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let path = |name: &str| Some(folder.path().join(name));
    std::fs::write(folder.path().join("empty.pem"), "").unwrap();
    let other = tempfile::tempdir().unwrap();
    write_certificate(other.path());
    for (certificate, key, named) in [
        (path("missing.pem"), path("key.pem"), "smtp.tls_cert"),
        (path("empty.pem"), path("key.pem"), "smtp.tls_cert"),
        (path("key.pem"), path("key.pem"), "smtp.tls_cert"),
        (path("cert.pem"), path("missing.pem"), "smtp.tls_key"),
        (path("cert.pem"), path("cert.pem"), "smtp.tls_key"),
        (path("cert.pem"), Some(other.path().join("key.pem")), "smtp.tls_cert and smtp.tls_key"),
        (path("cert.pem"), None, "smtp.tls_key is missing"),
        (None, path("key.pem"), "smtp.tls_cert is missing"),
    ] {
        let settings = Smtp { tls_cert: certificate, tls_key: key, ..Smtp::default() };
        let gate = Arc::new(Recorder::new(&settings));
        let clock = Arc::new(HandClock(0.into()));
        let error = Door::new(&settings, "mx.example", gate, clock, TaskTracker::new()).err().unwrap().to_string();
        assert!(error.contains(named) && !error.contains('\n'), "{error}");
    }
}

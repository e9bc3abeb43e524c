//! A build without OpenPGP sets no key, and sends nothing in clear to a mailbox that has one.

use postern::model::pgp_key::PgpKey;
use postern::service::pgp_key::{self, SetError};
use postern::storage;
use postern::transform::openpgp::KeyError;

use super::direct::MESSAGE;
use crate::support::app::{MAILBOX, TestApp};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn a_key_is_refused_and_a_mailbox_that_has_one_defers() {
    each_driver(async |database| {
        let app = TestApp::start(&database).await;
        let alias = app.alias("shop").await;
        let key = include_bytes!("../../keys/plain.asc");
        let error = pgp_key::set(&app.running.broker.desk, app.user, &address(MAILBOX), key, false).await.unwrap_err();
        assert!(matches!(error, SetError::Key(KeyError::LeftOut)), "{error}");
        let key = PgpKey {
            mailbox_id: app.mailbox,
            public_key: b"from another build".to_vec(),
            fingerprint: "AB".into(),
            expires_at: None,
            hide_subject: false,
            created_at: database.now(),
        };
        let written = app.storage().write(move |tx| Box::pin(async move { storage::pgp_key::set(tx, &key).await }));
        written.await.unwrap();
        assert!(app.send("news@lg.example", &alias, MESSAGE).await.starts_with("451 4.7.0 "));
        app.deliver_after(std::time::Duration::from_secs(1)).await;
        app.wait_until(async |app| app.queue().await.is_empty()).await;
        assert!(!app.sink.messages().iter().any(|one| String::from_utf8_lossy(&one.content).contains("Hello")));
        app.finish().await;
    })
    .await;
}

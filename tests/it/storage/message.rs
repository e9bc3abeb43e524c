//! Kept messages: whole, in pieces, damaged, erased.

use bytes::Bytes;
use postern::model::id::MessageId;
use postern::spool::{Budget, Content};
use postern::storage::message::{self, BodyError, CHUNK, NewMessage};

use super::fixtures::{commit, delivery_of, enqueue, house, new_message, read};
use super::plans::execute;
use crate::support::database::{Database, each_driver};

fn budget() -> (tempfile::TempDir, Budget) {
    let folder = tempfile::tempdir().unwrap();
    let budget = Budget::new(1 << 26, 1 << 26, 1 << 26, folder.path());
    (folder, budget)
}

async fn keep(database: &Database, body: Vec<u8>) -> MessageId {
    let content = Content::from_bytes(body);
    let new = NewMessage {
        uuid: database.uuid(),
        received_at: database.now(),
        sender: None,
        client_ip: "192.0.2.1".parse().unwrap(),
        helo: "[192.0.2.1]".into(),
        header: vec![b'H', 0xff, 0, b'\r', b'\n'],
        body_length: content.len(),
        body_sha256: message::digest(&content).await.unwrap(),
        eight_bit: false,
        smtputf8: true,
    };
    commit!(database, tx => async {
        let id = message::insert(tx, &new).await?;
        message::insert_body(tx, id, &content).await?;
        Ok(id)
    })
    .unwrap()
}

#[tokio::test]
async fn bodies_of_any_length_come_back_byte_for_byte() {
    each_driver(async |database| {
        let (_folder, budget) = budget();
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7] {
            let body: Vec<u8> = (0..length).map(|at| u8::try_from(at % 253).unwrap()).collect();
            let id = keep(&database, body.clone()).await;
            let kept = read!(database, tx => message::find(tx, id)).unwrap();
            assert_eq!(kept.kept.body_length, length as u64);
            let content = read!(database, tx => message::read_body(tx, &kept, budget.collector()));
            assert_eq!(content.read_all().await.unwrap(), Bytes::from(body));
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_kept_of_a_message_comes_back() {
    each_driver(async |database| {
        let id = keep(&database, b"\r\nx".to_vec()).await;
        let kept = read!(database, tx => message::find(tx, id)).unwrap().kept;
        assert_eq!((kept.sender, kept.client_ip.to_string().as_str(), kept.helo.as_str()), (None, "192.0.2.1", "[192.0.2.1]"));
        assert_eq!(kept.header, [b'H', 0xff, 0, b'\r', b'\n']);
        assert_eq!((kept.eight_bit, kept.smtputf8, kept.received_at), (false, true, database.now()));
        let id = new_message(&database, b"\r\ny").await;
        let kept = read!(database, tx => message::find(tx, id)).unwrap().kept;
        assert_eq!(kept.sender.unwrap().to_string(), "News@lg.example");
        assert_eq!(kept.client_ip.to_string(), "2001:db8::7");
        assert_eq!(read!(database, tx => message::find_chunk(tx, id, 0)).unwrap(), b"\r\ny");
        assert!(read!(database, tx => message::find_chunk(tx, id, 1)).is_none());
    })
    .await;
}

#[tokio::test]
async fn a_damaged_or_torn_body_is_never_given_out() {
    each_driver(async |database| {
        let (_folder, budget) = budget();
        let refused = async |id: MessageId| {
            let kept = read!(database, tx => message::find(tx, id)).unwrap();
            let mut tx = database.storage.read().await.unwrap();
            let read = message::read_body(&mut tx, &kept, budget.collector()).await;
            matches!(read, Err(BodyError::Damaged))
        };
        let torn = keep(&database, vec![b'x'; CHUNK + 5]).await;
        execute(&database, format!("DELETE FROM body_chunks WHERE message_id = {torn} AND seq = 1")).await;
        assert!(refused(torn).await);
        let headless = keep(&database, vec![b'x'; CHUNK + 5]).await;
        execute(&database, format!("DELETE FROM body_chunks WHERE message_id = {headless} AND seq = 0")).await;
        assert!(refused(headless).await);
        let damaged = keep(&database, b"right".to_vec()).await;
        execute(&database, format!("DELETE FROM body_chunks WHERE message_id = {damaged}")).await;
        commit!(database, tx => message::insert_chunk(tx, damaged, 0, b"wrong")).unwrap();
        assert!(refused(damaged).await);
    })
    .await;
}

#[tokio::test]
async fn a_message_stays_while_a_delivery_waits_and_goes_with_its_body() {
    each_driver(async |database| {
        let house = house(&database).await;
        let waited_for = new_message(&database, b"\r\nx").await;
        enqueue(&database, delivery_of(&database, &house, waited_for)).await;
        let done = new_message(&database, b"\r\ny").await;
        assert!(!commit!(database, tx => message::erase_if_done(tx, waited_for)).unwrap());
        assert!(commit!(database, tx => message::erase_if_done(tx, done)).unwrap());
        assert!(read!(database, tx => message::find(tx, done)).is_none());
        assert!(read!(database, tx => message::find_chunk(tx, done, 0)).is_none());
        assert!(read!(database, tx => message::find(tx, waited_for)).is_some());
    })
    .await;
}

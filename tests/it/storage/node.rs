//! Nodes and their heartbeats.

use std::time::Duration;

use postern::model::node::Node;
use postern::storage::node;

use super::fixtures::{commit, read};
use crate::support::database::each_driver;

#[tokio::test]
async fn a_later_boot_takes_over_and_the_earlier_one_notices() {
    each_driver(async |database| {
        let first = Node { id: database.uuid(), boot: database.uuid() };
        let second = Node { boot: database.uuid(), ..first.clone() };
        let (early, late, now) = (first.clone(), second.clone(), database.now());
        commit!(database, tx => node::register(tx, &early, "one", now)).unwrap();
        let early = first.clone();
        assert!(commit!(database, tx => node::heartbeat(tx, &early, now)).unwrap());
        commit!(database, tx => node::register(tx, &late, "two", now)).unwrap();
        let early = first.clone();
        assert!(!commit!(database, tx => node::heartbeat(tx, &early, now)).unwrap());
        database.clock.advance(Duration::from_secs(30));
        let (late, beat) = (second.clone(), database.now());
        assert!(commit!(database, tx => node::heartbeat(tx, &late, beat)).unwrap());
        let nodes = read!(database, tx => node::list(tx));
        assert_eq!(nodes.len(), 1);
        assert_eq!((&nodes[0].node, nodes[0].hostname.as_str()), (&second, "two"));
        assert_eq!((nodes[0].started_at, nodes[0].heartbeat_at), (now, beat));
        assert!(read!(database, tx => node::list_silent(tx, beat)).is_empty());
        let later = beat.plus(Duration::from_micros(1));
        assert_eq!(read!(database, tx => node::list_silent(tx, later)).len(), 1);
        assert!(!commit!(database, tx => node::remove(tx, &first)).unwrap());
        assert!(commit!(database, tx => node::remove(tx, &second)).unwrap());
    })
    .await;
}

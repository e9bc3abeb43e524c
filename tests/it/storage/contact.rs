//! Contacts and the tokens of their reverse addresses.

use postern::model::contact::ReverseToken;
use postern::storage::contact;

use super::fixtures::{commit, house, read};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn the_first_of_two_creations_wins_and_both_see_it() {
    each_driver(async |database| {
        let house = house(&database).await;
        let alias = house.alias.id;
        let makings = (0..8).map(|_| async {
            let (token, uuid, now) = (ReverseToken::draw(&database.chance), database.uuid(), database.now());
            let sender = address("News@lg.example");
            commit!(database, tx => contact::get_or_create(tx, alias, &sender, &token, uuid, now)).unwrap()
        });
        let contacts = futures_util::future::join_all(makings).await;
        assert!(contacts.iter().all(|contact| contact.id == contacts[0].id && contact.token == contacts[0].token));
        assert_eq!(contacts[0].address.to_string(), "News@lg.example");
        assert_eq!((contacts[0].alias_id, contacts[0].created_at), (alias, database.now()));
    })
    .await;
}

#[tokio::test]
async fn many_are_found_at_once_by_folded_address() {
    each_driver(async |database| {
        let house = house(&database).await;
        let alias = house.alias.id;
        for sender in ["A@lg.example", "b@lg.example", "\"o'b \\\" x\"@lg.example"] {
            let (token, uuid, now) = (ReverseToken::draw(&database.chance), database.uuid(), database.now());
            let sender = address(sender);
            commit!(database, tx => contact::get_or_create(tx, alias, &sender, &token, uuid, now)).unwrap();
        }
        let wanted = ["a@lg.example".to_owned(), "o'b \" x@lg.example".into(), "nobody@lg.example".into()];
        let mut found: Vec<_> = read!(database, tx => contact::find_many(tx, alias, &wanted))
            .into_iter()
            .map(|contact| contact.address.to_string())
            .collect();
        found.sort();
        assert_eq!(found, ["\"o'b \\\" x\"@lg.example", "A@lg.example"]);
        assert!(read!(database, tx => contact::find_many(tx, alias, &[])).is_empty());
        let inside = commit!(database, tx => contact::find_many(tx, alias, &wanted)).unwrap();
        assert_eq!(inside.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_token_leads_to_its_contact_and_alias() {
    each_driver(async |database| {
        let house = house(&database).await;
        let (alias, uuid, now) = (house.alias.id, database.uuid(), database.now());
        let token = ReverseToken::draw(&database.chance);
        let known = token.clone();
        let made =
            commit!(database, tx => contact::get_or_create(tx, alias, &address("b@lg.example"), &known, uuid, now)).unwrap();
        let (contact, owner) = read!(database, tx => contact::find_by_token(tx, &token)).unwrap();
        assert_eq!((contact.id, contact.uuid, contact.address), (made.id, uuid, address("b@lg.example")));
        assert_eq!((owner.id, owner.uuid, owner.address), (alias, house.alias.uuid, house.alias.address.clone()));
        let unknown = ReverseToken::draw(&database.chance);
        assert!(read!(database, tx => contact::find_by_token(tx, &unknown)).is_none());
    })
    .await;
}

#[tokio::test]
async fn contacts_are_found_by_token_and_key_and_can_be_blocked() {
    each_driver(async |database| {
        let house = house(&database).await;
        let alias = house.alias.id;
        let mut tokens = Vec::new();
        for sender in ["a@lg.example", "b@lg.example"] {
            let (token, uuid, now) = (ReverseToken::draw(&database.chance), database.uuid(), database.now());
            let (sender, given) = (address(sender), token.clone());
            commit!(database, tx => contact::get_or_create(tx, alias, &sender, &given, uuid, now)).unwrap();
            tokens.push(token);
        }
        tokens.push(ReverseToken::draw(&database.chance));
        let found = read!(database, tx => contact::find_by_tokens(tx, alias, &tokens));
        assert_eq!(found.len(), 2);
        assert!(read!(database, tx => contact::find_by_tokens(tx, postern::model::id::AliasId(alias.0 + 1), &tokens)).is_empty());
        let (id, now) = (found[0].id, database.now());
        assert!(!read!(database, tx => contact::find(tx, id)).unwrap().is_blocked);
        commit!(database, tx => contact::set_blocked(tx, id, Some(now))).unwrap();
        assert!(read!(database, tx => contact::find(tx, id)).unwrap().is_blocked);
        commit!(database, tx => contact::set_blocked(tx, id, None)).unwrap();
        assert!(!read!(database, tx => contact::find(tx, id)).unwrap().is_blocked);
    })
    .await;
}

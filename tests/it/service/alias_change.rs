//! What owners change of an alias, and how it is found by key and outer id.

use postern::model::alias::AliasState;
use postern::model::id::MailboxId;
use postern::service::alias::{self, GetError, StateError};
use postern::service::alias_change::{self, Change, ChangeError};
use postern::service::{alias_page, mailbox, role};
use uuid::Uuid;

use super::{add_user, ann, called, desk, name};
use crate::support::database::{address, each_driver};

#[tokio::test]
async fn a_change_touches_what_it_names_and_is_whole_or_nothing() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let alias = alias::create(&desk, called(ann.id, "shop")).await.unwrap();
        let second = mailbox::add(&desk, ann.id, address("second@inbox.example"), true).await.unwrap();
        let unverified = mailbox::add(&desk, ann.id, address("third@inbox.example"), false).await.unwrap();
        let change = Change {
            note: Some("a note".into()),
            display_name: Some(Some(" Jane ".into())),
            pinned: Some(true),
            mailboxes: Some(vec![second.id]),
            ..Change::default()
        };
        let changed = alias_change::change(&desk, ann.id, alias.id, change).await.unwrap();
        assert_eq!((changed.note.as_str(), changed.display_name.as_deref()), ("a note", Some("Jane")));
        let refuse = async |change: Change| alias_change::change(&desk, ann.id, alias.id, change).await.unwrap_err();
        let to = |id: MailboxId| Change { note: Some("lost".into()), mailboxes: Some(vec![id]), ..Change::default() };
        assert!(matches!(refuse(to(unverified.id)).await, ChangeError::UnverifiedMailbox));
        assert!(matches!(refuse(to(MailboxId(999))).await, ChangeError::UnknownMailbox));
        assert!(matches!(refuse(Change { mailboxes: Some(vec![]), ..Change::default() }).await, ChangeError::NoMailbox));
        for wrong in ["a\nb", "jane@inbox.example", &"x".repeat(200)] {
            let change = Change { display_name: Some(Some(wrong.into())), ..Change::default() };
            assert!(matches!(refuse(change).await, ChangeError::DisplayName(_)), "{wrong}");
        }
        assert!(matches!(refuse(Change { note: Some("x".repeat(10_001)), ..Change::default() }).await, ChangeError::Note));
        for note in ["a\u{0}b", "a\u{7}"] {
            assert!(matches!(refuse(Change { note: Some(note.into()), ..Change::default() }).await, ChangeError::Note));
        }
        let change = Change { display_name: Some(Some(String::new())), ..Change::default() };
        alias_change::change(&desk, ann.id, alias.id, change).await.unwrap();
        let listed = alias_page::get_by_uuid(&desk, ann.id, alias.uuid).await.unwrap();
        assert_eq!((listed.alias.note.as_str(), listed.alias.display_name, listed.pinned), ("a note", None, true));
        assert_eq!(listed.mailboxes.len(), 1);
        assert_eq!(listed.mailboxes[0].id, second.id);
    })
    .await;
}

#[tokio::test]
async fn only_its_owner_finds_changes_and_deletes_an_alias() {
    each_driver(async |database| {
        let desk = desk(&database);
        let ann = ann(&desk).await;
        let bob = add_user(&desk, "bob@inbox.example", true).await;
        let alias = alias::create(&desk, called(ann.id, "shop")).await.unwrap();
        assert!(matches!(alias_page::get(&desk, bob.id, alias.id).await, Err(GetError::Unknown)));
        assert!(matches!(alias_page::get_by_uuid(&desk, bob.id, alias.uuid).await, Err(GetError::Unknown)));
        assert!(matches!(alias_page::get_by_uuid(&desk, ann.id, Uuid::nil()).await, Err(GetError::Unknown)));
        assert!(matches!(alias_page::get_by_address(&desk, bob.id, &alias.address).await, Err(GetError::Unknown)));
        assert_eq!(alias_page::get_by_address(&desk, ann.id, &address("SHOP@alias.example")).await.unwrap().alias.id, alias.id);
        let pin = Change { pinned: Some(true), ..Change::default() };
        assert!(matches!(alias_change::change(&desk, bob.id, alias.id, pin).await, Err(ChangeError::Unknown)));
        assert!(matches!(alias_change::delete(&desk, bob.id, alias.id).await, Err(StateError::Unknown)));
        alias_change::delete(&desk, ann.id, alias.id).await.unwrap();
        assert_eq!(alias_page::get(&desk, ann.id, alias.id).await.unwrap().alias.state, AliasState::Killed);
        assert!(matches!(alias::create(&desk, called(ann.id, "shop")).await, Err(alias::CreateError::Taken)));
    })
    .await;
}

#[tokio::test]
async fn an_address_everybody_must_reach_is_not_deleted() {
    each_driver(async |database| {
        let desk = desk(&database);
        let new = postern::service::user::NewUser { email: address("root@inbox.example"), is_admin: true, verified: true };
        postern::service::domain::ensure_instance_domains(&desk, &[name("alias.example")]).await.unwrap();
        let admin = postern::service::user::add(&desk, new).await.unwrap().0;
        role::ensure(&desk, &[name("alias.example")]).await.unwrap();
        let postmaster = alias::get(&desk, admin.id, &address("postmaster@alias.example")).await.unwrap();
        assert!(matches!(alias_change::delete(&desk, admin.id, postmaster.id).await, Err(StateError::Role)));
    })
    .await;
}

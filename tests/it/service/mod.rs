//! The use cases, on both drivers.

mod alias;
mod alias_change;
mod alias_tag;
mod block;
mod contact;
mod dkim_key;
mod domain;
mod domain_check;
mod domain_claim;
mod export;
mod import;
mod mailbox;
mod user;

use postern::model::alias_name::NameFormat;
use postern::model::id::UserId;
use postern::model::user::User;
use postern::model::{Chance, DomainName};
use postern::service::alias::NewAlias;
use postern::service::user::NewUser;
use postern::service::{self, Desk};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::support::database::{Database, address};

fn desk(database: &Database) -> Desk {
    Desk {
        storage: database.storage.clone(),
        clock: database.clock.clone(),
        chance: database.chance.clone(),
        writes_from: Some(name("you.example")),
    }
}

/// A desk that draws the same as every other one made here.
fn repeating_desk(database: &Database) -> Desk {
    Desk { chance: Chance::new(StdRng::seed_from_u64(1)), ..desk(database) }
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

async fn add_user(desk: &Desk, email: &str, verified: bool) -> User {
    let new = NewUser { email: address(email), is_admin: false, verified };
    service::user::add(desk, new).await.unwrap().0
}

/// Ann with a verified mailbox, and one shared domain.
async fn ann(desk: &Desk) -> User {
    service::domain::ensure_instance_domains(desk, &[name("alias.example")]).await.unwrap();
    add_user(desk, "Ann@inbox.example", true).await
}

fn plain(user: UserId) -> NewAlias {
    NewAlias {
        user,
        site: None,
        domain: None,
        format: NameFormat::Random,
        chosen: None,
        note: String::new(),
        mailboxes: Vec::new(),
        expires_at: None,
        max_messages: None,
    }
}

fn called(user: UserId, chosen: &str) -> NewAlias {
    NewAlias { chosen: Some(chosen.into()), ..plain(user) }
}

//! The use cases: one function is one thing a person or a message can do.
//!
//! A use case opens one transaction, commits it, and knows no surface: SMTP, pages, API and command line call the same
//! functions, and each has its own small error, so that every surface can say exactly what went wrong. Account work
//! (`user`, `mailbox`, `domain`, `alias`) needs a [`Desk`]; the mail path needs the whole [`broker::Broker`].

pub mod account;
pub mod account_letter;
mod account_notice;
pub mod activity;
pub mod admin;
pub mod alias;
pub mod alias_activity;
pub mod alias_bulk;
pub mod alias_change;
pub mod alias_new;
pub mod alias_options;
pub mod alias_page;
pub mod alias_tag;
pub mod alias_unmake;
pub mod alias_view;
pub mod app_password;
pub mod automatic;
pub mod block;
pub mod bounce;
pub mod broker;
pub mod client_setting;
pub mod confirm;
pub mod contact;
pub mod contact_page;
pub mod delivery_page;
pub mod dkim_key;
pub mod domain;
pub mod domain_check;
pub mod domain_claim;
pub mod dsn;
pub mod export;
pub mod factor;
pub mod failed_delivery;
pub mod forward;
pub mod health;
pub mod hold;
pub mod hold_page;
pub mod idempotency;
pub mod import;
pub mod invite;
pub mod ledger;
pub mod letters;
pub mod link;
pub mod mail_link;
pub mod mailbox;
pub mod mailbox_move;
pub mod mailbox_test;
pub mod notice;
pub mod overview;
pub mod passkey;
pub mod password;
pub mod pausing;
pub mod pgp_key;
pub mod probing;
pub mod queue;
pub mod readiness;
pub mod recovery_code;
pub mod reply;
pub mod reset;
pub mod returned;
pub mod reverse;
pub mod role;
pub mod schedule;
pub mod session;
pub mod settle;
pub mod setup;
pub mod sign_up;
pub mod sign_up_code;
pub mod signed_name;
pub mod signing;
pub mod submit;
pub mod token;
pub mod token_memory;
pub mod totp;
pub mod undelivered;
pub mod user;
pub mod verification;
pub mod webhook;

use std::sync::Arc;

use crate::model::{Chance, Clock};
use crate::storage::Storage;

/// How a use case fails when the database does: what a surface has to know of it.
pub use crate::storage::{Error as StorageError, ErrorKind as StorageErrorKind};

/// What account work needs: the database, the time, chance. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The database.
    pub storage: Storage,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where names, tokens and ids come from.
    pub chance: Chance,
    /// The domain letters to users are written from: the first of the settings, whose keys sign them. Without one there are none.
    pub writes_from: Option<crate::model::DomainName>,
}

impl Desk {
    /// A fresh id for the outside.
    fn uuid(&self) -> uuid::Uuid {
        crate::model::id::uuid_v7(self.clock.now(), &self.chance)
    }
}

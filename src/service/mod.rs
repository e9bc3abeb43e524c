//! The use cases: one function is one thing a person or a message can do.
//!
//! A use case opens one transaction, commits it, and knows no surface: SMTP, pages, API and command line call the same
//! functions. Account work needs a [`Desk`]; the mail path needs the whole [`broker::Broker`].

pub mod bounce;
pub mod broker;
pub mod domain;
pub mod forward;
pub mod ledger;
pub mod notice;
pub mod reverse;
pub mod role;
pub mod schedule;
pub mod settle;

use std::sync::Arc;

use crate::model::{Chance, Clock};
use crate::storage::Storage;

/// What account work needs: the database, the time, and chance. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The database.
    pub storage: Storage,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// Where names, tokens and ids come from.
    pub chance: Chance,
}

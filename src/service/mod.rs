//! The use cases: one function is one thing a person or a message can do.
//!
//! Account work (`user`, `mailbox`, `domain`, `alias`) needs only a [`Desk`]. Each function opens one transaction and has
//! its own small error, so that every surface can say exactly what went wrong.

pub mod alias;
pub mod domain;
pub mod mailbox;
pub mod user;

use std::sync::Arc;

use crate::model::{Chance, Clock};
use crate::storage::Storage;

/// What account work needs: the database, the time, chance. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The database.
    pub storage: Storage,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Chance,
}

impl Desk {
    /// A fresh id for the outside.
    fn uuid(&self) -> uuid::Uuid {
        crate::model::id::uuid_v7(self.clock.now(), &self.chance)
    }
}

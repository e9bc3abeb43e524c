//! The composition root: builds everything from the settings, runs it, stops it.
//!
//! [`start`] gives a [`Running`] instance whose listeners are open; [`serve`] is `start` plus signals. Order of a stop:
//! nothing new is accepted or claimed, what runs finishes (or is cut off at a deadline and taken up again at the next
//! start), counts are written, the database closes last.

mod build;
pub mod clock;
mod error;
mod housekeeping;
mod lifecycle;
mod listeners;
mod node;
mod running;

pub use build::{Environment, open_desk, surroundings, test_mailbox};
pub use error::StartError;
pub use lifecycle::serve;
pub use running::{Running, start};

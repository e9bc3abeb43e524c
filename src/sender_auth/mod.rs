//! SPF of an arriving message.

mod spf;

pub use spf::{SpfResult, spf};

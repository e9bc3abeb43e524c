//! Logs and metrics: set up once, from settings; names in one place; addresses hidden unless the operator wants them.
//!
//! A log line reads alone and carries fields with dotted names (`alias.id`, `message.id`, `delivery.attempt`); a failure
//! is logged once, where it is handled, and `error!` means that someone must act. Metric labels come from closed sets:
//! never an address, a host or a text from outside.

pub mod addresses;
pub mod log;
pub mod metrics;

pub use addresses::{Addresses, masked};

//! SPF of an arriving message.
pub mod spf;

//! The real binary, as an operator runs it.

mod alias;
mod config;
mod database;
mod domain;
mod mailbox;
#[cfg(feature = "pgp")]
mod pgp_key;
mod queue;
mod serve;
mod support;
mod token;
mod usage;
mod user;

//! The real binary, as an operator runs it.

mod alias;
mod app_password;
mod block;
mod config;
mod contact;
mod database;
mod domain;
mod hold;
mod import;
mod invite;
mod mailbox;
mod password;
#[cfg(feature = "pgp")]
mod pgp_key;
mod queue;
mod remote;
mod serve;
mod support;
mod token;
mod usage;
mod user;

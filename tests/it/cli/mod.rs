//! The real binary, as an operator runs it.

mod alias;
mod config;
mod database;
mod domain;
mod mailbox;
mod queue;
mod serve;
mod support;
mod token;
mod usage;
mod user;

//! Every statement, on both drivers.

mod activity;
mod alias;
mod contact;
mod delivery;
mod domain;
mod fixtures;
mod mailbox;
mod message;
mod message_id;
mod node;
mod plans;
mod queue;
mod site_backoff;
mod space;
mod user;
mod writer;

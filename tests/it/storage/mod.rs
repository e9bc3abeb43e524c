//! Every statement, on both drivers.

mod activity;
mod alias;
mod app_password;
mod block;
mod contact;
mod delivery;
mod dkim_key;
mod domain;
mod erasure;
mod fixtures;
mod hold;
mod mailbox;
mod message;
mod message_id;
mod node;
mod pgp_key;
mod plans;
mod postgres;
mod quarantine;
mod queue;
mod retention;
mod sighting;
mod site_backoff;
mod space;
mod user;
mod writer;

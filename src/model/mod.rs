//! What Postern's words mean: user, mailbox, alias, site, contact, delivery, failure.
//!
//! Types and pure rules. Nothing here does I/O, waits, or knows a framework; every other folder may use it.
//! Input is parsed into these types at the border (an SMTP line, a form, a row, a setting) and trusted after that.

pub mod activity;
pub mod address;
pub mod alias;
pub mod alias_name;
pub mod api_token;
pub mod app_password;
pub mod authentication;
pub mod block;
pub mod catch_all;
pub mod chance;
pub mod client_setting;
pub mod clock;
pub mod contact;
pub mod delivery;
pub mod dkim_key;
pub mod domain;
pub mod envelope;
pub mod factor;
pub mod header_fault;
pub mod id;
pub mod invite;
pub mod mail_link;
pub mod mailbox;
pub mod node;
pub mod notice;
pub mod origin;
pub mod passkey;
pub mod person;
pub mod pgp_key;
pub mod private;
pub mod reply;
pub mod session;
pub mod severity;
pub mod sighting;
pub mod sign_up_code;
pub mod site;
pub mod tag;
pub mod transfer;
pub mod user;
pub mod webhook;
pub mod words;

pub use address::{Address, DomainName};
pub use chance::Chance;
pub use clock::{Clock, Timestamp};
pub use header_fault::HeaderFault;
pub use private::Private;
pub use reply::Reply;
pub use severity::Severity;

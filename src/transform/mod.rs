//! Bytes in, bytes out. Nothing here waits, reads a clock, a database or a file, or draws at random.
//!
//! A message is a header block and a body. [`header`] finds where one ends and the other begins; the body is never looked
//! at again, so what is signed, encrypted or an invitation in it survives (promise 5). [`forward`] writes the header
//! block of the copy that goes to the owner, with [`mailboxes`] reading the address lists, [`display_name`] writing
//! them, [`list_fields`] taking out what asks for mail past us or leading it through us ([`mailto`]), and [`received`],
//! [`authentication_results`] and [`trace`] adding our own fields. [`reply`] writes the one that goes out from an
//! alias, with [`message_id`] holding threads together; [`quoted_address`] sees whether a body names the
//! mailbox, and [`replace_quoted`] puts the alias there in the [`text_parts`] when its owner asked for that. [`dkim`] signs
//! what leaves, over the forms of [`canonical`], and [`arc`] seals what we know of who sent it. [`verp`] makes the envelope sender a bounce comes back to, [`link`] the links by which its owner pauses or kills an alias from the inbox. [`openpgp`] encrypts a copy to
//! the key its mailbox asks for.
//! [`scrub`] reduces a next hop's refusal to what a stranger may know, and [`dsn`] turns that into a report (promise 2:
//! no type that could hold a mailbox's address reaches it). [`automatic`] tells people from machines.

pub mod arc;
pub mod authentication_results;
pub mod automatic;
pub mod canonical;
pub mod display_name;
pub mod dkim;
pub mod dsn;
pub mod forward;
pub mod header;
pub mod key;
pub mod link;
pub mod list_fields;
pub mod mailboxes;
pub mod mailto;
pub mod message_id;
pub mod notice;
pub mod openpgp;
pub mod quoted_address;
pub mod received;
pub mod replace_quoted;
pub mod reply;
pub mod report;
pub mod scrub;
pub mod signed_name;
pub mod text_parts;
pub mod trace;
pub mod verp;

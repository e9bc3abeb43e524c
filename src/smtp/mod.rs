//! Mail in: listener, limits, session, commands, data, TLS, submission (RFC 5321, 2920, 3207, 1870, 6152, 6531, 2034,
//! 4954, 6409, 8314).
//!
//! `listener` lets connections in within `limits` and starts a `session` for each; the session reads lines (`line`,
//! `command`, `path`) and acts on them (`commands/`); a message goes through `data` and `intake` into the spool. What may
//! pass is not decided here: the session asks the [`gate::Gate`].

mod broker;
pub mod command;
mod commands;
pub mod data;
pub mod gate;
mod intake;
pub mod limits;
pub mod line;
pub mod listener;
pub mod path;
mod replies;
pub mod session;
pub mod tls;
mod wire;

pub use listener::{Door, Entrance, bind};
pub use tls::TlsError;

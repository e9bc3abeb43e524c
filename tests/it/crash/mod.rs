//! What happens to accepted mail when the process, the database or the disk goes away: the first promise, tried.
//!
//! The program under test is the real binary, started and killed from outside. Senders write down what got 250
//! ([`load`]), a scripted next hop writes down what it took ([`sink`]), and [`check`] compares the two books. How it is
//! run and read: `docs/crash-harness.md`.
#![expect(clippy::print_stderr, reason = "rounds, seeds and skipped parts are told to whoever runs it")]

pub mod alone;
pub mod broker;
pub mod check;
pub mod dice;
pub mod load;
pub mod message;
pub mod postgres;
pub mod sender;
pub mod settings;
pub mod sink;

mod database_away;
mod disk_full;
mod kill;
mod kill_alias;
mod terminate;

//! One integration binary. `tests/it/<folder>/<noun>.rs` tests `src/<folder>/<noun>.rs`; `support/` is the harness.
#![expect(clippy::unwrap_used, reason = "a test that can't go on fails where it stands")]
#![expect(clippy::string_slice, reason = "positions in fixtures are known")]
#![expect(clippy::indexing_slicing, reason = "so are indexes; a wrong one fails the test")]
#![expect(clippy::large_futures, reason = "a test's own future lives once")]

mod api;
mod architecture;
mod cli;
mod config;
mod crash;
mod delivery;
mod deploy;
mod dns;
mod outbound;
mod sandbox;
mod sender_auth;
mod service;
mod smtp;
mod storage;
mod stress;
mod support;
mod transform;
mod web;

//! What strangers can make the program do, at sizes that hurt: others are served meanwhile, and memory stays bounded.
//!
//! Each test runs the real binary behind a real socket and watches it from outside ([`watch`]). The usual run takes small
//! sizes; `tests/stress` takes the full ones (`POSTERN_STRESS=full`) and prints the rows as a table.
#![expect(clippy::print_stderr, reason = "each test prints its row of the table")]

mod watch;

mod flood;
mod long_line;
mod pipelining;
mod slow_clients;
mod unknown_recipients;

/// The size for this run.
fn size(usual: usize, full: usize) -> usize {
    if crate::crash::settings::variable("POSTERN_STRESS").is_some_and(|size| size == "full") { full } else { usual }
}

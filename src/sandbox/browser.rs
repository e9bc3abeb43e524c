//! Opens the page in the browser, quietly: without one the printed address does as well.

use std::process::{Command, Stdio};

/// Asks the desktop to open `url`.
pub fn open(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = Command::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Ok(mut child) = started {
        // Somebody has to collect its exit status.
        std::thread::spawn(move || drop(child.wait()));
    }
}

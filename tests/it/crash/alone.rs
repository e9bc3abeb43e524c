//! Tests that load the whole machine take turns, also over the processes a test runner starts side by side.

use std::fs::File;

/// Held by the test that runs now.
pub struct Alone(#[expect(dead_code, reason = "closing the file ends the lock")] File);

/// Waits until no other test of this kind runs.
pub fn alone() -> Alone {
    let file = File::create(std::env::temp_dir().join("postern-heavy-tests.lock")).unwrap();
    file.lock().unwrap();
    Alone(file)
}

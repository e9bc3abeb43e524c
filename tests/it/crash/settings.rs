//! What the harness is told by its environment.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A variable, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the harness takes its size and its servers from the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A number from the environment, or `default`.
pub fn number(name: &str, default: u64) -> u64 {
    variable(name).map_or(default, |text| text.parse().expect("the variable holds a number"))
}

/// The seed of this run: `POSTERN_CRASH_SEED`, or a fresh one. The caller prints it.
pub fn seed() -> u64 {
    variable("POSTERN_CRASH_SEED")
        .map_or_else(|| fresh_seed() % 1_000_000_000, |text| text.parse().expect("POSTERN_CRASH_SEED is a number"))
}

/// Chance from the operating system.
pub fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Says that a part was left out; fails instead when `require` is set to 1.
pub fn skipped(what: &str, reason: &str, require: &str) {
    assert!(variable(require).is_none_or(|value| value != "1"), "{what}: {reason}, and {require}=1");
    eprintln!("skipped: {what}: {reason}");
}

//! The harness: what tests stand on.

pub mod sink;

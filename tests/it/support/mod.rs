//! The harness.

pub mod database;

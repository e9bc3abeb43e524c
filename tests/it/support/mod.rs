//! The harness: what tests of several folders share.

pub mod client;
pub mod database;
//! The harness: what tests stand on.

pub mod sink;

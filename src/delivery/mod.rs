//! The queue: claim, hand off, settle, retry, sweep.

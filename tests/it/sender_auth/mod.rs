//! The tests of `src/sender_auth`.

mod spf;

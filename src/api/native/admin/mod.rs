//! `/v1/admin/…`: the instance, for whoever administers it with a token that says so. What the pages below `/admin` do.
//!
//! Nothing here shows what is in a user's account: figures, addresses people sign in with, and of mail no more than where it
//! goes and why it does not get there. Nobody's password is set by a program, nor a second factor taken away: whoever found
//! the token could read their mail. That takes the pages with a fresh proof (`web::admin::rescue`), or the command line on the
//! instance itself.

pub mod domain;
pub mod health;
pub mod invite;
pub mod queue;
pub mod user;

//! `src/transform/` on whole messages.

mod bounces;
mod corpus;
mod dkim;
mod replies;

//! `src/transform/` on whole messages.

mod corpus;
mod dkim;
mod replies;

//! `src/transform/` on whole messages.

mod corpus;
mod replies;

//! The sandbox's page.

pub mod timeline;
pub mod view;

//! The story on one machine (`postern try`): a local inbox, scripted senders, and the broker between, over real SMTP.

pub mod dialogue;
pub mod gate;
pub mod inbox;
pub mod journal;
pub mod letters;
pub mod message;
pub mod page;
pub mod sender;

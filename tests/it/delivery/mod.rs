//! End to end: a message in at the door, bytes out at the next hop, the queue in between.

mod authentication;
mod bounces;
mod deliverability;
mod direct;
mod forgeries;
mod notice;
mod privacy;
mod privacy_replies;
mod queue;
mod reply;
mod sighting;
mod signing;

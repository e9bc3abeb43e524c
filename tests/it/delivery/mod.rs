//! End to end: a message in at the door, bytes out at the next hop, the queue in between.

mod authentication;
mod blocks;
mod bounces;
mod deliverability;
mod direct;
mod hold;
mod notice;
mod privacy;
mod queue;
mod reply;
mod sighting;
mod signing;

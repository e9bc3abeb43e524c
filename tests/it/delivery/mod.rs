//! End to end: a message in at the door, bytes out at the next hop, the queue in between.

mod authentication;
mod automatic;
mod bounces;
mod deliverability;
mod direct;
mod notice;
mod pausing;
mod privacy;
mod queue;
mod reply;
mod sighting;
mod signing;

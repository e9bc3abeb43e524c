//! End to end: a message in at the door, bytes out at the next hop, the queue in between.

mod authentication;
mod automatic;
mod bounces;
mod deliverability;
mod direct;
mod notice;
mod pausing;
#[cfg(feature = "pgp")]
mod pgp;
#[cfg(not(feature = "pgp"))]
mod pgp_left_out;
mod privacy;
mod queue;
mod reply;
mod sighting;
mod signing;
mod unsubscribe;

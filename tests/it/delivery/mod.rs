//! End to end: a message in at the door, bytes out at the next hop, the queue in between.

mod arc;
mod authentication;
mod automatic;
mod blocks;
mod bounces;
mod deliverability;
mod direct;
mod forgeries;
mod hold;
mod locked;
mod moving;
mod notice;
mod pausing;
#[cfg(feature = "pgp")]
mod pgp;
#[cfg(not(feature = "pgp"))]
mod pgp_left_out;
mod privacy;
mod privacy_replies;
mod queue;
mod reply;
mod resting;
mod sighting;
mod signing;
mod submission;
mod submission_clients;
mod unmade;
mod unmade_races;
mod unsubscribe;

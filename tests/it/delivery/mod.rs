//! End to end: a message in at the door, bytes out at the next hop, the queue in between.

mod authentication;
mod bounces;
mod direct;
mod privacy;
mod queue;
mod reply;
mod signing;
mod submission;
mod submission_clients;

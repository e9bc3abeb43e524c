//! Who is at the door: passwords for devices, their slow hashes, and the count of failed attempts.
//!
//! Nothing here touches the database or a surface; `service::app_password` puts the parts together.

pub mod app_password;
pub mod attempts;
pub mod password;

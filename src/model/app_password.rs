//! An app password: what one device or program of a user logs in with to hand in mail. Its secret is nowhere but there.

use uuid::Uuid;

use super::Timestamp;
use super::id::{AppPasswordId, UserId};

/// What is kept of an app password, without its hash.
#[derive(Debug, Clone)]
pub struct AppPassword {
    /// Row key.
    pub id: AppPasswordId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner called the device.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to about an hour.
    pub last_used_at: Option<Timestamp>,
}

/// A client that proved to act for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// For whom.
    pub user_id: UserId,
    /// By which app password: once that is revoked, so is this.
    pub app_password: AppPasswordId,
}

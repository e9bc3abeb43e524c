//! A session: a browser that signed in.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use super::Timestamp;
use super::id::{SessionId, UserId};

/// How long a dangerous act is open after its user proved who they are.
const CONFIRMED_FOR: Duration = Duration::from_mins(15);

/// How far the clocks of two nodes may be apart.
const SKEW: Duration = Duration::from_mins(1);

/// A browser that signed in.
#[derive(Debug, Clone)]
pub struct Session {
    /// Row key.
    pub id: SessionId,
    /// Id for the outside.
    pub uuid: Uuid,
    /// Who signed in.
    pub user_id: UserId,
    /// Only the password was right so far: nothing is open until the second factor is, too.
    pub needs_factor: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When its user last proved who they are.
    pub confirmed_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// What the browser said it is.
    pub user_agent: String,
    /// Where it signed in from.
    pub client_ip: IpAddr,
}

impl Session {
    /// Whether its user proved lately who they are, so that a dangerous act may follow.
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        // A clock that jumped back must not leave it open for longer; those of two nodes differ by a little.
        !self.needs_factor && now.plus(SKEW) >= self.confirmed_at && now.since(self.confirmed_at) < CONFIRMED_FOR
    }
}

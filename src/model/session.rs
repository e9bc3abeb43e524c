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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_a_quarter_of_an_hour_and_not_longer_when_a_clock_jumps_back() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        let session = Session {
            id: SessionId(1),
            uuid: Uuid::nil(),
            user_id: UserId(1),
            needs_factor: false,
            created_at: at,
            last_seen_at: at,
            confirmed_at: at,
            expires_at: at.plus(Duration::from_hours(1)),
            user_agent: String::new(),
            client_ip: IpAddr::from([127, 0, 0, 1]),
        };
        let second = Duration::from_secs(1);
        assert!(session.is_confirmed(at) && session.is_confirmed(at.minus(SKEW)));
        assert!(session.is_confirmed(at.plus(CONFIRMED_FOR).minus(second)) && !session.is_confirmed(at.plus(CONFIRMED_FOR)));
        assert!(!session.is_confirmed(at.minus(SKEW + second)), "the clock that said when it was proved was wrong");
        assert!(!Session { needs_factor: true, ..session }.is_confirmed(at));
    }
}

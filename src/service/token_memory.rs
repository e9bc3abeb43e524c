//! What a node remembers of tokens: how many aliases each made this minute, and when its holder last gave the password.
//!
//! In memory only: after a restart the minute begins anew and the password is asked for again.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use crate::model::Timestamp;
use crate::model::id::ApiTokenId;

/// Aliases and contacts a token may make in a minute.
const CREATES: u32 = 60;
/// Requests of one token in a minute, where an API promises a limit.
pub const REQUESTS: u32 = 60;
/// The minute.
const WINDOW: Duration = Duration::from_mins(1);
/// How long a given password opens what is dangerous.
const PROVEN_FOR: Duration = Duration::from_mins(5);
/// Tokens remembered at the most.
const MOST: usize = 10_000;

/// The memory of one node.
#[derive(Debug, Default)]
pub struct TokenMemory {
    creates: Mutex<HashMap<ApiTokenId, (Timestamp, u32)>>,
    requests: Mutex<HashMap<ApiTokenId, (Timestamp, u32)>>,
    proven: Mutex<HashMap<ApiTokenId, Timestamp>>,
}

impl TokenMemory {
    /// Counts one more thing made with a token; false when it made too many in this minute.
    pub fn may_create(&self, token: ApiTokenId, now: Timestamp) -> bool {
        count(&self.creates, token, now).1 <= CREATES
    }

    /// Counts one more request with a token. With too many in this minute: how long until the next begins.
    pub fn may_ask(&self, token: ApiTokenId, now: Timestamp) -> Result<(), Duration> {
        let (since, count) = count(&self.requests, token, now);
        if count <= REQUESTS { Ok(()) } else { Err(WINDOW.saturating_sub(now.since(since))) }
    }

    /// The holder of a token gave the password.
    pub fn prove(&self, token: ApiTokenId, now: Timestamp) {
        let mut proven = self.proven.lock();
        make_room(&mut proven, |at| is_over(*at, now, PROVEN_FOR));
        proven.insert(token, now);
    }

    /// Whether the password was given within the last minutes.
    pub fn is_proven(&self, token: ApiTokenId, now: Timestamp) -> bool {
        self.proven.lock().get(&token).is_some_and(|at| !is_over(*at, now, PROVEN_FOR))
    }
}

/// One more in a token's minute: when that began, and how many there are.
fn count(table: &Mutex<HashMap<ApiTokenId, (Timestamp, u32)>>, token: ApiTokenId, now: Timestamp) -> (Timestamp, u32) {
    let mut table = table.lock();
    make_room(&mut table, |(since, _)| is_over(*since, now, WINDOW));
    let (since, count) = table.entry(token).or_insert((now, 0));
    if is_over(*since, now, WINDOW) {
        (*since, *count) = (now, 0);
    }
    *count = count.saturating_add(1);
    (*since, *count)
}

/// A clock that jumped back ends the window, too.
fn is_over(since: Timestamp, now: Timestamp, window: Duration) -> bool {
    now < since || now.since(since) >= window
}

fn make_room<T>(table: &mut HashMap<ApiTokenId, T>, is_old: impl Fn(&T) -> bool) {
    if table.len() >= MOST {
        table.retain(|_, entry| !is_old(entry));
        if table.len() >= MOST {
            table.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn sixty_a_minute_for_each_token() {
        let memory = TokenMemory::default();
        assert!((0..60).all(|_| memory.may_create(ApiTokenId(1), START)));
        assert!(!memory.may_create(ApiTokenId(1), START.plus(WINDOW / 2)));
        assert!(memory.may_create(ApiTokenId(2), START));
        assert!(memory.may_create(ApiTokenId(1), START.plus(WINDOW)));
        assert!(memory.may_create(ApiTokenId(1), START.minus(WINDOW)), "the clock jumped back");
    }

    #[test]
    fn who_asks_too_much_is_told_how_long_to_wait() {
        let memory = TokenMemory::default();
        assert!((0..REQUESTS).all(|_| memory.may_ask(ApiTokenId(1), START).is_ok()));
        assert_eq!(memory.may_ask(ApiTokenId(1), START.plus(WINDOW / 4)), Err(WINDOW / 4 * 3));
        assert_eq!(memory.may_ask(ApiTokenId(2), START), Ok(()));
        assert_eq!(memory.may_ask(ApiTokenId(1), START.plus(WINDOW)), Ok(()));
    }

    #[test]
    fn a_password_opens_for_five_minutes() {
        let memory = TokenMemory::default();
        memory.prove(ApiTokenId(1), START);
        assert!(memory.is_proven(ApiTokenId(1), START.plus(PROVEN_FOR / 2)));
        assert!(!memory.is_proven(ApiTokenId(1), START.plus(PROVEN_FOR)));
        assert!(!memory.is_proven(ApiTokenId(2), START));
    }

    #[test]
    fn the_tables_stay_small() {
        let memory = TokenMemory::default();
        for number in 0..30_000 {
            memory.may_create(ApiTokenId(number), START);
            memory.prove(ApiTokenId(number), START);
        }
        assert!(memory.creates.lock().len() <= MOST && memory.proven.lock().len() <= MOST);
    }
}

//! When a deferred delivery is tried again, and when it is given up (RFC 5321 §4.5.4.1). Pure.

use std::time::Duration;

use rand::CryptoRng;

use crate::model::Timestamp;

/// The waits between hand-offs and the age at which a delivery is given up.
#[derive(Debug, Clone)]
pub struct Schedule {
    waits: Vec<Duration>,
    /// Age at which a message is given up.
    pub expire: Duration,
    /// Age at which a notice of our own is given up.
    pub expire_notice: Duration,
}

/// The smallest number of hand-offs before anything is given up, however old it looks: a clock that jumps ahead must
/// not expire mail that was hardly tried.
pub const LEAST_ATTEMPTS: i32 = 12;

impl Schedule {
    /// From settings; `waits` is not empty (checked there), an empty one counts as an hour.
    pub fn new(waits: Vec<Duration>, expire: Duration, expire_notice: Duration) -> Self {
        let waits = if waits.is_empty() { vec![Duration::from_hours(1)] } else { waits };
        Self { waits, expire, expire_notice }
    }

    /// The wait after the `attempts`-th hand-off (from 1), varied by a fifth either way.
    pub fn wait(&self, attempts: i32, rng: &mut (impl CryptoRng + ?Sized)) -> Duration {
        let index = usize::try_from(attempts.max(1) - 1).unwrap_or(0).min(self.waits.len() - 1);
        let wait = self.waits.get(index).copied().unwrap_or(Duration::from_hours(1));
        // 80 % to 120 %, in steps of a thousandth.
        let thousandths = 800 + rng.next_u32() % 401;
        wait * thousandths / 1000
    }

    /// The longest wait there can be; a due time beyond it is a jumped clock's.
    pub fn longest_wait(&self) -> Duration {
        self.waits.iter().max().copied().unwrap_or(Duration::from_hours(1)) * 6 / 5
    }

    /// Whether a delivery that was just tried in vain is given up.
    pub fn is_over(attempts: i32, expires_at: Timestamp, now: Timestamp) -> bool {
        attempts >= LEAST_ATTEMPTS && now >= expires_at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    proptest! {
        #[test]
        fn every_wait_is_the_documented_one_give_or_take_a_fifth(attempts in 1_i32..200, seed: u64) {
            let minutes = [1, 3, 5, 10, 15, 30, 60];
            let schedule = Schedule::new(minutes.map(|m| Duration::from_secs(m * 60)).to_vec(), Duration::ZERO, Duration::ZERO);
            let expected = minutes[usize::try_from(attempts - 1).unwrap().min(6)] * 60;
            let wait = schedule.wait(attempts, &mut StdRng::seed_from_u64(seed)).as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "seconds of an hour are exact in f64")]
            let expected = expected as f64;
            prop_assert!((expected * 0.8..=expected * 1.2).contains(&wait), "{wait} for {expected}");
            prop_assert!(Duration::from_secs_f64(wait) <= schedule.longest_wait());
        }
    }

    #[test]
    fn nothing_is_given_up_before_it_was_tried() {
        let long_ago = Timestamp::from_micros(0);
        let now = Timestamp::from_micros(i64::MAX / 2);
        assert!(!Schedule::is_over(0, long_ago, now));
        assert!(!Schedule::is_over(11, long_ago, now));
        assert!(Schedule::is_over(12, long_ago, now));
        assert!(!Schedule::is_over(300, now, long_ago));
    }
}

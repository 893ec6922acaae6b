//! How long to wait before another attempt. Pure but for the randomness.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// `first` doubled for every attempt after the first, at most `longest`; `attempt` counts from 1.
pub fn doubling(first: Duration, longest: Duration, attempt: u32) -> Duration {
    let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(longest)
}

/// `wait`, at most a `share` of it shorter or longer, so that many clients do not come back at one
/// moment.
pub fn jitter(wait: Duration, share: f64) -> Duration {
    let random = RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64;
    wait.mul_f64(1.0 - share + 2.0 * share * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let wait = |attempt| doubling(Duration::from_millis(500), Duration::from_secs(30), attempt).as_millis();
        assert_eq!([1, 2, 3, 6, 7, 8, 40, 90].map(wait), [500, 1000, 2000, 16_000, 30_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn jitter_stays_within_its_share() {
        let wait = Duration::from_secs(10);
        let waits: Vec<_> = (0..100).map(|_| jitter(wait, 0.2).as_secs_f64()).collect();
        assert!(waits.iter().all(|wait| (8.0..=12.0).contains(wait)), "{waits:?}");
        assert!(waits.iter().any(|wait| wait != &waits[0]));
    }
}

//! When to try again: the profiles with their waits, and what starts the count anew. Plain values.

use std::time::Duration;

use glottis_net::backoff::{doubling, jitter};

/// Attempts after a loss, unless nobody is there to start again.
const ATTEMPTS: u32 = 3;

/// A connection that held for so long was a good one.
const GOOD: Duration = Duration::from_secs(10);

/// Wait before every attempt, as the vendor's demo has it.
const DEMO: Duration = Duration::from_secs(2);

/// Longest wait of the default profile, which begins with 2 s and doubles.
const LONGEST: Duration = Duration::from_secs(30);

/// How a lost connection is had again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Profile {
    /// After 2, 4, 8, 16, 30, 30 … s, a fifth more or less; counted anew once a connection has held.
    Default,
    /// As the vendor's demo: always after 2 s; counted anew with every open connection.
    Demo,
}

/// The attempts of one sink.
#[derive(Clone, Debug)]
pub(crate) struct Reconnect {
    profile: Profile,
    /// Whether attempts have no end.
    unattended: bool,
    /// Failures in a row.
    failures: u32,
}

impl Reconnect {
    pub(crate) fn new(profile: Profile, unattended: bool) -> Reconnect {
        Reconnect { profile, unattended, failures: 0 }
    }

    /// A connection ended that had been open for `uptime`. `poison`: by a close that the next one will
    /// meet too, so that having been open proves nothing.
    pub(crate) fn held(&mut self, uptime: Duration, poison: bool) {
        if uptime >= GOOD || (self.profile == Profile::Demo && !poison) {
            self.failures = 0;
        }
    }

    /// A connection was lost, or could not be had.
    pub(crate) fn failed(&mut self) {
        self.failures += 1;
    }

    /// Whether there is no attempt left.
    pub(crate) fn is_exhausted(&self) -> bool {
        !self.unattended && self.failures > ATTEMPTS
    }

    /// How long to wait before the next attempt; `None` if there shall be none.
    pub(crate) fn wait(&self) -> Option<Duration> {
        if self.is_exhausted() {
            return None;
        }
        Some(match self.profile {
            Profile::Demo => DEMO,
            Profile::Default => jitter(doubling(DEMO, LONGEST, self.failures), 0.2),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRIEF: Duration = Duration::from_secs(1);

    /// The waits of `n` failures in a row, in seconds.
    fn waits(reconnect: &mut Reconnect, n: usize) -> Vec<Option<f64>> {
        let wait = |reconnect: &mut Reconnect| {
            reconnect.failed();
            reconnect.wait().map(|wait| wait.as_secs_f64())
        };
        (0..n).map(|_| wait(reconnect)).collect()
    }

    fn are_about(waits: &[Option<f64>], wanted: &[f64]) {
        assert_eq!(waits.len(), wanted.len());
        for (wait, wanted) in waits.iter().zip(wanted) {
            let wait = wait.expect("another attempt");
            assert!((wait / wanted - 1.0).abs() <= 0.2, "{wait} s instead of {wanted} s");
        }
    }

    /// C29.
    #[test]
    fn the_demo_waits_two_seconds_three_times() {
        let mut reconnect = Reconnect::new(Profile::Demo, false);
        assert_eq!(waits(&mut reconnect, 4), [Some(2.0), Some(2.0), Some(2.0), None]);
        assert!(reconnect.is_exhausted());
    }

    #[test]
    fn the_default_waits_longer_each_time_and_three_times() {
        let mut reconnect = Reconnect::new(Profile::Default, false);
        let waits = waits(&mut reconnect, 4);
        are_about(&waits[..3], &[2.0, 4.0, 8.0]);
        assert_eq!(waits[3], None);
    }

    #[test]
    fn waits_are_spread_over_a_fifth_either_way() {
        let mut reconnect = Reconnect::new(Profile::Default, true);
        reconnect.failed();
        let waits: Vec<f64> = (0..200).filter_map(|_| reconnect.wait()).map(|wait| wait.as_secs_f64()).collect();
        assert!(waits.iter().any(|wait| *wait < 1.8) && waits.iter().any(|wait| *wait > 2.2));
        assert!(waits.iter().all(|wait| (1.6..=2.4).contains(wait)));
    }

    #[test]
    fn with_nobody_there_attempts_have_no_end() {
        let mut reconnect = Reconnect::new(Profile::Default, true);
        let many = waits(&mut reconnect, 100);
        are_about(&many[..6], &[2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
        are_about(&many[99..], &[30.0]);
        let mut demo = Reconnect::new(Profile::Demo, true);
        assert!(waits(&mut demo, 100).iter().all(|wait| *wait == Some(2.0)));
    }

    /// C30.
    #[test]
    fn an_open_connection_starts_the_count_anew_in_the_demo_and_one_that_held_in_both() {
        for (profile, uptime, poison, anew) in [
            (Profile::Demo, Duration::ZERO, false, true),
            (Profile::Demo, BRIEF, true, false),
            (Profile::Demo, GOOD, true, true),
            (Profile::Default, BRIEF, false, false),
            (Profile::Default, GOOD - Duration::from_millis(1), false, false),
            (Profile::Default, GOOD, false, true),
        ] {
            let mut reconnect = Reconnect::new(profile, false);
            waits(&mut reconnect, 3);
            reconnect.held(uptime, poison);
            reconnect.failed();
            assert_eq!(reconnect.wait().is_some(), anew, "{profile:?} {uptime:?} {poison}");
        }
    }
}

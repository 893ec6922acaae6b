//! Stalls of the avatar's stream, which the service reports as `Connection timeout`: the session is
//! kept, and the host application is asked to reload the streaming page, three times, each later than
//! the last. Plain values; they outlive a connection, as the live session does.

use std::time::Duration;

use tokio::time::Instant;

/// Waits before each recovery.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The stalls of one live session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stalls {
    /// In a row, without an answer in between.
    count: usize,
    due: Option<Instant>,
}

impl Stalls {
    /// The stream stalls: number and wait of the recovery; `None` if it has had all its chances.
    pub(crate) fn stall(&mut self) -> Option<(u32, Duration)> {
        let wait = *WAITS.get(self.count)?;
        self.count += 1;
        self.due = Some(Instant::now() + wait);
        Some((self.count as u32, wait))
    }

    /// The avatar has answered: its stream is well.
    pub(crate) fn well(&mut self) {
        *self = Stalls::default();
    }

    /// When a recovery is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a recovery is due now; says so once.
    pub(crate) fn recover(&mut self) -> bool {
        self.due.take_if(|due| *due <= Instant::now()).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C57.
    #[tokio::test(start_paused = true)]
    async fn a_stall_is_recovered_from_after_1_2_and_4_seconds_and_then_no_more() {
        let mut stalls = Stalls::default();
        for (n, wait) in [(1, 1000), (2, 2000), (3, 4000)] {
            assert_eq!(stalls.stall(), Some((n, Duration::from_millis(wait))));
            tokio::time::advance(Duration::from_millis(wait - 1)).await;
            assert!(!stalls.recover());
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(stalls.recover() && !stalls.recover(), "once");
        }
        assert_eq!(stalls.stall(), None);
        stalls.well();
        assert_eq!(stalls.stall(), Some((1, Duration::from_secs(1))));
    }
}

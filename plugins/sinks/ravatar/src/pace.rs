//! How fast audio may be sent: never faster than a multiple of real time, however much has piled up.
//! Owned by the sink's task.

use std::time::Duration;

use tokio::time::Instant;

/// A token bucket that holds one chunk: after a chunk of `d` the next may go `d` divided by the
/// limit later. So a stream that is on time is never held up, and one that catches up never exceeds
/// the limit, not even over two chunks.
pub(crate) struct Pace {
    /// Multiple of real time; `None` for no limit.
    limit: Option<u32>,
    ready: Instant,
}

impl Pace {
    pub(crate) fn new(limit: Option<u32>) -> Pace {
        Pace { limit, ready: Instant::now() }
    }

    /// When the next chunk may be sent; `None` for now.
    pub(crate) fn wait_until(&self) -> Option<Instant> {
        Some(self.ready).filter(|ready| *ready > Instant::now())
    }

    /// A chunk of this length is sent now.
    pub(crate) fn sent(&mut self, length: Duration) {
        if let Some(limit) = self.limit {
            self.ready = Instant::now() + length / limit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: Duration = Duration::from_millis(256);

    /// C41.
    #[tokio::test(start_paused = true)]
    async fn a_backlog_goes_out_at_four_times_real_time() {
        let mut pace = Pace::new(Some(4));
        let start = Instant::now();
        for _ in 0..100 {
            if let Some(ready) = pace.wait_until() {
                tokio::time::sleep_until(ready).await;
            }
            pace.sent(CHUNK);
        }
        assert_eq!(start.elapsed(), 99 * CHUNK / 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_on_time_never_waits_and_saves_nothing_up() {
        let mut pace = Pace::new(Some(4));
        for _ in 0..10 {
            assert_eq!(pace.wait_until(), None);
            pace.sent(CHUNK);
            tokio::time::advance(CHUNK).await;
        }
        tokio::time::advance(100 * CHUNK).await;
        pace.sent(CHUNK);
        assert!(pace.wait_until().is_some(), "a long pause buys no burst");
        let mut off = Pace::new(None);
        off.sent(CHUNK);
        assert_eq!(off.wait_until(), None);
    }
}

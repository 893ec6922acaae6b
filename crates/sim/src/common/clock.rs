//! The simulator's time: real time plus whatever a test added. Shared by a simulator's thread
//! and any thread that advances it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// A clock that runs with real time and can be pushed forward. Token age, licence age and
/// delays follow it. Clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    started: Instant,
    epoch_ms: u64,
    added_ns: AtomicU64,
    moved: Notify,
}

impl Clock {
    /// A clock at zero. `epoch_ms` is the wall-clock time (Unix milliseconds) it claims for zero;
    /// `None` takes the system's.
    pub fn new(epoch_ms: Option<u64>) -> Self {
        let epoch_ms = epoch_ms.unwrap_or_else(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            since.map_or(0, |since| since.as_millis() as u64)
        });
        Self {
            parts: Arc::new(Parts {
                started: Instant::now(),
                epoch_ms,
                added_ns: AtomicU64::new(0),
                moved: Notify::new(),
            }),
        }
    }

    /// Time since the clock was made, advances included.
    pub fn now(&self) -> Duration {
        let added = Duration::from_nanos(self.parts.added_ns.load(Ordering::SeqCst));
        self.parts.started.elapsed() + added
    }

    /// Wall-clock time, Unix milliseconds.
    pub fn unix_ms(&self) -> u64 {
        self.parts.epoch_ms + self.now().as_millis() as u64
    }

    /// Pushes the clock forward; whatever is due by then happens now. The sum of all advances is
    /// limited to 500 years.
    pub fn advance(&self, by: Duration) {
        const LIMIT_NS: u64 = 500 * 365 * 24 * 3600 * 1_000_000_000;
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let add = |added: u64| Some(added.saturating_add(by).min(LIMIT_NS));
        // The closure always returns a value, so the update cannot fail.
        let _ = self.parts.added_ns.fetch_update(Ordering::SeqCst, Ordering::SeqCst, add);
        self.parts.moved.notify_waiters();
    }

    /// Waits until `due`, or forever for `None`.
    pub(crate) async fn sleep_until(&self, due: Option<Duration>) {
        let Some(due) = due else {
            return std::future::pending().await;
        };
        loop {
            // Registered before the time is read: an advance in between is not missed.
            let mut moved = std::pin::pin!(self.parts.moved.notified());
            moved.as_mut().enable();
            let left = due.saturating_sub(self.now());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = moved => {}
            }
        }
    }
}

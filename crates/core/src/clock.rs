//! The monotonic clock all time stamps are on. Reading it is no system call where the kernel maps
//! the clock into the process (Linux, macOS, Windows), so the audio threads may.

use std::sync::OnceLock;
use std::time::Instant;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Fixes the origin of [`now`]. Called before the audio threads start, so that none of them is the
/// first to: the first call may wait for another thread's.
pub fn start() {
    ORIGIN.get_or_init(Instant::now);
}

/// Nanoseconds since [`start`], never going back.
pub fn now() -> u64 {
    let origin = ORIGIN.get_or_init(Instant::now);
    u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The instant of a time stamp of [`now`].
pub fn instant(ns: u64) -> Instant {
    *ORIGIN.get_or_init(Instant::now) + std::time::Duration::from_nanos(ns)
}

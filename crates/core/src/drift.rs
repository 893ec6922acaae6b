//! The clock of a device against the clock of the system, and how to keep the two together. Off the
//! audio threads.
//!
//! A device's samples arrive late by a little or by a lot, never early. So of every few seconds only the
//! least lateness counts, and of those the median slope between any two (Theil and Sen): neither a busy
//! machine nor a stall moves it.

use std::collections::VecDeque;

/// How long to collect before the least lateness is taken, in nanoseconds.
pub const WINDOW_NS: u64 = 5_000_000_000;

/// Windows that are kept: five minutes of them.
const WINDOWS: usize = 60;

/// Fewer say nothing: thirty seconds.
const ENOUGH: usize = 6;

/// The drift of a device's clock.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// When, and how late at best, in nanoseconds.
    windows: VecDeque<(f64, f64)>,
}

impl Drift {
    /// Takes the least lateness of a window of [`WINDOW_NS`] that ended at `now`.
    pub fn add(&mut self, now: u64, lateness: i64) {
        if self.windows.len() == WINDOWS {
            self.windows.pop_front();
        }
        self.windows.push_back((now as f64, lateness as f64));
    }

    /// Begins anew: another device, or the same after a loss.
    pub fn reset(&mut self) {
        self.windows.clear();
    }

    /// By how many millionths the device's clock is fast (or slow, if negative); `None` until half a
    /// minute was seen.
    pub fn ppm(&self) -> Option<f64> {
        if self.windows.len() < ENOUGH {
            return None;
        }
        let mut slopes: Vec<f64> = Vec::with_capacity(WINDOWS * WINDOWS / 2);
        for (i, (t0, late0)) in self.windows.iter().enumerate() {
            slopes.extend(self.windows.iter().skip(i + 1).map(|(t1, late1)| (late1 - late0) / (t1 - t0).max(1.0)));
        }
        let middle = slopes.len() / 2;
        let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
        Some(-*median * 1e6)
    }
}

/// The most a correction stretches or squeezes, in millionths: nobody hears it, and no sound device is
/// further off unless it is broken.
pub const MOST_PPM: f64 = 500.0;

/// An error of position is corrected within about so long.
const SETTLE_NS: f64 = 30e9;

/// Keeps a device's stream on the clock of the system: says, window by window, by how much to stretch
/// it.
#[derive(Clone, Debug, Default)]
pub struct Steady {
    drift: Drift,
    /// By how much the stream was stretched so far, in nanoseconds.
    stretched: f64,
    /// The last errors, newest last: a stall that spoils one window is outvoted.
    errors: [f64; 3],
    last: Option<u64>,
    ppm: f64,
}

impl Steady {
    /// Takes the least lateness of the window that ended at `now`, of the stream as the device gave it,
    /// and returns by how many millionths to stretch from now on: at most [`MOST_PPM`].
    pub fn step(&mut self, now: u64, lateness: i64) -> f64 {
        let passed = self.last.map_or(0, |last| now.saturating_sub(last));
        self.last = Some(now);
        self.stretched += passed as f64 * self.ppm * 1e-6;
        self.drift.add(now, lateness);
        self.errors = [self.errors[1], self.errors[2], self.error(lateness)];
        let mut sorted = self.errors;
        sorted.sort_by(f64::total_cmp);
        let error = sorted[1];
        let drift = self.drift.ppm().unwrap_or(0.0);
        self.ppm = (error / SETTLE_NS * 1e6 - drift).clamp(-MOST_PPM, MOST_PPM);
        self.ppm
    }

    /// How late the stretched stream is where the device's own is late by `lateness`, in nanoseconds.
    pub fn error(&self, lateness: i64) -> f64 {
        lateness as f64 - self.stretched
    }
}

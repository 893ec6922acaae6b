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

/// The most a correction stretches or squeezes, in millionths: under a hundredth of a semitone, and no
/// sound device is further off unless it is broken.
pub const MOST_PPM: f64 = 500.0;

/// The most the stretch changes within a second, in millionths.
pub const SLEW_PPM: f64 = 50.0;

/// How often a correction is to be thought over, in nanoseconds.
pub const STEP_NS: u64 = 1_000_000_000;

/// The loop's natural frequency, in radians per second. It is critically damped: what the clock is off
/// beyond what the loop knows moves the stream by that much times 5 s at most.
const LOOP: f64 = 0.07;

/// Keeps a device's stream on the clock of the system: says, second by second, by how much to stretch
/// it.
///
/// A loop of the second order (proportional and integral), as in F. Adriaensen, "Using a DLL to filter
/// time" (2005): the integral is the clock's drift as found so far and is fed forward, the proportional
/// part brings the stream back. It looks at the stream behind the converter, so that what the
/// converter really does is what counts, and no error of its model adds up over days.
#[derive(Clone, Debug, Default)]
pub struct Steady {
    /// The last errors, newest last: a stall that spoils one of them is outvoted.
    late: [f64; 3],
    seen: usize,
    /// How late the stream was to begin with: it is kept there.
    level: f64,
    /// When the last step was, in nanoseconds.
    last: u64,
    /// By how many millionths the device is slow, as found so far.
    slow: f64,
    ppm: f64,
}

impl Steady {
    /// Begins anew: another device, or the same after a loss. It may well be the same, so what is known
    /// of its clock, and the stretch, stay.
    pub fn restart(&mut self) {
        self.seen = 0;
    }

    /// Takes the least lateness, since the last step, of the stream as it leaves the converter (in
    /// nanoseconds), and returns by how many millionths to stretch from `now` on: at most [`MOST_PPM`],
    /// and at most [`SLEW_PPM`] for each second more or less than before.
    pub fn step(&mut self, now: u64, lateness: i64) -> f64 {
        let passed = now.saturating_sub(self.last) as f64 * 1e-9;
        self.last = now;
        self.late = [self.late[1], self.late[2], lateness as f64 * 1e-9];
        self.seen += 1;
        let mut sorted = self.late;
        sorted.sort_by(f64::total_cmp);
        let median = sorted[1];
        if self.seen <= self.late.len() {
            self.level = median;
            return self.ppm;
        }
        let error = median - self.level;
        let wanted = self.slow + 2.0 * LOOP * error * 1e6;
        // What cannot be followed teaches nothing: a stall, or a clock that is wildly off.
        if wanted.abs() < MOST_PPM {
            self.slow = (self.slow + LOOP * LOOP * error * 1e6 * passed).clamp(-MOST_PPM, MOST_PPM);
        }
        let most = SLEW_PPM * passed;
        self.ppm += (wanted.clamp(-MOST_PPM, MOST_PPM) - self.ppm).clamp(-most, most);
        self.ppm
    }
}

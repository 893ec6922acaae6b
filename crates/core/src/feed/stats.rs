//! What a feed counts and measures. Written by the source's thread, which may be a capture callback, so
//! with plain arithmetic and atomics; read by anyone.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::sync;

/// Channels that are looked at.
pub const MAX_CHANNELS: usize = 8;

/// Energies are counted in fixed point: full scale for a day fits, and so does one bit of sixteen.
const UNIT: f32 = 4_294_967_296.0;

/// What a feed counts.
#[derive(Default)]
pub struct FeedStats {
    /// Frames of the stream, at the feed's rate, lost ones included: what the source delivered as it
    /// left the rate converter. Where that stretches the sound, the frames it makes or spares are
    /// neither lost nor dropped: this is what there is to be accounted for.
    pub captured: sync::AtomicU64,
    /// Frames that found the ring full.
    pub overrun: AtomicU64,
    /// Frames the device itself lost, as far as the source could tell.
    pub lost: AtomicU64,
    /// Times the device reported an overrun of its own buffer.
    pub xruns: AtomicU64,
    /// When a push last began, in nanoseconds of the [clock](crate::clock).
    pub pushed: AtomicU64,
    /// The longest call of a push, in nanoseconds.
    pub callback_max_ns: AtomicU64,
    /// Frame index of the first frame: 0, unless the stream continues another.
    pub(super) begin: AtomicU64,
    /// The device's clock. One reader only.
    pub lateness: Lateness,
    /// The same of what leaves the rate converter, if there is one: stretched, where the converter
    /// stretches. One reader only.
    pub converted: Lateness,
    channels: AtomicU32,
    energy: [AtomicU64; MAX_CHANNELS],
}

impl FeedStats {
    /// Sums of the squares of each channel's samples so far, full scale = 1; empty for one channel.
    /// They wrap after a day of full scale: look at differences, with [`energy_since`].
    pub fn energies(&self) -> Vec<u64> {
        let channels = self.channels.load(Relaxed) as usize;
        self.energy[..channels.min(MAX_CHANNELS)].iter().map(|energy| energy.load(Relaxed)).collect()
    }

    pub(super) fn note_channels<S: Copy>(&self, samples: &[S], channels: usize, to_f32: impl Fn(S) -> f32) {
        if channels < 2 {
            return;
        }
        self.channels.store(channels as u32, Relaxed);
        for (channel, energy) in self.energy.iter().enumerate().take(channels) {
            let sum: f32 = samples[channel..].iter().step_by(channels).map(|&s| to_f32(s).powi(2)).sum();
            // Not-a-number becomes 0.
            energy.fetch_add((sum * UNIT) as u64, Relaxed);
        }
    }
}

/// The energy that came between two readings of [`FeedStats::energies`], full scale = 1.
pub fn energy_since(before: u64, now: u64) -> f64 {
    now.wrapping_sub(before) as f64 / f64::from(UNIT)
}

/// How late a device is: the time that has passed since its first samples, less the time that the
/// samples since then last. It grows with a device that is slow, and falls with one that is fast.
pub struct Lateness {
    /// When the first samples came, plus 1; 0 if none have.
    since: AtomicU64,
    /// Frames since then.
    given: AtomicU64,
    /// The least since it was last taken.
    least: AtomicI64,
}

impl Default for Lateness {
    fn default() -> Lateness {
        Lateness { since: AtomicU64::new(0), given: AtomicU64::new(0), least: AtomicI64::new(i64::MAX) }
    }
}

impl Lateness {
    /// Takes note of `frames` frames at `hz`, the last of which was captured at `now`. Real-time safe;
    /// one writer only.
    pub fn note(&self, now: u64, frames: u64, hz: u32) {
        let since = self.since.load(Relaxed);
        if since == 0 {
            self.since.store(now + 1, Relaxed);
            self.given.store(0, Relaxed);
            self.least.fetch_min(0, Relaxed);
            return;
        }
        let given = self.given.load(Relaxed) + frames;
        self.given.store(given, Relaxed);
        let due = (u128::from(given) * 1_000_000_000 / u128::from(hz.max(1))) as i64;
        self.least.fetch_min(now.saturating_sub(since - 1) as i64 - due, Relaxed);
    }

    /// Begins anew, with the next samples: another device, or the same after a loss. By the writer.
    pub fn restart(&self) {
        self.since.store(0, Relaxed);
        self.least.store(i64::MAX, Relaxed);
    }

    /// The least lateness since this was last asked, in nanoseconds; `None` if nothing came.
    pub fn take(&self) -> Option<i64> {
        Some(self.least.swap(i64::MAX, Relaxed)).filter(|late| *late != i64::MAX)
    }
}

//! Time without sound: what the source lost, and the silence that stands in for it. On the source's
//! thread, which may be a capture callback: real-time safe.

use std::sync::atomic::Ordering;

use super::Feed;
use crate::clock;

/// A time without a device.
pub(super) struct Hole {
    /// When the last frame before it was captured.
    since: u64,
    /// Frames of silence that stand in for it so far.
    frames: u64,
}

impl Feed {
    /// The source lost `frames` frames: as much silence stands in for them, in blocks that say which of
    /// their frames it is.
    ///
    /// Real-time safe. What does not fit the ring is skipped, which the next block shows by its
    /// position.
    pub fn gap(&mut self, mut frames: u64) {
        self.shared.stats.captured.fetch_add(frames, Ordering::Relaxed);
        self.shared.stats.lost.fetch_add(frames, Ordering::Relaxed);
        let now = clock::now();
        self.pushed = now;
        let size = self.rate().block();
        while frames > 0 {
            if self.filled == 0 && self.ring.is_full() {
                let whole = frames - frames % size as u64;
                self.at += whole;
                frames -= whole;
                if frames == 0 {
                    return;
                }
            }
            let n = frames.min((size - self.filled) as u64) as usize;
            let left = self.rate().ns(frames);
            self.put(n, now.saturating_sub(left), true, |out| out.fill(0.0));
            frames -= n as u64;
        }
    }

    /// The device is lost: from here to the next push there is a hole, as long as the clock says.
    /// What the rate converter holds is sound from before it; the converter is removed.
    ///
    /// Before the first push there is no stream yet, and no hole.
    pub fn interrupt(&mut self) {
        let now = self.heard.unwrap_or_default();
        self.pushed = clock::now();
        self.shared.stats.lateness.restart();
        self.shared.stats.converted.restart();
        if let Some(mut door) = self.door.take() {
            door.flush(&mut |piece| self.collect(piece, now));
        }
        if self.hole.is_none() {
            self.hole = self.heard.map(|since| Hole { since, frames: 0 });
        }
    }

    /// Lets time pass in a hole: silence up to `until` (nanoseconds of [`clock`]), so that the stream
    /// goes on at its pace without a device. Nothing happens while there is no hole.
    ///
    /// However often it is called, the silence of a hole is as long as the hole, to the frame.
    pub fn silence(&mut self, until: u64) {
        let rate = self.rate();
        let Some(hole) = &mut self.hole else { return };
        let ns = u128::from(until.saturating_sub(hole.since));
        let due = ((ns * u128::from(rate.hz()) + 500_000_000) / 1_000_000_000) as u64;
        let missing = due.saturating_sub(hole.frames);
        hole.frames += missing;
        self.gap(missing);
    }
}

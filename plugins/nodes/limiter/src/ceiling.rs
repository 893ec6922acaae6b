//! Keeps every sample under a ceiling, without a click. Pipeline thread.
//!
//! For each frame the greatest gain that keeps it under the ceiling is known when it comes in; it leaves
//! `ahead` frames later. The gain it leaves with is, in this order: the least of the last `ahead + 1`
//! allowed gains, held down and let go slowly, and of that the mean over `ahead + 1` frames. Each of the
//! averaged values is at most what the leaving frame allows, and so is their mean. The order is that of
//! Geraint Luff's article "Designing a straightforward limiter" (Signalsmith Audio, 2022).

use crate::least::Least;

/// Closer to the allowed gain than this, the gain is there: less than a tenth of a thousandth of a dB.
const THERE: f64 = 1e-6;

/// How far above the ceiling rounding may lead. That much, and no more, is cut off.
const ROUNDING: f32 = 1.0001;

/// A look-ahead limiter for one channel.
pub(crate) struct Ceiling {
    ceiling: f32,
    /// The share of its way back that the gain goes in a frame.
    release: f64,
    least: Least,
    /// In 64 bits: the last steps of a slow release are too small for 32.
    held: f64,
    /// The frames on their way, and the held gains of the same frames and one more.
    frames: Box<[f32]>,
    gains: Box<[f32]>,
    at: usize,
    gain_at: usize,
}

impl Ceiling {
    /// For a ceiling above 0, `ahead` frames of look-ahead, and a release of `release` frames, after which
    /// 63 % of the way back is done. Allocates.
    pub(crate) fn new(ceiling: f32, ahead: usize, release: f64) -> Ceiling {
        let ahead = ahead.max(1);
        Ceiling {
            ceiling,
            release: 1.0 - (-1.0 / release.max(1.0)).exp(),
            least: Least::new(ahead + 1),
            held: 1.0,
            frames: vec![0.0; ahead].into(),
            gains: vec![1.0; ahead + 1].into(),
            at: 0,
            gain_at: 0,
        }
    }

    /// How many frames later a frame leaves.
    pub(crate) fn ahead(&self) -> usize {
        self.frames.len()
    }

    /// Limits `samples`, in place. They are finite, and far enough below 1e9 for the rounding of 64 bits. Real-time
    /// safe.
    pub(crate) fn limit(&mut self, samples: &mut [f32]) {
        // Anew each time, so that rounding cannot add up.
        let mut sum: f64 = self.gains.iter().map(|&gain| f64::from(gain)).sum();
        let share = 1.0 / self.gains.len() as f64;
        for sample in samples {
            let held = self.hold(*sample);
            sum += f64::from(held) - f64::from(std::mem::replace(&mut self.gains[self.gain_at], held));
            self.gain_at = (self.gain_at + 1) % self.gains.len();
            let leaving = std::mem::replace(&mut self.frames[self.at], *sample);
            self.at = (self.at + 1) % self.frames.len();
            let limited = leaving * (sum * share) as f32;
            debug_assert!(limited.abs() <= self.ceiling * ROUNDING, "{limited} is above {}", self.ceiling);
            *sample = limited.clamp(-self.ceiling, self.ceiling);
        }
    }

    fn hold(&mut self, sample: f32) -> f32 {
        let allowed = if sample.abs() > self.ceiling { self.ceiling / sample.abs() } else { 1.0 };
        let least = f64::from(self.least.of(allowed));
        let up = self.held + (least - self.held) * self.release;
        self.held = if least - up < THERE { least } else { up };
        self.held as f32
    }

    /// Real-time safe.
    pub(crate) fn clear(&mut self) {
        self.least.clear();
        self.held = 1.0;
        self.frames.fill(0.0);
        self.gains.fill(1.0);
    }
}

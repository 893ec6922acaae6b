//! 48 kHz to 16 kHz for a detector's own use. Runs on the pipeline thread.
//!
//! WebRTC's detector takes 48 kHz, but its C code converts the first 10 ms of a window again for
//! every 10 ms in it: of a 20 ms window it hears the first half twice and the second never. At 16 kHz
//! it hears everything, so the detector gets that.

/// Taps of the filter. The detector listens up to 4 kHz, so at 16 kHz only what folds into that band
/// disturbs: 12 to 20 kHz. A filter this short stops it by more than 70 dB, and is flat to 4 kHz
/// within 0.1 dB.
const TAPS: usize = 33;

/// Keeps every third frame of a low-passed stream. Half a millisecond of memory.
pub(crate) struct ThirdBand {
    filter: [f32; TAPS],
    /// The last frames of the window before, then the window.
    heard: Vec<f32>,
}

impl ThirdBand {
    /// For windows of `frames` frames at 48 kHz. Allocates.
    pub(crate) fn new(frames: usize) -> ThirdBand {
        ThirdBand { filter: low_pass(), heard: vec![0.0; TAPS - 1 + frames] }
    }

    /// Converts a window into one a third as long. Real-time safe.
    pub(crate) fn convert(&mut self, window: &[f32], out: &mut [f32]) {
        let old = TAPS - 1;
        self.heard[old..].copy_from_slice(window);
        for (out, frames) in out.iter_mut().zip(self.heard.windows(TAPS).step_by(3)) {
            *out = frames.iter().zip(&self.filter).map(|(s, f)| s * f).sum();
        }
        let end = self.heard.len();
        self.heard.copy_within(end - old.., 0);
    }

    /// Real-time safe.
    pub(crate) fn reset(&mut self) {
        self.heard.fill(0.0);
    }
}

/// A sinc with its middle at 8 kHz under a Blackman window.
fn low_pass() -> [f32; TAPS] {
    use std::f64::consts::{PI, TAU};
    let middle = (TAPS / 2) as f64;
    let tap = |i: usize| {
        let x = (i as f64 - middle) / 3.0;
        let sinc = if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let turn = TAU * (i + 1) as f64 / (TAPS + 1) as f64;
        sinc * (0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos())
    };
    let sum: f64 = (0..TAPS).map(tap).sum();
    std::array::from_fn(|i| (tap(i) / sum) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_passes_speech_and_stops_what_would_fold_into_it() {
        for (hz, low, high) in
            [(100.0, -0.1, 0.1), (3_900.0, -0.1, 0.1), (12_100.0, -200.0, -70.0), (19_000.0, -200.0, -70.0)]
        {
            let mut third = ThirdBand::new(480);
            let mut out = [0.0; 160];
            let mut power = 0.0;
            for block in 0..20 {
                let window: Vec<f32> = (0..480)
                    .map(|i| (f64::from(block * 480 + i) * hz / 48_000.0 * std::f64::consts::TAU).sin() as f32)
                    .collect();
                third.convert(&window, &mut out);
                if block >= 10 {
                    power += out.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 1_600.0;
                }
            }
            let level = 10.0 * (power / 0.5).log10();
            assert!((low..=high).contains(&level), "{hz} Hz at {level:.2} dB");
        }
    }
}

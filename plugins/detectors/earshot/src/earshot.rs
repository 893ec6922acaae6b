//! The `earshot` detector. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Detector, Fault, FaultCode, Problem, Rate};

use crate::config::{MAX_THRESHOLD, MIN_THRESHOLD};
use crate::tone::is_tone;

/// The one rate the network was trained for, in Hz.
const HZ: u32 = 16_000;

/// Frames the network takes at once: 16 ms.
const WINDOW: usize = 256;

/// Half the width of the dither: 32 steps of 16-bit audio, about −60 dBFS.
const DITHER: f32 = 32.0 / 32_768.0;

/// Where the dither begins, so that equal audio is judged equally.
const SEED: u32 = 0x9e37_79b9;

/// A recurrent network of 40 KB over the mel spectrum, its weights in the crate
/// [earshot](https://crates.io/crates/earshot).
///
/// The network hears the audio with a little noise added: after exact digital silence, as muted
/// microphones and noise gates send it, it would otherwise take the first steady noise for speech, and go
/// on doing so. A pure tone, which it scores just above one half, is told apart by rule.
///
/// It takes 16 kHz. Its probability is the network's score, bent so that the threshold lies at 0.5.
/// Samples beyond full scale saturate.
///
/// Real-time safe after [`prepare`](Detector::prepare).
pub struct Earshot {
    threshold: f32,
    network: Option<Box<earshot::Detector>>,
    dithered: [f32; WINDOW],
    noise: u32,
}

impl Earshot {
    /// A detector for which a score of `threshold` or more is speech; values outside 0.01 to 0.99 count
    /// as the nearest limit, and one that is not a number as 0.5.
    pub fn new(threshold: f64) -> Earshot {
        let threshold = if threshold.is_nan() { 0.5 } else { threshold.clamp(MIN_THRESHOLD, MAX_THRESHOLD) };
        Earshot { threshold: threshold as f32, network: None, dithered: [0.0; WINDOW], noise: SEED }
    }

    /// The next value of the dither: even between −[`DITHER`] and [`DITHER`]. Marsaglia's xorshift.
    fn dither(&mut self) -> f32 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 17;
        self.noise ^= self.noise << 5;
        (self.noise as i32) as f32 / 2_147_483_648.0 * DITHER
    }
}

/// `score` on two straight lines, from 0 over 0.5 at `threshold` to 1.
fn probability(score: f32, threshold: f32) -> f32 {
    if score >= threshold {
        0.5 + 0.5 * (score - threshold) / (1.0 - threshold)
    } else {
        (0.5 * score / threshold).min(0.499)
    }
}

impl Detector for Earshot {
    fn prepare(&mut self, rate: Rate) -> Result<usize, Problem> {
        if rate.hz() != HZ {
            let message = format!("the earshot detector works at {HZ} Hz, not at {} Hz", rate.hz());
            let help = format!("insert `[[node]] type = \"resample\", rate = {HZ}` before it");
            return Err(Problem::new(Default::default(), "", message).help(help));
        }
        self.network = Some(earshot::Detector::default_boxed());
        self.reset();
        Ok(WINDOW)
    }

    fn judge(&mut self, window: &[f32]) -> Result<f32, Fault> {
        if window.len() != WINDOW {
            return Err(Fault::failed());
        }
        for (i, sample) in window.iter().enumerate() {
            self.dithered[i] = (sample + self.dither()).clamp(-1.0, 1.0);
        }
        let network = self.network.as_mut().ok_or(Fault::failed())?;
        // The network hears tones too: it has a memory, which is to be the same with or without the rule.
        let score = network.predict_f32(&self.dithered);
        Ok(if is_tone(window) { 0.0 } else { probability(score, self.threshold) })
    }

    /// `threshold`: 0.01 to 0.99; from the next window on.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "threshold" || !(MIN_THRESHOLD..=MAX_THRESHOLD).contains(&value) {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.threshold = value as f32;
        Ok(())
    }

    fn reset(&mut self) {
        self.noise = SEED;
        if let Some(network) = &mut self.network {
            network.reset();
        }
    }
}

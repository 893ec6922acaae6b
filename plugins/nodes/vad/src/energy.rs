//! The `energy` detector. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Detector, Fault, FaultCode, Problem, Rate};

/// The lowest threshold, in dBFS: about one step of 16-bit audio.
pub(crate) const MIN_THRESHOLD: f64 = -90.0;

/// The largest hysteresis, in dB.
pub(crate) const MAX_HYSTERESIS: f64 = 40.0;

/// The threshold of RAVATAR's demo page, as an RMS.
const RAVATAR_DEMO: f64 = 0.02;

/// Takes everything loud for speech: a window whose RMS reaches the threshold, and after it every
/// window that is not softer than the threshold by more than the hysteresis.
///
/// It works at every rate, on windows of 10 ms: the shortest there are, so that marks are as exact as
/// the blocks. (RAVATAR's demo page looks at the last 43 ms, which lets every turn end late by up to
/// half of that.)
///
/// Its probability is `r² / (1 + r²)` for a window `r` times as loud as the threshold in force.
///
/// Real-time safe.
pub struct Energy {
    /// As an RMS.
    threshold: f64,
    /// What the threshold is multiplied by while there is speech, up to 1.
    release: f64,
    speaking: bool,
}

impl Energy {
    /// A detector with a threshold in dBFS (0 is an RMS of 1) and a hysteresis in dB. Values outside
    /// −90 to 0 and 0 to 40 count as the nearest limit.
    pub fn new(threshold_dbfs: f64, hysteresis_db: f64) -> Energy {
        Energy {
            threshold: amplitude(threshold_dbfs.clamp(MIN_THRESHOLD, 0.0)),
            release: amplitude(-hysteresis_db.clamp(0.0, MAX_HYSTERESIS)),
            speaking: false,
        }
    }

    /// The settings of RAVATAR's demo page: an RMS of exactly 0.02 (−33.98 dBFS), no hysteresis.
    pub fn ravatar_demo() -> Energy {
        Energy { threshold: RAVATAR_DEMO, release: 1.0, speaking: false }
    }
}

fn amplitude(db: f64) -> f64 {
    10_f64.powf(db / 20.0)
}

fn rms(window: &[f32]) -> f64 {
    let sum: f64 = window.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    (sum / window.len().max(1) as f64).sqrt()
}

impl Detector for Energy {
    fn prepare(&mut self, rate: Rate) -> Result<usize, Problem> {
        self.speaking = false;
        Ok(rate.block())
    }

    fn judge(&mut self, window: &[f32]) -> Result<f32, Fault> {
        let threshold = if self.speaking { self.threshold * self.release } else { self.threshold };
        let rms = rms(window);
        // Compared in the precision of the samples: a constant 0.02 is as loud as 0.02.
        self.speaking = rms as f32 >= threshold as f32;
        let square = (rms / threshold).powi(2);
        let probability = (square / (1.0 + square)) as f32;
        Ok(if self.speaking { probability.max(0.5) } else { probability.min(0.499) })
    }

    /// `threshold_dbfs` −90 to 0, `hysteresis_db` 0 to 40.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        match param {
            "threshold_dbfs" if (MIN_THRESHOLD..=0.0).contains(&value) => self.threshold = amplitude(value),
            "hysteresis_db" if (0.0..=MAX_HYSTERESIS).contains(&value) => self.release = amplitude(-value),
            _ => return Err(Fault::new(FaultCode::BadParameter)),
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.speaking = false;
    }
}

//! The `limiter` node. Built on the control thread, runs on the pipeline thread.

use std::time::Duration;

use glottis_core::{Block, Fault, FaultCode, Node, Problem, Rate};

use crate::ceiling::Ceiling;
use crate::config::GAIN_DB;
use crate::level::{Automatic, Level};

/// What is louder after the gain saturates: 120 dB above full scale, to leave the limiter's arithmetic room.
const LOUDEST: f32 = 1e6;

/// How a limiter is set.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// The loudest sample that leaves, in dBFS, at most 0.
    pub ceiling_dbfs: f64,
    /// The gain before it, in dB.
    pub gain_db: f64,
    /// How long before a peak the sound begins to get softer; the delay of the node.
    pub attack: Duration,
    /// How long after a peak 63 % of the loudness is back.
    pub release: Duration,
    /// The automatic gain, if there is to be one.
    pub level: Option<Level>,
}

impl Default for Settings {
    /// Those of a configuration without any keys.
    fn default() -> Settings {
        Settings {
            ceiling_dbfs: -1.0,
            gain_db: 0.0,
            attack: Duration::from_millis(2),
            release: Duration::from_millis(100),
            level: None,
        }
    }
}

/// Makes the sound louder by a fixed and, if wanted, an automatic gain, and keeps every sample under a
/// ceiling: for any input, at any gain, no sample is above it.
///
/// Where nothing reaches the ceiling and the gain is 0 dB, samples pass bit for bit, later by the attack.
/// A change of a gain is spread over one block. Samples that are not finite count as silence.
///
/// Real-time safe after [`prepare`](Node::prepare).
pub struct Limiter {
    settings: Settings,
    automatic: Option<Automatic>,
    /// The factor the last frame got.
    factor: f32,
    ceiling: Option<Ceiling>,
}

impl Limiter {
    /// A limiter with these settings. A ceiling above 0 dBFS counts as 0.
    pub fn new(settings: Settings) -> Limiter {
        let automatic = settings.level.map(Automatic::new);
        Limiter { factor: factor(settings.gain_db), settings, automatic, ceiling: None }
    }
}

fn factor(db: f64) -> f32 {
    10_f64.powf(db / 20.0) as f32
}

impl Node for Limiter {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        let frames = |time: Duration| time.as_secs_f64() * f64::from(input.hz());
        let Settings { ceiling_dbfs, attack, release, .. } = self.settings;
        let ahead = frames(attack).round() as usize;
        self.ceiling = Some(Ceiling::new(factor(ceiling_dbfs.min(0.0)), ahead, frames(release)));
        self.reset();
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        let ceiling = self.ceiling.as_mut().ok_or(Fault::failed())?;
        let samples = output.samples_mut();
        for (out, &sample) in samples.iter_mut().zip(input.samples()) {
            *out = if sample.is_finite() { sample } else { 0.0 };
        }
        let automatic = self.automatic.as_mut().map_or(0.0, |automatic| automatic.next(samples));
        let (from, to) = (self.factor, factor(self.settings.gain_db + automatic));
        let step = (to - from) / samples.len() as f32;
        for (i, sample) in samples.iter_mut().enumerate() {
            let factor = if from == to { to } else { from + step * (i + 1) as f32 };
            *sample = (*sample * factor).clamp(-LOUDEST, LOUDEST);
        }
        self.factor = to;
        ceiling.limit(samples);
        Ok(())
    }

    /// `gain_db`: −40 to 40 dB; takes effect over the next block.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        if param != "gain_db" || !(GAIN_DB.0..=GAIN_DB.1).contains(&value) {
            return Err(Fault::new(FaultCode::BadParameter));
        }
        self.settings.gain_db = value;
        Ok(())
    }

    fn reset(&mut self) {
        self.factor = factor(self.settings.gain_db);
        if let Some(automatic) = &mut self.automatic {
            automatic.clear();
        }
        if let Some(ceiling) = &mut self.ceiling {
            ceiling.clear();
        }
    }

    fn latency(&self) -> u32 {
        self.ceiling.as_ref().map_or(0, |ceiling| ceiling.ahead() as u32)
    }
}

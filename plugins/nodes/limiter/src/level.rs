//! The gain that follows the speaker. Pipeline thread.

/// How fast the level that the gain goes by follows the sound: 63 % of the way in 0.4 s of speech.
const FOLLOW: f64 = 0.025;

/// How much louder the gain may get in a block: 6 dB a second, so that a pause does not pump.
const RISE_DB: f64 = 0.06;

/// How much softer: 20 dB a second. Faster, because too loud is worse, and peaks are limited anyway.
const FALL_DB: f64 = 0.2;

/// How the automatic gain is set.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Level {
    /// The level to bring speech to, an RMS in dBFS (0 is an RMS of 1).
    pub target_dbfs: f64,
    /// The most the gain may do, either way, in dB.
    pub max_gain_db: f64,
    /// What is softer is a pause, in dBFS.
    pub gate_dbfs: f64,
}

/// An automatic gain: measures speech block by block and goes slowly to where that meets the target.
pub(crate) struct Automatic {
    level: Level,
    /// The level of the speech so far, as a mean square.
    heard: f64,
    gain_db: f64,
}

impl Automatic {
    pub(crate) fn new(level: Level) -> Automatic {
        Automatic { level, heard: 10_f64.powf(level.target_dbfs / 10.0), gain_db: 0.0 }
    }

    /// The gain for the end of this block, in dB. Real-time safe.
    pub(crate) fn next(&mut self, samples: &[f32]) -> f64 {
        let square = samples.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
        if 10.0 * square.log10() >= self.level.gate_dbfs {
            self.heard += (square - self.heard) * FOLLOW;
            let missing = self.level.target_dbfs - 10.0 * self.heard.log10();
            let wanted = missing.clamp(-self.level.max_gain_db, self.level.max_gain_db);
            self.gain_db += (wanted - self.gain_db).clamp(-FALL_DB, RISE_DB);
        }
        self.gain_db
    }

    /// Real-time safe.
    pub(crate) fn clear(&mut self) {
        *self = Automatic::new(self.level);
    }
}

//! What can be chosen about an Opus stream, and which choices go together. Any thread.

use std::time::Duration;

use crate::OpusError;

/// Rates the codec takes, in Hz (RFC 6716, section 2.1.3: its five audio bandwidths).
pub const RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// Lengths of a frame (RFC 6716, section 2.1.4).
const FRAMES: [Duration; 6] = [
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(60),
];

/// The shortest frame of the speech coder; shorter ones are for the transform coder alone.
const SHORTEST_SPEECH: Duration = Duration::from_millis(10);

/// Bits per second an encoder can be asked for. Below, a packet has no room for sound; above, a frame
/// of 20 ms no longer fits the largest packet.
const BITRATES: std::ops::RangeInclusive<u32> = 500..=512_000;

/// The most effort.
const MAX_COMPLEXITY: u8 = 10;

/// What the encoder is tuned for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Application {
    /// Speech that shall be understood: high-pass, and the speech coder wherever it is good enough.
    #[default]
    Voip,
    /// Sound that shall be like the original.
    Audio,
    /// As little delay as can be: the transform coder alone.
    LowDelay,
}

impl Application {
    /// The names configurations use, in the order of the variants.
    pub const NAMES: [&'static str; 3] = ["voip", "audio", "restricted_lowdelay"];

    /// The application of this name; `None` if there is none.
    pub fn named(name: &str) -> Option<Application> {
        [Application::Voip, Application::Audio, Application::LowDelay].into_iter().find(|it| it.name() == name)
    }

    /// Its name, one of [`Application::NAMES`].
    pub const fn name(self) -> &'static str {
        Application::NAMES[self as usize]
    }
}

/// How a stream is encoded. Mono, variable bitrate, without in-band error correction (the containers
/// here do not lose packets) and without gaps for silence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpusSettings {
    /// Length of a frame, which is a packet: 2.5, 5, 10, 20, 40 or 60 ms. 2.5 and 5 ms go with
    /// [`Application::LowDelay`] only. Default 20 ms.
    pub frame: Duration,
    /// What the encoder is tuned for. Default [`Application::Voip`].
    pub application: Application,
    /// Bits per second, 500 to 512,000. 0, the default, is the reference encoder's own choice: the
    /// rate in Hz plus 60 for each frame of a second, which is 19,000 at 16 kHz and 51,000 at 48 kHz
    /// with frames of 20 ms (libopus, `OPUS_AUTO`).
    pub bitrate: u32,
    /// Effort, 0 to 10. The README has measured costs. Default 10.
    pub complexity: u8,
}

impl Default for OpusSettings {
    fn default() -> Self {
        OpusSettings {
            frame: Duration::from_millis(20),
            application: Application::Voip,
            bitrate: 0,
            complexity: MAX_COMPLEXITY,
        }
    }
}

impl OpusSettings {
    /// Whether an encoder at `rate` Hz can be made.
    ///
    /// # Errors
    /// The first value that is out of range, and what the range is.
    pub fn check(&self, rate: u32) -> Result<(), OpusError> {
        if !RATES.contains(&rate) {
            return Err(OpusError::Rate(rate));
        }
        if !FRAMES.contains(&self.frame) {
            return Err(OpusError::Frame(self.frame));
        }
        if self.frame < SHORTEST_SPEECH && self.application != Application::LowDelay {
            return Err(OpusError::ShortFrame(self.frame, self.application.name()));
        }
        if self.bitrate != 0 && !BITRATES.contains(&self.bitrate) {
            return Err(OpusError::Bitrate(self.bitrate));
        }
        if self.complexity > MAX_COMPLEXITY {
            return Err(OpusError::Complexity(self.complexity));
        }
        Ok(())
    }

    /// Samples of a frame at `rate` Hz.
    pub(crate) fn frame_len(&self, rate: u32) -> usize {
        (u128::from(rate) * self.frame.as_micros() / 1_000_000) as usize
    }

    /// Bits per second at `rate` Hz, chosen or not.
    pub(crate) fn bits_per_second(&self, rate: u32) -> u32 {
        match self.bitrate {
            0 => rate + (60_000_000 / self.frame.as_micros()) as u32,
            chosen => chosen,
        }
    }
}

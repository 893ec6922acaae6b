//! WebRTC's voice detector: whether 10, 20 or 30 ms of 16-bit samples hold speech. Built on the control
//! thread, used on the pipeline thread; plain memory, no allocation.
//!
//! The same decisions, frame by frame, as the C code of WebRTC's `common_audio/vad` (2011), which tests
//! compare it with in the form of libfvad; its constants and its arithmetic in whole numbers are kept, and
//! its licence is in `LICENSE-WEBRTC`. Two things are other: all filters run side by side in one pass,
//! where the C code makes one pass after the other and waits in each for the sample before; and nothing
//! here is foreign code, so that nobody has to vouch for it.
//!
//! | where | what |
//! |---|---|
//! | `bands` | the loudness of six bands |
//! | `lowest` | what is lowest in a band for a while |
//! | `model` | how well speech explains those six, and how well noise does |

mod bands;
mod lowest;
mod model;

use bands::{Bands, Halver};
use model::Model;

/// Bands that are listened to: 80, 250, 500, 1000, 2000, 3000 to 4000 Hz.
const BANDS: usize = 6;

/// Frames of a window of 30 ms at 8 kHz.
const LONGEST: usize = 240;

/// Frames at 8 kHz that the bands take at once.
const STEP: usize = 16;

/// A detector for one rate.
pub(crate) struct Fvad {
    /// How often its rate is halved to reach 8 kHz: not at all, once or twice.
    halvings: usize,
    halvers: [Halver; 2],
    bands: Bands,
    model: Model,
}

impl Fvad {
    /// A detector for 8, 16 or 32 kHz.
    pub(crate) fn new(hz: u32, aggressiveness: u8) -> Fvad {
        Fvad {
            halvings: (hz / 8_000).ilog2().min(2) as usize,
            halvers: Default::default(),
            bands: Bands::default(),
            model: Model::new(aggressiveness),
        }
    }

    /// Whether `window`, 10, 20 or 30 ms, holds speech; `None` for another length. Real-time safe.
    pub(crate) fn judge(&mut self, window: &[i16]) -> Option<bool> {
        let step = STEP << self.halvings;
        let steps = window.len() / step;
        // 80, 160 or 240 frames at 8 kHz.
        if !window.len().is_multiple_of(step) || !matches!(steps, 5 | 10 | 15) {
            return None;
        }
        let mut pass = self.bands.pass();
        let [first, second] = &mut self.halvers;
        match self.halvings {
            0 => window.as_chunks::<STEP>().0.iter().for_each(|frames| pass.take(frames)),
            1 => window.as_chunks::<{ 2 * STEP }>().0.iter().for_each(|frames| pass.take(&second.halve(frames))),
            _ => window.as_chunks::<{ 4 * STEP }>().0.iter().for_each(|frames| {
                let half: [i16; 2 * STEP] = first.halve(frames);
                pass.take(&second.halve(&half));
            }),
        }
        let (loudness, total) = pass.finish();
        Some(self.model.judge(&loudness, total, steps / 5 - 1))
    }

    /// Real-time safe.
    pub(crate) fn set_aggressiveness(&mut self, aggressiveness: u8) {
        self.model.set_aggressiveness(aggressiveness);
    }

    /// Forgets all it heard. Real-time safe.
    pub(crate) fn reset(&mut self) {
        (self.halvers, self.bands) = (Default::default(), Bands::default());
        self.model.reset();
    }
}

/// What is left of a number in 16 bits, as in the C code.
#[inline(always)]
fn low(x: i32) -> i16 {
    x as i16
}

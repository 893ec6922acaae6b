//! What a voice detector must be able to do. The `vad` node frames the audio and turns decisions
//! into marks; a detector only judges one frame after the other.

use crate::audio::Rate;
use crate::fault::Fault;
use crate::problem::Problem;

/// A judge of speech.
pub trait Detector: Send {
    /// Learns the rate, and answers with the frames of one analysis window, at that rate. May
    /// allocate.
    ///
    /// # Errors
    /// The detector cannot work at this rate; the help says which it can.
    fn prepare(&mut self, rate: Rate) -> Result<usize, Problem>;

    /// Judges one window: the probability, 0 to 1, that it holds speech; from 0.5 it counts as
    /// speech. A detector with hysteresis or memory applies it here.
    ///
    /// On the pipeline thread: must not allocate, free, lock, block, log or make a system call.
    ///
    /// # Errors
    /// The detector failed on this window.
    fn judge(&mut self, window: &[f32]) -> Result<f32, Fault>;

    /// Sets a live parameter; see [`crate::Node::set`].
    ///
    /// # Errors
    /// The detector has no such live parameter.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        let _ = (param, value);
        Err(Fault::new(crate::FaultCode::BadParameter))
    }

    /// Forgets all it heard. On the pipeline thread.
    fn reset(&mut self) {}
}

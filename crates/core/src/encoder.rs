//! What an encoder must be able to do: samples in, the bytes of a packet out.

use crate::audio::Rate;
use crate::fault::Fault;
use crate::packet::Body;

/// Turns the frames of a segment into bytes, on the pipeline thread, straight into the packet's
/// body. Same rules as [`crate::Node::process`]: no allocation, lock, I/O or system call.
///
/// For every segment the calls are: `begin`, then `encode` any number of times, then `finish`. A
/// segment that is aborted ends without `finish`; the next `begin` starts afresh.
pub trait Encoder: Send {
    /// Learns the rate before anything else. May allocate. Returns the most bytes that `begin` or
    /// `finish` write, and the most that encoding `frames` frames in one packet writes.
    ///
    /// # Errors
    /// The encoder cannot work at this rate.
    fn prepare(&mut self, rate: Rate, frames: usize) -> Result<usize, crate::Problem>;

    /// Writes what comes before the first frame of a segment.
    ///
    /// # Errors
    /// The body is too small, or the encoder failed.
    fn begin(&mut self, body: &mut Body) -> Result<(), Fault> {
        let _ = body;
        Ok(())
    }

    /// Appends the encoding of `frames` to `body`. Called with as many frames as are at hand: a
    /// packet's body is filled by one or several calls.
    ///
    /// # Errors
    /// The body is too small, or the encoder failed. The rest of the packet is then lost by name.
    fn encode(&mut self, frames: &[f32], body: &mut Body) -> Result<(), Fault>;

    /// Writes what comes after the last frame of a segment.
    ///
    /// # Errors
    /// The body is too small, or the encoder failed.
    fn finish(&mut self, body: &mut Body) -> Result<(), Fault> {
        let _ = body;
        Ok(())
    }
}

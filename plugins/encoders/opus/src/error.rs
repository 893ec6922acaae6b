//! What can go wrong, in words for the person who wrote the configuration. Any thread.

use std::time::Duration;

/// A setting out of range, or sound an encoder cannot take. No text is made before it is asked for, so
/// that an error costs a real-time thread nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpusError {
    /// A rate the codec does not have.
    #[error("Opus does not work at {0} Hz, but at 8000, 12000, 16000, 24000 and 48000 Hz")]
    Rate(u32),
    /// A length of frame the codec does not have.
    #[error("an Opus frame cannot last {0:?}, but 2.5, 5, 10, 20, 40 or 60 ms")]
    Frame(Duration),
    /// A frame too short for the speech coder.
    #[error("an Opus frame of {0:?} needs the application \"restricted_lowdelay\"; \"{1}\" takes 10 ms and more")]
    ShortFrame(Duration, &'static str),
    /// A bitrate out of range.
    #[error("an Opus bitrate of {0} bit/s is out of range; use 500 to 512000, or 0 for the encoder's choice")]
    Bitrate(u32),
    /// A complexity out of range.
    #[error("an Opus complexity of {0} is out of range; use 0 to 10")]
    Complexity(u8),
    /// A frame of another length than announced.
    #[error("{got} samples are no Opus frame; this encoder takes {wanted} at a time")]
    FrameLength {
        /// Samples there were.
        got: usize,
        /// Samples of a frame.
        wanted: usize,
    },
    /// A buffer the largest packet would not fit into.
    #[error("{0} bytes are too few for an Opus packet")]
    Room(usize),
    /// The codec refused a frame.
    #[error("the Opus codec failed: {0}")]
    Codec(&'static str),
}

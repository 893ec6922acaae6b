//! A whole turn in one call. Any thread.

use crate::{OggOpus, OpusError, OpusSettings, Sample, WebmOpus};

/// The serial of a stream that has its file to itself: no other one to be told from, and the same
/// sound gives the same bytes.
const SERIAL: u32 = u32::from_le_bytes(*b"glot");

/// `samples` of `rate` Hz as an Ogg Opus file; no bytes for no samples.
///
/// # Errors
/// A rate or a setting out of range.
pub fn ogg_opus<S: Sample>(samples: &[S], rate: u32, settings: &OpusSettings) -> Result<Vec<u8>, OpusError> {
    let mut bytes = Vec::new();
    let mut stream = OggOpus::new(rate, settings, SERIAL)?;
    stream.push(samples, &mut bytes)?;
    stream.finish(&mut bytes)?;
    Ok(bytes)
}

/// `samples` of `rate` Hz as a WebM file with Opus; a valid file of no length for no samples.
///
/// # Errors
/// A rate or a setting out of range.
pub fn webm_opus<S: Sample>(samples: &[S], rate: u32, settings: &OpusSettings) -> Result<Vec<u8>, OpusError> {
    let mut file = WebmOpus::new(rate, settings)?;
    file.push(samples)?;
    file.finish()
}

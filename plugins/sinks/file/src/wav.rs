//! The header of a WAV file, at any length. Pure functions.
//!
//! RIFF/WAVE after Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" and
//! "New Multimedia Data Types and Data Techniques" (the `fact` chunk and the size field of a float
//! format). The 16-bit header is the canonical one of 44 bytes, because many readers, small ones in
//! devices above all, skip 44 bytes and look no further; that rules out room for the 64-bit sizes of
//! RF64. Past 4 GiB the sizes say "unknown" (all ones), as in a stream, and the data go on: readers
//! that know the convention read to the end of the file.

use crate::config::Sample;

/// A size not known, or too large for its field.
const UNKNOWN: u32 = u32::MAX;

/// Replaces `out` by the header before `frames` frames of `sample` at `rate` Hz; before a stream
/// whose length nobody knows for `None`. Always of the same length for the same sample type.
pub(crate) fn header(sample: Sample, rate: u32, frames: Option<u64>, out: &mut Vec<u8>) {
    let size = sample.bytes() as u64;
    let length = match sample {
        Sample::S16 => 44,
        Sample::F32 => 58,
    };
    let data = frames.unwrap_or(0) * size;
    let riff = data + length - 8;
    let known = frames.is_some() && riff < u64::from(UNKNOWN);
    let or_unknown = |size: u64| if known { size as u32 } else { UNKNOWN };

    out.clear();
    chunk(out, b"RIFF", or_unknown(riff));
    out.extend(b"WAVE");

    let (tag, extra): (u16, &[u8]) = match sample {
        Sample::S16 => (1, &[]),
        Sample::F32 => (3, &[0, 0]),
    };
    chunk(out, b"fmt ", 16 + extra.len() as u32);
    out.extend(tag.to_le_bytes());
    out.extend(1_u16.to_le_bytes());
    out.extend(rate.to_le_bytes());
    out.extend((rate * size as u32).to_le_bytes());
    out.extend((size as u16).to_le_bytes());
    out.extend((size as u16 * 8).to_le_bytes());
    out.extend(extra);
    if sample == Sample::F32 {
        chunk(out, b"fact", 4);
        out.extend(or_unknown(frames.unwrap_or(0)).to_le_bytes());
    }
    chunk(out, b"data", or_unknown(data));
    debug_assert_eq!(out.len() as u64, length);
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], size: u32) {
    out.extend(name);
    out.extend(size.to_le_bytes());
}

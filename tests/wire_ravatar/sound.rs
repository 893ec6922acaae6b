//! Sound whose every sample is known.

use super::CHUNK;

/// Audible noise, different for every seed.
pub fn noise(frames: usize, seed: u32) -> Vec<i16> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 16) as i16
    };
    (0..frames).map(|_| next()).collect()
}

/// `samples`, padded with zeros to whole chunks, and `zeros` chunks of zeros.
pub fn padded(samples: &[i16], zeros: usize) -> Vec<i16> {
    let mut padded = samples.to_vec();
    padded.resize(samples.len().div_ceil(CHUNK) * CHUNK + zeros * CHUNK, 0);
    padded
}

/// Compares audio without printing all of it.
pub fn assert_same(heard: &[i16], sent: &[i16]) {
    let differs = heard.iter().zip(sent).position(|(heard, sent)| heard != sent);
    assert!(heard == sent, "{} frames heard, {} sent; the first difference: {differs:?}", heard.len(), sent.len());
}

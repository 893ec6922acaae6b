//! Sample conversion: the hot path of every source and encoder. Real-time safe, any thread.
//!
//! int16 → float is `x / 32768`; float → int16 is `clamp(round(x · 32768), −32768, 32767)`, ties to
//! even, NaN → 0: so int16 → float → int16 is the identity.

use multiversion::multiversion;

/// 1.5 · 2²³: adding it to a float of magnitude below 2²² leaves the value, rounded half to even, in
/// the low bits of the mantissa. That is one addition where `f32::round_ties_even` is a library call
/// on processors without SSE 4.1.
const MAGIC: f32 = 12_582_912.0;

/// One sample to 16 bits.
#[inline]
pub fn f32_to_i16(sample: f32) -> i16 {
    let sample = if sample.is_nan() { 0.0 } else { sample };
    // Not `clamp`: `max` and `min` are single instructions and vectorise.
    #[allow(clippy::manual_clamp)]
    let scaled = (sample * 32_768.0).max(-32_768.0).min(32_767.0);
    // Never wraps; a subtraction that is checked for it, as in builds with debug assertions, does not
    // vectorise.
    ((scaled + MAGIC).to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32) as i16
}

/// One sample from 16 bits.
#[inline]
pub fn i16_to_f32(sample: i16) -> f32 {
    f32::from(sample) * (1.0 / 32_768.0)
}

/// Samples to 16 bits, as many as the shorter of the two slices holds.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
pub fn f32_to_i16_slice(samples: &[f32], out: &mut [i16]) {
    for (out, &sample) in out.iter_mut().zip(samples) {
        *out = f32_to_i16(sample);
    }
}

/// Samples to 16 bits, little-endian, as many as the shorter of the two slices holds.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
pub fn f32_to_s16le(samples: &[f32], out: &mut [u8]) {
    f32_to_s16le_portable(samples, out);
}

/// [`f32_to_s16le`] with the instructions the caller is compiled for, where that takes the best the
/// processor has: to compare with.
#[inline(always)]
pub fn f32_to_s16le_portable(samples: &[f32], out: &mut [u8]) {
    let (pairs, _) = out.as_chunks_mut::<2>();
    for (out, &sample) in pairs.iter_mut().zip(samples) {
        *out = f32_to_i16(sample).to_le_bytes();
    }
}

/// Samples from 16 bits, as many as the shorter of the two slices holds.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
pub fn i16_to_f32_slice(samples: &[i16], out: &mut [f32]) {
    for (out, &sample) in out.iter_mut().zip(samples) {
        *out = i16_to_f32(sample);
    }
}

/// Which of several channels make up the mono stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// The mean of all channels.
    Mix,
    /// One channel, counted from 0. A channel the input does not have is silence.
    Pick(u16),
}

/// Interleaved frames of `channels` channels to mono, as many as both slices hold; `to_f32` converts
/// one sample.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl", "x86_64+avx2+fma", "x86_64+sse4.1"))]
pub fn to_mono<S: Copy, F: Fn(S) -> f32>(samples: &[S], channels: usize, channel: Channel, out: &mut [f32], to_f32: F) {
    match (channel, channels) {
        (Channel::Mix | Channel::Pick(0), 1) => {
            for (out, &s) in out.iter_mut().zip(samples) {
                *out = to_f32(s);
            }
        }
        (Channel::Mix, 2) => {
            let (frames, _) = samples.as_chunks::<2>();
            for (out, frame) in out.iter_mut().zip(frames) {
                *out = (to_f32(frame[0]) + to_f32(frame[1])) * 0.5;
            }
        }
        (Channel::Mix, _) => {
            let scale = 1.0 / channels as f32;
            for (out, frame) in out.iter_mut().zip(samples.chunks_exact(channels)) {
                *out = frame.iter().map(|&s| to_f32(s)).sum::<f32>() * scale;
            }
        }
        (Channel::Pick(pick), _) if usize::from(pick) < channels => {
            let pick = usize::from(pick);
            for (out, frame) in out.iter_mut().zip(samples.chunks_exact(channels)) {
                *out = to_f32(frame[pick]);
            }
        }
        (Channel::Pick(_), _) => out.fill(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_survive_the_round_trip() {
        for x in i16::MIN..=i16::MAX {
            assert_eq!(f32_to_i16(i16_to_f32(x)), x);
        }
    }

    #[test]
    fn rounding_is_half_to_even_saturating_and_nan_is_silence() {
        let lsb = 1.0 / 32_768.0;
        for (input, want) in [
            (0.5 * lsb, 0),
            (1.5 * lsb, 2),
            (-0.5 * lsb, 0),
            (-2.5 * lsb, -2),
            (0.5, 16_384),
            (-0.5, -16_384),
            (1.0, 32_767),
            (-1.0, -32_768),
            (1.7, 32_767),
            (-9e30, -32_768),
            (f32::INFINITY, 32_767),
            (f32::NEG_INFINITY, -32_768),
            (f32::NAN, 0),
        ] {
            assert_eq!(f32_to_i16(input), want, "{input}");
        }
    }

    #[test]
    fn slices_agree_with_single_samples() {
        let samples: Vec<f32> = (0..4099).map(|i| (i as f32 * 0.37).sin() * 1.2).collect();
        let mut ints = vec![0; samples.len()];
        let mut bytes = vec![0; samples.len() * 2];
        f32_to_i16_slice(&samples, &mut ints);
        f32_to_s16le(&samples, &mut bytes);
        for (i, &sample) in samples.iter().enumerate() {
            assert_eq!(ints[i], f32_to_i16(sample));
            assert_eq!(bytes[2 * i..2 * i + 2], f32_to_i16(sample).to_le_bytes());
        }
    }
}

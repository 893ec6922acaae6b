//! Samples as bytes, the way files and pipes carry them. On the reading thread; nothing here
//! allocates.

use glottis_core::Feed;
use glottis_core::convert::i16_to_f32;

/// How a sample is written. All are little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// Unsigned 8 bits, 128 is silence.
    U8,
    /// Signed 8 bits.
    S8,
    /// Signed 16 bits.
    S16,
    /// Signed 24 bits in three bytes.
    S24,
    /// Signed 32 bits.
    S32,
    /// IEEE 754 single precision, nominally −1 to 1.
    F32,
    /// IEEE 754 double precision, nominally −1 to 1.
    F64,
    /// A-law of ITU-T G.711.
    ALaw,
    /// µ-law of ITU-T G.711.
    MuLaw,
}

impl Coding {
    /// Every coding, and the name a configuration has for it.
    pub const NAMES: [(&'static str, Coding); 9] = [
        ("u8", Coding::U8),
        ("s8", Coding::S8),
        ("s16le", Coding::S16),
        ("s24le", Coding::S24),
        ("s32le", Coding::S32),
        ("f32le", Coding::F32),
        ("f64le", Coding::F64),
        ("alaw", Coding::ALaw),
        ("mulaw", Coding::MuLaw),
    ];

    /// The coding of that name.
    pub fn named(name: &str) -> Option<Coding> {
        Coding::NAMES.into_iter().find(|(n, _)| *n == name).map(|(_, coding)| coding)
    }

    /// Bytes of a sample.
    pub const fn bytes(self) -> usize {
        match self {
            Coding::U8 | Coding::S8 | Coding::ALaw | Coding::MuLaw => 1,
            Coding::S16 => 2,
            Coding::S24 => 3,
            Coding::S32 | Coding::F32 => 4,
            Coding::F64 => 8,
        }
    }
}

/// Pushes interleaved samples in `coding`, the last of them captured at `now`; see [`Feed::push`].
///
/// Integers of up to 24 bits arrive exactly (`x / 2ⁿ⁻¹`), longer ones and doubles rounded to the
/// nearest float. Not-a-number passes.
pub fn push(feed: &mut Feed, coding: Coding, bytes: &[u8], channels: usize, now: u64) -> bool {
    match coding {
        Coding::U8 => feed.push(bytes, channels, now, |b| (f32::from(b) - 128.0) * (1.0 / 128.0)),
        Coding::S8 => feed.push(bytes, channels, now, |b| f32::from(b as i8) * (1.0 / 128.0)),
        Coding::S16 => feed.push(bytes.as_chunks::<2>().0, channels, now, |b| i16_to_f32(i16::from_le_bytes(b))),
        Coding::S24 => {
            feed.push(bytes.as_chunks::<3>().0, channels, now, |[a, b, c]| i32_to_f32(i32::from_le_bytes([0, a, b, c])))
        }
        Coding::S32 => feed.push(bytes.as_chunks::<4>().0, channels, now, |b| i32_to_f32(i32::from_le_bytes(b))),
        Coding::F32 => feed.push(bytes.as_chunks::<4>().0, channels, now, f32::from_le_bytes),
        Coding::F64 => feed.push(bytes.as_chunks::<8>().0, channels, now, |b| f64::from_le_bytes(b) as f32),
        Coding::ALaw => feed.push(bytes, channels, now, |b| i16_to_f32(a_law(b))),
        Coding::MuLaw => feed.push(bytes, channels, now, |b| i16_to_f32(mu_law(b))),
    }
}

/// One sample from 32 bits, or from 24 in the upper three bytes of 32.
#[inline]
pub fn i32_to_f32(sample: i32) -> f32 {
    sample as f32 * (1.0 / 2_147_483_648.0)
}

/// ITU-T G.711, table 1a: every second bit is inverted; 13 bits, scaled to 16.
fn a_law(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, i16::from(code & 15));
    let size = match segment {
        0 => (step << 4) + 8,
        s => ((step << 4) + 0x108) << (s - 1),
    };
    if code & 0x80 != 0 { size } else { -size }
}

/// ITU-T G.711, table 2a: all bits are inverted; 14 bits with a bias of 33, scaled to 16.
fn mu_law(byte: u8) -> i16 {
    let code = !byte;
    let (segment, step) = ((code >> 4) & 7, i16::from(code & 15));
    let size = (((step << 3) + 0x84) << segment) - 0x84;
    if code & 0x80 != 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companded_bytes_give_the_values_of_the_standard() {
        // Quantised values of G.711, tables 1a to 2b, in 16 bits: the ends and around zero.
        assert_eq!([0xD5, 0x55, 0xAA, 0x2A].map(a_law), [8, -8, 32_256, -32_256]);
        assert_eq!([0xFF, 0x7F, 0x80, 0x00].map(mu_law), [0, 0, 32_124, -32_124]);
    }
}

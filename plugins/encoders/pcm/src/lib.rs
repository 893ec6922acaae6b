//! Uncompressed encoders, and the header of a WAV file.
//!
//! | encoder | bytes of a segment |
//! |---|---|
//! | `pcm16` | 16-bit integers, little-endian |
//! | `f32` | 32-bit floats, little-endian |
//! | `wav` | a 44-byte header whose sizes say "until the end", then as `pcm16` |
//!
//! The registry entries and configurations live on the control thread; encoders are built there and
//! then run on the pipeline thread. [`wav_header`] and [`patch_sizes`] may be called from anywhere.
//!
//! ```
//! use glottis_core::{Body, Encoder, Rate};
//! use glottis_encoder_pcm::{Pcm16, patch_sizes, wav_header};
//!
//! let mut encoder = Pcm16::new(false);
//! let bytes = encoder.prepare(Rate::new(16_000).unwrap(), 4).unwrap();
//! let mut body = Body::with_capacity(bytes);
//! encoder.begin(&mut body).unwrap();
//! encoder.encode(&[0.5, -0.5, 1.0, -1.0], &mut body).unwrap();
//! assert_eq!(&body[..], [0x00, 0x40, 0x00, 0xC0, 0xFF, 0x7F, 0x00, 0x80]);
//!
//! let mut file = wav_header(16_000, 1, 16, false, None).to_vec();
//! file.extend_from_slice(&body);
//! assert!(patch_sizes(&mut file));
//! ```

mod config;
mod float;
mod header;
mod noise;
mod pcm16;
mod wav;

pub use float::F32;
pub use header::{Header, patch_sizes, wav_header};
pub use pcm16::Pcm16;
pub use wav::Wav;

use glottis_core::Registry;

/// Compiles and runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Adds the encoders `pcm16`, `f32` and `wav`.
pub fn register(registry: &mut Registry) {
    registry.add_encoder("pcm16", "16-bit integers, little-endian.", config::DITHER, |s, _, _| Ok(config::pcm16(s)));
    registry.add_encoder("f32", "32-bit floats, little-endian.", &[], |_, _, _| Ok(F32::new()));
    registry.add_encoder("wav", "A WAV file of 16-bit integers.", config::DITHER, |s, _, _| Ok(config::wav(s)));
}

#[cfg(feature = "export")]
glottis_plugin::export!(register);

//! Opus for sinks: packets, Ogg streams and WebM files of mono sound.
//!
//! | | for |
//! |---|---|
//! | [`OggOpus`] | a stream, page by page as the sound comes |
//! | [`WebmOpus`] | a file, collected until its end is known |
//! | [`ogg_opus`], [`webm_opus`] | a whole turn in one call |
//! | [`OpusEncoder`] | bare packets, one per frame |
//!
//! Everything here is synchronous and may be called from any thread; what is made on one thread may be
//! used on another. Opus itself is RFC 6716, in a pure Rust port of libopus 1.6.
//!
//! There is no entry for the registry: sinks call this on their own task, not the pipeline thread. Only
//! a sink knows when a stream begins, ends, or begins again after a lost connection, and which hole is
//! to become silence; and a frame of 60 ms costs the whole of its encoding in one block of 10 ms.
//!
//! ```
//! use glottis_encoder_opus::{OpusSettings, ogg_opus, webm_opus};
//!
//! let turn = vec![0.0_f32; 16_000];
//! let settings = OpusSettings::default();
//! assert!(ogg_opus(&turn, 16_000, &settings)?.starts_with(b"OggS"));
//! assert!(webm_opus(&turn, 16_000, &settings)?.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]));
//! # Ok::<(), glottis_encoder_opus::OpusError>(())
//! ```

mod ebml;
mod encoder;
mod error;
mod header;
mod ogg;
mod packets;
mod page;
mod sample;
mod settings;
mod webm;
mod whole;

pub use encoder::{MAX_PACKET, OpusEncoder};
pub use error::OpusError;
pub use ogg::OggOpus;
pub use sample::Sample;
pub use settings::{Application, OpusSettings, RATES};
pub use webm::WebmOpus;
pub use whole::{ogg_opus, webm_opus};

/// Compiles and runs the README's example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

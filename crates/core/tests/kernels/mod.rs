//! The hot path at each instruction set this processor has, where the product takes the best: for tests
//! and benches.
#![allow(dead_code)] // every user takes a part

use glottis_core::convert;
use multiversion::multiversion;

/// What a processor can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The least a program can be compiled for.
    Portable,
    /// AVX2.
    Avx2,
    /// Whatever there is: the product's own choice.
    Best,
}

impl Level {
    /// Those of this processor, the least first.
    pub fn all() -> Vec<Level> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            return vec![Level::Portable, Level::Avx2, Level::Best];
        }
        vec![Level::Portable, Level::Best]
    }

    /// How it is called in tables.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable => "portable",
            Level::Avx2 => "AVX2",
            Level::Best => best(),
        }
    }

    /// [`convert::f32_to_s16le`].
    pub fn f32_to_s16le(self, samples: &[f32], out: &mut [u8]) {
        match self {
            Level::Portable => convert::f32_to_s16le_portable(samples, out),
            Level::Avx2 => f32_to_s16le_avx2(samples, out),
            Level::Best => convert::f32_to_s16le(samples, out),
        }
    }

    /// [`glottis_core::base64::encode`] into exactly as many bytes as it takes.
    pub fn base64(self, bytes: &[u8], out: &mut [u8]) {
        assert_eq!(out.len(), glottis_core::base64::len(bytes.len()));
        match self {
            Level::Portable => base64_turbo::STANDARD.encode_scalar(bytes, out),
            Level::Avx2 => base64_avx2(bytes, out),
            Level::Best => assert_eq!(glottis_core::base64::encode(bytes, out), Some(out.len())),
        }
    }
}

fn best() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512vbmi") {
        return "AVX-512";
    }
    "best"
}

#[multiversion(targets("x86_64+avx2+fma"))]
fn f32_to_s16le_avx2(samples: &[f32], out: &mut [u8]) {
    convert::f32_to_s16le_portable(samples, out);
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn base64_avx2(bytes: &[u8], out: &mut [u8]) {
    assert!(std::is_x86_feature_detected!("avx2"));
    // SAFETY: the processor has AVX2, and the only caller brings exactly the room the letters take.
    unsafe { base64_turbo::STANDARD.encode_avx2(bytes, out) };
}

#[cfg(not(target_arch = "x86_64"))]
fn base64_avx2(bytes: &[u8], out: &mut [u8]) {
    base64_turbo::STANDARD.encode_scalar(bytes, out);
}

//! Base64 (RFC 4648, section 4, padded): the hot path of every sink that speaks JSON. Real-time safe,
//! any thread.
//!
//! On x86 and aarch64 the kernels are those of `base64-turbo`, chosen at run time: AVX-512 VBMI, AVX2,
//! NEON, or tables. Everywhere else they are those of `base64`, which the tests compare with.

/// Letters that `bytes` bytes become.
pub const fn len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Writes the letters of `bytes` to the front of `out`, and says how many; `None`, and nothing is
/// written, if they do not fit. What lies behind them stays as it is.
///
/// ```
/// use glottis_core::base64;
///
/// let mut out = [0; base64::len(4)];
/// assert_eq!(base64::encode(&[0xFF, 0x7F, 0x00, 0x80], &mut out), Some(8));
/// assert_eq!(&out, b"/38AgA==");
/// ```
pub fn encode(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    kernel::encode(bytes, out)
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
mod kernel {
    pub(super) fn encode(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        base64_turbo::STANDARD.encode_slice(bytes, out).ok()
    }
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
mod kernel {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    pub(super) fn encode(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        STANDARD.encode_slice(bytes, out).ok()
    }
}

//! Base64 (RFC 4648, section 4, padded), by the fastest kernel the build and the machine have. Any
//! thread.

#[cfg(not(feature = "turbo"))]
use base64::Engine as _;

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
use base64::engine::GeneralPurpose as Kernel;
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
use base64::engine::Simd as Kernel;

/// A base64 encoder into the caller's bytes. Made once: it looks at the processor.
#[derive(Clone, Debug)]
pub struct Base64 {
    #[cfg_attr(feature = "turbo", allow(dead_code))]
    kernel: Kernel,
}

impl Default for Base64 {
    fn default() -> Self {
        Base64::new()
    }
}

impl Base64 {
    /// Looks at the processor.
    pub fn new() -> Base64 {
        let pad = base64::engine::general_purpose::PAD;
        #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
        let kernel = Kernel::standard(pad);
        #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
        let kernel = Kernel::new(&base64::alphabet::STANDARD, pad);
        Base64 { kernel }
    }

    /// Letters that `bytes` bytes become.
    pub const fn len(bytes: usize) -> usize {
        bytes.div_ceil(3) * 4
    }

    /// Writes the letters of `bytes` to the front of `out`, and says how many; `None` if they do
    /// not fit. Does not allocate.
    #[cfg(not(feature = "turbo"))]
    pub fn encode(&self, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        self.kernel.encode_slice(bytes, out).ok()
    }

    /// Writes the letters of `bytes` to the front of `out`, and says how many; `None` if they do
    /// not fit. Does not allocate.
    #[cfg(feature = "turbo")]
    pub fn encode(&self, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        base64_turbo::STANDARD.encode_slice(bytes, out).ok()
    }
}

//! The two header packets of Opus in a container. Any thread.

use bytes::BufMut;

use crate::encoder::OpusEncoder;

/// Bytes of an [`opus_head`].
pub(crate) const HEAD: usize = 19;

/// Who made the stream, for its comment header.
pub(crate) const VENDOR: &str =
    concat!("glottis ", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// The identification header of a mono stream (RFC 7845, section 5.1): version 1, one channel,
/// pre-skip, the rate before encoding, no gain, mapping family 0.
pub(crate) fn opus_head(encoder: &OpusEncoder) -> [u8; HEAD] {
    let mut head = *b"OpusHead\x01\x01..rate\0\0\0";
    head[10..12].copy_from_slice(&encoder.pre_skip().to_le_bytes());
    head[12..16].copy_from_slice(&encoder.rate().to_le_bytes());
    head
}

/// The comment header (RFC 7845, section 5.2), without comments.
pub(crate) fn opus_tags(vendor: &str) -> Vec<u8> {
    let mut tags = b"OpusTags".to_vec();
    tags.put_u32_le(vendor.len() as u32);
    tags.put_slice(vendor.as_bytes());
    tags.put_u32_le(0);
    tags
}

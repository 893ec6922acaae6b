//! Elements of an EBML document, the format below WebM. Any thread.
//!
//! RFC 8794: an element is its ID, the length of its content, and its content; sections 4 to 7.

use bytes::BufMut;

/// Writes `content` as the element `id`, whose bytes are those of the ID as the standards print it.
pub(crate) fn binary(out: &mut Vec<u8>, id: u32, content: &[u8]) {
    head(out, id, content.len() as u64);
    out.put_slice(content);
}

/// Writes an unsigned integer, in as few bytes as hold it.
pub(crate) fn unsigned(out: &mut Vec<u8>, id: u32, value: u64) {
    let bytes = value.to_be_bytes();
    binary(out, id, &bytes[(value.leading_zeros() / 8).min(7) as usize..]);
}

/// Writes an unsigned integer in eight bytes, so that the element is as long whatever the value.
pub(crate) fn fixed(out: &mut Vec<u8>, id: u32, value: u64) {
    binary(out, id, &value.to_be_bytes());
}

/// Writes a signed integer.
pub(crate) fn signed(out: &mut Vec<u8>, id: u32, value: i64) {
    binary(out, id, &value.to_be_bytes());
}

/// Writes a float.
pub(crate) fn float(out: &mut Vec<u8>, id: u32, value: f64) {
    binary(out, id, &value.to_be_bytes());
}

/// Writes a string.
pub(crate) fn text(out: &mut Vec<u8>, id: u32, value: &str) {
    binary(out, id, value.as_bytes());
}

/// Writes an element of elements, which `content` writes.
pub(crate) fn parent(out: &mut Vec<u8>, id: u32, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    binary(out, id, &inner);
}

/// Writes the ID and the length of an element of `len` bytes.
pub(crate) fn head(out: &mut Vec<u8>, id: u32, len: u64) {
    let bytes = id.to_be_bytes();
    out.put_slice(&bytes[(id.leading_zeros() / 8).min(3) as usize..]);
    // A length of n bytes has n − 1 zero bits, a one, and 7n bits of value; all ones mean "unknown".
    let size = (1..8).find(|n| len < (1 << (7 * n)) - 1).unwrap_or(8);
    let coded = len | 1 << (7 * size);
    out.put_slice(&coded.to_be_bytes()[8 - size..]);
}

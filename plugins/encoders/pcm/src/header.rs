//! The header of a WAV file: written, and its sizes mended afterwards. Any thread, no allocation.
//!
//! The layout is that of "Multimedia Programming Interface and Data Specifications 1.0" (IBM and
//! Microsoft, 1991) for integers: RIFF, a 16-byte `fmt ` chunk, `data`; 44 bytes in all. For floats
//! "New Multimedia Data Types and Data Techniques" (Microsoft, 1994) demands of every format but PCM an
//! 18-byte `fmt ` chunk (with the size of an extension, here 0) and a `fact` chunk with the number of
//! frames: 58 bytes.

/// Bytes of the longest header.
const MAX: usize = 58;

/// What a size says before it is known.
const UNKNOWN: u32 = u32::MAX;

/// WAVE_FORMAT_PCM.
const INTEGER: u16 = 1;

/// WAVE_FORMAT_IEEE_FLOAT.
const FLOAT: u16 = 3;

/// A WAV header: 44 bytes for integers, 58 for floats. It is a slice of bytes.
#[derive(Clone, Copy)]
pub struct Header {
    bytes: [u8; MAX],
    len: usize,
}

impl Header {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn chunk(&mut self, name: &[u8; 4], size: u32) {
        self.put(name);
        self.put(&size.to_le_bytes());
    }
}

impl std::ops::Deref for Header {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Header({} bytes)", self.len)
    }
}

/// The header of a WAV file with `rate` frames per second of `channels` channels in samples of `bits`
/// bits (a multiple of 8), integers or floats, and `data_bytes` bytes of them.
///
/// Without `data_bytes`, and where a size does not fit 32 bits, it is 0xFFFFFFFF, which players take as
/// "until the end". Real-time safe.
pub fn wav_header(rate: u32, channels: u16, bits: u16, float: bool, data_bytes: Option<u32>) -> Header {
    let frame = channels.saturating_mul(bits / 8);
    let mut header = Header { bytes: [0; MAX], len: 0 };
    header.chunk(b"RIFF", UNKNOWN);
    header.put(b"WAVE");
    header.chunk(b"fmt ", if float { 18 } else { 16 });
    header.put(&if float { FLOAT } else { INTEGER }.to_le_bytes());
    header.put(&channels.to_le_bytes());
    header.put(&rate.to_le_bytes());
    header.put(&rate.saturating_mul(u32::from(frame)).to_le_bytes());
    header.put(&frame.to_le_bytes());
    header.put(&bits.to_le_bytes());
    if float {
        header.put(&[0, 0]);
        header.chunk(b"fact", 4);
        header.put(&UNKNOWN.to_le_bytes());
    }
    header.chunk(b"data", UNKNOWN);
    if let Some(bytes) = data_bytes {
        let len = header.len;
        set_sizes(&mut header.bytes[..len], bytes);
    }
    header
}

/// Puts the true sizes into `wav`: a whole file that begins with a header of [`wav_header`] and goes on
/// with samples to its end. Sizes that do not fit 32 bits become 0xFFFFFFFF.
///
/// Returns false, and changes nothing, if `wav` does not begin so. Real-time safe.
#[must_use = "false means that this is no WAV file of ours"]
pub fn patch_sizes(wav: &mut [u8]) -> bool {
    let Some(header) = header_len(wav) else { return false };
    let (header, data) = wav.split_at_mut(header);
    set_sizes(header, u32::try_from(data.len()).unwrap_or(UNKNOWN));
    true
}

/// The length of the header `wav` begins with, if it is one of ours.
fn header_len(wav: &[u8]) -> Option<usize> {
    let is = |at: usize, name: &[u8; 4]| wav.get(at..at + 4) == Some(name);
    let len = if is(36, b"data") {
        44
    } else if is(38, b"fact") && is(50, b"data") {
        58
    } else {
        return None;
    };
    (is(0, b"RIFF") && is(8, b"WAVE") && is(12, b"fmt ") && wav.len() >= len).then_some(len)
}

/// Writes the three sizes of a whole header. A chunk of odd length is followed by a byte that the chunk
/// does not count and the file does.
fn set_sizes(header: &mut [u8], data: u32) {
    let len = header.len();
    let mut set = |at: usize, size: u32| header[at..at + 4].copy_from_slice(&size.to_le_bytes());
    let around = len as u32 - 8;
    set(4, data.checked_add(data % 2).and_then(|data| data.checked_add(around)).unwrap_or(UNKNOWN));
    set(len - 4, data);
    if len == MAX {
        let frame = u32::from(u16::from_le_bytes([header[32], header[33]])).max(1);
        let frames = if data == UNKNOWN { UNKNOWN } else { data / frame };
        header[46..50].copy_from_slice(&frames.to_le_bytes());
    }
}

//! The header of a WAV file or stream: RIFF, RF64 and BW64 with integer, float or companded PCM.
//! Reads forward only, so that it serves pipes too. Any thread that may block.
//!
//! Layout after "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft,
//! 1991), WAVEFORMATEXTENSIBLE after the Windows SDK's `mmreg.h`, 64-bit sizes after EBU Tech 3306
//! and ITU-R BS.2088.

use std::fmt;
use std::io::{self, Read};

use crate::pcm::Coding;

/// What a WAV header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// How samples are written.
    pub coding: Coding,
    /// Channels, at least 1.
    pub channels: u16,
    /// Frames per second, at least 1.
    pub hz: u32,
    /// Bytes of samples that follow; `u64::MAX` if the header does not know.
    pub data: u64,
    /// The size is one that programs write when they do not know it yet: an earlier end is no fault.
    pub open_ended: bool,
}

impl Header {
    /// Bytes of one frame.
    pub fn frame(&self) -> usize {
        self.coding.bytes() * usize::from(self.channels)
    }
}

/// Why there is no header.
#[derive(Debug)]
pub enum NoHeader {
    /// The input does not begin like a WAV file.
    NotWav,
    /// A WAV file in a coding that is not PCM: its format tag.
    Coding(u16),
    /// A WAV file with a header that makes no sense, or that ends before its samples begin.
    Broken(&'static str),
    /// Reading failed.
    Io(io::Error),
}

impl fmt::Display for NoHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoHeader::NotWav => f.write_str("it does not begin with a RIFF/WAVE header"),
            NoHeader::Coding(tag) => write!(f, "its samples are in coding 0x{tag:04X}, which is not PCM"),
            NoHeader::Broken(what) => f.write_str(what),
            NoHeader::Io(error) => write!(f, "reading failed: {error}"),
        }
    }
}

impl From<io::Error> for NoHeader {
    fn from(error: io::Error) -> NoHeader {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            NoHeader::Broken("it ends before its samples begin")
        } else {
            NoHeader::Io(error)
        }
    }
}

/// Sizes that writers put for "unknown" start here: sox writes 0x7FFF_F000, arecord 0x8000_0000,
/// ffmpeg 0xFFFF_FFFF.
const UNKNOWN: u64 = 0x7FFF_0000;

/// Reads up to the first sample. Allocates nothing, whatever sizes the header claims.
///
/// # Errors
/// There is no usable header; `input` is then somewhere behind its beginning.
pub fn header(input: &mut impl Read) -> Result<Header, NoHeader> {
    let mut riff = [0; 12];
    match read_up_to(input, &mut riff) {
        (12, _) => {}
        (_, Some(error)) => return Err(NoHeader::Io(error)),
        _ => return Err(NoHeader::NotWav),
    }
    let long = matches!(&riff[..4], b"RF64" | b"BW64");
    if !(long || &riff[..4] == b"RIFF") || &riff[8..] != b"WAVE" {
        return Err(NoHeader::NotWav);
    }
    let whole = u64::from(u32_at(&riff, 4)) + 8;
    let mut read = 12_u64;
    let mut format = None;
    let mut long_data = None;
    loop {
        let mut head = [0; 8];
        input.read_exact(&mut head)?;
        read += 8;
        let size = u64::from(u32_at(&head, 4));
        match &head[..4] {
            b"data" => {
                let format: Format = format.ok_or(NoHeader::Broken("it has no format before its samples"))?;
                return format.header(size, long_data.filter(|_| long), whole > read && whole < UNKNOWN);
            }
            b"fmt " => format = Some(Format::read(input, size)?),
            b"ds64" if size >= 16 => {
                let mut sizes = [0; 16];
                input.read_exact(&mut sizes)?;
                long_data = Some(u64_at(&sizes, 8));
                skip(input, size - 16)?;
            }
            _ => skip(input, size)?,
        }
        skip(input, size % 2)?;
        read += size + size % 2;
    }
}

struct Format {
    tag: u16,
    channels: u16,
    hz: u32,
    frame: u16,
    bits: u16,
}

impl Format {
    fn read(input: &mut impl Read, size: u64) -> Result<Format, NoHeader> {
        if size < 16 {
            return Err(NoHeader::Broken("its format is shorter than 16 bytes"));
        }
        let mut bytes = [0; 40];
        let there = size.min(40) as usize;
        input.read_exact(&mut bytes[..there])?;
        skip(input, size - there as u64)?;
        let mut tag = u16_at(&bytes, 0);
        if tag == 0xFFFE && there >= 26 {
            // The first two bytes of the sub-format's GUID are the tag it stands for.
            tag = u16_at(&bytes, 24);
        }
        Ok(Format {
            tag,
            channels: u16_at(&bytes, 2),
            hz: u32_at(&bytes, 4),
            frame: u16_at(&bytes, 12),
            bits: u16_at(&bytes, 14),
        })
    }

    /// `sized`: the file's own size covers more than the header, so it was filled in.
    fn header(&self, data: u64, long_data: Option<u64>, sized: bool) -> Result<Header, NoHeader> {
        let coding = self.coding()?;
        if self.channels == 0 {
            return Err(NoHeader::Broken("its header says it has no channels"));
        }
        if self.hz == 0 {
            return Err(NoHeader::Broken("its header says its sample rate is 0 Hz"));
        }
        let data = long_data.filter(|_| data == 0xFFFF_FFFF).unwrap_or(data);
        let unknown = data == 0 && !sized;
        let data = if unknown { u64::MAX } else { data };
        Ok(Header { coding, channels: self.channels, hz: self.hz, data, open_ended: unknown || data >= UNKNOWN })
    }

    fn coding(&self) -> Result<Coding, NoHeader> {
        // Fewer bits than the bytes hold are left-justified, so the bytes decide.
        let bytes = match self.frame.checked_div(self.channels) {
            Some(bytes) if bytes > 0 && self.frame.is_multiple_of(self.channels) && self.bits.div_ceil(8) <= bytes => {
                bytes
            }
            _ => self.bits.div_ceil(8),
        };
        match (self.tag, bytes) {
            (1, 1) => Ok(Coding::U8),
            (1, 2) => Ok(Coding::S16),
            (1, 3) => Ok(Coding::S24),
            (1, 4) => Ok(Coding::S32),
            (3, 4) => Ok(Coding::F32),
            (3, 8) => Ok(Coding::F64),
            (6, 1) => Ok(Coding::ALaw),
            (7, 1) => Ok(Coding::MuLaw),
            (1 | 3 | 6 | 7, _) => Err(NoHeader::Broken("its samples have a size that PCM does not have")),
            (tag, _) => Err(NoHeader::Coding(tag)),
        }
    }
}

/// Reads until `bytes` is full, the input ends or fails; how much there was, and the failure.
fn read_up_to(input: &mut impl Read, bytes: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < bytes.len() {
        match input.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

fn skip(input: &mut impl Read, bytes: u64) -> io::Result<()> {
    match io::copy(&mut input.take(bytes), &mut io::sink())? {
        n if n == bytes => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

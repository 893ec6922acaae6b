//! FLAC, block by block. The sink's task: a block of 4,096 frames takes some tenths of a
//! millisecond to encode.
//!
//! The stream is "fLaC", one STREAMINFO block and frames of a fixed block size (RFC 9639). Until the
//! file is finished STREAMINFO says that length and checksum are unknown, which is legal: a file cut
//! short decodes up to its last whole frame. The smallest block size told there is that of all blocks
//! but the last, as RFC 9639 section 8.2 wants it; decoders take a smaller one for a stream of
//! varying block size.

use flacenc::bitsink::MemSink;
use flacenc::component::{BitRepr, StreamInfo};
use flacenc::config::Encoder;
use flacenc::encode_fixed_size_frame;
use flacenc::error::{Verified, Verify};
use flacenc::source::{Context, Fill, FrameBuf};
use glottis_core::Packet;

use crate::output::Output;
use crate::track::Track;

/// Frames of a block, but for the last.
const BLOCK: usize = 4096;

/// Bits of a sample.
const BITS: usize = 16;

/// Bytes of a sample.
const BYTES: usize = 2;

/// Zeros, for silence.
const SILENCE: [u8; BLOCK * BYTES] = [0; BLOCK * BYTES];

/// A FLAC stream under way.
pub(crate) struct Flac {
    encoder: Verified<Encoder>,
    info: StreamInfo,
    block: FrameBuf,
    sink: MemSink<u8>,
    /// Little-endian samples of the block that is not full yet.
    open: Vec<u8>,
    /// The checksum of the samples, and their number.
    sum: Context,
    blocks: usize,
    /// Frames of whole blocks.
    frames: u64,
    /// Bytes of the smallest and the largest frame of the stream.
    sizes: Option<(usize, usize)>,
    finished: bool,
}

impl Flac {
    pub(crate) fn new(rate: u32) -> Result<Flac, String> {
        let mut config = Encoder::default();
        config.block_size = BLOCK;
        config.multithread = false;
        let encoder = config.into_verified().map_err(|(_, error)| error.to_string())?;
        let mut info = StreamInfo::new(rate as usize, 1, BITS).map_err(|error| error.to_string())?;
        info.set_block_sizes(BLOCK, BLOCK).map_err(|error| error.to_string())?;
        Ok(Flac {
            encoder,
            info,
            block: FrameBuf::with_size(1, BLOCK).map_err(|error| error.to_string())?,
            sink: MemSink::new(),
            open: Vec::with_capacity(BLOCK * BYTES),
            sum: Context::new(BITS, 1),
            blocks: 0,
            frames: 0,
            sizes: None,
            finished: false,
        })
    }

    fn samples(&mut self, mut bytes: &[u8], out: &mut Output) -> Result<(), String> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK * BYTES - self.open.len()));
            self.open.extend_from_slice(now);
            bytes = later;
            if self.open.len() == BLOCK * BYTES {
                self.encode(out)?;
            }
        }
        Ok(())
    }

    /// Puts the open block.
    fn encode(&mut self, out: &mut Output) -> Result<(), String> {
        let words = |error: &dyn std::error::Error| error.to_string();
        self.block.fill_le_bytes(&self.open, BYTES).map_err(|e| words(&e))?;
        self.sum.fill_le_bytes(&self.open, BYTES).map_err(|e| words(&e))?;
        let frame =
            encode_fixed_size_frame(&self.encoder, &self.block, self.blocks, &self.info).map_err(|e| words(&e))?;
        self.sink.clear();
        frame.write(&mut self.sink).map_err(|e| words(&e))?;
        let bytes = self.sink.as_slice();
        let (least, most) = self.sizes.unwrap_or((bytes.len(), bytes.len()));
        self.sizes = Some((least.min(bytes.len()), most.max(bytes.len())));
        out.put(bytes);
        self.blocks += 1;
        self.frames += (self.open.len() / BYTES) as u64;
        self.open.clear();
        Ok(())
    }
}

impl Track for Flac {
    fn start(&mut self, out: &mut Output) {
        let mut header = Vec::new();
        self.header(0, &mut header);
        out.put(&header);
    }

    fn chunk(&mut self, packet: &Packet, out: &mut Output) -> Result<u64, String> {
        let frames = packet.body.len() / BYTES;
        self.samples(&packet.body[..frames * BYTES], out)?;
        Ok(frames as u64)
    }

    fn silence(&mut self, frames: usize, out: &mut Output) -> Result<(), String> {
        let mut left = frames * BYTES;
        while left > 0 {
            let now = left.min(SILENCE.len());
            self.samples(&SILENCE[..now], out)?;
            left -= now;
        }
        Ok(())
    }

    fn frames(&self) -> u64 {
        self.frames
    }

    fn finish(&mut self, out: &mut Output) -> Result<(), String> {
        if !self.open.is_empty() {
            self.encode(out)?;
        }
        self.finished = true;
        Ok(())
    }

    /// The marker and STREAMINFO (RFC 9639, sections 6 and 8.2): 42 bytes.
    fn header(&self, frames: u64, header: &mut Vec<u8>) {
        // Checksum and length are told together, and only of a file that holds all that was put.
        let whole = self.finished && frames == self.frames;
        let (least, most) = self.sizes.filter(|_| whole).unwrap_or((0, 0));
        header.clear();
        header.extend(b"fLaC");
        // The last metadata block, of type STREAMINFO, and its length.
        header.extend([0x80, 0, 0, 34]);
        header.extend([BLOCK as u16; 2].map(u16::to_be_bytes).concat());
        header.extend(&(least as u32).to_be_bytes()[1..]);
        header.extend(&(most as u32).to_be_bytes()[1..]);
        // 20 bits rate, 3 bits channels − 1, 5 bits sample size − 1, 36 bits length.
        let length = if whole && frames < 1 << 36 { frames } else { 0 };
        let packed = (self.info.sample_rate() as u64) << 44 | (BITS as u64 - 1) << 36 | length;
        header.extend(packed.to_be_bytes());
        header.extend(if whole { self.sum.md5_digest() } else { [0; 16] });
    }
}

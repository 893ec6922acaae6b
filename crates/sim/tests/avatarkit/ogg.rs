//! Ogg Opus streams for the tests, right ones and wrong ones: a writer of pages that does what it is
//! told, over the Opus encoder.

use opus_rs::{Application, OpusEncoder};

/// A page before it is bytes.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub flags: u8,
    pub granule: u64,
    pub serial: u32,
    pub sequence: u32,
    pub packet: Vec<u8>,
    /// Written instead of the proper ones.
    pub lacing: Option<Vec<u8>>,
}

impl Sheet {
    pub fn bytes(&self) -> Vec<u8> {
        let mut lacing = vec![255; self.packet.len() / 255];
        lacing.push((self.packet.len() % 255) as u8);
        let lacing = self.lacing.clone().unwrap_or(lacing);
        let mut bytes = b"OggS\0".to_vec();
        bytes.push(self.flags);
        bytes.extend(self.granule.to_le_bytes());
        bytes.extend(self.serial.to_le_bytes());
        bytes.extend(self.sequence.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.push(lacing.len() as u8);
        bytes.extend(&lacing);
        bytes.extend(&self.packet);
        let sum = bytes.iter().fold(0_u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte) << 24, |sum, _| (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 })
        });
        bytes[22..26].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

pub fn head(rate: u32, pre_skip: u16) -> Vec<u8> {
    let mut packet = b"OpusHead\x01\x01".to_vec();
    packet.extend(pre_skip.to_le_bytes());
    packet.extend(rate.to_le_bytes());
    packet.extend([0; 3]);
    packet
}

pub fn tags() -> Vec<u8> {
    let mut packet = b"OpusTags".to_vec();
    packet.extend(4_u32.to_le_bytes());
    packet.extend(b"test");
    packet.extend(0_u32.to_le_bytes());
    packet
}

/// A right stream: `input` at `rate` in packets of `ms`.
pub fn stream(input: &[f32], rate: u32, ms: usize, serial: u32) -> Vec<Sheet> {
    let mut encoder = OpusEncoder::new(rate as i32, 1, Application::Voip).expect("an encoder");
    let (frame, scale, skip) = (rate as usize * ms / 1000, u64::from(48_000 / rate), 312_u64);
    let end = skip + input.len() as u64 * scale;
    let mut padded = input.to_vec();
    padded.resize(end.div_ceil(scale).div_ceil(frame as u64) as usize * frame, 0.0);
    let sheet = |sequence, flags, granule, packet| Sheet { flags, granule, serial, sequence, packet, lacing: None };
    let mut sheets = vec![sheet(0, 2, 0, head(rate, skip as u16)), sheet(1, 0, 0, tags())];
    let count = padded.len() / frame;
    for (at, samples) in padded.chunks(frame).enumerate() {
        let mut packet = vec![0; 4000];
        let size = encoder.encode(samples, frame, &mut packet).expect("a packet");
        packet.truncate(size);
        let last = at + 1 == count;
        let granule = if last { end } else { ((at + 1) * frame) as u64 * scale };
        sheets.push(sheet(at as u32 + 2, if last { 4 } else { 0 }, granule, packet));
    }
    sheets
}

pub fn bytes(sheets: &[Sheet]) -> Vec<u8> {
    sheets.iter().flat_map(Sheet::bytes).collect()
}

/// A tone of 440 Hz.
pub fn tone(samples: usize, rate: u32) -> Vec<f32> {
    (0..samples).map(|at| 0.5 * (at as f32 * 440.0 * std::f32::consts::TAU / rate as f32).sin()).collect()
}

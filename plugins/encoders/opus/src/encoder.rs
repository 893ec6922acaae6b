//! One frame in, one packet out. Any thread, one at a time; no allocation after creation.

use crate::settings::Application;
use crate::{OpusError, OpusSettings};

/// Bytes of the largest packet: three frames of 20 ms, each of at most 1275 bytes (RFC 6716, section
/// 3.2.1), behind the 6 bytes that say how they lie (section 3.2.5).
pub const MAX_PACKET: usize = 3 * 1275 + 6;

/// Samples per second in which Opus containers count, whatever the rate of the sound.
pub(crate) const CLOCK: u32 = 48_000;

/// An Opus encoder for mono sound.
///
/// Creation allocates; encoding is real-time safe: no allocation, lock or system call.
pub struct OpusEncoder {
    codec: Box<opus_rs::OpusEncoder>,
    rate: u32,
    frame_len: usize,
    lookahead: usize,
}

impl OpusEncoder {
    /// An encoder for sound of `rate` Hz: 8000, 12000, 16000, 24000 or 48000.
    ///
    /// # Errors
    /// A rate or a setting out of range.
    pub fn new(rate: u32, settings: &OpusSettings) -> Result<OpusEncoder, OpusError> {
        settings.check(rate)?;
        let application = match settings.application {
            Application::Voip => opus_rs::Application::Voip,
            Application::Audio => opus_rs::Application::Audio,
            Application::LowDelay => opus_rs::Application::RestrictedLowDelay,
        };
        let mut codec = opus_rs::OpusEncoder::new(rate as i32, 1, application).map_err(OpusError::Codec)?;
        codec.bitrate_bps = settings.bits_per_second(rate) as i32;
        codec.complexity = i32::from(settings.complexity);
        codec.use_cbr = false;
        Ok(OpusEncoder {
            codec: Box::new(codec),
            rate,
            frame_len: settings.frame_len(rate),
            lookahead: lookahead(rate, settings.application),
        })
    }

    /// The rate, in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Samples of a frame, at the encoder's rate.
    pub fn frame_len(&self) -> usize {
        self.frame_len
    }

    /// Samples at the encoder's rate by which decoded sound comes late.
    pub fn lookahead(&self) -> usize {
        self.lookahead
    }

    /// Samples at 48 kHz that a player leaves out at the start: 312, or 120 with
    /// [`Application::LowDelay`].
    pub fn pre_skip(&self) -> u16 {
        (self.lookahead as u64 * self.scale()) as u16
    }

    /// Samples at 48 kHz for one at the encoder's rate.
    pub(crate) fn scale(&self) -> u64 {
        u64::from(CLOCK / self.rate)
    }

    /// Encodes a frame of [`OpusEncoder::frame_len`] samples to the front of `packet` and says how many
    /// bytes it took. Real-time safe.
    ///
    /// # Errors
    /// A frame of another length; fewer than [`MAX_PACKET`] bytes of room.
    pub fn encode(&mut self, frame: &[i16], packet: &mut [u8]) -> Result<usize, OpusError> {
        if frame.len() != self.frame_len {
            return Err(OpusError::FrameLength { got: frame.len(), wanted: self.frame_len });
        }
        // The codec takes the room it is given for a limit of the bitrate.
        let room = packet.len();
        let packet = packet.get_mut(..MAX_PACKET).ok_or(OpusError::Room(room))?;
        let length = self.codec.encode_i16(frame, self.frame_len, packet).map_err(OpusError::Codec)?;
        tell_bandwidth(self.rate, &mut packet[0]);
        Ok(length)
    }
}

impl std::fmt::Debug for OpusEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpusEncoder").field("rate", &self.rate).field("frame_len", &self.frame_len).finish()
    }
}

/// Mends the first byte of a packet of the transform coder at 12 kHz. That coder has no band of 6 kHz
/// (RFC 6716, section 2.1.3), so libopus codes and tells one of 8 kHz; the port codes that one too, but
/// tells the band of 4 kHz, and every decoder then hears noise.
fn tell_bandwidth(rate: u32, first: &mut u8) {
    // Configurations 16 to 19, narrowband, become 20 to 23, wideband (section 3.1).
    if rate == 12_000 && *first & 0b1110_0000 == 0b1000_0000 {
        *first |= 0b0010_0000;
    }
}

/// Samples by which the codec looks ahead: 2.5 ms of the transform's overlap, and 4 ms with which the
/// transform coder waits for the speech coder where both are in use (libopus, `OPUS_GET_LOOKAHEAD`,
/// which the port does not offer; the tests measure it).
fn lookahead(rate: u32, application: Application) -> usize {
    let together = if application == Application::LowDelay { 0 } else { rate / 250 };
    (rate / 400 + together) as usize
}

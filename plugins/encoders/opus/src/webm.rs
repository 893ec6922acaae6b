//! Opus in WebM: a whole turn as one file. Any thread.
//!
//! Matroska (RFC 9559) as far as the WebM Container Guidelines allow, with the mapping of Opus from
//! "Opus in Matroska" of the same authors: the track tells the pre-skip as its delay and 80 ms as what
//! a decoder hears before a seek, and the last block what of it is padding. All sizes are known, and an
//! index stands before the sound, so that a player can seek without reading on.

use bytes::BufMut;

use crate::ebml::{binary, fixed, float, head, parent, signed, text, unsigned};
use crate::encoder::{CLOCK, OpusEncoder};
use crate::header::{VENDOR, opus_head};
use crate::packets::{Packet, Packets};
use crate::{OpusError, OpusSettings, Sample};

/// Nanoseconds of the unit of time stamps, a millisecond: what the guidelines ask for.
const UNIT: u64 = 1_000_000;

/// Milliseconds from which on the next packet begins a new cluster. The guidelines' limit is 32 s, what
/// a block's own time stamp can tell; players seek to clusters.
const CLUSTER: u64 = 5_000;

/// What a decoder shall hear before the place it seeks to, in nanoseconds (RFC 7845, section 4.6).
const SEEK_PRE_ROLL: u64 = 80_000_000;

/// The number of the only track.
const TRACK: u64 = 1;

/// A flag of a block in a [`id::SIMPLE_BLOCK`]: decoding can begin here.
const KEYFRAME: u8 = 0x80;

/// Names of elements (RFC 9559, section 5; RFC 8794, section 11.2).
mod id {
    pub(super) const EBML: u32 = 0x1A45_DFA3;
    pub(super) const EBML_VERSION: u32 = 0x4286;
    pub(super) const EBML_READ_VERSION: u32 = 0x42F7;
    pub(super) const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
    pub(super) const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
    pub(super) const DOC_TYPE: u32 = 0x4282;
    pub(super) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(super) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const INFO: u32 = 0x1549_A966;
    pub(super) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(super) const DURATION: u32 = 0x4489;
    pub(super) const MUXING_APP: u32 = 0x4D80;
    pub(super) const WRITING_APP: u32 = 0x5741;
    pub(super) const TRACKS: u32 = 0x1654_AE6B;
    pub(super) const TRACK_ENTRY: u32 = 0xAE;
    pub(super) const TRACK_NUMBER: u32 = 0xD7;
    pub(super) const TRACK_UID: u32 = 0x73C5;
    pub(super) const TRACK_TYPE: u32 = 0x83;
    pub(super) const FLAG_LACING: u32 = 0x9C;
    pub(super) const CODEC_ID: u32 = 0x86;
    pub(super) const CODEC_PRIVATE: u32 = 0x63A2;
    pub(super) const CODEC_DELAY: u32 = 0x56AA;
    pub(super) const SEEK_PRE_ROLL: u32 = 0x56BB;
    pub(super) const AUDIO: u32 = 0xE1;
    pub(super) const SAMPLING_FREQUENCY: u32 = 0xB5;
    pub(super) const CHANNELS: u32 = 0x9F;
    pub(super) const CUES: u32 = 0x1C53_BB6B;
    pub(super) const CUE_POINT: u32 = 0xBB;
    pub(super) const CUE_TIME: u32 = 0xB3;
    pub(super) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(super) const CUE_TRACK: u32 = 0xF7;
    pub(super) const CUE_CLUSTER_POSITION: u32 = 0xF1;
    pub(super) const CLUSTER: u32 = 0x1F43_B675;
    pub(super) const TIMESTAMP: u32 = 0xE7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(super) const BLOCK_GROUP: u32 = 0xA0;
    pub(super) const BLOCK: u32 = 0xA1;
    pub(super) const DISCARD_PADDING: u32 = 0x75A2;
}

/// A WebM file of one turn, collected until its end is known.
///
/// ```
/// use glottis_encoder_opus::{OpusSettings, WebmOpus};
///
/// let mut file = WebmOpus::new(16_000, &OpusSettings::default())?;
/// for chunk in [[0.0_f32; 4096]; 3] {
///     file.push(&chunk)?;
/// }
/// let bytes = file.finish()?;
/// assert_eq!(bytes[..4], [0x1A, 0x45, 0xDF, 0xA3]);
/// # Ok::<(), glottis_encoder_opus::OpusError>(())
/// ```
pub struct WebmOpus {
    packets: Packets,
    clusters: Clusters,
}

impl WebmOpus {
    /// An empty file of sound of `rate` Hz.
    ///
    /// # Errors
    /// A rate or a setting out of range.
    pub fn new(rate: u32, settings: &OpusSettings) -> Result<WebmOpus, OpusError> {
        Ok(WebmOpus { packets: Packets::new(rate, settings)?, clusters: Clusters::default() })
    }

    /// Takes `samples`, any number. Memory grows with the encoded sound, some kilobytes per second.
    ///
    /// # Errors
    /// The codec failed; the file is of no more use.
    pub fn push<S: Sample>(&mut self, samples: &[S]) -> Result<(), OpusError> {
        self.packets.push(samples, |packet| self.clusters.put(&packet))
    }

    /// Samples, at the file's rate, that were pushed.
    pub fn taken(&self) -> u64 {
        self.packets.taken()
    }

    /// The bytes of the file. Without sound it is a valid file of no length.
    ///
    /// # Errors
    /// As for [`WebmOpus::push`].
    pub fn finish(self) -> Result<Vec<u8>, OpusError> {
        let WebmOpus { packets, mut clusters } = self;
        let milliseconds = packets.taken() as f64 * 1e3 / f64::from(packets.encoder().rate());
        let mut front = Vec::new();
        info(&mut front, milliseconds);
        tracks(&mut front, packets.encoder());
        packets.finish(|packet| clusters.put(&packet))?;
        clusters.close();

        let first = front.len() + cues(&clusters.index, 0).len();
        front.extend(cues(&clusters.index, first));
        let mut file = Vec::with_capacity(64 + front.len() + clusters.closed.len());
        ebml(&mut file);
        head(&mut file, id::SEGMENT, (front.len() + clusters.closed.len()) as u64);
        file.extend(front);
        file.extend(clusters.closed);
        Ok(file)
    }
}

impl std::fmt::Debug for WebmOpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebmOpus({} samples)", self.taken())
    }
}

/// The clusters of a file.
#[derive(Default)]
struct Clusters {
    closed: Vec<u8>,
    /// Each cluster's time, in units, and place in `closed`.
    index: Vec<(u64, usize)>,
    /// The content of the cluster that goes on, and its time.
    open: Vec<u8>,
    time: u64,
}

impl Clusters {
    fn put(&mut self, packet: &Packet<'_>) {
        let time = packet.start * 1_000 / u64::from(CLOCK);
        if self.open.is_empty() || time - self.time >= CLUSTER {
            self.close();
            self.time = time;
            unsigned(&mut self.open, id::TIMESTAMP, time);
        }
        let offset = (time - self.time) as u16;
        if packet.padding == 0 {
            block(&mut self.open, id::SIMPLE_BLOCK, offset, KEYFRAME, packet.bytes);
        } else {
            parent(&mut self.open, id::BLOCK_GROUP, |group| {
                block(group, id::BLOCK, offset, 0, packet.bytes);
                signed(group, id::DISCARD_PADDING, nanoseconds(packet.padding) as i64);
            });
        }
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.index.push((self.time, self.closed.len()));
            binary(&mut self.closed, id::CLUSTER, &self.open);
            self.open.clear();
        }
    }
}

/// Nanoseconds of `samples` samples at 48 kHz, to the nearest.
fn nanoseconds(samples: u64) -> u64 {
    (samples * 62_500 + 1) / 3
}

/// A packet in its frame: track, time since the cluster's, flags.
fn block(out: &mut Vec<u8>, id: u32, offset: u16, flags: u8, packet: &[u8]) {
    head(out, id, 4 + packet.len() as u64);
    out.put_u8(0x80 | TRACK as u8);
    out.put_u16(offset);
    out.put_u8(flags);
    out.put_slice(packet);
}

fn ebml(out: &mut Vec<u8>) {
    parent(out, id::EBML, |out| {
        unsigned(out, id::EBML_VERSION, 1);
        unsigned(out, id::EBML_READ_VERSION, 1);
        unsigned(out, id::EBML_MAX_ID_LENGTH, 4);
        unsigned(out, id::EBML_MAX_SIZE_LENGTH, 8);
        text(out, id::DOC_TYPE, "webm");
        // Delay and padding came with version 4; who ignores them needs version 2.
        unsigned(out, id::DOC_TYPE_VERSION, 4);
        unsigned(out, id::DOC_TYPE_READ_VERSION, 2);
    });
}

fn info(out: &mut Vec<u8>, milliseconds: f64) {
    parent(out, id::INFO, |out| {
        unsigned(out, id::TIMESTAMP_SCALE, UNIT);
        // A duration of 0 is not allowed.
        if milliseconds > 0.0 {
            float(out, id::DURATION, milliseconds);
        }
        text(out, id::MUXING_APP, VENDOR);
        text(out, id::WRITING_APP, VENDOR);
    });
}

fn tracks(out: &mut Vec<u8>, encoder: &OpusEncoder) {
    parent(out, id::TRACKS, |out| {
        parent(out, id::TRACK_ENTRY, |out| {
            unsigned(out, id::TRACK_NUMBER, TRACK);
            // Unique in the file is enough, and the same sound gives the same file.
            unsigned(out, id::TRACK_UID, TRACK);
            // Audio.
            unsigned(out, id::TRACK_TYPE, 2);
            unsigned(out, id::FLAG_LACING, 0);
            text(out, id::CODEC_ID, "A_OPUS");
            binary(out, id::CODEC_PRIVATE, &opus_head(encoder));
            unsigned(out, id::CODEC_DELAY, nanoseconds(u64::from(encoder.pre_skip())));
            unsigned(out, id::SEEK_PRE_ROLL, SEEK_PRE_ROLL);
            parent(out, id::AUDIO, |out| {
                // Opus plays at 48 kHz, whatever went in.
                float(out, id::SAMPLING_FREQUENCY, f64::from(CLOCK));
                unsigned(out, id::CHANNELS, 1);
            });
        });
    });
}

/// The index, with `first` bytes of the segment before the first cluster. As long whatever `first` is.
fn cues(index: &[(u64, usize)], first: usize) -> Vec<u8> {
    let mut out = Vec::new();
    parent(&mut out, id::CUES, |out| {
        for &(time, place) in index {
            parent(out, id::CUE_POINT, |out| {
                unsigned(out, id::CUE_TIME, time);
                parent(out, id::CUE_TRACK_POSITIONS, |out| {
                    unsigned(out, id::CUE_TRACK, TRACK);
                    fixed(out, id::CUE_CLUSTER_POSITION, (first + place) as u64);
                });
            });
        }
    });
    out
}

//! Opus in Ogg, page by page. Any thread; no allocation after creation but the caller's buffer's.
//!
//! RFC 7845, in the form the AvatarKit SDKs of the second generation send: one packet per page; the
//! position of a page counts from the first packet, pre-skip included; the last page carries the flag
//! that ends the stream and a position that cuts off the padding.

use bytes::BufMut;

use crate::header::{VENDOR, opus_head, opus_tags};
use crate::packets::{Packet, Packets};
use crate::page::{Pages, Place};
use crate::{OpusError, OpusSettings, Sample};

/// One logical stream of Ogg Opus, from its first sample to its last.
///
/// What is written may be sent in pieces of any size. Pages come one packet late, because only the
/// last one carries the end; a stream without sound has no bytes at all, unless its headers were asked
/// for.
///
/// ```
/// use glottis_encoder_opus::{OggOpus, OpusSettings};
///
/// let mut stream = OggOpus::new(16_000, &OpusSettings::default(), 0x0102_0304)?;
/// let mut bytes = Vec::new();
/// stream.push(&[0_i16; 640], &mut bytes)?; // two frames: the headers, and the first page
/// stream.finish(&mut bytes)?; // the second page, and the last
/// assert_eq!(bytes.windows(4).filter(|bytes| bytes == b"OggS").count(), 5);
/// # Ok::<(), glottis_encoder_opus::OpusError>(())
/// ```
pub struct OggOpus {
    packets: Packets,
    pages: Pages,
    tags: Vec<u8>,
    begun: bool,
    /// Position of the last page.
    granule: u64,
}

impl OggOpus {
    /// A stream of sound of `rate` Hz. `serial` tells it from other streams in the same file or
    /// connection: any number where there are none, random where there may be.
    ///
    /// # Errors
    /// A rate or a setting out of range.
    pub fn new(rate: u32, settings: &OpusSettings, serial: u32) -> Result<OggOpus, OpusError> {
        Ok(OggOpus {
            packets: Packets::new(rate, settings)?,
            pages: Pages::new(serial),
            tags: opus_tags(VENDOR),
            begun: false,
            granule: 0,
        })
    }

    /// Writes the headers now and not with the first frame: the stream then has an end, too, even
    /// without sound.
    pub fn headers(&mut self, out: &mut impl BufMut) {
        if !std::mem::replace(&mut self.begun, true) {
            self.pages.put(&opus_head(self.packets.encoder()), 0, Place::First, out);
            self.pages.put(&self.tags, 0, Place::Within, out);
        }
    }

    /// Takes `samples`, any number, and writes the pages that are ready.
    ///
    /// No allocation but by `out`; a buffer that cannot grow panics when it is full.
    ///
    /// # Errors
    /// The codec failed; the stream is of no more use.
    pub fn push<S: Sample>(&mut self, samples: &[S], out: &mut impl BufMut) -> Result<(), OpusError> {
        if self.packets.completes(samples.len()) {
            self.headers(out);
        }
        let (pages, granule) = (&mut self.pages, &mut self.granule);
        self.packets.push(samples, |packet| put(pages, granule, &packet, out))
    }

    /// Writes what is left: the last frame, filled up with silence, and the end of the stream.
    ///
    /// # Errors
    /// As for [`OggOpus::push`].
    pub fn finish(mut self, out: &mut impl BufMut) -> Result<(), OpusError> {
        if self.packets.taken() > 0 {
            self.headers(out);
        }
        if self.begun {
            self.packets.finish(|packet| put(&mut self.pages, &mut self.granule, &packet, out))?;
        }
        Ok(())
    }

    /// Samples, at the stream's rate, that were pushed.
    pub fn taken(&self) -> u64 {
        self.packets.taken()
    }

    /// Samples, at the stream's rate, that a player hears from the pages written so far.
    pub fn written(&self) -> u64 {
        let encoder = self.packets.encoder();
        self.granule.saturating_sub(u64::from(encoder.pre_skip())) / encoder.scale()
    }
}

impl std::fmt::Debug for OggOpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OggOpus({} samples)", self.taken())
    }
}

fn put(pages: &mut Pages, granule: &mut u64, packet: &Packet<'_>, out: &mut impl BufMut) {
    let place = if packet.is_last { Place::Last } else { Place::Within };
    pages.put(packet.bytes, packet.end, place, out);
    *granule = packet.end;
}

//! The Ogg Opus stream of one request, judged page by page as it arrives (AvatarKit dossier 9).
//! Owned by its request, used under the `State`'s lock.

use super::findings::{Code, Findings};
use super::ogg::{FIRST, LAST, Page, Reader};
use opus_rs::OpusDecoder;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Samples of 48 kHz in a millisecond.
const MS: u64 = 48;

/// An Ogg Opus stream so far.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Rate of the configuration, Hz.
    rate: u32,
    reader: Reader,
    pages: Vec<Page>,
    pre_skip: u64,
    /// Length of a packet in 48 kHz samples.
    frame: Option<u64>,
    /// 48 kHz samples in the packets so far.
    encoded: u64,
    over: bool,
    broken: bool,
}

impl Stream {
    pub(crate) fn new(rate: u32) -> Self {
        let reader = Reader::default();
        Self { rate, reader, pages: Vec::new(), pre_skip: 0, frame: None, encoded: 0, over: false, broken: false }
    }

    /// Its pages, in order.
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// 48 kHz samples that precede the sound.
    pub fn pre_skip(&self) -> u64 {
        self.pre_skip
    }

    /// Length in 48 kHz samples: exact at the end, before it what has arrived.
    pub fn samples(&self) -> u64 {
        match self.pages.last() {
            Some(last) if self.over => last.granule.saturating_sub(self.pre_skip),
            _ => self.encoded,
        }
    }

    /// Serial, once there is a page.
    pub(crate) fn serial(&self) -> Option<u32> {
        self.pages.first().map(|page| page.serial)
    }

    /// Takes a piece of the stream.
    pub(crate) fn take(&mut self, bytes: &[u8], findings: &mut Findings) {
        if self.broken {
            return;
        }
        self.reader.feed(bytes);
        loop {
            match self.reader.next() {
                Ok(Some(page)) => self.page(page, findings),
                Ok(None) => return,
                Err(problem) => {
                    self.broken = true;
                    findings.violation(Code::OggPage, problem);
                    return;
                }
            }
        }
    }

    /// The request is over.
    pub(crate) fn end(&mut self, findings: &mut Findings) {
        if self.pages.is_empty() && self.reader.is_empty() {
            return;
        }
        if !self.reader.is_empty() {
            findings.violation(Code::OggEnd, "the request ended inside a page");
        } else if !self.over && !self.broken {
            findings.violation(Code::OggEnd, "the last page has no end flag");
        }
    }

    fn page(&mut self, page: Page, findings: &mut Findings) {
        let number = self.pages.len();
        let mut wrong = |what: String| findings.violation(Code::OggPage, format!("page {number}: {what}"));
        if !page.intact {
            wrong("wrong checksum".into());
        }
        if page.sequence as usize != number {
            wrong(format!("has number {}", page.sequence));
        }
        if self.serial().is_some_and(|serial| serial != page.serial) {
            wrong("has another serial".into());
        }
        if self.over {
            wrong("comes after the last one".into());
        }
        let flags_fit = match number {
            0 => page.flags == FIRST,
            1 => page.flags == 0,
            _ => page.flags & !LAST == 0,
        };
        if !flags_fit {
            wrong(format!("has flags {}", page.flags));
        }
        let proper = page.proper_lacing();
        let padded = [&proper[..], &[0]].concat();
        if page.lacing == padded && proper.last() == Some(&0) {
            findings.violation(Code::FirstGeneration, format!("page {number}: two trailing zeros of lacing"));
        } else if page.lacing != proper {
            let lacing = &page.lacing;
            findings
                .violation(Code::OggPage, format!("page {number}: lacing {lacing:?} of {} bytes", page.packet.len()));
        }
        match number {
            0 => self.head(&page, findings),
            1 => tags(&page, findings),
            _ => self.audio(&page, number, findings),
        }
        self.over |= page.flags & LAST != 0;
        self.pages.push(page);
    }

    fn head(&mut self, page: &Page, findings: &mut Findings) {
        let packet = &page.packet;
        if packet.len() != 19 || !packet.starts_with(b"OpusHead\x01\x01") {
            findings.violation(Code::OpusHeader, "the first packet is no OpusHead of one channel");
            return;
        }
        self.pre_skip = u64::from(u16::from_le_bytes([packet[10], packet[11]]));
        let rate = u32::from_le_bytes([packet[12], packet[13], packet[14], packet[15]]);
        if rate != self.rate {
            findings.violation(Code::OpusHeader, format!("input rate {rate}, configured {}", self.rate));
        }
        if packet[16..] != [0, 0, 0] {
            findings.violation(Code::OpusHeader, "gain or mapping family is not 0");
        }
        if ![312, 120].contains(&self.pre_skip) {
            findings.violation(Code::OpusHeader, format!("pre-skip {}, not 312 or 120", self.pre_skip));
        }
        if page.granule != 0 {
            findings.violation(Code::Granule, "the first page has a granule");
        }
    }

    fn audio(&mut self, page: &Page, number: usize, findings: &mut Findings) {
        let Some(samples) = duration(&page.packet) else {
            findings.violation(Code::OpusPacket, format!("page {number}: no Opus packet"));
            return;
        };
        if page.packet[0] & 4 != 0 {
            findings.violation(Code::OpusPacket, format!("page {number}: two channels"));
        }
        let usual = *self.frame.get_or_insert(samples);
        if samples != usual || ![10, 20, 40, 60].contains(&(samples / MS)) {
            let ms = samples as f64 / MS as f64;
            findings.violation(Code::OpusPacket, format!("page {number}: a packet of {ms} ms"));
        }
        self.encoded += samples;
        let (granule, encoded) = (page.granule, self.encoded);
        if page.flags & LAST == 0 {
            if granule == encoded + self.pre_skip {
                findings
                    .violation(Code::FirstGeneration, format!("page {number}: granule {granule} holds the pre-skip"));
            } else if granule != encoded {
                findings.violation(Code::Granule, format!("page {number}: {granule}, not {encoded}"));
            }
            return;
        }
        // The last page says where the sound ends, and no packet more than needed is sent.
        let input = granule.checked_sub(self.pre_skip);
        let scale = 48_000 / u64::from(self.rate.max(1));
        let whole = input.is_some_and(|input| input > 0 && scale > 0 && input % scale == 0);
        if !whole || granule > encoded || granule + samples <= encoded {
            findings.violation(Code::Granule, format!("the last page: {granule} with {encoded} samples encoded"));
        }
    }

    /// The sound at `rate` (8, 12, 16, 24 or 48 kHz), pre-skip and padding cut off.
    ///
    /// # Errors
    ///
    /// The number of the packet that is no Opus, or a rate that Opus does not have.
    pub fn decode(&self, rate: u32) -> Result<Vec<f32>, String> {
        // The decoder is fed with whatever a client sent.
        let all = catch_unwind(AssertUnwindSafe(|| decode(self.pages.iter().skip(2), rate)));
        let mut sound = all.map_err(|_| "the decoder failed".to_string())??;
        let scale = u64::from(48_000 / rate);
        if self.over {
            sound.truncate(((self.pre_skip + self.samples()) / scale) as usize);
        }
        sound.drain(..sound.len().min((self.pre_skip / scale) as usize));
        Ok(sound)
    }
}

fn tags(page: &Page, findings: &mut Findings) {
    let packet = &page.packet;
    let vendor = packet.get(8..12).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize);
    let whole = vendor.is_some_and(|length| packet.len() >= 16 && packet.len() - 16 >= length);
    if !packet.starts_with(b"OpusTags") || !whole {
        findings.violation(Code::OpusHeader, "the second packet is no OpusTags");
    }
    if page.granule != 0 {
        findings.violation(Code::Granule, "the second page has a granule");
    }
}

/// Length of a packet in 48 kHz samples (RFC 6716, 3.1).
fn duration(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let configuration = usize::from(toc >> 3);
    let frame = match configuration {
        0..=11 => [480, 960, 1920, 2880][configuration % 4],
        12..=15 => [480, 960][configuration % 2],
        _ => [120, 240, 480, 960][configuration % 4],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 0x3f),
    };
    Some(frame * frames)
}

fn decode<'a>(pages: impl Iterator<Item = &'a Page>, rate: u32) -> Result<Vec<f32>, String> {
    let rate_of_decoder = i32::try_from(rate).map_err(|_| "no such rate".to_string())?;
    let mut decoder = OpusDecoder::new(rate_of_decoder, 1).map_err(|error| error.to_string())?;
    let mut sound = Vec::new();
    // 120 ms, the longest packet there is.
    let mut space = vec![0.0; rate as usize * 120 / 1000];
    for (number, page) in pages.enumerate() {
        let samples = duration(&page.packet).ok_or_else(|| format!("packet {number} is empty"))?;
        let size = (samples * u64::from(rate) / 48_000) as usize;
        let got = decoder.decode(&page.packet, size.min(space.len()), &mut space);
        let got = got.map_err(|error| format!("packet {number}: {error}"))?;
        sound.extend_from_slice(&space[..got.min(space.len())]);
    }
    Ok(sound)
}

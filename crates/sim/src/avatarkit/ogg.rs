//! Ogg pages as they come off the wire (RFC 3533), cut anywhere. Pure functions and plain values.

use serde::Serialize;

/// A page: one packet, if its stream keeps to section 9.3 of the AvatarKit dossier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// 2 on the first page, 4 on the last, else 0.
    pub flags: u8,
    /// Granule position, 48 kHz samples.
    pub granule: u64,
    /// Serial of the stream.
    pub serial: u32,
    /// Number of the page.
    pub sequence: u32,
    /// Lacing values.
    pub lacing: Vec<u8>,
    /// What it carries.
    #[serde(skip)]
    pub packet: Vec<u8>,
    /// Whether its checksum is right.
    pub intact: bool,
}

/// The last page's flag.
pub(crate) const LAST: u8 = 4;
/// The first page's flag.
pub(crate) const FIRST: u8 = 2;

const HEADER: usize = 27;

/// Cuts bytes into pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reader {
    rest: Vec<u8>,
}

impl Reader {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Whether bytes are left that are no whole page.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next page, `Ok(None)` until it is whole. After an error there is no way on: what is left
    /// is thrown away.
    pub(crate) fn next(&mut self) -> Result<Option<Page>, String> {
        let known = self.rest.len().min(4);
        if self.rest[..known] != b"OggS"[..known] {
            self.rest.clear();
            return Err("bytes that do not begin with `OggS`".into());
        }
        let Some(&count) = self.rest.get(HEADER - 1) else { return Ok(None) };
        let body = HEADER + usize::from(count);
        let Some(lacing) = self.rest.get(HEADER..body) else { return Ok(None) };
        let size: usize = lacing.iter().map(|&value| usize::from(value)).sum();
        if self.rest.len() < body + size {
            return Ok(None);
        }
        let bytes: Vec<u8> = self.rest.drain(..body + size).collect();
        if bytes[4] != 0 {
            return Err(format!("version {} of Ogg", bytes[4]));
        }
        Ok(Some(page(&bytes, body)))
    }
}

fn page(bytes: &[u8], body: usize) -> Page {
    let number = |at: usize, size: usize| bytes[at..at + size].iter().rev().fold(0, |sum, &b| sum << 8 | u64::from(b));
    let mut blank = bytes.to_vec();
    blank[22..26].fill(0);
    Page {
        flags: bytes[5],
        granule: number(6, 8),
        serial: number(14, 4) as u32,
        sequence: number(18, 4) as u32,
        lacing: bytes[HEADER..body].to_vec(),
        packet: bytes[body..].to_vec(),
        intact: number(22, 4) as u32 == checksum(&blank),
    }
}

/// CRC-32 with polynomial 0x04C11DB7, start 0, not reflected, no final xor.
fn checksum(bytes: &[u8]) -> u32 {
    let round = |sum: u32, _| if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
    bytes.iter().fold(0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte) << 24, round))
}

impl Page {
    /// The lacing values of one packet of this length, ended in this page.
    pub(crate) fn proper_lacing(&self) -> Vec<u8> {
        let mut lacing = vec![255; self.packet.len() / 255];
        lacing.push((self.packet.len() % 255) as u8);
        lacing
    }
}

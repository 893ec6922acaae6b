//! Ogg pages of one packet each. Any thread; no allocation.
//!
//! RFC 3533, section 6. The `ogg` crate has a writer too, but it allocates for every page and owns the
//! packets it is given; it reads what this one writes in the tests.

use bytes::BufMut;
use crc::{Algorithm, Crc, Table};

/// Bytes of a page before the lengths of its segments.
const FIXED: usize = 27;

/// Where the checksum lies.
const CHECKSUM: std::ops::Range<usize> = 22..26;

/// Bytes of a full segment.
const SEGMENT: usize = 255;

/// RFC 3533, section 6, field 7: the generator of IEEE 802.3, but neither reflected nor inverted.
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&Algorithm {
    width: 32,
    poly: 0x04C1_1DB7,
    init: 0,
    refin: false,
    refout: false,
    xorout: 0,
    check: 0x89A1_897F,
    residue: 0,
});

/// What a page is in its stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    First = 0x02,
    Within = 0x00,
    Last = 0x04,
}

/// The pages of one logical stream, in order.
pub(crate) struct Pages {
    serial: u32,
    sequence: u32,
}

impl Pages {
    pub(crate) fn new(serial: u32) -> Pages {
        Pages { serial, sequence: 0 }
    }

    /// Writes `packet`, shorter than 64 KiB, as a page that ends at `granule`.
    pub(crate) fn put(&mut self, packet: &[u8], granule: u64, place: Place, out: &mut impl BufMut) {
        let mut head = [0; FIXED + SEGMENT];
        let segments = packet.len() / SEGMENT + 1;
        head[..4].copy_from_slice(b"OggS");
        head[5] = place as u8;
        head[6..14].copy_from_slice(&granule.to_le_bytes());
        head[14..18].copy_from_slice(&self.serial.to_le_bytes());
        head[18..22].copy_from_slice(&self.sequence.to_le_bytes());
        head[26] = segments as u8;
        // A packet ends with a segment that is not full, even if that leaves an empty one.
        head[FIXED..FIXED + segments - 1].fill(SEGMENT as u8);
        head[FIXED + segments - 1] = (packet.len() % SEGMENT) as u8;
        let head = &mut head[..FIXED + segments];
        let mut digest = CRC.digest();
        digest.update(head);
        digest.update(packet);
        head[CHECKSUM].copy_from_slice(&digest.finalize().to_le_bytes());
        out.put_slice(head);
        out.put_slice(packet);
        // After months of short packets: the number is only to show that a page is missing.
        self.sequence = self.sequence.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{Pages, Place};
    use crate::header::opus_tags;

    fn page(sequence: u32, packet: &[u8], granule: u64, place: Place) -> Vec<u8> {
        let mut bytes = Vec::new();
        Pages { serial: 0x0102_0304, sequence }.put(packet, granule, place, &mut bytes);
        bytes
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Two pages of the official AvatarKit encoder.
    #[test]
    fn pages_are_the_official_ones() {
        assert_eq!(
            hex(&page(1, &opus_tags("glottis"), 0, Place::Within)),
            "4f676753000000000000000000000403020101000000f968d86d01174f7075735461677307000000676c6f7474697300000000"
        );
        assert_eq!(
            hex(&page(2, &[0xF8, 0xFF, 0xFE], 1272, Place::Last)),
            "4f6767530004f804000000000000040302010200000084ff2efd0103f8fffe"
        );
    }

    /// A stream that has run for years: nothing is cut off, and nothing stops.
    #[test]
    fn positions_and_numbers_go_on_beyond_31_and_32_bits() {
        for border in [1_u64 << 31, 1 << 32, 1 << 53] {
            let page = page(7, &[1], border + 5, Place::Within);
            assert_eq!(page[6..14], (border + 5).to_le_bytes());
        }
        for first in [i32::MAX as u32, u32::MAX] {
            let (mut pages, mut bytes) = (Pages { serial: u32::MAX, sequence: first }, Vec::new());
            (0..2).for_each(|_| pages.put(&[1], 0, Place::Within, &mut bytes));
            let number = |page: &[u8]| u32::from_le_bytes([page[18], page[19], page[20], page[21]]);
            let (a, b) = bytes.split_at(bytes.len() / 2);
            assert_eq!((number(a), number(b)), (first, first.wrapping_add(1)));
            assert_eq!(a[14..18], [0xFF; 4]);
        }
    }

    #[test]
    fn a_packet_always_ends_with_a_segment_that_is_not_full() {
        for (length, lacing) in [(0, "00"), (254, "fe"), (255, "ff00"), (256, "ff01"), (510, "ffff00")] {
            let page = page(0, &vec![7; length], 0, Place::First);
            assert_eq!(hex(&page[27..27 + lacing.len() / 2]), lacing);
            assert_eq!(page.len(), 27 + lacing.len() / 2 + length);
        }
    }
}

//! The length of Opus in WebM, as browsers record it: element sizes may be unknown and no duration
//! is written, so the packets themselves are counted, without what a writer declares as its delay and
//! its padding. Pure functions, any thread.

/// Elements to look into; all others are skipped.
const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const BLOCK_GROUP: u32 = 0xa0;
/// Elements that hold a packet.
const SIMPLE_BLOCK: u32 = 0xa3;
const BLOCK: u32 = 0xa1;
/// Track list; searched for the codec's name.
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
/// What a player leaves out at the beginning, and of a block's end; nanoseconds.
const CODEC_DELAY: u32 = 0x56aa;
const DISCARD_PADDING: u32 = 0x75a2;

/// 48 kHz samples that are heard of all packets; `None` if this is no Opus or not readable as WebM.
pub(crate) fn opus_samples(blob: &[u8]) -> Option<u64> {
    let mut at = 0;
    let mut opus = false;
    let (mut samples, mut silent) = (0, 0);
    while at < blob.len() {
        let Some((id, size, body)) = element(blob, at) else { break };
        if matches!(id, SEGMENT | CLUSTER | BLOCK_GROUP) {
            at = body;
            continue;
        }
        // Only the elements above may be of unknown size.
        let end = body.checked_add(usize::try_from(size?).ok()?)?;
        let content = blob.get(body..end.min(blob.len()))?;
        match id {
            TRACKS => {
                opus = content.windows(6).any(|window| window == b"A_OPUS");
                silent += codec_delay(content).unwrap_or(0);
            }
            // Signed: of a negative one nothing is left out.
            DISCARD_PADDING if content.first().is_some_and(|byte| *byte < 0x80) => silent += number(content),
            SIMPLE_BLOCK | BLOCK => samples += packet_samples(content).unwrap_or(0),
            _ => {}
        }
        at = end;
    }
    // To the nearest: a sample is no whole number of nanoseconds.
    opus.then(|| samples.saturating_sub((silent.saturating_mul(48) + 500_000) / 1_000_000))
}

/// The delay of the first track that declares one.
fn codec_delay(tracks: &[u8]) -> Option<u64> {
    let mut at = 0;
    loop {
        let (id, size, body) = element(tracks, at)?;
        if id == TRACK_ENTRY {
            at = body;
            continue;
        }
        let end = body.checked_add(usize::try_from(size?).ok()?)?;
        let content = tracks.get(body..end)?;
        if id == CODEC_DELAY {
            return Some(number(content));
        }
        at = end;
    }
}

/// An unsigned number.
fn number(content: &[u8]) -> u64 {
    if content.len() > 8 {
        return 0;
    }
    content.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Id, size (`None`: unknown) and start of the content of the element at `at`.
fn element(blob: &[u8], at: usize) -> Option<(u32, Option<u64>, usize)> {
    let id_length = blob.get(at)?.leading_zeros() as usize + 1;
    if id_length > 4 {
        return None;
    }
    let id = blob.get(at..at + id_length)?.iter().fold(0, |id, &byte| id << 8 | u32::from(byte));
    let (size, size_length) = vint(blob.get(at + id_length..)?)?;
    Some((id, size, at + id_length + size_length))
}

/// A variable-length integer and its length; all ones mean "unknown".
fn vint(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let length = bytes.first()?.leading_zeros() as usize + 1;
    if length > 8 {
        return None;
    }
    let all = bytes.get(..length)?.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    let most = (1_u64 << (7 * length)) - 1;
    let value = all & most;
    Some(((value != most).then_some(value), length))
}

/// Samples of the packet in a block: track number, two bytes of time, flags, packet.
fn packet_samples(block: &[u8]) -> Option<u64> {
    let (_, track_length) = vint(block)?;
    let packet = block.get(track_length + 3..)?;
    let (toc, rest) = packet.split_first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(rest.first()? & 0x3f),
    };
    Some(frames * frame_samples(toc >> 3))
}

/// Samples of one frame by the configuration of its packet (RFC 6716, table 2).
fn frame_samples(configuration: u8) -> u64 {
    let step = usize::from(configuration & 3);
    match configuration {
        0..12 => [480, 960, 1920, 2880][step],
        12..16 => [480, 960][step & 1],
        _ => [120, 240, 480, 960][step],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EBML header, a segment and a cluster of unknown size, two packets of 20 ms and one of 60.
    fn recording() -> Vec<u8> {
        let unknown = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let block = |packet: &[u8]| {
            let mut block = vec![0xa3, 0x80 | (4 + packet.len() as u8), 0x81, 0, 0, 0x80];
            block.extend_from_slice(packet);
            block
        };
        [
            &[0x1a, 0x45, 0xdf, 0xa3, 0x80][..],
            &[0x18, 0x53, 0x80, 0x67],
            &unknown,
            &[0x16, 0x54, 0xae, 0x6b, 0x86],
            b"A_OPUS",
            &[0x1f, 0x43, 0xb6, 0x75],
            &unknown,
            &[0xe7, 0x81, 0],
            &block(&[0xfc, 1, 2]),
            &block(&[0xfc]),
            &block(&[0xfb, 3, 9]),
        ]
        .concat()
    }

    /// A track with a delay of 6.5 ms, and 10 ms of padding behind the last packet.
    fn trimmed() -> Vec<u8> {
        [
            &[0x1a, 0x45, 0xdf, 0xa3, 0x80][..],
            &[0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x16, 0x54, 0xae, 0x6b, 0x80 | 16, 0xae, 0x80 | 14, 0x86, 0x86],
            b"A_OPUS",
            &[0x56, 0xaa, 0x83, 0x63, 0x2e, 0xa0],
            &[0x1f, 0x43, 0xb6, 0x75, 0x80 | 24],
            &[0xa3, 0x85, 0x81, 0, 0, 0x80, 0xfc],
            &[0xa0, 0x80 | 14, 0xa1, 0x85, 0x81, 0, 20, 0, 0xfc, 0x75, 0xa2, 0x84, 0, 0x98, 0x96, 0x80],
        ]
        .concat()
    }

    #[test]
    fn delay_and_padding_do_not_count() {
        assert_eq!(opus_samples(&trimmed()), Some(2 * 960 - 312 - 480));
    }

    #[test]
    fn packets_are_counted_and_nothing_panics() {
        let recording = recording();
        assert_eq!(opus_samples(&recording), Some(5 * 960));
        for cut in 0..recording.len() {
            let _ = opus_samples(&recording[..cut]);
        }
        for at in 0..recording.len() {
            let mut broken = recording.clone();
            broken[at] = 0xff;
            let _ = opus_samples(&broken);
            broken[at] = 0;
            let _ = opus_samples(&broken);
        }
        assert_eq!(opus_samples(b"\x1a\x45\xdf\xa3webm"), None);
    }
}

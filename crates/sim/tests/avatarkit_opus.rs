//! Ogg Opus at the AvatarKit simulator: right streams are decoded, every wrong one is found.

mod avatarkit;

use avatarkit::ogg::{Sheet, bytes, head, stream, tone};
use avatarkit::*;
use glottis_sim::avatarkit::Speech;

/// Sends a stream as one request, cut into pieces of `size`; what the simulator made of it.
async fn hear(rate: u32, sheets: &[Sheet], size: usize) -> (Vec<Code>, Speech) {
    let rig = Rig::new(Config::default());
    let mut client = rig.session(opus(rate as i32)).await.0;
    let id = rig.req_id(1);
    for piece in bytes(sheets).chunks(size) {
        client.audio(&id, piece, false).await;
    }
    client.audio(&id, &[], true).await;
    rig.until("the end", |state| state.speeches().any(|speech| speech.ended)).await;
    (rig.codes(), rig.sim.speeches().remove(0))
}

#[tokio::test]
async fn right_streams_have_the_length_of_their_input() {
    for (rate, ms, samples) in [
        (16_000, 20, 1),
        (16_000, 20, 216),
        (16_000, 20, 217),
        (16_000, 20, 640),
        (24_000, 20, 500),
        (8000, 10, 80),
        (48_000, 60, 2880),
        (12_000, 40, 5000),
    ] {
        let input = tone(samples, rate);
        let (codes, speech) = hear(rate, &stream(&input, rate, ms, 7), 61).await;
        assert_eq!(codes, [], "{rate} Hz, {ms} ms, {samples}");
        let heard = speech.stream.as_ref().expect("a stream");
        assert_eq!(heard.samples(), samples as u64 * u64::from(48_000 / rate));
        assert_eq!(heard.decode(rate).expect("Opus").len(), samples);
    }
}

#[tokio::test]
async fn a_tone_is_still_a_tone() {
    let input = tone(48_000, 24_000);
    let (codes, speech) = hear(24_000, &stream(&input, 24_000, 20, 9), 4000).await;
    assert_eq!(codes, []);
    let heard = speech.stream.as_ref().expect("a stream").decode(24_000).expect("Opus");
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let likeness = dot(&input, &heard) / (dot(&input, &input) * dot(&heard, &heard)).sqrt();
    assert!(likeness > 0.95, "{likeness}");
}

#[tokio::test]
async fn every_wrong_stream_is_found() {
    type Spoil = fn(&mut Vec<Sheet>);
    let cases: [(&str, Spoil, &[Code]); 11] = [
        ("sequence", |sheets| sheets[2].sequence = 9, &[Code::OggPage]),
        ("serial", |sheets| sheets[3].serial = 8, &[Code::OggPage]),
        ("flags", |sheets| sheets[2].flags = 1, &[Code::OggPage]),
        (
            "two zeros",
            |sheets| {
                sheets[2].packet.resize(255, 0);
                sheets[2].lacing = Some(vec![255, 0, 0]);
            },
            &[Code::FirstGeneration],
        ),
        ("first generation", |sheets| sheets[2].granule += 312, &[Code::FirstGeneration]),
        ("granule", |sheets| sheets[2].granule += 1, &[Code::Granule]),
        (
            "no end",
            |sheets| {
                let last = sheets.len() - 1;
                sheets[last].flags = 0;
                sheets[last].granule = 960 * (last as u64 - 1);
            },
            &[Code::OggEnd],
        ),
        (
            "too long",
            |sheets| {
                let last = sheets.len() - 1;
                sheets[last].granule = 960 * last as u64;
            },
            &[Code::Granule],
        ),
        ("head", |sheets| sheets[0].packet = head(8000, 300), &[Code::OpusHeader, Code::OpusHeader]),
        ("tags", |sheets| sheets[1].packet.truncate(10), &[Code::OpusHeader]),
        ("packet", |sheets| sheets[2].packet[0] ^= 4, &[Code::OpusPacket]),
    ];
    let input = tone(3200, 16_000);
    for (name, spoil, expected) in cases {
        let mut sheets = stream(&input, 16_000, 20, 7);
        spoil(&mut sheets);
        let (codes, _) = hear(16_000, &sheets, 4000).await;
        assert!(codes.starts_with(expected), "{name}: {codes:?}");
    }
    let mut broken = bytes(&stream(&input, 16_000, 20, 7));
    broken[22] ^= 1;
    let rig = Rig::new(Config::default());
    let mut client = rig.session(opus(16_000)).await.0;
    client.audio(&rig.req_id(1), &broken, true).await;
    client.audio(&rig.req_id(2), b"no Ogg", true).await;
    client.audio(&rig.req_id(3), &bytes(&stream(&input, 16_000, 20, 7)), true).await;
    rig.until("the end", |state| state.speeches().count() == 3).await;
    // A wrong checksum, no page at all, and a serial for the second time.
    assert_eq!(rig.codes(), [Code::OggPage; 3]);
}

//! Ogg Opus. The simulator judges every page by section 9 of the dossier and decodes with an
//! implementation of Opus of its own; `opusdec`, where it is installed, is asked as well.

use std::process::Command;

use glottis::core::sink::SinkAction;
use glottis::sim::avatarkit::{Config, Simulator, Speech};
use glottis::{Rate, Reason, Table};

use crate::rig::*;

fn opus(simulator: &Simulator, rate: u32, ms: u64, application: &str) -> Table {
    let encoder = Table::default().with("frame", format!("{ms}ms")).with("application", application);
    keys(simulator).with("audio", "ogg-opus").with("sample_rate", i64::from(rate)).with("opus", encoder)
}

/// Flags, granules and numbers of a request's pages.
fn pages(speech: &Speech) -> Vec<(u8, u64, u32)> {
    let pages = speech.stream.as_ref().expect("a stream").pages();
    pages.iter().map(|page| (page.flags, page.granule, page.sequence)).collect()
}

/// The speech-like signal of the vendor's tests: 180, 360 and 720 Hz under an envelope of 3 Hz, with
/// fades of 50 ms.
fn speech_like(rate: u32, seconds: f32) -> Vec<i16> {
    let count = (rate as f32 * seconds) as usize;
    let sample = |at: usize| {
        let t = at as f32 / rate as f32;
        let wave = |hz: f32| (std::f32::consts::TAU * hz * t).sin();
        let envelope = 0.6 + 0.4 * wave(3.0);
        let fade = (t / 0.05).min((seconds - t) / 0.05).clamp(0.0, 1.0);
        (9000.0 * (0.5 * wave(180.0) + 0.3 * wave(360.0) + 0.2 * wave(720.0)) * envelope * fade) as i16
    };
    (0..count).map(sample).collect()
}

/// How alike two sounds are, from -1 to 1.
fn likeness(a: &[i16], b: &[f32]) -> f64 {
    let sum = |pairs: &mut dyn Iterator<Item = (f64, f64)>| pairs.map(|(a, b)| a * b).sum::<f64>();
    let (a, b): (Vec<f64>, Vec<f64>) = (a.iter().map(|&a| a.into()).collect(), b.iter().map(|&b| b.into()).collect());
    let of = |x: &[f64], y: &[f64]| sum(&mut x.iter().copied().zip(y.iter().copied()));
    of(&a, &b) / (of(&a, &a) * of(&b, &b)).sqrt()
}

/// K26: the rows of the worked table, at rates that edges have.
#[tokio::test]
async fn granules_padding_and_end_are_those_of_the_table() {
    type Pages = &'static [(u8, u64, u32)];
    let rows: [(u32, u64, usize, Pages); 9] = [
        (16_000, 20, 1, &[(2, 0, 0), (0, 0, 1), (4, 315, 2)]),
        (16_000, 20, 216, &[(2, 0, 0), (0, 0, 1), (4, 960, 2)]),
        (16_000, 20, 217, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 963, 3)]),
        (16_000, 20, 320, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 1272, 3)]),
        (16_000, 20, 640, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (0, 1920, 3), (4, 2232, 4)]),
        (24_000, 20, 480, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 1272, 3)]),
        (24_000, 20, 500, &[(2, 0, 0), (0, 0, 1), (0, 960, 2), (4, 1312, 3)]),
        (8000, 10, 80, &[(2, 0, 0), (0, 0, 1), (0, 480, 2), (4, 792, 3)]),
        (48_000, 60, 2880, &[(2, 0, 0), (0, 0, 1), (0, 2880, 2), (4, 3192, 3)]),
    ];
    for (rate, ms, samples, expected) in rows {
        let simulator = plain();
        let mut rig = Rig::start(&opus(&simulator, rate, ms, "voip"), edge(rate));
        rig.say(&noise(samples, 5)).await;
        assert_eq!(pages(&spoken(&simulator, 1).await[0]), expected, "{rate} Hz, {ms} ms, {samples}");
        rig.finish().await.result.expect("a good run");
        assert_eq!(simulator.violations(), []);
    }
}

/// K25, K27: every rate, duration and application.
#[tokio::test]
async fn every_stream_is_valid_and_decodes_to_the_length_of_its_input() {
    for rate in [8000, 12_000, 16_000, 24_000, 48_000] {
        for ms in [10, 20, 40, 60] {
            for application in ["voip", "audio", "restricted_lowdelay"] {
                let simulator = plain();
                let from = Rate::for_source(rate);
                let mut rig = Rig::start(&opus(&simulator, rate, ms, application), edge(from.hz()));
                let count = from.hz() as usize / 4 + 12;
                rig.say(&noise(count, 9)).await;
                let speech = spoken(&simulator, 1).await.remove(0);
                rig.finish().await.result.expect("a good run");
                let what = format!("{rate} Hz, {ms} ms, {application}");
                assert_eq!(simulator.violations(), [], "{what}");
                let stream = speech.stream.as_ref().expect("a stream");
                let length = count * rate as usize / from.hz() as usize;
                assert_eq!(stream.samples(), length as u64 * u64::from(48_000 / rate), "{what}");
                assert_eq!(stream.decode(rate).expect("Opus").len(), length, "{what}");
                assert_eq!(stream.pre_skip(), if application == "restricted_lowdelay" { 120 } else { 312 }, "{what}");
            }
        }
    }
}

/// K28.
#[tokio::test]
async fn less_than_a_frame_puts_nothing_on_the_wire() {
    let simulator = plain();
    let mut rig = Rig::opened(&opus(&simulator, 16_000, 60, "voip")).await;
    rig.start_saying(&noise(900, 1)).await;
    rig.state("open", 1).await;
    rig.go_on(&noise(50, 1)).await;
    assert_eq!(simulator.speeches().len(), 0);
    rig.end(Reason::Commit);
    let speech = spoken(&simulator, 1).await.remove(0);
    // Two headers, what was said, and the padding that the look-ahead needs.
    assert_eq!((speech.parts.len(), pages(&speech).len()), (1, 4));
    rig.begin();
    rig.end(Reason::Commit);
    rig.say(&noise(16, 1)).await;
    let speeches = spoken(&simulator, 2).await;
    // A segment without a frame needs no request; if it has one, then an empty one.
    assert!(speeches.iter().all(|speech| speech.bytes > 0 || speech.parts.len() == 1), "{speeches:?}");
    rig.finish().await.result.expect("a good run");
    assert_eq!(simulator.violations(), []);
}

/// K29.
#[tokio::test]
async fn after_an_interrupt_a_new_stream_begins() {
    let simulator = plain();
    let mut rig = Rig::opened(&opus(&simulator, 16_000, 20, "voip")).await;
    rig.start_saying(&noise(8000, 1)).await;
    until(&simulator, |state| state.speeches().any(|speech| speech.bytes > 0)).await;
    rig.abort(Reason::Interrupt);
    rig.ask(SinkAction::Interrupt).await.expect("a request to interrupt");
    rig.say(&noise(8000, 2)).await;
    let speeches = spoken(&simulator, 1).await;
    rig.finish().await.result.expect("a good run");
    let stream = |at: usize| speeches[at].stream.as_ref().expect("a stream").pages()[0].clone();
    assert_eq!((stream(0).sequence, stream(1).sequence), (0, 0));
    assert_ne!(stream(0).serial, stream(1).serial);
    assert!(stream(1).packet.starts_with(b"OpusHead"));
    assert_eq!(simulator.violations(), []);
}

/// K30: and the sound survives another decoder.
#[tokio::test]
async fn speech_sounds_like_itself() {
    let simulator = plain();
    let mut rig = Rig::start(&opus(&simulator, 24_000, 20, "audio").with("bitrate", 64_000), edge(24_000));
    let input = speech_like(24_000, 2.0);
    rig.say(&input).await;
    let speech = spoken(&simulator, 1).await.remove(0);
    rig.finish().await.result.expect("a good run");
    let heard = speech.stream.as_ref().expect("a stream").decode(24_000).expect("Opus");
    assert_eq!(heard.len(), input.len());
    let alike = likeness(&input, &heard);
    assert!(alike >= 0.99, "{alike}");
    independent(&speech.audio, input.len() * 2);
}

/// The length as `ffmpeg` and `opusdec` see it, at 48 kHz.
fn independent(ogg: &[u8], samples: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let (from, to) = (dir.path().join("in.ogg"), dir.path().join("out.raw"));
    std::fs::write(&from, ogg).expect("a file");
    let ffmpeg: [&std::ffi::OsStr; 10] = [
        "-v".as_ref(),
        "error".as_ref(),
        "-y".as_ref(),
        "-i".as_ref(),
        from.as_os_str(),
        "-f".as_ref(),
        "s16le".as_ref(),
        "-ar".as_ref(),
        "48000".as_ref(),
        to.as_os_str(),
    ];
    let opusdec: [&std::ffi::OsStr; 5] =
        ["--rate".as_ref(), "48000".as_ref(), "--quiet".as_ref(), from.as_os_str(), to.as_os_str()];
    for (name, arguments) in [("ffmpeg", &ffmpeg[..]), ("opusdec", &opusdec[..])] {
        match Command::new(name).args(arguments).output() {
            Err(error) => println!("{name} is not asked: {error}"),
            Ok(output) => {
                assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
                let bytes = std::fs::read(&to).expect("what it decoded");
                // A file ending in .raw has no header.
                assert_eq!(bytes.len(), samples * 2, "{name}");
            }
        }
    }
}

/// K31: glottis encodes by itself, so nothing passes through that it did not make; what it made arrives
/// unchanged, whatever the messages it is cut into.
#[tokio::test]
async fn what_the_encoder_made_arrives_unchanged() {
    let simulator = simulator(Config::default(), &[]);
    let mut rig = Rig::opened(&opus(&simulator, 16_000, 20, "voip")).await;
    rig.say(&noise(16_000, 4)).await;
    let speech = spoken(&simulator, 1).await.remove(0);
    rig.finish().await.result.expect("a good run");
    assert!(speech.parts.len() > 5);
    assert!(speech.stream.as_ref().expect("a stream").pages().iter().all(|page| page.intact));
    assert_eq!(simulator.violations(), []);
}

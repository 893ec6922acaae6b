//! What is played is what arrives.

use proptest::prelude::*;

use glottis::sim::ravatar::{Config, Kind};

use crate::support::events::{Events, sink_of};
use crate::support::{CHUNK, Project, avatar, heard, simulator, sound, was_left_in_order};
use crate::{listening, project};

const ALWAYS: &str = "turn = { mode = \"always\" }";

/// Plays `sent` in one segment and holds what arrived against it.
fn arrives_whole(sent: &[i16]) {
    let simulator = simulator(Config::default());
    let project = project("fast", "", &simulator, sent, ALWAYS);
    let ended = project.run(&["--json"]);
    ended.exits(0);
    sound::is_equal(&heard(&simulator), &sound::padded(sent, CHUNK));
    let report = ended.report();
    let ledger = &sink_of(&report, "avatar")["ledger"];
    let frames = sent.len() as u64;
    assert_eq!((&ledger["captured"], &ledger["delivered"]), (&frames.into(), &frames.into()), "{ledger}");
    assert_eq!(ledger["padded"], frames.next_multiple_of(CHUNK as u64) - frames);
    assert_eq!((&report["balanced"], &ledger["balanced"]), (&true.into(), &true.into()));
    was_left_in_order(&simulator);
}

#[test]
fn every_sample_arrives_bit_for_bit_whatever_the_length() {
    for frames in [0, 1, 159, 160, 161, 4095, 4096, 4097, 48_007] {
        arrives_whole(&sound::noise(frames, frames as u32 + 1));
    }
}

#[test]
fn all_values_of_a_sample_arrive() {
    arrives_whole(&(i16::MIN..=i16::MAX).collect::<Vec<i16>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sound_of_any_length_arrives_bit_for_bit(frames in 0_usize..40_000, seed in any::<u32>()) {
        arrives_whole(&sound::noise(frames, seed));
    }
}

#[test]
fn a_stream_on_stdin_arrives_bit_for_bit() {
    let simulator = simulator(Config::default());
    let source = "version = 1\n[source]\ntype = \"stdin\"\nformat = \"s16le\"\nrate = 16000\nchannels = 1\n";
    let project = Project::new(&format!("{source}{}", avatar(&simulator, ALWAYS)));
    let sent = sound::noise(20_011, 3);
    let mut run = crate::support::Run::start("run", &project, &["--json"]);
    let mut pipe = run.take_stdin();
    let bytes = sound::bytes(&sent);
    let writer = std::thread::spawn(move || {
        // Pieces that end inside samples and blocks.
        bytes.chunks(997).all(|piece| std::io::Write::write_all(&mut pipe, piece).is_ok())
    });
    run.finish().exits(0);
    assert!(writer.join().expect("a writer"));
    sound::is_equal(&heard(&simulator), &sound::padded(&sent, CHUNK));
    was_left_in_order(&simulator);
}

/// At the service's own pace limit nothing is too fast, and still nothing is lost.
#[test]
fn the_default_pace_is_one_the_service_accepts() {
    let simulator = glottis::sim::ravatar::Simulator::start(Config::default()).expect("a free port");
    let sent = sound::noise(10 * CHUNK, 5);
    let keys = avatar(&simulator, ALWAYS).replace("pace_limit = \"off\"", "");
    let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n";
    let project = Project::new(&format!("{source}{keys}")).with("in.wav", sound::wav(16_000, 1, &sent));
    project.run(&[]).exits(0);
    sound::is_equal(&heard(&simulator), &sent);
    was_left_in_order(&simulator);
}

/// Two bursts with a pause: each turn is a stretch of the input with its padding, and then at least
/// 1024 ms of something behind the last voice.
#[test]
fn each_turn_is_a_stretch_of_the_input() {
    let simulator = simulator(Config::default());
    let mut sent = vec![0; 16_000];
    sent.extend(sound::noise(12_345, 6));
    sent.extend(vec![0; 40_000]);
    sent.extend(sound::noise(23_456, 7));
    sent.extend(vec![0; 40_000]);
    let keys = "turn = { mode = \"speech\", hangover = \"500ms\", pre_roll = \"200ms\" }";
    let ended = listening(&simulator, "fast", &sent, keys).run(&["--events", "-"]);
    ended.exits(0);
    let events = ended.events();
    assert_eq!(events.reasons("avatar"), ["speech_end", "speech_end"]);
    let turns = split_turns(&heard(&simulator), &events);
    let voices = [(16_000, 28_345), (68_345, 91_801)];
    for ((at, frames), (start, end)) in events.spans("avatar").into_iter().zip(voices) {
        assert!((start - 3_200 - 160..=start - 3_200 + 160).contains(&at), "begins {at}, voice {start}");
        assert!((end + 8_000 - 320..=end + 8_000 + 640).contains(&(at + frames)), "ends {}, voice {end}", at + frames);
    }
    for ((at, frames), turn) in events.spans("avatar").into_iter().zip(&turns) {
        sound::is_equal(&turn[..frames], &sent[at..at + frames]);
        assert!(turn[frames..].iter().all(|sample| *sample == 0), "zeros behind the turn");
    }
    let log = simulator.log();
    assert!(log.messages().all(|message| message.kind == Kind::LivePcm));
    was_left_in_order(&simulator);
}

/// Cuts what was heard into turns: a turn begins with a chunk that is not all zeros behind one that
/// ends in zeros for as long as the service needs to hear that it is over.
fn split_turns(heard: &[i16], events: &Events) -> Vec<Vec<i16>> {
    let mut turns = Vec::new();
    let mut rest = heard;
    for (_, frames) in events.spans("avatar") {
        let mut length = frames.next_multiple_of(CHUNK).min(rest.len());
        while rest[length..].chunks(CHUNK).next().is_some_and(|chunk| chunk.iter().all(|sample| *sample == 0)) {
            length += CHUNK;
        }
        turns.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    assert!(rest.is_empty(), "{} samples belong to no turn", rest.len());
    turns
}

/// What the service hears as voice is what was spoken, and each answer comes with its transcript.
#[test]
fn spoken_turns_are_answered_with_transcript_and_text_apart() {
    let simulator = simulator(Config { answers: vec!["Indeed.".into()], ..Config::default() });
    let mut sent = vec![0; 8_000];
    sent.extend(sound::noise(16_000, 8));
    sent.extend(vec![0; 32_000]);
    let keys = "turn = { mode = \"speech\" }\nlinger = \"30s\"";
    let ended = listening(&simulator, "fast", &sent, keys).run(&["--events", "-"]);
    ended.exits(0);
    let events = ended.events();
    let reply = events.only("reply");
    let voice = simulator.licenses()[0].turns[0];
    assert!((16_000..=16_320).contains(&voice.samples()), "{voice:?}");
    assert_eq!(reply["transcript"], format!("1.000 s of audio, {} samples", voice.samples()));
    assert_eq!((&reply["text"], &reply["sink"]), (&"Indeed.".into(), &"avatar".into()));
    let raw = reply["raw"].as_str().unwrap();
    assert!(raw.starts_with("> 1.000 s of audio") && raw.ends_with("Indeed."), "{raw}");
    assert!(reply["received"].as_f64().unwrap() <= reply["t"].as_f64().unwrap());
    let lives: Vec<_> = events.named("session").map(|e| (&e["live"], &e["has_streaming_url"])).collect();
    assert_eq!(lives, [(&true.into(), &true.into()), (&false.into(), &false.into())]);
    assert_eq!(events.only("connected")["sink"], "avatar");
    assert_eq!(events.only("disconnected")["close_code"], 1000);
}

//! What is said arrives, in requests as the protocol has them, and its animation comes back.

use std::sync::{Arc, Mutex};

use glottis_core::param::Table;
use glottis_core::{Reason, SinkEvent};
use glottis_sim::avatarkit::{Auth, Config, Dialect, Mode};
use glottis_sink_avatarkit::wire;

use crate::rig::*;

/// Strict: the simulator refuses what breaks a rule.
fn strict() -> Config {
    Config { mode: Mode::Strict, ..Config::default() }
}

#[tokio::test]
async fn segments_arrive_whole_each_as_a_request_of_its_own() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    let (first, second) = (noise(16_000, 1), noise(5_001, 2));
    rig.say(&first, 1600).await;
    rig.say(&second, 1600).await;
    let ended = rig.finish().await;
    assert_eq!(ended.result, Ok(()));
    let speeches = simulator.speeches();
    assert_eq!(speeches.len(), 2);
    assert_same(&speeches[0].pcm(), &first);
    assert_same(&speeches[1].pcm(), &second);
    for speech in &speeches {
        assert!(speech.ended && speech.interrupted.is_none());
        assert_eq!(speech.parts.iter().filter(|part| part.end).count(), 1);
        assert!(speech.parts.iter().all(|part| part.bytes <= 3200), "at most 100 ms");
    }
    assert_ne!(speeches[0].req_id, speeches[1].req_id);
    assert_eq!(ended.ledger.delivered, 21_001);
    assert!(ended.ledger.balanced() && simulator.violations().is_empty(), "{:?}", simulator.violations());
    assert_eq!(closed(&simulator).await, Some(1000));
}

/// Whatever pieces the pipeline makes, no message carries more than 100 ms.
#[tokio::test]
async fn long_chunks_travel_in_pieces() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let mut big = edge(48_000);
    big.chunk_frames = 24_000;
    let mut rig = Rig::start(&keys(&simulator, folder.path()).with("sample_rate", 48_000), big);
    rig.open().await;
    let sound = noise(40_000, 3);
    rig.say(&sound, 24_000).await;
    rig.finish().await;
    let speech = &simulator.speeches()[0];
    assert_same(&speech.pcm(), &sound);
    assert!(speech.parts.iter().all(|part| part.bytes <= 9600), "{:?}", speech.parts);
}

#[tokio::test]
async fn a_rate_no_edge_has_arrives_with_its_exact_length() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()).with("sample_rate", 22_050), edge(44_100));
    rig.open().await;
    rig.say(&noise(44_100, 4), 4410).await;
    let ended = rig.finish().await;
    assert_eq!(ended.ledger.delivered, 44_100);
    assert_eq!(simulator.speeches()[0].pcm().len(), 22_050);
    assert_eq!(simulator.connections()[0].configuration().unwrap().sample_rate, 22_050);
}

/// The simulator judges every page; here the length is compared.
#[tokio::test]
async fn opus_is_one_stream_for_each_request() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(&simulator, folder.path()).with("audio", "ogg-opus").with("sample_rate", 24_000);
    let mut rig = Rig::start(&keys.with("bitrate", 32_000), edge(24_000));
    rig.open().await;
    rig.say(&noise(24_000, 5), 2400).await;
    rig.say(&noise(500, 6), 2400).await;
    let ended = rig.finish().await;
    assert_eq!((ended.ledger.delivered, ended.result), (24_500, Ok(())));
    let lengths: Vec<u64> =
        simulator.speeches().iter().map(|s| s.stream.as_ref().expect("a stream").samples()).collect();
    assert_eq!(lengths, [48_000, 1000], "at 48 kHz");
    assert!(simulator.violations().is_empty(), "{:?}", simulator.violations());
}

#[tokio::test]
async fn a_segment_without_audio_is_a_request_without_any() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    rig.begin();
    rig.end(Reason::Commit);
    rig.finish().await;
    let speeches = simulator.speeches();
    assert_eq!((speeches.len(), speeches[0].parts.len(), speeches[0].bytes), (1, 1, 0));
    assert!(speeches[0].ended);
}

/// A pause in the middle of a segment ends the request, not the segment.
#[tokio::test]
async fn a_request_without_audio_is_ended_and_the_next_word_opens_another() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()).with("stall_guard", "150ms"), edge(16_000));
    rig.open().await;
    let sound = noise(4800, 7);
    rig.begin();
    rig.chunk(&sound[..1600]);
    until(&simulator, |state| state.speeches().any(|speech| speech.ended)).await;
    rig.chunk(&sound[1600..3200]);
    rig.chunk(&sound[3200..]);
    until_heard(&simulator, 4800).await;
    rig.end(Reason::SpeechEnd);
    let ended = rig.finish().await;
    let speeches = simulator.speeches();
    assert_eq!(speeches.len(), 2);
    assert_same(&crate::rig::sound(&speeches), &sound);
    assert!(speeches.iter().all(|speech| speech.ended) && ended.ledger.delivered == 4800);
}

/// Byte for byte as they were sent, in order, the last one marked; and one completion.
#[tokio::test]
async fn animation_comes_back_as_it_was_sent() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let frames = Arc::new(Mutex::new(Vec::new()));
    let kept = frames.clone();
    let mut rig = Rig::with_callback(&keys(&simulator, folder.path()), edge(16_000), move |frame| {
        kept.lock().unwrap().push(frame.clone());
    });
    rig.open().await;
    rig.say(&noise(16_000, 8), 1600).await;
    let events = {
        rig.find(|event| matches!(event, SinkEvent::Playback(playback) if playback.end).then_some(())).await;
        rig.events()
    };
    rig.finish().await;
    let frames = frames.lock().unwrap();
    assert_eq!(frames.len(), 25);
    assert_eq!(frames.iter().filter(|frame| frame.end).count(), 1);
    assert!(frames[24].end && frames.iter().all(|frame| frame.has_animation && &*frame.sink == "avatar"));
    for frame in frames.iter() {
        let (_, Some(wire::Data::ServerResponseAnimation(said))) = wire::decode(frame.bytes.clone()).unwrap() else {
            panic!("{frame:?}")
        };
        assert_eq!((&said.req_id, said.end), (&frame.req_id, frame.end));
    }
    let ends = events.iter().filter(|event| matches!(event, SinkEvent::Playback(p) if p.end));
    assert_eq!(ends.count(), 1);
}

/// Each way to log in, in both dialects, with nothing that breaks a rule.
#[tokio::test]
async fn both_dialects_and_both_ways_of_authentication_work() {
    for (dialect, name) in [(Dialect::Spatius, "spatius"), (Dialect::SpatialReal, "spatialreal")] {
        for query in [false, true] {
            let simulator = simulator(Config { dialect, ..strict() });
            let folder = tempfile::tempdir().unwrap();
            let keys = keys(&simulator, folder.path()).with("dialect", name).with("use_query_auth", query);
            let mut rig = Rig::start(&keys, edge(16_000));
            rig.open().await;
            rig.say(&noise(1600, 9), 1600).await;
            assert_eq!(rig.finish().await.result, Ok(()), "{name} {query}");
            let upgrade = simulator.connections()[0].upgrade.clone();
            assert_eq!(upgrade.auth, if query { Auth::Query } else { Auth::Headers });
            for offered in ["sec-websocket-extensions", "sec-websocket-protocol", "cookie", "origin"] {
                assert!(!upgrade.headers.iter().any(|(name, _)| name == offered), "{offered}");
            }
            assert!(simulator.violations().is_empty(), "{:?}", simulator.violations());
        }
    }
}

#[tokio::test]
async fn a_trace_is_sent_with_the_first_audio_only() {
    let simulator = simulator(strict());
    let folder = tempfile::tempdir().unwrap();
    let trace = format!("00-{}-{}-01", "1".repeat(32), "2".repeat(16));
    let keys = keys(&simulator, folder.path()).with("traceparent", trace.as_str());
    let mut rig = Rig::start(&keys.with("extra_params", Table::default().with("quality", "high")), edge(16_000));
    rig.open().await;
    rig.say(&noise(4800, 10), 1600).await;
    rig.finish().await;
    assert_eq!(simulator.speeches()[0].trace, Some((trace, String::new())));
    assert!(simulator.violations().is_empty(), "{:?}", simulator.violations());
}

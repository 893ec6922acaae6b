//! Requests and their audio.

use std::collections::HashSet;
use std::time::Duration;

use glottis::sim::avatarkit::{Config, Speech};
use glottis::{PacketKind, Rate, Reason};

use crate::rig::*;

fn is_id(id: &str) -> bool {
    let (time, tail) = id.split_once('_').unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    time.len() == 14 && time.chars().all(|c| c.is_ascii_digit()) && tail.len() == 12 && tail.chars().all(fits)
}

/// What the service has to find in a request that was sent whole.
fn is_whole(speech: &Speech, samples: &[i16]) {
    assert!(is_id(&speech.req_id), "{}", speech.req_id);
    let ends: Vec<_> = speech.parts.iter().map(|part| part.end).collect();
    assert!(ends.iter().rev().skip(1).all(|end| !end) && ends.last() == Some(&true), "{ends:?}");
    assert!(speech.parts.iter().all(|part| part.bytes % 2 == 0 && part.bytes <= 64 << 10));
    assert!(speech.pcm() == samples, "{} samples, not {}", speech.pcm().len(), samples.len());
}

/// K20, K21, K22, K24: segments follow each other, each a request of its own, in their order.
#[tokio::test]
async fn every_segment_is_a_request_of_its_own() {
    let simulator = plain();
    let mut rig = Rig::opened(&keys(&simulator)).await;
    let said: Vec<_> = (0..20).map(|seed| noise(1000 + 331 * seed as usize, seed)).collect();
    for samples in &said {
        rig.say(samples).await;
    }
    let speeches = spoken(&simulator, 20).await;
    balanced(&rig.finish().await.ledger);
    let ids: HashSet<_> = speeches.iter().map(|speech| speech.req_id.clone()).collect();
    assert_eq!(ids.len(), 20);
    speeches.iter().zip(&said).for_each(|(speech, samples)| is_whole(speech, samples));
    // The simulator compares the time in each id with its own clock.
    assert_eq!(simulator.violations(), []);
}

/// K23: every rate of the service, and 22,050 Hz, which no edge has.
#[tokio::test]
async fn pcm_arrives_byte_for_byte_at_every_rate() {
    for rate in [8000_i32, 16_000, 24_000, 32_000, 44_100, 48_000] {
        let simulator = plain();
        let mut rig = Rig::start(&keys(&simulator).with("sample_rate", rate), edge(rate.unsigned_abs()));
        let samples = noise(rate as usize + 7, 3);
        rig.say(&samples).await;
        is_whole(&spoken(&simulator, 1).await[0], &samples);
        assert_eq!(simulator.connections()[0].configuration().expect("one").sample_rate, rate);
        balanced(&rig.finish().await.ledger);
        assert_eq!(simulator.violations(), []);
    }
    let simulator = plain();
    let from = Rate::for_source(22_050);
    let mut rig = Rig::start(&keys(&simulator).with("sample_rate", 22_050), edge(from.hz()));
    rig.say(&noise(from.hz() as usize, 3)).await;
    assert_eq!(spoken(&simulator, 1).await[0].pcm().len(), 22_050);
    rig.finish().await.result.expect("a good run");
    assert_eq!(simulator.violations(), []);
}

/// K32: half a sample never gets onto the wire.
#[tokio::test]
async fn half_a_sample_is_not_sent() {
    for audio in ["pcm", "ogg-opus"] {
        let simulator = plain();
        let mut rig = Rig::opened(&keys(&simulator).with("audio", audio)).await;
        rig.begin();
        rig.push(PacketKind::Data { frames: 2, padded: 0 }, &[1, 2, 3, 4, 5], 2);
        rig.end(Reason::Commit);
        rig.say(&noise(1600, 1)).await;
        let speeches = spoken(&simulator, 1).await;
        assert!(speeches.iter().all(|speech| speech.stream.is_some() || speech.bytes % 2 == 0), "{speeches:?}");
        rig.finish().await.result.expect("a good run");
        assert_eq!(simulator.violations(), []);
    }
}

/// K33.
#[tokio::test]
async fn a_trace_context_comes_once_and_only_if_there_is_one() {
    let trace = format!("00-{}-{}-01", "1".repeat(32), "2".repeat(16));
    for given in [false, true] {
        let simulator = plain();
        let keys = if given { keys(&simulator).with("traceparent", trace.as_str()) } else { keys(&simulator) };
        let mut rig = Rig::opened(&keys).await;
        rig.say(&noise(8000, 1)).await;
        rig.say(&noise(8000, 2)).await;
        let speeches = spoken(&simulator, 2).await;
        rig.finish().await.result.expect("a good run");
        let expected = given.then(|| (trace.clone(), String::new()));
        assert!(speeches.iter().all(|speech| speech.trace == expected && speech.parts.len() > 1));
        assert_eq!(simulator.violations(), [], "never on a message that is not the first");
    }
}

/// K60.
#[tokio::test]
async fn a_request_without_audio_is_ended_and_the_segment_goes_on_in_another() {
    let simulator = plain();
    let mut rig = Rig::opened(&keys(&simulator).with("stall_guard", "200ms")).await;
    let (one, two) = (noise(3200, 1), noise(3200, 2));
    rig.start_saying(&one).await;
    is_whole(&spoken(&simulator, 1).await[0], &one);
    rig.go_on(&two).await;
    rig.end(Reason::Commit);
    is_whole(&spoken(&simulator, 2).await[1], &two);
    let ended = rig.finish().await;
    assert_eq!(ended.ledger.delivered, 6400);
    assert_eq!(simulator.violations(), []);
}

/// K59: the caller sees the queue fill up, and what is lost has a name.
#[tokio::test]
async fn a_server_that_does_not_read_holds_the_queue_and_not_the_memory() {
    let stall = serde_json::json!({ "fault": "F14", "stall": "24h" });
    let simulator = simulator(Config::default(), &[stall]);
    let mut rig = Rig::with_queue(&keys(&simulator).with("sample_rate", 48_000), edge(48_000), 16);
    rig.state("open", 1).await;
    rig.begin();
    let chunk = noise(4800, 1);
    let mut pushed = 0;
    let full = async {
        loop {
            rig.room(1).await;
            rig.chunk(&chunk);
            pushed += 1;
        }
    };
    // The system's buffers take some megabytes, then nothing goes on.
    assert!(tokio::time::timeout(Duration::from_secs(3), full).await.is_err());
    assert_eq!(rig.outfeed.room(), 0, "back-pressure");
    let ended = rig.halt().await;
    balanced(&ended.ledger);
    assert_eq!(ended.ledger.captured, pushed * 4800);
    assert!(ended.ledger.delivered < ended.ledger.captured);
}

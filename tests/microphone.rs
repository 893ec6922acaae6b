//! The whole way, from a sound server to a file and to a live session: what was played into the
//! microphone is what arrives. Skipped, with the reason printed, where no sound server can be had.

mod support;

#[path = "capture/desk.rs"]
mod desk;
#[path = "rig/mod.rs"]
mod rig;

use desk::{TAPE, again_if_too_slow, levels, listen, microphone, source_is, stop};
use glottis::sim::ravatar::Config;
use serde_json::Value;
use support::{CHUNK, Project, TOO_LONG, avatar, heard, simulator, sound, was_left_in_order};

/// Latency was measured and its stages stand beside it.
#[track_caller]
fn latency_is_reported(sink: &Value) {
    let latency = &sink["latency_us"];
    assert!(latency["total"]["n"].as_u64() > Some(0), "{sink}");
    assert!(latency["total"]["p50"].as_u64() > Some(0), "{sink}");
    assert!(latency["total"]["max"].as_u64() >= latency["total"]["p50"].as_u64(), "{sink}");
    for stage in ["capture", "queue", "encode", "write"] {
        assert_eq!(latency["stages"][stage]["n"], latency["total"]["n"], "{stage}: {sink}");
    }
}

#[test]
fn what_is_played_is_recorded_bit_for_bit() {
    again_if_too_slow(|rig| {
        let played = sound::noise(2 * 3 * 48_000, 51);
        let project = Project::new(&(microphone("") + TAPE)).with("in.wav", sound::wav(48_000, 2, &played));
        let mut run = listen(rig.env(), &project);
        source_is(&mut run, "open");
        if rig.play(&project.path("in.wav")).dropped > 0 {
            return false;
        }
        // What was handed to the server last comes through its buffer. Events of the time before this
        // answer have come by then.
        run.ask(r#"{"do":"stats"}"#);
        levels(&mut run);
        let events = stop(run);
        assert_eq!(events.report()["balanced"], true);
        if events.named("gap").count() > 0 {
            return false;
        }
        assert_eq!(events.only("ready")["source"]["rate"], 48_000);
        let recorded = sound::samples(&project.read("tape.raw"));
        let left: Vec<i16> = played.iter().copied().step_by(2).collect();
        let start = recorded.iter().position(|sample| *sample != 0).expect("it was heard");
        // The noise may itself begin with zeros.
        let start = start - left.iter().position(|sample| *sample != 0).unwrap();
        assert!(recorded.len() >= start + left.len(), "{} of {} frames", recorded.len() - start, left.len());
        sound::is_equal(&recorded[start..start + left.len()], &left);
        assert!(recorded[start + left.len()..].iter().all(|sample| *sample == 0), "and silence behind it");
        let tape = events.sink("tape");
        assert_eq!(tape["ledger"]["delivered"], recorded.len());
        assert_eq!(events.report()["source"]["captured"], recorded.len());
        latency_is_reported(tape);
        true
    });
}

/// Spoken into the microphone, found by the detector, streamed to the service, which hears the same as
/// a recorder at the same edge.
#[test]
fn a_spoken_turn_reaches_the_service() {
    const NODES: &str =
        "[[node]]\ntype = \"resample\"\nrate = 16000\n[[node]]\ntype = \"high-pass\"\n[[node]]\ntype = \"vad\"\n";
    const TURN: &str = "turn = { mode = \"speech\", hangover = \"700ms\" }\n";
    again_if_too_slow(|rig| {
        let simulator = simulator(Config { answers: vec!["I see.".into()], ..Config::default() });
        let tape = format!("[[sink]]\nname = \"tape\"\ntype = \"file\"\npath = \"tape.raw\"\nformat = \"raw\"\n{TURN}");
        let chunk = "chunk = { frames = 4096, flush = \"pad\" }\n";
        let avatar = avatar(&simulator, &format!("{TURN}linger = \"20s\""));
        let pipeline = microphone("") + NODES + &avatar + &tape + chunk;
        let stereo: Vec<i16> = sound::speech().into_iter().flat_map(|sample| [sample; 6]).collect();
        let project = Project::new(&pipeline).with("in.wav", sound::wav(48_000, 2, &stereo));
        let mut run = listen(rig.env(), &project);
        run.wait_for(|event| event["sink"] == "avatar" && event["state"] == "open");
        if rig.play(&project.path("in.wav")).dropped > 0 {
            return false;
        }
        run.wait_for(|event| event["event"] == "segment_end" && event["sink"] == "avatar");
        let events = stop(run);
        assert_eq!(events.report()["balanced"], true);
        assert!(events.named("reply").any(|reply| reply["text"] == "I see."), "the service heard a turn");
        if events.named("gap").count() > 0 || events.spans("avatar") != events.spans("tape") {
            return false;
        }
        assert!(events.reasons("avatar").contains(&"speech_end"), "{:?}", events.reasons("avatar"));
        let spoken: usize = events.spans("avatar").iter().map(|(_, frames)| frames).sum();
        assert!(spoken > 2 * 16_000, "the sentence is three seconds long: {spoken} frames");
        let taped = sound::samples(&project.read("tape.raw"));
        assert!(simulator.wait_for(TOO_LONG, |state| state.active_sessions() == 0));
        let heard = without_silent_chunks(&heard(&simulator));
        sound::is_equal(&heard, &without_silent_chunks(&taped));
        assert!(heard.len() > 2 * 16_000, "the hangover is silence and left out: {} samples", heard.len());
        latency_is_reported(events.sink("avatar"));
        was_left_in_order(&simulator);
        true
    });
}

/// Without the silence that follows a turn at the service and not in the recording.
fn without_silent_chunks(samples: &[i16]) -> Vec<i16> {
    let chunks = samples.chunks(CHUNK).filter(|chunk| chunk.iter().any(|sample| *sample != 0));
    chunks.flatten().copied().collect()
}

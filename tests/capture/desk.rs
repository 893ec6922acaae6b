//! Runs that hear the microphone of a rig, and what all of them are held to.

#![allow(dead_code)]

use serde_json::Value;

use crate::rig::Rig;
use crate::support::events::Events;
use crate::support::process::glottis;
use crate::support::{Project, Run, sound};

/// A recording of everything the device gives.
pub const TAPE: &str =
    "[[sink]]\nname = \"tape\"\ntype = \"file\"\npath = \"tape.raw\"\nformat = \"raw\"\nturn = { mode = \"always\" }\n";

/// The first channel of a microphone, with `more` keys.
pub fn microphone(more: &str) -> String {
    format!("version = 1\n[source]\ntype = \"microphone\"\nchannel = 0\n{more}\n")
}

/// A machine that is too slow for the sound server proves nothing: then the test, which says so with false,
/// is run again.
pub fn again_if_too_slow(test: impl Fn(&Rig) -> bool) {
    let Some(rig) = Rig::up() else { return };
    for _ in 0..3 {
        if test(&rig) {
            return;
        }
    }
    panic!("the sound server was too slow three times");
}

/// Starts a run in this environment.
pub fn listen(env: &[(String, String)], project: &Project) -> Run {
    let mut command = glottis();
    command.arg("run").arg(project.path("pipeline.toml")).args(["--events", "-", "--control", "-"]);
    command.envs(env.iter().cloned()).stdin(std::process::Stdio::piped());
    Run::spawn(command)
}

/// Waits until the microphone is in this state.
pub fn source_is(run: &mut Run, state: &str) -> Value {
    run.wait_for(|event| event["source"] == "microphone" && event["state"] == state)
}

/// Half a second of sound goes through.
pub fn levels(run: &mut Run) {
    (0..5).for_each(|_| drop(run.wait_for_event("level")));
}

/// Ends the run, which had no reason to end otherwise.
pub fn stop(mut run: Run) -> Events {
    run.close_stdin();
    let ended = run.finish();
    ended.exits(0).events()
}

/// The states the microphone went through.
pub fn states(events: &Events) -> Vec<&str> {
    events.named("state").filter(|e| e["source"] == "microphone").map(|e| e["state"].as_str().unwrap()).collect()
}

pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// The sink lost nothing because it was late itself.
pub fn kept_up(events: &Events, sink: &str) -> bool {
    number(&events.sink(sink)["ledger"]["dropped"]["overflow"]) == 0
}

/// The timeline has no hole, and what stands in for sound that was lost is counted as lost, by the source
/// and by the sink, to the frame.
#[track_caller]
pub fn books_balance(events: &Events, project: &Project) {
    let report = events.report();
    let (source, tape) = (&report["source"], &events.sink("tape")["ledger"]);
    assert_eq!(report["balanced"], true);
    let taped = sound::samples(&project.read("tape.raw")).len() as u64;
    let captured = number(&tape["captured"]);
    assert_eq!(number(&source["captured"]), captured);
    // A disk that is too slow at the end may cost the last chunk: by name.
    let short = captured.checked_sub(taped).expect("no more than there was");
    assert!(short <= number(&tape["dropped"]["overflow"]), "{short} frames are missing: {tape}");
    let (lost, gap) = (number(&source["dropped"]["device"]), number(&tape["dropped"]["gap"]));
    let overrun = number(&source["dropped"]["overrun"]);
    assert!(gap > 0 && lost + overrun == gap, "{source} {tape}");
    let told: usize = events.gaps().map(|(_, frames)| frames).sum();
    assert_eq!(told as u64, gap, "every lost frame is told of");
    assert_eq!(events.reasons("tape"), ["stop"], "one segment from start to stop");
}

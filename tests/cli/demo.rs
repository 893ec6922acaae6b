//! `glottis demo`: needs nothing, and proves what it says.

use glottis::sim::ravatar::Config;

use crate::support::events::sink_of;
use crate::support::process::{Run, glottis, glottis_with};
use crate::support::{heard, simulator, sound, was_left_in_order};

#[test]
fn the_demo_runs_without_anything_and_balances() {
    let ended = glottis_with(&["demo", "--fast", "--json"]);
    let report = ended.exits(0).report();
    assert_eq!((&report["exit"], &report["balanced"]), (&0.into(), &true.into()));
    let avatar = sink_of(&report, "avatar");
    assert_eq!(avatar["segments"]["ended"], 5, "five sentences, five turns");
    let dropped = avatar["ledger"]["dropped"].as_object().unwrap();
    assert!(dropped.values().all(|frames| *frames == 0), "{avatar}");
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.contains("bit-equal") && last.contains("5 turns"), "{last}");
}

/// What it keeps is a pipeline that runs by itself, against a simulator of ours, and sends the same
/// sound: so the demo's own comparison is not taken on trust.
#[test]
fn what_the_demo_keeps_can_be_run_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("kept");
    let ended =
        glottis_with(&["demo", "--fast", "--set", "sink.avatar.pace_limit=off", "--keep", kept.to_str().unwrap()]);
    ended.exits(0).says(&["kept in"]);
    let sent = sound::samples(&std::fs::read(kept.join("sent.raw")).expect("a recording"));
    let simulator = simulator(Config::default());
    let mut command = glottis();
    command.arg("run").arg(kept.join("demo.toml")).args(["--set", "source.pace=fast", "--json"]);
    command.args(["--set", "sink.avatar.pace_limit=off", "--set", "sink.recording.path=again.raw"]);
    command.arg("--set").arg(format!("sink.avatar.endpoint={}", simulator.http_url()));
    let report = Run::spawn(command).finish().exits(0).report();
    sound::is_equal(&heard(&simulator), &sent);
    assert_eq!(sound::bytes(&sent), std::fs::read(kept.join("again.raw")).expect("another"));
    let ledger = &sink_of(&report, "avatar")["ledger"];
    let frames = ledger["delivered"].as_u64().unwrap() + ledger["padded"].as_u64().unwrap();
    assert_eq!(frames, sent.len() as u64);
    was_left_in_order(&simulator);
}

#[test]
fn the_demo_stops_cleanly_at_a_signal() {
    let mut command = glottis();
    command.args(["demo", "--json"]);
    let mut run = Run::spawn(command);
    run.wait_for_message("segment 0 begins");
    run.signal("INT");
    let ended = run.finish();
    let report = ended.exits(130).report();
    assert_eq!((&report["exit"], &report["balanced"]), (&130.into(), &true.into()));
    assert!(ended.stderr.contains("no live session"), "the session was ended: {}", ended.stderr);
}

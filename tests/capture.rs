//! Devices that are lost in the middle of a run and come back, through a real sound server: the run
//! goes on, on one timeline, and its books balance. Skipped, with the reason printed, where no sound
//! server can be had.

mod support;

#[path = "rig/mod.rs"]
mod rig;

use std::time::Instant;

use glottis::sim::ravatar::Config;
use rig::Rig;
use serde_json::Value;
use support::events::Events;
use support::process::glottis;
use support::{Project, Run, avatar, simulator, sound, was_left_in_order};

const TAPE: &str =
    "[[sink]]\nname = \"tape\"\ntype = \"file\"\npath = \"tape.raw\"\nformat = \"raw\"\nturn = { mode = \"always\" }\n";

fn microphone(more: &str) -> String {
    format!("version = 1\n[source]\ntype = \"microphone\"\nchannel = 0\n{more}\n")
}

/// Starts a run in this environment.
fn listen(env: &[(String, String)], project: &Project) -> Run {
    let mut command = glottis();
    command.arg("run").arg(project.path("pipeline.toml")).args(["--events", "-", "--control", "-"]);
    command.envs(env.iter().cloned()).stdin(std::process::Stdio::piped());
    Run::spawn(command)
}

fn source_is(run: &mut Run, state: &str) -> Value {
    run.wait_for(|event| event["source"] == "microphone" && event["state"] == state)
}

/// Some sound goes through.
fn levels(run: &mut Run) {
    (0..5).for_each(|_| drop(run.wait_for_event("level")));
}

fn stop(mut run: Run) -> Events {
    run.close_stdin();
    let ended = run.finish();
    ended.exits(0).events()
}

fn states(events: &Events) -> Vec<&str> {
    events.named("state").filter(|e| e["source"] == "microphone").map(|e| e["state"].as_str().unwrap()).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// The timeline has no hole, and what stands in for lost sound is counted as lost: by the source to the
/// frame, by the sink in whole blocks.
#[track_caller]
fn books_balance(events: &Events, project: &Project, losses: u64) {
    let report = events.report();
    let (source, tape) = (&report["source"], &events.sink("tape")["ledger"]);
    assert_eq!(report["balanced"], true);
    let taped = sound::samples(&project.read("tape.raw")).len() as u64;
    assert_eq!((taped, number(&source["captured"])), (number(&tape["captured"]), number(&tape["captured"])));
    let (lost, gap) = (number(&source["dropped"]["device"]), number(&tape["dropped"]["gap"]));
    let overrun = number(&source["dropped"]["overrun"]);
    assert!(gap > 0 && (lost + overrun).abs_diff(gap) < losses * 2 * 480, "{source} {tape}");
    let told: u64 = events.named("gap").map(|gap| number(&gap["frames"])).sum();
    assert_eq!(told, gap, "every lost frame is told of");
}

/// Lost and back: the run goes on with one timeline.
fn survives(rig: &mut Rig, host: &str, lose: fn(&Rig), mend: fn(&Rig)) {
    let project = Project::new(&(microphone(&format!("host = \"{host}\"")) + TAPE));
    let mut run = listen(rig.env(), &project);
    source_is(&mut run, "open");
    levels(&mut run);
    lose(rig);
    source_is(&mut run, "lost");
    let error = run.wait_for_event("error");
    assert_eq!((&error["code"], &error["fatal"]), (&"media_aborted".into(), &false.into()), "{error}");
    assert!(!error["advice"].as_str().unwrap_or_default().is_empty());
    source_is(&mut run, "searching");
    // Time goes on without a device.
    levels(&mut run);
    mend(rig);
    let back = Instant::now();
    source_is(&mut run, "open");
    println!("{host}: sound again {} ms after the device was back", back.elapsed().as_millis());
    levels(&mut run);
    let events = stop(run);
    assert_eq!(states(&events), ["opening", "open", "lost", "searching", "open", "done"]);
    assert_eq!(events.reasons("tape"), ["stop"], "one segment from start to stop");
    books_balance(&events, &project, 1);
}

#[test]
fn a_microphone_that_is_unplugged_and_plugged_in_again() {
    let Some(mut rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        survives(&mut rig, host, Rig::unplug, Rig::replug);
    }
}

#[test]
fn a_sound_server_that_is_killed_and_started_again() {
    let Some(mut rig) = Rig::up() else { return };
    for host in ["alsa", "pulseaudio"] {
        survives(&mut rig, host, Rig::crash, Rig::mend);
    }
}

/// What comes back has another rate: it is converted to the rate the run began with.
#[test]
fn a_microphone_of_another_rate_stands_in() {
    let Some(mut rig) = Rig::up() else { return };
    let project = Project::new(&(microphone("host = \"pulseaudio\"") + TAPE));
    let mut run = listen(rig.env(), &project);
    source_is(&mut run, "open");
    levels(&mut run);
    rig.unplug();
    source_is(&mut run, "lost");
    rig.replug_at(44_100);
    source_is(&mut run, "open");
    let tone = |n: u32| (8000.0 * (f64::from(n) * 1000.0 * std::f64::consts::TAU / 44_100.0).sin()) as i16;
    let played: Vec<i16> = (0..44_100).map(tone).collect();
    project.write("tone.wav", sound::wav(44_100, 1, &played));
    rig.play(&project.path("tone.wav"));
    levels(&mut run);
    let events = stop(run);
    books_balance(&events, &project, 1);
    let taped = sound::samples(&project.read("tape.raw"));
    let loud: Vec<usize> = (0..taped.len()).filter(|&i| taped[i].abs() > 2000).collect();
    let (first, last) = (loud[0], loud[loud.len() - 1]);
    let crossings: Vec<usize> = (first..last).filter(|&i| taped[i] < 0 && taped[i + 1] >= 0).collect();
    let mut periods: Vec<usize> = crossings.windows(2).map(|pair| pair[1] - pair[0]).collect();
    periods.sort_unstable();
    assert!((900..1100).contains(&periods.len()), "{} periods in a second", periods.len());
    assert_eq!(periods[periods.len() / 2], 48, "a tone of 1000 Hz is one");
}

/// A live session outlives the loss of its microphone: the socket stays, and what is said afterwards
/// has its pre-roll.
#[test]
fn a_live_session_outlives_its_microphone() {
    const NODES: &str = "[[node]]\ntype = \"resample\"\nrate = 16000\n[[node]]\ntype = \"vad\"\n";
    const TURN: &str = "turn = { mode = \"speech\", hangover = \"700ms\", pre_roll = \"300ms\" }\n";
    let Some(rig) = Rig::up() else { return };
    let simulator = simulator(Config::default());
    let turn = format!("[[sink]]\nname = \"turn\"\ntype = \"file\"\npath = \"turn.raw\"\nformat = \"raw\"\n{TURN}");
    let pipeline = format!("{}{NODES}{}{turn}{TAPE}", microphone(""), avatar(&simulator, TURN));
    let stereo: Vec<i16> = sound::speech().into_iter().flat_map(|sample| [sample; 6]).collect();
    let project = Project::new(&pipeline).with("in.wav", sound::wav(48_000, 2, &stereo));
    let mut run = listen(rig.env(), &project);
    run.wait_for(|event| event["sink"] == "avatar" && event["state"] == "open");
    levels(&mut run);
    rig.unplug();
    source_is(&mut run, "lost");
    levels(&mut run);
    rig.replug();
    source_is(&mut run, "open");
    rig.play(&project.path("in.wav"));
    run.wait_for(|event| event["event"] == "segment_end" && event["sink"] == "avatar");
    let events = stop(run);
    assert_eq!(events.named("connected").count(), 1, "one socket all the time");
    assert_eq!(events.named("session").filter(|session| session["live"] == true).count(), 1, "one live session");
    assert_eq!(events.report()["balanced"], true);
    was_left_in_order(&simulator);
    // The turn is the tape, from before the first word on.
    let (tape, turn) = (sound::samples(&project.read("tape.raw")), sound::samples(&project.read("turn.raw")));
    let (at, frames) = events.spans("turn")[0];
    sound::is_equal(&turn[..frames], &tape[at / 3..at / 3 + frames]);
    let onset = number(&events.named("speech_start").next().expect("speech")["at"]) as usize;
    assert!(at < onset && frames > 2 * 16_000, "from before the first word: {at}, {onset}, {frames}");
}

#[test]
fn a_busy_microphone_is_tried_three_times_more_and_then_ends_the_run() {
    let Some(rig) = Rig::up() else { return };
    let Some(env) = rig.refusing("busy") else { return };
    let project = Project::new(&(microphone("") + TAPE)).with("tape.raw", "of an earlier run");
    let ended = listen(&env, &project).finish();
    let events = ended.exits(3).events();
    let errors: Vec<_> = events.named("error").map(|e| (&e["code"], &e["retryable"], &e["fatal"])).collect();
    let busy = Value::from("media_in_use");
    assert_eq!(errors.first(), Some(&(&busy, &true.into(), &false.into())));
    assert_eq!(errors.last(), Some(&(&busy, &false.into(), &true.into())));
    let waits: Vec<u64> = events.named("retry").map(|retry| number(&retry["in_ms"])).collect();
    assert_eq!(waits, [1000, 2000, 4000]);
    assert_eq!(project.read("tape.raw"), b"of an earlier run", "no sink began anything");
}

#[test]
fn with_wait_a_run_begins_when_a_microphone_is_plugged_in() {
    let Some(rig) = Rig::up() else { return };
    rig.unplug();
    let project = Project::new(&(microphone("wait = true") + TAPE));
    let mut run = listen(rig.env(), &project);
    let error = run.wait_for_event("error");
    assert_eq!((&error["code"], &error["retryable"]), (&"no_specified_media_found".into(), &true.into()));
    source_is(&mut run, "searching");
    rig.replug();
    source_is(&mut run, "open");
    levels(&mut run);
    let events = stop(run);
    assert_eq!(events.sink("tape")["ledger"]["dropped"]["gap"], Value::Null, "time begins with the first sound");
}

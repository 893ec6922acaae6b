//! `glottis bench latency` as a user runs it: what it prints, what it refuses, and the way through a real sound
//! server. What its figures mean is tested in `crates/measure`.

mod support;

#[path = "rig/mod.rs"]
mod rig;

use serde_json::Value;
use support::process::{Ended, glottis};
use support::{Project, sound};

const PIPELINE: &str = "[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"resample\"\nrate = 16000\n\
                        [[sink]]\ntype = \"file\"\npath = \"out.wav\"\nchunk = { frames = 320 }\n";

fn project(pipeline: &str) -> Project {
    Project::new(pipeline).with("in.wav", sound::wav(48_000, 1, &sound::noise(4_800, 3)))
}

fn bench(project: &Project, more: &[&str], env: &[(String, String)]) -> Ended {
    let mut command = glottis();
    command.args(["bench", "latency"]).arg(project.path("pipeline.toml")).args(["--bursts", "3", "--period", "250ms"]);
    command.args(more).envs(env.iter().cloned());
    support::Run::spawn(command).finish()
}

#[track_caller]
fn adds_up(sink: &Value) {
    assert_eq!((&sink["found"], &sink["lost"]), (&3.into(), &0.into()), "{sink}");
    for burst in sink["bursts"].as_array().expect("bursts") {
        let parts: i64 = burst["stages_ns"].as_array().expect("parts").iter().filter_map(Value::as_i64).sum();
        assert_eq!(Some(parts), burst["total_ns"].as_i64(), "{burst}");
    }
    let shares: f64 = sink["stages"].as_array().expect("stages").iter().filter_map(|s| s["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{sink}");
}

#[test]
fn one_object_for_programs_and_a_table_for_people() {
    let project = project(PIPELINE);
    let before = project.read("in.wav");
    let ended = bench(&project, &["--json"], &[]);
    let found: Value = serde_json::from_str(&ended.exits(0).stdout).expect("one JSON object");
    assert_eq!((&found["source"], &found["from"]), (&"file".into(), &"captured".into()), "{found}");
    let sink = &found["sinks"][0];
    adds_up(sink);
    // 2.1 ms at 48 → 16 kHz.
    let filters = sink["algorithmic"]["us"].as_f64().expect("a figure");
    assert!((1_500.0..4_100.0).contains(&filters), "{sink}");
    assert_eq!(project.read("in.wav"), before);
    assert!(!project.path("out.wav").exists(), "the sink's own file is not written");

    let table = bench(&project, &["--each"], &[]);
    for word in ["node resample", "fill", "source", "take", "network", "rest", "total", "100.0%", "burst   0"] {
        assert!(table.stdout.contains(word), "no `{word}`:\n{}", table.stdout);
    }
    table.exits(0);
}

#[test]
fn what_cannot_be_measured_ends_with_the_way_out() {
    let microphone = project(&PIPELINE.replace("type = \"file\"\npath = \"in.wav\"", "type = \"microphone\""));
    bench(&microphone, &[], &[]).exits(2).says(&["--play DEVICE", "--play-command"]);
    let gone = project(&PIPELINE.replace("in.wav", "gone.wav"));
    bench(&gone, &[], &[]).exits(3).says(&["gone.wav", "check `path`"]);
    bench(&project(PIPELINE), &["--sink", "avatar"], &[]).exits(2).says(&["avatar", "there are: file"]);
    bench(&project(PIPELINE), &["--bursts", "0"], &[]).exits(2).says(&["--bursts"]);
    bench(&project(PIPELINE), &["--period", "soon"], &[]).exits(2).says(&["--period"]);
    bench(&project(PIPELINE), &["--play", "x", "--play-command", "y"], &[]).exits(2).says(&["cannot be used with"]);
    bench(&project(PIPELINE), &["--play", "default"], &[]).exits(2).says(&["leave out --play"]);
}

/// A program plays into a virtual microphone, and the microphone source hears it.
#[test]
fn a_microphone_hears_what_a_command_plays() {
    let Some(rig) = rig::Rig::up() else { return };
    let project =
        project(&PIPELINE.replace("type = \"file\"\npath = \"in.wav\"", "type = \"microphone\"\nchannel = 0"));
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/virtual-mic");
    let command = format!("{} play {{file}}", script.display());
    let ended = bench(&project, &["--json", "--play-command", &command], rig.env());
    let found: Value = serde_json::from_str(&ended.exits(0).stdout).expect("one JSON object");
    assert_eq!((&found["source"], &found["from"]), (&"microphone".into(), &"captured".into()), "{found}");
    let sink = &found["sinks"][0];
    adds_up(sink);

    // Nobody plays: then the source is what there is to mend.
    bench(&project, &["--play-command", "true"], rig.env()).exits(3).says(&["hears nothing", "glottis doctor"]);
    bench(&project, &["--play-command", "exit 7"], rig.env()).exits(3).says(&["the command that plays failed"]);
}

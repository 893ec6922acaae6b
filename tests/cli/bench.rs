//! `glottis bench`: what it prints, and what it refuses.

use serde_json::Value;

use crate::support::process::glottis_with;
use crate::support::{Project, sound};

const PIPELINE: &str = "[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"gain\"\n\
                        [[sink]]\ntype = \"file\"\npath = \"out.raw\"\nformat = \"raw\"\noverwrite = true\n";

/// Stages are read from the kernel's accounts of threads, the whole from that of the process.
#[test]
fn throughput_tells_each_stage_and_the_shares_add_up() {
    let project = Project::new(PIPELINE).with("in.wav", sound::wav(16_000, 1, &sound::noise(3 * 16_000, 3)));
    let file = project.path("pipeline.toml");
    let ended = glottis_with(&["bench", "throughput", file.to_str().unwrap(), "--json"]);
    let found: Value = serde_json::from_str(&ended.exits(0).stdout).expect("JSON");
    assert_eq!((&found["audio_s"], &found["balanced"]), (&3.0.into(), &true.into()));
    let stages = found["stages"].as_array().expect("stages");
    assert!(stages.iter().any(|stage| stage["name"] == "gain"), "{found}");
    let shares: f64 = stages.iter().filter_map(|stage| stage["share"].as_f64()).sum();
    assert!((shares - 1.0).abs() < 0.05, "{found}");
    assert!(found["allocations"].is_u64(), "more than a second of audio: {found}");
}

#[test]
fn throughput_of_a_microphone_is_refused_with_what_to_do() {
    let project = Project::new(&PIPELINE.replace("type = \"file\"\npath = \"in.wav\"", "type = \"microphone\""));
    let file = project.path("pipeline.toml");
    let ended = glottis_with(&["bench", "throughput", file.to_str().unwrap()]);
    ended.exits(2).says(&["delivers in real time", "source.type=file"]);
}

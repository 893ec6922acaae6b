//! `glottis bench`: what it prints, and what it refuses.

use serde_json::Value;

use crate::support::process::glottis_with;
use crate::support::{Project, sound};

const PIPELINE: &str = "[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"gain\"\n\
                        [[sink]]\ntype = \"file\"\npath = \"out.raw\"\nformat = \"raw\"\noverwrite = true\n";

/// Stages are read from the kernel's accounts of threads, the whole from that of the process. The shorter the
/// recording, the more of its threads end between two looks: then nobody knows which spent it, but none of it is lost.
#[test]
fn throughput_tells_each_stage_and_the_shares_add_up() {
    for (frames, repeats) in [(1_600, 5), (3 * 16_000, 5), (600 * 16_000, 3)] {
        let project = Project::new(PIPELINE).with("in.wav", sound::wav(16_000, 1, &sound::noise(frames, 3)));
        let file = project.path("pipeline.toml");
        for _ in 0..repeats {
            let ended = glottis_with(&["bench", "throughput", file.to_str().unwrap(), "--json"]);
            let found: Value = serde_json::from_str(&ended.exits(0).stdout).expect("JSON");
            assert_eq!((&found["audio_s"], &found["balanced"]), (&(frames as f64 / 16_000.0).into(), &true.into()));
            assert_eq!(found["allocations"].is_u64(), frames > 16_000, "of more than a second of audio: {found}");
            adds_up(&found);
            // Ten minutes are long enough for every thread to be seen at work, under its own name.
            let share = |name: &str| share(&found, |stage| stage.starts_with(name));
            let pipeline = share("gain") + share("outlets");
            assert!(frames < 600 * 16_000 || (pipeline > 0.05 && share("source") > 0.05), "{found}");
        }
    }
}

/// What the stages of such names take of the whole.
fn share(found: &Value, named: impl Fn(&str) -> bool) -> f64 {
    let stages = found["stages"].as_array().expect("stages").iter();
    let named = stages.filter(|stage| stage["name"].as_str().is_some_and(&named));
    named.filter_map(|stage| stage["share"].as_f64()).sum()
}

fn adds_up(found: &Value) {
    let stages = found["stages"].as_array().expect("stages");
    let sum = |key: &str| stages.iter().filter_map(|stage| stage[key].as_f64()).sum::<f64>();
    assert!((sum("share") - 1.0).abs() < 1e-9, "{found}");
    let (ns, whole) = (sum("ns_per_block"), found["ns_per_block"].as_f64().expect("a figure"));
    assert!((ns / whole - 1.0).abs() < 1e-9, "{found}");
    assert!(stages.iter().all(|stage| stage["share"].as_f64() >= Some(0.0)), "{found}");
    for name in ["gain", "other threads, and ends of these"] {
        assert!(stages.iter().any(|stage| stage["name"] == name), "{name}: {found}");
    }
}

#[test]
fn throughput_of_a_microphone_is_refused_with_what_to_do() {
    let project = Project::new(&PIPELINE.replace("type = \"file\"\npath = \"in.wav\"", "type = \"microphone\""));
    let file = project.path("pipeline.toml");
    let ended = glottis_with(&["bench", "throughput", file.to_str().unwrap()]);
    ended.exits(2).says(&["delivers in real time", "source.type=file"]);
}

/// Each figure is there and fits the others; how large it is depends on the machine.
#[test]
fn sessions_tells_what_so_many_cost_and_balances() {
    let ended = glottis_with(&["bench", "sessions", "3", "--for", "2s", "--limit", "60s", "--json"]);
    let found: Value = serde_json::from_str(&ended.exits(0).stdout).expect("one line of JSON");
    assert_eq!(
        (&found["sessions"], &found["balanced"], &found["dropped_frames"]),
        (&3.into(), &true.into(), &0.into())
    );
    assert!(found["chunks"].as_u64() > Some(0) && found["kib_per_session"].is_u64(), "{found}");
    let figure = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("{key}: {found}"));
    assert!(figure("p50_ms") <= figure("p99_ms") && figure("p99_ms") <= figure("max_ms"), "{found}");
    assert!(figure("cpu_share") > 0.0 && figure("idle_share_per_session") > 0.0, "{found}");
    let threads = found["threads"].as_array().expect("threads");
    assert!(threads.iter().any(|thread| thread[0] == "glottis-pipelin"), "{found}");
    assert!(found.get("share_per_further_session").is_none(), "there is nothing before: {found}");
}

#[test]
fn sessions_goes_on_until_something_gives_out_and_says_what() {
    let ended = glottis_with(&["bench", "sessions", "--for", "1s", "--limit", "1us"]);
    ended.exits(0);
    assert!(ended.stdout.contains("gave out: "), "{}", ended.stdout);
    assert!(ended.stdout.contains("KiB/session"), "{}", ended.stdout);
}

#[test]
fn sessions_of_none_and_too_many_are_refused() {
    for number in ["0", "-1", "many", "70000"] {
        glottis_with(&["bench", "sessions", "--", number]).exits(2);
    }
    glottis_with(&["bench", "sessions", "1", "--for", "soon"]).exits(2);
}

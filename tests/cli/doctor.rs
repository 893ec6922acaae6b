//! `glottis doctor`: what it finds, and how it says so.

use std::io::Write;

use crate::support::process::{Ended, glottis};
use crate::support::{Project, Run, sound};

fn doctor(project: &Project, more: &[&str]) -> Ended {
    Run::start("doctor", project, more).finish()
}

fn of_file(wav: Vec<u8>) -> Project {
    Project::new("version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n").with("in.wav", wav)
}

/// A second and a half of somebody speaking.
fn speech() -> Vec<i16> {
    sound::speech()[8_000..32_000].to_vec()
}

#[test]
fn a_clean_recording_is_found_clean() {
    let project = of_file(sound::wav(16_000, 1, &speech()));
    let ended = doctor(&project, &[]);
    assert!(ended.exits(0).stdout.contains("nothing is wrong"), "{}", ended.stdout);
    let json: serde_json::Value = serde_json::from_str(&doctor(&project, &["--json"]).exits(0).stdout).expect("JSON");
    assert_eq!(
        (&json["source"], &json["rate"], &json["findings"]),
        (&"file".into(), &16_000.into(), &serde_json::json!([]))
    );
    assert_eq!(json["seconds"], 1.5, "to the end of a recording that is shorter");
}

#[test]
fn each_fault_is_named_with_its_remedy() {
    let dead: Vec<i16> = speech().into_iter().flat_map(|x| [x, 0]).collect();
    let loud: Vec<i16> = speech().into_iter().map(|x| x.saturating_mul(30)).collect();
    for (code, wav) in [
        ("ZEROS", sound::wav(48_000, 1, &[0; 96_000])),
        ("CHANNEL_DEAD", sound::wav(16_000, 2, &dead)),
        ("CLIPPING", sound::wav(16_000, 1, &loud)),
    ] {
        let project = of_file(wav);
        let json: serde_json::Value =
            serde_json::from_str(&doctor(&project, &["--json"]).exits(1).stdout).expect("JSON");
        let codes: Vec<_> = json["findings"].as_array().expect("a list").iter().map(|f| &f["code"]).collect();
        assert_eq!(codes, [code]);
        let people = doctor(&project, &[]);
        let advice = json["findings"][0]["advice"].as_str().expect("a remedy");
        assert!(people.exits(1).stdout.contains(code) && people.stdout.contains(advice), "{}", people.stdout);
    }
}

#[test]
fn stereo_sent_as_mono_through_a_pipe_is_noticed() {
    let project =
        Project::new("version = 1\n[source]\ntype = \"stdin\"\nformat = \"s16le\"\nrate = 16000\nchannels = 1\n");
    let mut command = glottis();
    command.args(["doctor", "--json", "--for", "3s"]).arg(project.path("pipeline.toml"));
    let mut run = Run::spawn({
        command.stdin(std::process::Stdio::piped());
        command
    });
    let twice: Vec<i16> = speech().into_iter().flat_map(|x| [x, x]).collect();
    let mut pipe = run.take_stdin();
    pipe.write_all(&sound::bytes(&twice)).expect("it reads");
    drop(pipe);
    let ended = run.finish();
    assert!(ended.exits(1).stdout.contains("\"STEREO_AS_MONO\""), "{}", ended.stdout);
}

#[test]
fn a_source_that_is_wrong_or_not_there_has_its_own_exit_code() {
    let missing = Project::new("version = 1\n[source]\ntype = \"file\"\npath = \"nothing.wav\"\n");
    doctor(&missing, &[]).exits(3).says(&["nothing.wav"]);
    let wrong = Project::new("version = 1\n[source]\ntype = \"file\"\npth = \"in.wav\"\n");
    doctor(&wrong, &[]).exits(2).says(&["pth", "path"]);
    let none = Project::new("version = 1\n");
    doctor(&none, &[]).exits(2).says(&["there is no source"]);
}

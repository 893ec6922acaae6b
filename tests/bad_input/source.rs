//! Exit code 3: the source cannot be played, or not to its end. What there was is delivered.

use serde_json::Value;

use crate::support::sound::{Header, wav_with};
use crate::support::{Ended, Project, sound};

const PIPELINE: &str = r#"
version = 1
[source]
type = "file"
path = "in.wav"
pace = "fast"
[[sink]]
type = "file"
path = "out.raw"
format = "raw"
"#;

/// Plays a file of these bytes.
fn play(bytes: &[u8]) -> (Project, Ended) {
    let project = Project::new(PIPELINE).with("in.wav", bytes);
    let ended = project.run(&["--events", "-"]);
    (project, ended)
}

/// The run says what is wrong, as an event and to people, and ends with 3.
#[track_caller]
fn complains(ended: &Ended, code: &str, parts: &[&str]) -> Value {
    let events = ended.exits(3).events();
    let error = events.only("error").clone();
    assert_eq!((&error["code"], &error["source"], &error["fatal"]), (&code.into(), &"file".into(), &true.into()));
    let message = error["message"].as_str().unwrap();
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    assert!(error["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{error}");
    assert!(ended.stderr.contains(message), "{}", ended.stderr);
    assert_eq!(events.report()["balanced"], true);
    error
}

fn good(frames: usize) -> Header {
    Header { tag: 1, channels: 1, rate: 16_000, bits: 16, data: 2 * frames as u32 }
}

#[test]
fn a_file_that_is_not_there_or_is_none() {
    let project = Project::new(PIPELINE);
    complains(&project.run(&["--events", "-"]), "File", &["in.wav"]);
    assert!(!project.path("out.raw").exists(), "no recording of nothing");
    std::fs::create_dir(project.path("in.wav")).expect("a folder");
    complains(&project.run(&["--events", "-"]), "File", &["in.wav"]);
}

#[test]
fn a_file_that_holds_no_sound() {
    complains(&play(b"").1, "Format", &["in.wav"]);
    complains(&play(b"This is no sound at all.").1, "Format", &["in.wav"]);
    complains(&play(&[0; 100_000]).1, "Format", &["in.wav"]);
}

#[test]
fn a_header_that_makes_no_sense() {
    for header in [
        Header { channels: 0, ..good(100) },
        Header { rate: 0, ..good(100) },
        Header { rate: 4_000_000_000, ..good(100) },
        Header { bits: 48, ..good(100) },
        Header { tag: 0x7777, ..good(100) },
    ] {
        complains(&play(&wav_with(header, &sound::bytes(&sound::noise(100, 1)))).1, "Format", &["in.wav"]);
    }
}

#[test]
fn a_channel_that_the_file_does_not_have() {
    let wav = sound::wav(16_000, 2, &sound::noise(200, 2));
    let project = Project::new(PIPELINE).with("in.wav", wav);
    let ended = project.run(&["--events", "-", "--set", "source.channel=2"]);
    complains(&ended, "Format", &["in.wav", "channel"]);
    project.run(&["--set", "source.channel=1"]).exits(0);
}

/// Of a file that is cut short, and of one that claims two gigabytes, everything that is there is
/// delivered.
#[test]
fn a_file_that_ends_before_its_header_says() {
    let sent = sound::noise(5_000, 3);
    for claimed in [10_002, 20_000, 2_000_000_000] {
        let (project, ended) = play(&wav_with(Header { data: claimed, ..good(0) }, &sound::bytes(&sent)));
        complains(&ended, "Format", &["in.wav"]);
        sound::is_equal(&sound::samples(&project.read("out.raw")), &sent);
        let events = ended.events();
        assert_eq!(events.reasons("file"), ["stop"]);
        let peak = events.report()["peak_rss_bytes"].as_u64().unwrap();
        assert!(peak < 256 << 20, "no memory for what is only claimed: {peak}");
    }
}

/// Sizes of programs that did not know how much they would write.
#[test]
fn a_header_that_leaves_the_size_open_is_no_fault() {
    let sent = sound::noise(5_000, 4);
    for claimed in [0, 0x7FFF_FFFF, 0xFFFF_FFFF] {
        let (project, ended) = play(&wav_with(Header { data: claimed, ..good(0) }, &sound::bytes(&sent)));
        ended.exits(0);
        sound::is_equal(&sound::samples(&project.read("out.raw")), &sent);
    }
}

#[test]
fn a_file_without_frames_is_played() {
    let (project, ended) = play(&sound::wav(16_000, 1, &[]));
    let events = ended.exits(0).events();
    assert_eq!(events.report()["source"]["captured"], 0);
    assert_eq!(project.read("out.raw").len(), 0);
}

#[test]
fn a_stream_on_stdin_that_is_no_wav() {
    let pipeline = PIPELINE.replace("type = \"file\"\npath = \"in.wav\"\n", "type = \"stdin\"\n");
    let project = Project::new(&pipeline);
    for bytes in [&b""[..], b"RIFF", b"This is no sound at all, however long it goes on and on and on."] {
        let mut run = crate::support::Run::start("run", &project, &["--events", "-"]);
        // It may be gone before it has read all.
        let _ = std::io::Write::write_all(&mut run.take_stdin(), bytes);
        let events = run.finish().exits(3).events();
        assert_eq!(
            (&events.only("error")["code"], &events.only("error")["source"]),
            (&"Format".into(), &"stdin".into())
        );
    }
}

#[test]
fn a_device_that_is_not_there() {
    let pipeline = PIPELINE.replace(
        "type = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n",
        "type = \"microphone\"\ndevice = \"No Such Device\"\n",
    );
    let ended = Project::new(&pipeline).run(&["--events", "-"]);
    let events = ended.exits(3).events();
    let error = events.only("error");
    assert_eq!(
        (&error["code"], &error["source"]),
        (&"no_specified_media_found".into(), &"microphone".into()),
        "{error}"
    );
    assert!(ended.stderr.contains("No Such Device"), "{}", ended.stderr);
}

/// `ready` comes first and the report last even where nothing could be opened, and no sink is left
/// in the air.
#[test]
fn sinks_are_told_as_done_although_they_never_began() {
    let ended = Project::new(PIPELINE).run(&["--events", "-"]);
    let events = ended.exits(3).events();
    assert_eq!(events.named("segment_begin").count(), 0);
    let states: Vec<&Value> = events.named("state").filter(|e| e["sink"] == "file").map(|e| &e["state"]).collect();
    assert_eq!(states, ["done"]);
    assert_eq!(events.sink("file")["connects"], 0);
}

//! With `pace = "fast"` a run is deterministic: the same input gives the same bytes at every sink and
//! the same events, apart from times.

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use glottis::sim::ravatar::Config;
use serde_json::Value;
use support::events::{Events, without_times};
use support::{Project, avatar, heard, simulator, sound, was_left_in_order};

/// Spoken sentences and pauses, at 44.1 kHz in two channels, so that every stage has work to do.
fn stereo() -> Vec<u8> {
    let speech = sound::speech();
    let mut mono = vec![0; 8_000];
    for _ in 0..3 {
        mono.extend(&speech);
        mono.extend(vec![0; 24_000]);
    }
    let at = |n: usize| mono[n * 16_000 / 44_100];
    let frames = mono.len() / 16_000 * 44_100;
    let stereo: Vec<i16> = (0..frames).flat_map(|n| [at(n), at(n) / 2]).collect();
    sound::wav(44_100, 2, &stereo)
}

const NODES: &str = r#"
version = 1
[source]
type = "file"
path = "in.wav"
pace = "fast"
[[node]]
type = "resample"
rate = 16000
[[node]]
type = "high-pass"
[[node]]
type = "vad"
"#;

const FILES: &str = r#"
[[sink]]
name = "takes"
type = "file"
path = "take-{segment}.wav"
turn = { mode = "speech", max = "2s" }
[[sink]]
name = "lines"
type = "file"
path = "lines.ndjson"
format = "ndjson"
message = '{"n":{seq},"at":{at},"s":{segment},"a":"{audio}"}'
turn = { mode = "speech" }
chunk = { frames = 4096, flush = "pad" }
[[sink]]
name = "all"
type = "file"
path = "all.flac"
format = "flac"
input = "source"
[[sink]]
name = "raw"
type = "file"
path = "all.raw"
format = "raw"
"#;

/// All files of a project's folder but its input.
fn files(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(project.folder()).expect("a folder").map(|entry| entry.expect("an entry"));
    let names = entries.map(|entry| entry.file_name().into_string().expect("a name"));
    let out = names.filter(|name| name != "in.wav" && name != "pipeline.toml");
    out.map(|name| (name.clone(), project.read(&name))).collect()
}

#[test]
fn files_and_all_events_are_the_same_each_time() {
    let project = Project::new(&format!("{NODES}{FILES}")).with("in.wav", stereo());
    let run = || {
        let ended = project.run(&["--events", "-"]);
        let events: Vec<Value> = ended.exits(0).events().0.into_iter().map(without_times).collect();
        // Which file a run replaced is not of the run itself.
        let events: Vec<Value> = events.into_iter().filter(|event| event["event"] != "notice").collect();
        (files(&project), events)
    };
    let (files, events) = run();
    assert!(files.len() >= 6, "three files and a few takes: {:?}", files.keys());
    assert!(files.values().all(|bytes| bytes.len() > 1_000));
    let segments = events.iter().filter(|event| event["event"] == "segment_end").count();
    assert!(segments >= 8, "{segments} segments");
    for _ in 0..4 {
        let (again, events_again) = run();
        assert_eq!(files.keys().collect::<Vec<_>>(), again.keys().collect::<Vec<_>>());
        for (name, bytes) in &files {
            assert!(bytes == &again[name], "{name} differs");
        }
        for (first, second) in events.iter().zip(&events_again) {
            assert_eq!(first, second, "the first event that differs");
        }
        assert_eq!(events.len(), events_again.len());
    }
}

/// Everything the simulator was told, in order: REST calls, messages, and the sound in them.
fn wire(simulator: &glottis::sim::ravatar::Simulator) -> (Vec<Value>, Vec<i16>) {
    let log = serde_json::to_value(simulator.log()).expect("JSON");
    let from_client =
        |entry: &&Value| ["request", "message", "socket_opened"].contains(&entry["event"].as_str().unwrap());
    let entries = log["entries"].as_array().expect("entries").iter().filter(from_client).cloned();
    let bare = |entry: Value| {
        let mut entry = without_times(entry);
        // Answers stand between the messages, when they happen to be sent; and a message came when it came.
        for key in ["n", "arrived"] {
            entry.as_object_mut().expect("an entry").remove(key);
        }
        entry
    };
    (entries.map(bare).collect(), heard(simulator))
}

/// The events of each origin in its own order: `ready`, source, each sink, the report. When a reply
/// comes is the service's business.
fn by_origin(events: &Events) -> BTreeMap<String, Vec<Value>> {
    let mut origins: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in events.0.iter().filter(|event| event["event"] != "reply") {
        let origin = event["sink"].as_str().unwrap_or("pipeline").to_owned();
        origins.entry(origin).or_default().push(without_times(event.clone()));
    }
    origins
}

#[test]
fn a_live_session_is_the_same_each_time() {
    let project = Project::new("").with("in.wav", stereo());
    // The same ids and tokens each time, and one address for all runs: simulators follow each other.
    let service = Config { seed: 7, reply_delay: Duration::ZERO, ..Config::default() };
    let first = simulator(service.clone());
    let listen = first.address();
    let keys = "turn = { mode = \"speech\", hangover = \"700ms\" }\nlinger = \"3s\"\n";
    project.write("pipeline.toml", format!("{NODES}{}{FILES}", avatar(&first, keys)));
    let run = |simulator: glottis::sim::ravatar::Simulator| {
        let ended = project.run(&["--events", "-"]);
        let events = ended.exits(0).events();
        was_left_in_order(&simulator);
        let mut replies: Vec<Value> = events.named("reply").cloned().map(without_times).collect();
        replies.iter_mut().for_each(|reply| drop(reply.as_object_mut().unwrap().remove("media")));
        let mut origins = by_origin(&events);
        // Files replaced by a later run are told of; see above.
        origins.values_mut().for_each(|events| events.retain(|event| event["event"] != "notice"));
        (wire(&simulator), origins, replies)
    };
    let (wire, origins, replies) = run(first);
    assert!(replies.len() >= 3, "each sentence was answered: {replies:?}");
    for _ in 0..3 {
        let simulator = simulator(Config { listen, ..service.clone() });
        let (wire_again, origins_again, replies_again) = run(simulator);
        assert_eq!(wire.0, wire_again.0, "calls and messages");
        sound::is_equal(&wire_again.1, &wire.1);
        assert_eq!(replies, replies_again);
        for (origin, events) in &origins {
            assert_eq!(events, &origins_again[origin], "the events of {origin}");
        }
    }
}

/// The first run finds no files to replace and the second does; what it says of it is all that differs.
#[test]
fn a_file_that_is_replaced_is_told_of() {
    let pipeline = format!("{NODES}[[sink]]\nname = \"one\"\ntype = \"file\"\npath = \"one.wav\"\n");
    let project = Project::new(&pipeline).with("in.wav", stereo());
    let notices = || project.run(&["--events", "-"]).events().named("notice").count();
    assert_eq!((notices(), notices()), (0, 1));
}

//! A library in Rust: its panics stay on its side, its sources and sinks work across the border.

use serde_json::Value;

use crate::build::{of_crate, rusty};
use crate::support::events::Events;
use crate::support::{Ended, Project, sound};

const FRAMES: usize = 16_000;

fn ramp(frames: usize) -> Vec<i16> {
    (0..frames).map(|i| (i % 30_011) as i16).collect()
}

fn run(source: &str, node: &str, sink: &str) -> (Project, Ended) {
    let text = format!(
        "plugins = [{:?}]\n[source]\ntype = \"ramp\"\n{source}\n{node}\n[[sink]]\n{sink}\n",
        rusty().to_str().unwrap()
    );
    let project = Project::new(&text);
    let ended = project.run(&["--events", "-"]);
    (project, ended)
}

const RECORD: &str = "type = \"file\"\npath = \"out.wav\"";
const DUMP: &str = "type = \"dump\"\npath = \"out.bin\"";

fn recorded(project: &Project) -> Vec<i16> {
    sound::samples(&project.read("out.wav")[44..])
}

fn panicky(when: &str, more: &str) -> String {
    format!("[[node]]\ntype = \"panicky\"\npath = \"relative\"\nwhen = \"{when}\"\n{more}")
}

fn codes(events: &Events) -> Vec<&str> {
    events.named("error").map(|e| e["code"].as_str().unwrap()).collect()
}

#[test]
fn a_create_or_prepare_that_panics_is_a_problem_of_the_configuration() {
    for when in ["create", "prepare"] {
        let (_, ended) = run("", &panicky(when, ""), RECORD);
        ended.exits(2).says(&["pipeline.toml:", &format!("`{when}`"), "panicked", "told to", "report it"]);
    }
}

#[test]
fn a_process_that_panics_is_bypassed_and_the_host_lives() {
    let (project, ended) = run("", &panicky("process", ""), RECORD);
    let events = ended.exits(0).events();
    assert_eq!(codes(&events), ["Panicked"]);
    assert_eq!(events.named("state").filter(|e| e["node"] == "panicky").count(), 1);
    assert!(recorded(&project) == ramp(FRAMES), "no frame is lost");
    assert_eq!(events.report()["nodes"][0]["blocks"], 11);
}

#[test]
fn it_may_panic_again_and_again_and_when_it_is_reset_or_dropped() {
    for when in ["process", "reset", "drop"] {
        let (project, ended) = run("", &panicky(when, "rearm = \"10ms\""), RECORD);
        let events = ended.exits(0).events();
        assert!(recorded(&project) == ramp(FRAMES), "{when}");
        let again = events.report()["nodes"][0]["rearmed"].as_u64().unwrap();
        assert_eq!(again > 10, when == "process", "{when}: {again}");
    }
}

#[test]
fn a_source_delivers_every_frame_from_its_own_thread() {
    for frames in [0, 1, 159, 160, FRAMES, 100_003] {
        let (project, ended) = run(&format!("frames = {frames}"), "", RECORD);
        let events = ended.exits(0).events();
        assert_eq!(events.report()["source"]["captured"], frames, "{frames}");
        assert_eq!(events.report()["source"]["gaps"], 0);
        if frames > 0 {
            assert!(recorded(&project) == ramp(frames), "{frames}");
        }
        assert_eq!(events.only("ready")["source"]["device"], "a ramp of Rust");
    }
}

#[test]
fn a_live_source_loses_nothing_unnamed() {
    let (_, ended) = run("frames = 100000\nwaits = false", "", RECORD);
    let events = ended.exits(0).events();
    let source = &events.report()["source"];
    assert_eq!(source["captured"], 100_000, "what found a ring full is counted too");
    assert_eq!(events.sink("file")["ledger"]["balanced"], true);
    assert_eq!(events.sink("file")["ledger"]["captured"], 100_000);
}

#[test]
fn a_source_that_breaks_ends_the_run_with_its_own_words() {
    let (_, ended) = run("breaks = true", "", RECORD);
    let events = ended.exits(3).events();
    let error = events.only("error");
    assert_eq!((&error["code"], &error["source"]), (&"Avalanche".into(), &"ramp".into()));
    assert!(error["message"].as_str().unwrap().contains("gave way") && error["advice"] == "build it of stone");
}

#[test]
fn a_linked_source_gives_the_same_from_its_file() {
    let pipeline = "[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let out = |more: &[&str]| {
        let project = Project::new(pipeline).with("in.wav", sound::wav(48_000, 2, &sound::noise(96_000, 9)));
        project.run(more).exits(0);
        project.read("out.wav")
    };
    let library = of_crate("glottis-source-file");
    assert!(out(&["--plugin", library.to_str().unwrap()]) == out(&[]));
}

fn dumped(project: &Project) -> (Vec<u8>, String) {
    let mut bytes = project.read("out.bin");
    let tail = bytes.split_off(bytes.len().min(FRAMES * 2));
    (bytes, String::from_utf8_lossy(&tail).into_owned())
}

#[test]
fn a_sink_gets_every_packet_and_is_closed() {
    let (project, ended) = run("", "", DUMP);
    let events = ended.exits(0).events();
    let (bytes, tail) = dumped(&project);
    assert!(sound::samples(&bytes) == ramp(FRAMES));
    assert_eq!(tail, "stop 16000 closed");
    let sink = events.sink("dump");
    assert_eq!((&sink["chunks"], &sink["connects"]), (&40.into(), &1.into()), "its own chunk of 400 frames");
    assert_eq!(sink["ledger"]["delivered"], FRAMES);
}

#[test]
fn a_sink_that_is_stuck_is_opened_again() {
    let (project, ended) = run("", "", &format!("{DUMP}\ntrouble = \"once\""));
    let events = ended.exits(0).events();
    assert_eq!(codes(&events), ["Stuck"]);
    assert_eq!(events.only("retry")["in_ms"], 10);
    assert!(sound::samples(&dumped(&project).0) == ramp(FRAMES), "a source that can wait waited");
}

#[test]
fn a_packet_that_is_refused_is_dropped_by_name() {
    let (_, ended) = run("", "", &format!("{DUMP}\ntrouble = \"rejected\""));
    let events = ended.exits(0).events();
    let ledger = &events.sink("dump")["ledger"];
    assert_eq!((&ledger["delivered"], &ledger["dropped"]["rejected"]), (&(FRAMES - 400).into(), &400.into()));
    assert_eq!(codes(&events), ["No"]);
}

#[test]
fn a_sink_that_fails_or_panics_is_given_up_by_name() {
    for (trouble, code) in [("open", "NoDoor"), ("write", "Full"), ("panic", "Panicked")] {
        let (_, ended) = run("", "", &format!("{DUMP}\ntrouble = \"{trouble}\""));
        let events = ended.exits(4).events();
        assert_eq!(codes(&events), [code], "{trouble}");
        assert_eq!(events.sink("dump")["ledger"]["balanced"], true, "{trouble}");
    }
}

#[test]
fn a_sink_says_what_it_wants_and_what_it_cannot_take() {
    let (_, ended) = run("", "[[node]]\ntype = \"resample\"\nrate = 8000", DUMP);
    ended.exits(2).says(&["sink[0]", "only 16000 Hz", "insert a resampler"]);
    let (_, ended) = run("", "", "type = \"async\"");
    ended.exits(2).says(&["sink[0]", "async runtime", "BlockingSink"]);
}

#[test]
fn a_halt_ends_a_run_with_a_loaded_source_and_sink() {
    let text = format!(
        "plugins = [{:?}]\n[source]\ntype = \"ramp\"\nframes = 10000000000\n[[sink]]\n{DUMP}\n",
        rusty().to_str().unwrap()
    );
    let project = Project::new(&text);
    let mut run = project.start(&[]);
    run.wait_for_event("level");
    run.signal("INT");
    let report: Value = run.finish().exits(130).events().report().clone();
    assert_eq!(report["balanced"], true);
}

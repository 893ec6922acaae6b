//! Components that fail, panic, lie or are too slow: each is told by name, the stream goes on without
//! their effect, and every frame is accounted for.

use serde_json::Value;

use crate::build::of_c;
use crate::support::events::Events;
use crate::support::{Ended, Project, sound};

/// A second at 16 kHz.
const FRAMES: usize = 16_000;

fn samples() -> Vec<i16> {
    sound::noise(FRAMES, 7)
}

/// A run of a file through the node `nasty`, with this mistake, into a recording.
fn run(mistake: &[&str], keys: &str) -> (Project, Ended) {
    let library = of_c("nasty", mistake);
    let pipeline = format!(
        "plugins = [{:?}]\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n\
         [[node]]\ntype = \"nasty\"\n{keys}\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n",
        library.to_str().unwrap()
    );
    let project = Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &samples()));
    let ended = project.run(&["--events", "-"]);
    (project, ended)
}

/// What was recorded.
fn recorded(project: &Project) -> Vec<i16> {
    sound::samples(&project.read("out.wav")[44..])
}

/// Ten blocks at half the amplitude, then as they came.
#[track_caller]
fn is_bypassed_from_block_ten(project: &Project, events: &Events) {
    let heard = recorded(project);
    let came = samples();
    assert_eq!(heard.len(), FRAMES, "no gap");
    assert!(heard[1600..] == came[1600..], "bypassed from the block it failed on");
    assert!(heard[..1600] != came[..1600], "the effect until then");
    let ledger = &events.sink("file")["ledger"];
    assert_eq!((&ledger["delivered"], &ledger["balanced"]), (&FRAMES.into(), &true.into()));
}

fn errors(events: &Events) -> Vec<(&str, &str)> {
    events.named("error").map(|e| (e["node"].as_str().unwrap(), e["code"].as_str().unwrap())).collect()
}

fn states(events: &Events) -> Vec<&str> {
    events.named("state").filter(|e| e["node"] == "nasty").map(|e| e["state"].as_str().unwrap()).collect()
}

fn node(events: &Events) -> &Value {
    &events.report()["nodes"][0]
}

#[test]
fn a_process_that_fails_is_bypassed_with_an_event_and_counted() {
    // A failure, a panic caught on the other side, and a status nobody knows.
    for (status, code) in [("1", "Failed"), ("5", "Panicked"), ("12345", "Failed")] {
        let (project, ended) = run(&[&format!("PROCESS_STATUS={status}")], "");
        let events = ended.exits(0).events();
        is_bypassed_from_block_ten(&project, &events);
        assert_eq!(errors(&events), [("nasty", code)]);
        assert_eq!(states(&events), ["bypassed"]);
        assert_eq!((&node(&events)["faults"], &node(&events)["blocks"]), (&1.into(), &11.into()));
    }
}

#[test]
fn marks_that_are_none_or_too_many_are_a_failure() {
    for (mistake, code) in [
        ("PROCESS_MARKS=9", "TooManyMarks"),
        ("PROCESS_MARKS=4000000000u", "TooManyMarks"),
        ("PROCESS_MARK_KIND=77", "Failed"),
    ] {
        let (project, ended) = run(&[mistake], "");
        let events = ended.exits(0).events();
        is_bypassed_from_block_ten(&project, &events);
        assert_eq!(errors(&events), [("nasty", code)], "{mistake}");
    }
}

#[test]
fn a_process_that_overruns_its_budget_three_times_is_bypassed() {
    let (project, ended) = run(&["PROCESS_SLOW_US=300000"], "budget = \"200ms\"");
    let events = ended.exits(0).events();
    assert_eq!(errors(&events), [("nasty", "DeadlineMissed")]);
    assert_eq!(states(&events), ["bypassed"]);
    assert_eq!(node(&events)["overruns"], 3);
    let heard = recorded(&project);
    assert_eq!(heard.len(), FRAMES, "no gap");
    // What it made of the late blocks is sound and stays.
    assert!(heard[2080..] == samples()[2080..] && heard[1600..2080] != samples()[1600..2080]);
}

#[test]
fn without_a_deadline_nothing_is_late() {
    let (_, ended) = run(&["PROCESS_SLOW_US=15000"], "");
    let events = ended.exits(0).events();
    assert_eq!((errors(&events), &node(&events)["overruns"]), (vec![], &0.into()), "a file can wait");
}

#[test]
fn a_node_is_armed_again_after_the_time_it_was_given() {
    let (project, ended) = run(&["PROCESS_ONCE"], "rearm = \"200ms\"");
    let events = ended.exits(0).events();
    assert_eq!(states(&events), ["bypassed", "active"]);
    assert_eq!((&node(&events)["faults"], &node(&events)["rearmed"]), (&1.into(), &1.into()));
    assert_eq!(node(&events)["blocks"], 11 + 70, "ten good blocks, a bad one, twenty without it, the rest");
    is_bypassed_from_block_ten(&project, &events);
}

#[test]
fn a_create_or_prepare_that_fails_is_a_problem_of_the_configuration() {
    let refused = |mistake: &str, parts: &[&str]| {
        let (_, ended) = run(&[mistake], "amount = 0.25");
        ended.exits(2).says(&["pipeline.toml:", "node[0]", "nasty"]).says(parts);
    };
    refused("CREATE_FAILS", &["amount", "the moon is wrong", "wait for another"]);
    refused("CREATE_FILLS", &["`create`"]);
    refused("PREPARE_FAILS", &["`prepare`", "rate of mine"]);
    refused("PREPARE_RATE=22050", &["22050 Hz"]);
    refused("PREPARE_LATENCY=4000000000u", &["4000000000 frames"]);
}

/// A node that changes the rate cannot be bypassed: the run ends by name, and every frame is accounted for.
#[test]
fn a_failing_node_that_nothing_can_stand_in_for_ends_the_run_in_order() {
    let (_, ended) = run(&["PREPARE_RATE=8000", "PROCESS_STATUS=1"], "");
    let events = ended.exits(5).events();
    assert_eq!(errors(&events), [("nasty", "Failed")]);
    let ledger = &events.sink("file")["ledger"];
    assert_eq!((&ledger["captured"], &ledger["balanced"]), (&800.into(), &true.into()));
}

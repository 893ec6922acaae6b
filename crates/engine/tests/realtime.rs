//! The priority of the pipeline thread, read back from the kernel: it has it, or the user is told. Linux
//! only, where both can be seen.

#![cfg(target_os = "linux")]

mod support;

use std::process::Command;

use glottis_core::param::Table;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use serde_json::Value;
use support::*;

/// `SCHED_OTHER` and `SCHED_RR` of `linux/sched.h`.
const OTHER: &str = "0";
const ROUND_ROBIN: &str = "2";

/// Policy and real-time priority of the pipeline threads of this process: fields 41 and 40 of
/// `/proc/self/task/*/stat`.
fn pipeline_threads() -> Vec<(String, String)> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
    tasks
        .filter_map(|task| {
            let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
            // The name is in parentheses, and the kernel keeps fifteen letters of it.
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
            let fields: Vec<&str> = rest.split(' ').collect();
            "glottis-pipeline".starts_with(name).then(|| (fields[38].to_owned(), fields[37].to_owned()))
        })
        .collect()
}

/// A live run until sound goes through it: what its thread has, and what was told of that.
fn live_run(latency: &str) -> ((String, String), Vec<Value>) {
    // In which the sinks' thread asks as well.
    let tree = tree(table("waits", false).with("endless", true), vec![Table::default()]).with("latency", latency);
    let run = run(tree, |_| {}, |pipeline, told| pipeline.start(told).unwrap());
    run.events.wait_for(|event| event["event"] == "level");
    let threads = pipeline_threads();
    assert_eq!(threads.len(), 1, "{threads:?}");
    run.running.stop();
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(0), true), "the run goes on and ends well");
    let told =
        of(&run.events.all(), "notice").into_iter().filter(|n| n["code"] == "RealtimeRefused").cloned().collect();
    (threads[0].clone(), told)
}

/// In a process of its own, since the rights of a thread cannot be taken back. With `refused` without the
/// right to raise a priority.
fn child(refused: bool, latency: &str) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["as_a_child", "--exact", "--ignored", "--nocapture"]);
    command.env("REALTIME_REFUSED", if refused { "1" } else { "0" }).env("REALTIME_LATENCY", latency);
    let ended = command.output().expect("this program runs");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stdout));
    print!("{}", String::from_utf8_lossy(&ended.stdout));
}

#[test]
#[ignore = "run by the other tests, in a process of its own"]
fn as_a_child() {
    let refused = std::env::var("REALTIME_REFUSED").is_ok_and(|is| is == "1");
    if refused {
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        setrlimit(Resource::Rtprio, none).expect("less is always granted");
        let CapabilitySets { effective, permitted, inheritable } = capabilities(None).expect("what this thread may");
        let less = |all: CapabilitySet| all - CapabilitySet::SYS_NICE;
        let sets =
            CapabilitySets { effective: less(effective), permitted: less(permitted), inheritable: less(inheritable) };
        set_capabilities(None, sets).expect("less is always granted");
    }
    let latency = std::env::var("REALTIME_LATENCY").expect("which");
    let ((policy, priority), told) = live_run(&latency);
    println!("policy {policy}, priority {priority}, told {} times", told.len());
    match told.as_slice() {
        [] => {
            assert_eq!((policy.as_str(), priority.as_str()), (ROUND_ROBIN, "10"), "nobody was told of a refusal");
            assert!(!refused, "the right was taken away");
        }
        [notice] => {
            assert_eq!(policy, OTHER, "it was refused: {notice}");
            let text = notice["text"].as_str().unwrap_or_default();
            assert!(text.contains("without real-time priority"), "{notice}");
            let advice = notice["advice"].as_str().unwrap_or_default();
            assert!(advice.contains("rtprio") && advice.contains("LimitRTPRIO"), "{notice}");
        }
        more => panic!("told more than once: {more:?}"),
    }
}

#[test]
fn the_pipeline_thread_has_real_time_priority_or_the_user_is_told() {
    child(false, "normal");
}

#[test]
fn where_the_system_refuses_the_user_is_told_once_and_the_run_goes_on() {
    child(true, "normal");
    child(true, "lowest");
}

/// A thread that never sleeps must not stand before all others.
#[test]
fn with_a_source_that_waits_nothing_is_asked_for() {
    let run = start(table("frames", 16_000_000), vec![Table::default()]);
    run.events.wait_for(|event| event["event"] == "level");
    let threads = pipeline_threads();
    assert!(threads.iter().all(|(policy, _)| policy == OTHER), "{threads:?}");
    run.running.halt();
    run.running.wait();
}

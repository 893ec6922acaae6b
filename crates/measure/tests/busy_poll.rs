//! A measured run with a receiver that does not sleep. Alone in its program: the simulator's thread is found by name.
#![cfg(target_os = "linux")]

#[allow(dead_code)]
#[path = "latency/rig.rs"]
mod rig;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use glottis_measure::{Latency, SinkLatency};

const PIPELINE: &str = "[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"resample\"\nrate = 16000\n\
                        [[sink]]\nturn = { mode = \"always\" }\nchunk = { frames = 320 }\n";

/// How often the thread of this name has gone to sleep by itself; none if it is not there.
fn slept(name: &str) -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let is_named =
        |path: &std::path::PathBuf| std::fs::read_to_string(path.join("comm")).is_ok_and(|n| n.trim() == name);
    let path = threads.flatten().map(|thread| thread.path()).find(is_named)?;
    let status = std::fs::read_to_string(path.join("status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
}

/// A measured run, and how often the simulator slept in it, as far as was seen before it ended.
fn run(keys: &str, simulator: &str, busy_poll: bool) -> (SinkLatency, u64) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut last = 0;
            while !over.load(Ordering::Acquire) {
                last = slept(simulator).unwrap_or(last);
                std::thread::park_timeout(Duration::from_millis(5));
            }
            last
        });
        let text = PIPELINE.replace("[[sink]]\n", &format!("[[sink]]\n{keys}"));
        let found = rig::measure(Latency { busy_poll, ..rig::few() }, 48_000, &text);
        over.store(true, Ordering::Release);
        (found, looks.join().expect("it only looks"))
    })
}

#[test]
fn the_simulators_sleep_between_messages_unless_they_are_to_poll() {
    for (keys, simulator) in [
        ("type = \"ravatar\"\nproject_id = \"p-1\"\nallow_nonstandard = true\n", "ravatar-sim"),
        (
            "type = \"avatarkit\"\napp_id = \"a\"\navatar_id = \"b\"\napi_key_env = \"NOT_SET_ANYWHERE\"\n",
            "avatarkit-sim",
        ),
    ] {
        let (_, asleep) = run(keys, simulator, false);
        let (found, polling) = run(keys, simulator, true);
        // A lock that another thread holds is a reason to sleep, too.
        assert!(asleep > 3 * (polling + 5), "{simulator}: {asleep} times, and {polling} times where it polls");
        assert!(found.until == "received" && found.added_us.n > 5, "{found:?}");
        assert!(found.bare_us.is_some_and(|bare| bare.n == 100 && bare.p50 > 0.0), "{:?}", found.bare_us);
    }
}

//! A simulator that looks for messages all the time. Alone in its program: its thread is found by name.
#![cfg(target_os = "linux")]

mod common;

use common::*;
use glottis_sim::ravatar::Config;

/// How often the simulator's thread has gone to sleep by itself.
fn slept() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
    let mut named = threads
        .flatten()
        .map(|thread| thread.path())
        .filter(|path| std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "ravatar-sim"));
    let path = named.next().expect("the simulator's thread");
    assert_eq!(named.next(), None, "one simulator at a time");
    let status = std::fs::read_to_string(path.join("status")).expect("its status");
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).expect("a count");
    count.trim().parse().expect("a number")
}

/// How often it sleeps while so many requests are answered, one after another.
async fn sleeps(busy_poll: bool, requests: usize) -> u64 {
    let rig = Rig::new(Config { busy_poll, ..Config::default() }).await;
    let before = slept();
    for _ in 0..requests {
        rig.get("/__sim/log").await;
    }
    slept() - before
}

#[tokio::test]
async fn it_sleeps_beside_its_sockets_unless_told_not_to() {
    let (asleep, polling) = (sleeps(false, 100).await, sleeps(true, 100).await);
    // A request that comes soon finds it awake; and a lock that another thread holds is a reason to sleep.
    assert!(asleep > 10 * (polling + 1), "{asleep} times, and {polling} times where it polls");
}

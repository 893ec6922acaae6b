//! The RAVATAR sink in a thousand bad hours: services that refuse, stall, break off and talk
//! nonsense, over real sockets, in time that runs fast. Whatever happens, the laws of
//! `wire_ravatar_chaos/laws.rs` hold.
//!
//! A round is made from its seed alone: `GLOTTIS_CHAOS_SEED=17` plays that round, on its own, and says
//! what it consists of; `GLOTTIS_CHAOS_ROUNDS=100` plays so many. How its threads take turns is not in
//! the seed, so play a rare failure several times.

#[path = "wire_ravatar/proxy.rs"]
mod proxy;
#[path = "wire_ravatar/rig.rs"]
mod rig;
#[path = "wire_ravatar/warp.rs"]
mod warp;

#[path = "wire_ravatar_chaos/dice.rs"]
mod dice;
#[path = "wire_ravatar_chaos/laws.rs"]
mod laws;
#[path = "wire_ravatar_chaos/log.rs"]
mod log;
#[path = "wire_ravatar_chaos/plan.rs"]
mod plan;
#[path = "wire_ravatar_chaos/play.rs"]
mod play;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use peak_alloc::PeakAlloc;

use laws::Tally;
use plan::Plan;
use warp::Warp;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Rounds at once in one runtime, and runtimes at once.
const TOGETHER: usize = 24;
const THREADS: usize = 2;

/// How fast time runs.
const SPEED: u32 = 40;

/// Heap of all rounds together, simulators and their recordings included; about ten times of what is
/// needed, a tenth of what one queue without a bound would take.
const MOST: usize = 256 << 20;

#[test]
fn a_thousand_bad_hours_break_no_law() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    log::listen();
    if let Some(seed) = number("GLOTTIS_CHAOS_SEED") {
        let plan = Plan::new(seed);
        println!("{plan:#?}");
        let failed = run(Arc::new(AtomicU64::new(seed)), seed + 1, 1);
        assert!(failed.1.is_empty(), "{}", failed.1[0]);
        return;
    }
    let rounds = number("GLOTTIS_CHAOS_ROUNDS").unwrap_or(1000);
    let next = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let next = next.clone();
            std::thread::spawn(move || run(next, rounds, TOGETHER))
        })
        .collect();
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for thread in threads {
        let (part, failed) = thread.join().expect("a runtime that does not panic");
        tally.add(&part);
        failures.extend(failed);
    }
    println!("{tally:#?}\npeak of the heap: {} MB", HEAP.peak_usage() >> 20);
    assert!(failures.is_empty(), "{} of {rounds} rounds failed:\n{}", failures.len(), failures.join("\n"));
    assert!(HEAP.peak_usage() < MOST, "{} bytes of heap at once", HEAP.peak_usage());
    assert_eq!(log::secrets_seen(), [""; 0]);
    tally.was_chaos(rounds);
}

/// Plays rounds until there are no more: the tally, and what failed.
fn run(next: Arc<AtomicU64>, end: u64, together: usize) -> (Tally, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let tally = Arc::new(Mutex::new(Tally::default()));
    let failures = Arc::new(Mutex::new(Vec::new()));
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let warp = Arc::new(Warp::start(SPEED));
        let mut players = Vec::new();
        for _ in 0..together {
            let (next, warp, tally, failures) = (next.clone(), warp.clone(), tally.clone(), failures.clone());
            players.push(tokio::task::spawn_local(async move {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    // A task of its own: what panics there ends the round and not the others.
                    let warp = warp.clone();
                    match tokio::task::spawn_local(async move { play::play(Plan::new(seed), &warp).await }).await {
                        Ok(part) => tally.lock().unwrap().add(&part),
                        Err(error) => {
                            let panic = error.into_panic();
                            let words = panic.downcast_ref::<String>().cloned();
                            let words = words.or(panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
                            let words = words.unwrap_or_default();
                            let again = format!("GLOTTIS_CHAOS_SEED={seed}");
                            failures.lock().unwrap().push(format!("round {seed} ({again}): {words}"));
                        }
                    }
                }
            }));
        }
        for player in players {
            player.await.expect("a player that does not panic");
        }
    });
    drop(runtime);
    let failures = std::mem::take(&mut *failures.lock().unwrap());
    let tally = std::mem::take(&mut *tally.lock().unwrap());
    (tally, failures)
}

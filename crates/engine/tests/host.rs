//! Many runs on one host: each as if it were alone, whatever becomes of the others.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use glottis_core::param::Table;
use glottis_core::{Block, Fault, Node, Problem, Rate, Registry};
use glottis_engine::{Command, Event, Host, Pipeline, Report, StartError};
use glottis_graph::Config;
use support::*;

fn host() -> Host {
    Host::new().unwrap()
}

/// Starts a pipeline on a host.
fn on(host: &Host, table: Table) -> Run {
    run(table, |_| {}, |pipeline, told| pipeline.start_on(host, told).unwrap())
}

fn endless() -> Table {
    table("waits", false).with("endless", true)
}

/// A run that goes on until it is stopped, and has begun.
fn live(host: &Host) -> Run {
    let run = on(host, tree(endless(), vec![Table::default()]));
    run.events.wait_for(|e| e["event"] == "level");
    run
}

/// Stops a run and looks whether it was a clean one: whatever it captured came, in order.
fn clean(run: Run) -> Report {
    run.running.stop();
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(0), true), "{report:?}");
    let ledger = &report.sinks[0].ledger;
    assert_eq!(ledger.captured, report.source.captured, "{report:?}");
    assert_eq!(ledger.delivered + ledger.gated, ledger.captured, "{ledger:?}");
    let heard = Run::heard(&run.collected, "collect");
    let first = ledger.gated as i64;
    let want: Vec<f32> = (first..ledger.captured as i64).map(ramp).collect();
    assert!(heard == want, "{} frames from {first} on", want.len());
    assert_eq!(run.events.all().last().map(|e| e["event"].clone()), Some("report".into()));
    report
}

/// Waits until a run has told two more levels: it goes on.
fn goes_on(run: &Run) {
    let levels = |events: &[serde_json::Value]| of(events, "level").len();
    let now = levels(&run.events.all());
    let since = std::cell::Cell::new(0);
    run.events.wait_for(|e| {
        since.set(if e["event"] == "ready" { 0 } else { since.get() + usize::from(e["event"] == "level") });
        since.get() >= now + 2
    });
}

#[test]
fn many_runs_share_a_host_and_each_delivers_what_it_captured() {
    let host = host();
    let runs: Vec<Run> = (0..20).map(|_| live(&host)).collect();
    assert_eq!(host.runs(), 20);
    for run in &runs {
        goes_on(run);
    }
    runs.into_iter().for_each(|run| drop(clean(run)));
    assert_eq!(host.runs(), 0);
}

#[test]
fn runs_join_and_leave_while_others_go_on() {
    let host = host();
    let stays = live(&host);
    for _ in 0..5 {
        let short: Vec<Run> = (0..4).map(|_| live(&host)).collect();
        short.into_iter().for_each(|run| drop(clean(run)));
        goes_on(&stays);
        assert_eq!(host.runs(), 1);
    }
    assert_eq!(clean(stays).source.gaps, 0);
}

#[test]
fn a_run_whose_source_ends_ends_by_itself_and_in_full() {
    let host = host();
    let stays = live(&host);
    let ends =
        on(&host, tree(table("waits", false).with("paces", true).with("frames", 12_345), vec![Table::default()]));
    let report = ends.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(0), true), "{report:?}");
    assert_eq!(report.sinks[0].ledger.delivered, 12_345, "a source that is no device waits until its sinks are ready");
    assert!(Run::heard(&ends.collected, "collect") == (0..12_345).map(ramp).collect::<Vec<_>>());
    clean(stays);
}

#[test]
fn a_source_that_can_wait_is_refused_with_what_to_do() {
    let host = host();
    let config = Config::new(tree(Table::default(), vec![Table::default()]), "".as_ref());
    let pipeline = Pipeline::new(&config, &registry(&Collected::default())).unwrap();
    let refused = pipeline.start_on(&host, |_: &Event| {}).err().unwrap();
    assert!(matches!(refused, StartError::Waits));
    assert!(refused.to_string().contains("pace = \"realtime\""), "{refused}");
    assert_eq!(host.runs(), 0);
}

#[test]
fn a_source_that_cannot_be_opened_and_one_that_breaks_end_only_their_runs() {
    let host = host();
    let stays = live(&host);
    let broken = on(&host, tree(table("waits", false).with("broken", true), vec![Table::default()]));
    let report = broken.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(3), true), "{report:?}");
    let breaks = on(&host, tree(endless().with("breaks", true), vec![Table::default()]));
    let report = breaks.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(3), true), "{report:?}");
    assert_eq!(of(&breaks.events.all(), "error")[0]["advice"], "mend it");
    goes_on(&stays);
    clean(stays);
}

#[test]
fn sinks_that_give_up_panic_or_hang_end_only_their_runs() {
    let host = host();
    let stays = live(&host);
    let with = |fail: &str| on(&host, tree(endless(), vec![table("fail", fail)]));
    let (gives_up, panics, hangs) = (with("connect"), with("panic"), with("hang"));
    let report = gives_up.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(4), true), "{report:?}");
    // A sink that panics has given up, and it was the only one.
    let report = panics.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(5), true), "{report:?}");
    hangs.events.wait_for(|e| e["event"] == "level");
    hangs.running.halt();
    let report = hangs.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(130), true), "{report:?}");
    goes_on(&stays);
    clean(stays);
}

#[test]
fn a_halt_ends_one_run_and_a_command_reaches_one() {
    let host = host();
    let (one, other) = (live(&host), live(&host));
    one.running.command(Command::Commit { sink: None });
    one.events.wait_for(|e| e["event"] == "segment_end" && e["reason"] == "commit");
    one.running.halt();
    let report = one.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(130), true), "{report:?}");
    goes_on(&other);
    assert!(of(&other.events.all(), "segment_end").is_empty());
    clean(other);
}

/// A node that panics when it is told to, or counts.
struct Bomb(Arc<AtomicBool>);

impl Node for Bomb {
    fn prepare(&mut self, rate: Rate) -> Result<Rate, Problem> {
        Ok(rate)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        assert!(!self.0.load(Ordering::Acquire), "as the test wants it");
        output.samples_mut().copy_from_slice(input.samples());
        Ok(())
    }
}

#[test]
fn a_node_that_panics_ends_only_its_run() {
    let host = host();
    let (stays, armed) = (live(&host), Arc::new(AtomicBool::new(false)));
    let with_bomb = || {
        let armed = armed.clone();
        let add =
            |registry: &mut Registry| registry.add_node("bomb", "panics", &[], move |_, _, _| Ok(Bomb(armed.clone())));
        let table = tree(endless(), vec![Table::default()]).with("node", vec![table("type", "bomb")]);
        run(table, add, |pipeline, told| pipeline.start_on(&host, told).unwrap())
    };
    let bombs = [with_bomb(), with_bomb()];
    bombs.iter().for_each(|run| run.events.wait_for(|e| e["event"] == "level"));
    armed.store(true, Ordering::Release);
    for run in bombs {
        let report = run.running.wait();
        assert_eq!((report.exit, report.balanced), (Some(5), true), "{report:?}");
    }
    goes_on(&stays);
    clean(stays);
    assert_eq!(host.runs(), 0);
}

#[test]
fn a_handle_that_panics_ends_only_its_run() {
    let host = host();
    let stays = live(&host);
    let table = tree(endless(), vec![Table::default()]);
    let mut events = 0;
    let panics = run(
        table,
        |_| {},
        |pipeline, _| {
            let on_event = move |_: &Event| {
                events += 1;
                assert!(events < 4, "as the test wants it");
            };
            pipeline.start_on(&host, on_event).unwrap()
        },
    );
    assert_eq!(panics.running.wait().exit, Some(5));
    goes_on(&stays);
    clean(stays);
}

#[test]
fn a_host_ends_after_its_last_run() {
    let host = host();
    let runs = [live(&host), live(&host)];
    drop(host);
    for run in runs {
        goes_on(&run);
        clean(run);
    }
}

#[test]
fn a_host_may_have_several_pipeline_threads() {
    let host = Host::with_threads(std::num::NonZeroUsize::new(2).unwrap()).unwrap();
    let runs: Vec<Run> = (0..6).map(|_| live(&host)).collect();
    runs.into_iter().for_each(|run| drop(clean(run)));
}

/// Whoever looks each millisecond finds a block late now and then; whoever is woken for each does not
/// look at all.
#[test]
fn with_the_lowest_latency_every_block_wakes_the_pipeline() {
    let host = host();
    let lowest = |t: Table| t.with("latency", "lowest");
    let one = on(&host, lowest(tree(endless(), vec![Table::default()])));
    let own = run(lowest(tree(endless(), vec![Table::default()])), |_| {}, |p, told| p.start(told).unwrap());
    for run in [one, own] {
        run.events.wait_for(|e| e["event"] == "level");
        goes_on(&run);
        let report = clean(run);
        // A thread that nobody wakes sleeps for 100 ms.
        let taken = &report.sinks[0].latency_us.stages["capture"];
        assert!(taken.n > 10 && taken.p50 < 60_000, "{taken:?}");
    }
}

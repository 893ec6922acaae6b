//! Where the threads of a run are with `latency = "lowest"`, read back from the kernel: all on one CPU, of those
//! the process may use. Linux only, where it is done and can be seen.

#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use glottis_core::param::Table;
use glottis_core::sink::{BoxFuture, Edge, Wants};
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::*;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use support::*;

/// `SCHED_OTHER` of `linux/sched.h`.
const OTHER: u32 = 0;

/// A thread as the kernel has it.
#[derive(Clone, Debug, PartialEq)]
struct Thread {
    name: String,
    /// `0-3,8`.
    cpus: String,
    policy: u32,
    priority: u32,
}

impl Thread {
    /// From its folder in `/proc`; none if it has ended.
    fn read(folder: &Path) -> Option<Thread> {
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(|v| v.trim().to_owned());
        let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
        // Fields 40 and 41; the third is the first behind the name.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse().ok());
        let (priority, policy) = (number(40)?, number(41)?);
        Some(Thread { name: line("Name:")?, cpus: line("Cpus_allowed_list:")?, policy, priority })
    }

    fn this() -> Thread {
        Thread::read(Path::new("/proc/thread-self")).expect("this one is there")
    }

    /// Those of the process by that name, of which the kernel keeps fifteen letters.
    fn named(name: &str) -> Vec<Thread> {
        let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
        let all = tasks.filter_map(|task| Thread::read(&task.ok()?.path()));
        all.filter(|thread| thread.name == name[..name.len().min(15)]).collect()
    }
}

/// Threads are told apart by their names: one run at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What threads that are not the engine's have found out about themselves.
type Found = Arc<Mutex<Vec<(&'static str, Thread)>>>;

/// A source with a thread that does nothing but feed, and says so.
struct Reads(Found);

struct Reading(Option<std::thread::JoinHandle<()>>);

impl Source for Reads {
    fn format(&mut self, _: bool) -> Result<Option<SourceFormat>, SourceError> {
        let rate = Rate::for_source(16_000);
        Ok(Some(SourceFormat { rate, native_hz: 16_000, channels: 1, waits: false }))
    }
    fn device(&self) -> String {
        "reads".into()
    }
    fn live(&self) -> bool {
        false
    }
    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let found = self.0.clone();
        let body = move || {
            found.lock().expect("whole").push(("before", Thread::this()));
            feed.settle();
            found.lock().expect("whole").push(("source", Thread::this()));
            for _ in 0..20 {
                feed.push_mono(&[0.25; 160], clock::now());
                std::thread::park_timeout(std::time::Duration::from_millis(10));
            }
        };
        Ok(Box::new(Reading(Some(std::thread::spawn(body)))))
    }
}

impl Capture for Reading {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.take().map(std::thread::JoinHandle::join);
    }
}

/// A sink that looks something up, which blocks, and then takes what comes.
struct Looks(Found);

impl Sink for Looks {
    fn wants(&self) -> Wants {
        Wants { encoder: "floats", ..Wants::default() }
    }
    fn prepare(&mut self, _: &Edge) -> Result<(), Problem> {
        Ok(())
    }
    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let looked = tokio::task::spawn_blocking(Thread::this).await.expect("it looks");
            self.0.lock().expect("whole").push(("look-up", looked));
            inlet.open();
            loop {
                match inlet.recv().await {
                    Item::Packet(packet) => inlet.delivered(packet),
                    Item::Command(command) => inlet.answer(&command, Err("it takes none".into())),
                    Item::Halt | Item::Closed => return Ok(()),
                }
            }
        })
    }
}

/// A whole run with these components: the engine's threads while it was on, and what the others found.
fn threads_of(latency: &str) -> (Vec<Thread>, Vec<Thread>, Vec<(&'static str, Thread)>) {
    let found = Found::default();
    let (source, sink) = (found.clone(), found.clone());
    let table = Table::default()
        .with("latency", latency)
        .with("source", table("type", "reads"))
        .with("sink", vec![table("type", "looks"), table("type", "looks").with("name", "other")]);
    let more = |registry: &mut Registry| {
        registry.add_source("reads", "reads", &[], move |_, _, _| Ok(Reads(source.clone())));
        registry.add_sink("looks", "looks", &[], move |_, _, _| Ok(Looks(sink.clone())));
    };
    let run = run(table, more, |pipeline, told| pipeline.start(told).unwrap());
    run.events.wait_for(|event| event["event"] == "level");
    let (pipeline, sinks) = (Thread::named("glottis-pipeline"), Thread::named("glottis-sinks"));
    let report = run.running.wait();
    assert_eq!((report.exit, report.balanced), (Some(0), true), "{report:?}");
    let found = found.lock().expect("whole").clone();
    (pipeline, sinks, found)
}

/// What the thread of that role found.
fn found<'a>(all: &'a [(&str, Thread)], role: &str) -> &'a Thread {
    let all = all.iter().find(|(name, _)| *name == role);
    &all.unwrap_or_else(|| panic!("no {role}")).1
}

#[test]
fn the_threads_share_one_cpu_and_those_that_block_do_not() {
    let _alone = alone();
    let ours = Thread::this();
    let (pipeline, sinks, others) = threads_of("lowest");
    let [pipeline] = &pipeline[..] else { panic!("{pipeline:?}") };
    let one: usize = pipeline.cpus.parse().expect("one CPU, no list");
    assert!(sched_getaffinity(None).expect("the mask").is_set(one), "{pipeline:?} is not within {ours:?}");
    assert_eq!(found(&others, "before").cpus, ours.cpus, "whoever starts them is left alone");
    assert_eq!(found(&others, "source").cpus, pipeline.cpus);
    // One for both sinks; the rest are those that looked things up.
    let (there, elsewhere): (Vec<_>, Vec<_>) = sinks.iter().partition(|thread| thread.policy == pipeline.policy);
    if pipeline.policy != OTHER {
        let [there] = &there[..] else { panic!("{sinks:?}") };
        assert_eq!((&there.cpus, there.priority), (&pipeline.cpus, pipeline.priority - 1));
        assert!(elsewhere.iter().all(|thread| thread.cpus == ours.cpus), "{sinks:?}");
    } else {
        assert!(sinks.iter().any(|thread| thread.cpus == pipeline.cpus), "{sinks:?}");
    }
    let look_up = found(&others, "look-up");
    assert_eq!((&look_up.cpus, look_up.policy), (&ours.cpus, OTHER));
}

#[test]
fn a_cpu_outside_of_those_given_is_not_used() {
    let _alone = alone();
    let given = sched_getaffinity(None).expect("the mask");
    for cpu in (0..CpuSet::MAX_CPU).filter(|&cpu| given.is_set(cpu)) {
        let mut one = CpuSet::new();
        one.set(cpu);
        // What this thread starts begins with it, as under `taskset`.
        sched_setaffinity(None, &one).expect("it is one of those given");
        let (pipeline, sinks, others) = threads_of("lowest");
        let all = pipeline.iter().chain(&sinks).chain(others.iter().map(|(_, thread)| thread));
        all.for_each(|thread| assert_eq!(thread.cpus, cpu.to_string(), "{thread:?}"));
    }
}

#[test]
fn without_the_profile_threads_are_where_the_system_puts_them() {
    let _alone = alone();
    let ours = Thread::this();
    let (pipeline, sinks, others) = threads_of("normal");
    for thread in pipeline.iter().chain(&sinks).chain(others.iter().map(|(_, thread)| thread)) {
        assert_eq!((&thread.cpus, thread.policy), (&ours.cpus, ours.policy), "{thread:?}");
    }
}

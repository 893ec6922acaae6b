//! New versions of a node while audio flows: nothing is lost, nothing leaks, and what is heard is what
//! the same nodes give when they are changed by hand at the same blocks.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use glottis::core::clock;
use glottis::core::source::{Capture, SourceFormat};
use glottis::plugin::Shelf;
use glottis::{Command, Config, Feed, Pipeline, Rate, Registry, Report, Running, Source, SourceError, Table};
use serde_json::Value;

use crate::build::{of_c, of_crate};
use crate::same::{loaded, node};
use crate::support::process::glottis_with;
use crate::support::{Project, TOO_LONG, sound};

const RATE: u32 = 16_000;
const BLOCK: usize = 160;

/// A source that can wait, and plays a block of noise whenever it is told to.
struct Steps {
    told: Option<Receiver<()>>,
}

struct Stepping(Option<JoinHandle<()>>);

fn noise(blocks: usize) -> Vec<f32> {
    sound::noise(blocks * BLOCK, 11).into_iter().map(|s| f32::from(s) / 32_768.0).collect()
}

impl Source for Steps {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        let rate = Rate::new(RATE).unwrap();
        Ok(Some(SourceFormat { rate, native_hz: RATE, channels: 1, waits: true }))
    }
    fn device(&self) -> String {
        "steps".to_owned()
    }
    fn live(&self) -> bool {
        false
    }
    fn start(&mut self, mut feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let told = self.told.take().expect("started once");
        let play = move || {
            let samples = noise(10_000);
            for (block, ()) in samples.chunks(BLOCK).zip(told) {
                if !feed.push_mono(block, clock::now()) {
                    return;
                }
            }
        };
        Ok(Box::new(Stepping(Some(std::thread::spawn(play)))))
    }
}

impl Capture for Stepping {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

impl Drop for Stepping {
    fn drop(&mut self) {
        let _ = self.0.take().map(JoinHandle::join);
    }
}

/// A run under the test's control.
struct Rig {
    running: Running,
    step: Sender<()>,
    events: Receiver<Value>,
    project: Project,
}

impl Rig {
    /// A run through the nodes of `nodes`, with these libraries from the start, into raw floats.
    fn start(nodes: &str, libraries: &[&Path]) -> Rig {
        let text = format!(
            "[source]\ntype = \"steps\"\n{nodes}\n[[sink]]\ntype = \"file\"\npath = \"out.raw\"\nformat = \"raw\"\nsample = \"f32\"\n"
        );
        let project = Project::new(&text);
        let (step, told) = channel();
        let told = std::sync::Mutex::new(Some(told));
        let mut registry = glottis::components();
        registry.add_source("steps", "the test itself", &[], move |_, _, _| {
            Ok(Steps { told: told.lock().unwrap().take() })
        });
        let shelf = Shelf::new();
        for library in libraries {
            shelf.load(&mut registry, library).unwrap_or_else(|error| panic!("{error}"));
        }
        let config = Config::read(&project.path("pipeline.toml")).unwrap();
        let pipeline = Pipeline::new(&config, &registry).unwrap_or_else(|problems| panic!("{problems}"));
        let loader = move |file: &Path| shelf.components(file).map_err(|error| error.to_string());
        let (told, events) = channel();
        let tell = move |event: &glottis::Event| {
            let _ = told.send(serde_json::from_str(&event.to_json()).expect("JSON"));
        };
        let running = pipeline.loader(Arc::new(loader)).start(tell).unwrap_or_else(|error| panic!("{error}"));
        Rig { running, step, events, project }
    }

    fn step(&self) {
        self.step.send(()).expect("the source plays");
    }

    fn swap(&self, node: Option<&str>, plugin: Option<&Path>) {
        let (node, plugin) = (node.map(str::to_owned), plugin.map(Path::to_owned));
        self.running.command(Command::Swap { node, plugin });
    }

    /// Waits for the answer to a swap: the positions of the nodes it changed, or why it was refused.
    fn answer(&self) -> Result<Vec<u64>, String> {
        let mut at = Vec::new();
        loop {
            let event = self.events.recv_timeout(TOO_LONG).expect("an answer");
            match event["event"].as_str() {
                Some("swapped") => at.push(event["at"].as_u64().expect("a position")),
                Some("done") => return Ok(at),
                Some("error") => return Err(event["message"].as_str().expect("a message").to_owned()),
                _ => {}
            }
        }
    }

    /// Waits until so many blocks, a multiple of ten, have gone through the nodes: a level is told after
    /// every ten.
    fn has_played(&self, blocks: usize) {
        let last = ((blocks - 10) * BLOCK) as u64;
        while self.events.recv_timeout(TOO_LONG).expect("a level")["at"].as_u64() != Some(last) {}
    }

    #[track_caller]
    fn refuses(&self, node: Option<&str>, plugin: Option<&Path>, parts: &[&str]) {
        self.swap(node, plugin);
        let message = self.answer().expect_err("a refusal");
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
    }

    /// Ends the run, and hands out what was recorded.
    fn end(self) -> (Report, Vec<f32>) {
        drop(self.step);
        let report = self.running.wait();
        let raw = self.project.read("out.raw");
        (report, raw.chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }
}

fn versions() -> [PathBuf; 2] {
    [of_c("lowpass", &[]), of_c("lowpass", &["SIGN=-1"])]
}

/// Changes the node `count` times, a block or a few apart, and holds what is heard against the same done
/// by hand.
fn many_swaps(count: usize) {
    let versions = versions();
    let rig = Rig::start("[[node]]\ntype = \"lowpass\"\ncutoff = 200\nlog = \"instances\"\n", &[&versions[0]]);
    let log = rig.project.clone();
    let mut changes = Vec::new();
    let mut blocks = 0;
    for number in 1..=count {
        // Some are asked for while the pipeline is at work, some while it waits.
        for _ in 0..number % 3 {
            rig.step();
            blocks += 1;
        }
        rig.swap(Some("lowpass"), Some(&versions[number % 2]));
        changes.push((rig.answer().expect("swapped")[0], number % 2));
    }
    rig.step();
    let (report, heard) = rig.end();

    let sink = &report.sinks[0];
    let frames = ((blocks + 1) * BLOCK) as u64;
    assert_eq!((report.exit, report.source.gaps), (Some(0), 0));
    assert_eq!((sink.ledger.captured, sink.ledger.delivered, sink.ledger.balanced), (frames, frames, true));
    assert_eq!(report.nodes[0].swaps, count as u64);

    let registries = [loaded(&versions[0]), loaded(&versions[1])];
    let keys = Table::default().with("cutoff", 200.0);
    let rate = Rate::new(RATE).unwrap();
    let mut by_hand = node(&registries[0], "lowpass", &keys, rate);
    let (mut input, mut output) = (glottis::Block::new(rate), glottis::Block::new(rate));
    let mut next = 0;
    let mut wanted = Vec::new();
    for samples in noise(blocks + 1).chunks(BLOCK) {
        while next < changes.len() && changes[next].0 <= input.at as u64 {
            by_hand = node(&registries[changes[next].1], "lowpass", &keys, rate);
            next += 1;
        }
        input.samples_mut().copy_from_slice(samples);
        by_hand.process(&input, &mut output).expect("a sound block");
        wanted.extend_from_slice(output.samples());
        input.at = input.end();
    }
    assert_eq!(next, changes.len());
    assert!(heard == wanted, "bit by bit");

    let log = log.read("instances");
    let times = |what: u8| log.iter().filter(|&&b| b == what).count();
    assert_eq!((times(b'c'), times(b'd')), (count + 1, count + 1), "made and destroyed");
}

#[test]
fn a_thousand_swaps_leave_no_gap_and_no_instance_behind() {
    many_swaps(1000);
}

/// Not a test: what valgrind looks at.
#[test]
#[ignore = "another test runs it under valgrind"]
fn task() {
    many_swaps(60);
}

#[test]
fn valgrind_finds_no_leak_and_no_wrong_access() {
    if !Process::new("valgrind").arg("--version").output().is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: there is no valgrind");
        return;
    }
    let mut valgrind = Process::new("valgrind");
    valgrind.args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"]);
    // What is loaded stays; without this option its places in the code would be lost at the end.
    valgrind.args(["--error-exitcode=99", "--keep-debuginfo=yes"]);
    valgrind.arg(std::env::current_exe().expect("this program")).args(["--exact", "swaps::task", "--ignored"]);
    let done = valgrind.arg("--test-threads=1").output().expect("valgrind runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{}\n{said}\n{}", done.status, String::from_utf8_lossy(&done.stdout));
}

/// A chain in which the first node is changed: the second keeps its state, and the live value a command
/// has set holds for the new node too.
#[test]
fn the_other_nodes_and_what_was_set_stay_as_they_are() {
    let gain = of_crate("glottis-node-gain");
    let rig = Rig::start("[[node]]\ntype = \"gain\"\n[[node]]\ntype = \"lowpass\"\ncutoff = 50\n", &[&versions()[0]]);
    rig.running.command(Command::Set { node: "gain".into(), param: "db".into(), value: -6.0 });
    assert_eq!(rig.answer(), Ok(vec![]));
    for _ in 0..20 {
        rig.step();
    }
    // The old node fades to what was set; the new one begins with it.
    rig.has_played(20);
    rig.swap(Some("gain"), Some(&gain));
    rig.answer().expect("a library in the place of what is built in");
    for _ in 0..20 {
        rig.step();
    }
    let (_, heard) = rig.end();
    // The same without the change.
    let rig = Rig::start("[[node]]\ntype = \"gain\"\n[[node]]\ntype = \"lowpass\"\ncutoff = 50\n", &[&versions()[0]]);
    rig.running.command(Command::Set { node: "gain".into(), param: "db".into(), value: -6.0 });
    assert_eq!(rig.answer(), Ok(vec![]));
    (0..40).for_each(|_| rig.step());
    let (_, unchanged) = rig.end();
    assert!(heard == unchanged);
}

#[test]
fn a_library_is_named_by_its_file_or_by_the_node_it_made() {
    let [first, second] = versions();
    let rig = Rig::start(
        "[[node]]\nname = \"a\"\ntype = \"lowpass\"\n[[node]]\nname = \"b\"\ntype = \"lowpass\"\n[[node]]\ntype = \"gain\"\n",
        &[&first],
    );
    rig.swap(None, Some(&first));
    assert_eq!(rig.answer().map(|at| at.len()), Ok(2), "every node that came from it");
    rig.swap(Some("a"), None);
    assert_eq!(rig.answer().map(|at| at.len()), Ok(1));
    rig.swap(Some("b"), Some(&second));
    assert_eq!(rig.answer().map(|at| at.len()), Ok(1));
    rig.swap(None, Some(&first));
    assert_eq!(rig.answer().map(|at| at.len()), Ok(1), "the other one is from another file now");
    rig.step();
    let (report, _) = rig.end();
    let swaps: Vec<u64> = report.nodes.iter().map(|node| node.swaps).collect();
    assert_eq!((swaps, report.exit), (vec![3, 2, 0], Some(0)));
}

#[test]
fn a_new_version_that_does_not_fit_is_refused_and_the_old_one_goes_on() {
    let rig = Rig::start("[[node]]\ntype = \"nasty\"\namount = 1\n[[node]]\ntype = \"gain\"\n", &[&of_c("nasty", &[])]);
    let nasty = Some("nasty");
    let refuses = |mistake: &str, parts: &[&str]| rig.refuses(nasty, Some(&of_c("nasty", &[mistake])), parts);
    refuses("CREATE_FAILS", &["nasty", "the moon is wrong"]);
    refuses("PREPARE_RATE=8000", &["8000 Hz", "16000 Hz"]);
    refuses("PREPARE_LATENCY=7", &["7 frames"]);
    refuses("PREPARE_VOICE", &["listens for voice"]);
    refuses("DEFAULT=\"7\"", &["Descriptor"]);
    refuses("PARAM_NAME=\"extent\"", &["unknown key \"amount\"", "extent"]);
    rig.refuses(nasty, Some(Path::new("libnowhere.so")), &["Unreadable", "libnowhere.so"]);
    rig.refuses(nasty, Some(&versions()[0]), &["node \"nasty\"", "node lowpass"]);
    rig.refuses(Some("nosty"), Some(&versions()[0]), &["did you mean \"nasty\""]);
    rig.refuses(Some("gain"), None, &["built in"]);
    rig.refuses(None, Some(&versions()[0]), &["no node came from"]);
    (0..10).for_each(|_| rig.step());
    let (report, heard) = rig.end();
    assert!(heard == noise(10), "the old one went on");
    assert_eq!((report.nodes[0].swaps, report.exit), (0, Some(0)));
}

#[test]
fn without_a_loader_swap_is_refused() {
    let project = Project::new("[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"gain\"\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n")
        .with("in.wav", sound::wav(RATE, 1, &sound::noise(1600, 1)));
    let config = Config::read(&project.path("pipeline.toml")).unwrap();
    let (told, events) = channel();
    let tell = move |event: &glottis::Event| _ = told.send(event.to_json());
    let running = Pipeline::new(&config, &glottis::components()).unwrap().start(tell).unwrap();
    running.command(Command::Swap { node: Some("gain".into()), plugin: None });
    let refused = events.iter().find(|event| event.contains("BadCommand")).expect("an answer");
    assert!(refused.contains("loads no libraries"), "{refused}");
    let _ = Registry::new();
    running.wait();
}

/// From a program: the command as a line of JSON, its path relative to the configuration.
#[test]
fn swap_is_a_command_of_the_program() {
    let [first, second] = versions();
    let text = "[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n[[node]]\ntype = \"lowpass\"\n\
                [[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let project = Project::new(text).with("in.wav", sound::wav(RATE, 1, &sound::noise(RATE as usize * 60, 1)));
    std::fs::copy(&second, project.path("second.so")).unwrap();
    let mut run = project.start(&["--plugin", first.to_str().unwrap()]);
    run.wait_for(|event| event["event"] == "level");
    assert_eq!(run.ask(r#"{"do":"swap"}"#)["code"], "BadCommand");
    run.say(r#"{"do":"swap","node":"lowpass","plugin":"second.so"}"#);
    let swapped = run.wait_for_event("swapped");
    assert_eq!(
        (&swapped["node"], swapped["plugin"].as_str().unwrap().ends_with("second.so")),
        (&"lowpass".into(), true)
    );
    run.wait_for(|event| event["event"] == "done" && event["do"] == "swap");
    run.say(r#"{"do":"stop"}"#);
    let report = run.finish().exits(0).events().report().clone();
    assert_eq!((&report["nodes"][0]["swaps"], &report["balanced"]), (&1.into(), &true.into()));
    assert!(glottis_with(&["run", "--help"]).stdout.contains("--watch"));
}

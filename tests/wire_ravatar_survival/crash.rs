//! A process that is killed leaves its live session open; the next start, or `release`, ends it.

use std::fs;
use std::path::{Path, PathBuf};

use glottis::sim::ravatar::{Config, LicenseStatus, Rule, Simulator};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::process::glottis;
use crate::support::{Ended, Project, Run, TOO_LONG, avatar, license, simulator, sound};

/// A user's machine: a configuration, and a state directory of its own.
struct Machine {
    project: Project,
    state: TempDir,
}

impl Machine {
    fn of(simulator: &Simulator) -> Machine {
        let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n";
        let pipeline = format!("{source}{}", avatar(simulator, "turn = { mode = \"always\" }"));
        let sound = sound::wav(16_000, 1, &sound::noise(60 * 16_000, 1));
        Machine { project: Project::new(&pipeline).with("in.wav", sound), state: tempfile::tempdir().unwrap() }
    }

    fn spawn(&self, words: &[&str], more: &[&str]) -> Run {
        let mut command = glottis();
        command.env("XDG_STATE_HOME", self.state.path());
        command.args(words).arg(self.project.path("pipeline.toml")).args(more);
        Run::spawn(command)
    }

    /// A run whose live session is up.
    fn run(&self) -> Run {
        let mut run = self.spawn(&["run"], &["--events", "-"]);
        run.wait_for(|event| event["event"] == "session" && event["live"] == true);
        run.wait_for(|event| event["state"] == "open");
        run
    }

    fn release(&self, more: &[&str]) -> Ended {
        self.spawn(&["ravatar", "release"], more).finish()
    }

    /// The journal's files.
    fn journal(&self) -> Vec<PathBuf> {
        let directory = self.state.path().join("glottis/ravatar-sessions");
        let Ok(files) = fs::read_dir(directory) else { return Vec::new() };
        files.map(|file| file.unwrap().path()).collect()
    }
}

/// What `release` says of each session.
fn released(ended: &Ended) -> Vec<(String, bool)> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["license_id"].as_str().unwrap().to_owned(), line["released"].as_bool().unwrap())
    };
    ended.stdout.lines().map(line).collect()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn the_next_start_ends_what_a_killed_run_left_open() {
    let simulator = simulator(Config { slots: 1, ..Config::default() });
    let machine = Machine::of(&simulator);
    machine.run().kill();
    let left = license(&simulator);
    assert_eq!(simulator.active_sessions(), 1, "nobody has ended it");
    let journal = machine.journal();
    assert_eq!(journal.len(), 1);
    let text = fs::read_to_string(&journal[0]).unwrap();
    let entry: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&entry["license_id"], &entry["user_id"]), (&json!(left), &json!("tester")));
    assert!(!text.contains("jwt") && !text.contains("token"), "{text}");
    #[cfg(unix)]
    assert_eq!(mode(&journal[0]), 0o600);
    // There is one avatar: the second run gets it only if the first one's session has ended.
    let mut run = machine.spawn(&["run"], &["--events", "-"]);
    let notice = run.wait_for_event("notice");
    assert!(notice["text"].as_str().unwrap().contains(&left), "{notice}");
    run.wait_for(|event| event["state"] == "open");
    let licenses = simulator.licenses();
    assert_eq!((licenses.len(), licenses[0].status), (2, LicenseStatus::Ended));
    run.signal("INT");
    run.finish().exits(130);
    assert_eq!((simulator.active_sessions(), machine.journal().len()), (0, 0));
}

#[test]
fn release_ends_what_was_left_open_and_says_which() {
    let simulator = simulator(Config::default());
    let machine = Machine::of(&simulator);
    let first = machine.run();
    let mut second = machine.run();
    // Both live: neither start has ended the other's session, and release does not either.
    assert_eq!(simulator.active_sessions(), 2);
    let nothing = machine.release(&[]);
    nothing.exits(0).says(&["no live session"]);
    assert_eq!((released(&nothing).len(), simulator.active_sessions()), (0, 2));
    first.kill();
    let left = simulator.licenses()[0].id.clone();
    let ended = machine.release(&["--sink", "avatar"]);
    ended.exits(0).says(&[&left]);
    assert_eq!(released(&ended), [(left, true)]);
    assert_eq!(simulator.active_sessions(), 1, "the other one goes on");
    second.signal("INT");
    second.wait_for_event("report");
    second.finish().exits(130);
    assert_eq!((simulator.active_sessions(), machine.journal().len()), (0, 0));
}

#[test]
fn what_cannot_be_ended_stays_in_the_journal() {
    let simulator = simulator(Config::default());
    let machine = Machine::of(&simulator);
    machine.run().kill();
    let left = license(&simulator);
    let rule = json!({ "on": "POST /endLiveSession", "count": 2, "do": { "http": 500 } });
    simulator.add_fault(Rule::try_from(rule).unwrap()).unwrap();
    let ended = machine.release(&[]);
    ended.exits(4).says(&["ServerError", &left]);
    assert_eq!((released(&ended), machine.journal().len()), (vec![(left.clone(), false)], 1));
    // A start says so and goes on.
    let mut run = machine.spawn(&["run"], &["--events", "-"]);
    let leak = run.wait_for(|event| event["code"] == "PossibleLeak");
    assert!(leak["message"].as_str().unwrap().contains(&left), "{leak}");
    assert_eq!((&leak["fatal"], &leak["retryable"]), (&json!(false), &json!(false)));
    run.wait_for(|event| event["state"] == "open");
    run.signal("INT");
    run.finish().exits(130);
    assert_eq!(machine.journal().len(), 1);
    // And a session the service has ended meanwhile is done with.
    machine.release(&[]).exits(0);
    assert!(simulator.wait_for(TOO_LONG, |state| state.active_sessions() == 0));
    assert_eq!(machine.journal().len(), 0);
}

#[test]
fn what_is_meant_is_asked_for_by_name() {
    let simulator = simulator(Config::default());
    let machine = Machine::of(&simulator);
    machine.release(&["--sink", "nobody"]).exits(2).says(&["nobody", "avatar"]);
    machine.project.write(
        "pipeline.toml",
        "version = 1\n[source]\ntype = \"stdin\"\n[[sink]]\ntype = \"file\"\npath = \"x.wav\"\n",
    );
    machine.release(&[]).exits(2).says(&["no sink of type", "ravatar"]);
    assert_eq!(simulator.log().requests("").count(), 0);
}

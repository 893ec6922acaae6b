//! The program under test as a child process, and what it needs: a folder with a configuration, sound
//! whose every sample is known, a simulator. Everything here waits for events and gives up after
//! [`TOO_LONG`].

#![allow(dead_code)]

pub mod events;
pub mod http;
#[cfg(unix)]
pub mod manager;
pub mod process;
pub mod sound;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use glottis::sim::ravatar::{Config, Simulator};
use tempfile::TempDir;

pub use process::{Ended, Run};

/// Nothing here takes so long: a test that waits longer has failed.
pub const TOO_LONG: Duration = Duration::from_secs(30);

/// Frames of a chunk that the service takes.
pub const CHUNK: usize = 4096;

/// A folder of its own with a configuration and what belongs to it. It is there as long as one of its
/// clones is.
#[derive(Clone)]
pub struct Project {
    folder: Arc<TempDir>,
    /// What runs keep. Not shared: a simulator may get the port of one whose session a killed run left
    /// behind, and would be told to end it.
    state: Arc<TempDir>,
}

impl Project {
    /// A folder with `pipeline.toml`.
    pub fn new(pipeline: &str) -> Project {
        let folder = || Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let project = Project { folder: folder(), state: folder() };
        project.write("pipeline.toml", pipeline);
        project
    }

    /// Adds a file.
    pub fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Project {
        self.write(name, bytes);
        self
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a file in the temporary folder");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder for what runs keep.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// `glottis run` on the configuration, with `more` arguments.
    pub fn run(&self, more: &[&str]) -> Ended {
        Run::start("run", self, more).finish()
    }

    /// The same, while it runs, with events on stdout and commands on stdin.
    pub fn start(&self, more: &[&str]) -> Run {
        Run::start("run", self, &[&["--events", "-", "--control", "-"], more].concat())
    }
}

/// A simulator that takes audio as fast as it comes.
pub fn simulator(config: Config) -> Simulator {
    Simulator::start(Config { pace_limit: 0.0, ..config }).expect("a free port on loopback")
}

/// The section of a `ravatar` sink named `avatar` that talks to `simulator` as fast as it can, with
/// `more` keys.
pub fn avatar(simulator: &Simulator, more: &str) -> String {
    format!(
        r#"
[[sink]]
name       = "avatar"
type       = "ravatar"
endpoint   = "{}"
project_id = "demo-project"
user_id    = "tester"
pace_limit = "off"
{more}
"#,
        simulator.http_url()
    )
}

/// The only licence of a simulator.
pub fn license(simulator: &Simulator) -> String {
    let licenses = simulator.licenses();
    assert_eq!(licenses.len(), 1, "{licenses:?}");
    licenses[0].id.clone()
}

/// Everything the simulator heard in its one live session.
pub fn heard(simulator: &Simulator) -> Vec<i16> {
    simulator.pcm(&license(simulator))
}

/// Waits until the one live session of `simulator` has `samples` samples.
pub fn wait_for_samples(simulator: &Simulator, samples: u64) {
    let there = simulator.wait_for(TOO_LONG, |state| state.licenses().any(|license| license.samples >= samples));
    assert!(there, "{samples} samples never came");
}

/// A live session was started once, ended once, is gone, and nothing was wrong with it.
#[track_caller]
pub fn was_left_in_order(simulator: &Simulator) {
    let log = simulator.log();
    assert_eq!(log.requests("POST /endLiveSession").count(), 1, "ends of the live session");
    assert_eq!(simulator.licenses().len(), 1, "live sessions");
    assert_eq!(simulator.active_sessions(), 0, "sessions that still run");
    assert_eq!(simulator.violations(), []);
    // The close may still be on its way through the simulator when the process is gone.
    assert!(simulator.wait_for(TOO_LONG, |state| state.open_sockets() == 0), "an open socket");
}

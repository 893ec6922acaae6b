//! The simulator as the other end of a bench: a process of its own, so that it is not measured. Main thread.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use rustix::process::{Signal, kill_process};

/// As many sessions as anybody asks for.
const SLOTS: &str = "slots = 1000000\n";

/// The simulator in a process of its own.
pub struct Simulator {
    process: Child,
    /// Where it is.
    pub url: String,
}

impl Simulator {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// It does not start, or does not say where it is.
    pub fn start() -> Result<Simulator, String> {
        let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
        let mut config = tempfile::NamedTempFile::new().map_err(|error| format!("no temporary file: {error}"))?;
        config.write_all(SLOTS.as_bytes()).map_err(|error| format!("no temporary file: {error}"))?;
        let mut process = std::process::Command::new(program)
            .args(["sim", "ravatar", "--config"])
            .arg(config.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start the simulator: {error}"))?;
        let mut line = String::new();
        let out = process.stdout.take();
        let read = out.map(|out| BufReader::new(out).read_line(&mut line));
        let simulator = |url: &str| Simulator { process, url: url.to_owned() };
        match serde_json::from_str::<serde_json::Value>(&line).ok().as_ref().and_then(|json| json["http"].as_str()) {
            Some(url) => Ok(simulator(url)),
            None => Err(format!("the simulator did not say where it is: {read:?}")),
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(id) = rustix::process::Pid::from_raw(self.process.id() as i32) {
            // It may have ended by itself.
            let _ = kill_process(id, Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

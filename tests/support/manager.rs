//! A service manager, as systemd is one to the program: the other end of its notifications.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use super::process::glottis;
use super::{Project, TOO_LONG};

/// The socket, and what it was told so far.
pub struct Manager {
    socket: UnixDatagram,
    project: Project,
    pub told: Vec<String>,
}

impl Manager {
    pub fn new(project: &Project) -> Manager {
        let socket = UnixDatagram::bind(project.path("notify")).expect("a socket");
        Manager { socket, project: project.clone(), told: Vec::new() }
    }

    /// A run of the project's pipeline as a service that has to give a sign of life within `watchdog`.
    pub fn run(&self, watchdog: Duration) -> Command {
        let mut command = glottis();
        command.arg("run").arg(self.project.path("pipeline.toml"));
        command.env("NOTIFY_SOCKET", self.project.path("notify"));
        command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        command
    }

    /// The next message, if one comes within `time`.
    pub fn hear(&mut self, time: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(time)).expect("a timeout");
        let mut message = [0; 256];
        let n = self.socket.recv(&mut message).ok()?;
        let message = String::from_utf8_lossy(&message[..n]).trim().to_owned();
        self.told.push(message.clone());
        Some(message)
    }

    /// Waits until it was told `wanted` once more.
    #[track_caller]
    pub fn wait_for(&mut self, wanted: &str) {
        while self.hear(TOO_LONG).unwrap_or_else(|| panic!("not told {wanted}: {:?}", self.told)) != wanted {}
    }

    /// How often it was told `message`.
    pub fn count(&self, message: &str) -> usize {
        self.told.iter().filter(|told| *told == message).count()
    }
}

//! A run of the program: its lines as they come, its end, its signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::Value;

use super::events::Events;
use super::{Project, TOO_LONG};

/// The program, with an environment in which it leaves no traces.
pub fn glottis() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_glottis"));
    let state = std::env::temp_dir().join("glottis-tests-state");
    command.env("XDG_STATE_HOME", state).env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// Runs the program with these arguments to its end.
pub fn glottis_with(args: &[&str]) -> Ended {
    let mut command = glottis();
    command.args(args);
    Run::spawn(command).finish()
}

/// A run that is on. Dropping it kills it.
pub struct Run {
    child: Child,
    stdin: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
    lines: Vec<String>,
    messages: Vec<String>,
    readers: Vec<JoinHandle<()>>,
    ended: bool,
    /// Kept until the run is over.
    project: Option<Project>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Runs a subcommand on a project's configuration.
    pub fn start(subcommand: &str, project: &Project, more: &[&str]) -> Run {
        let mut command = glottis();
        command.arg(subcommand).arg(project.path("pipeline.toml")).args(more).stdin(Stdio::piped());
        command.env("XDG_STATE_HOME", project.state());
        let mut run = Run::spawn(command);
        run.project = Some(project.clone());
        run
    }

    pub fn spawn(mut command: Command) -> Run {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let (out_lines, out) = channel();
        let (err_lines, err) = channel();
        let readers = vec![
            forward(child.stdout.take().expect("piped"), out_lines),
            forward(child.stderr.take().expect("piped"), err_lines),
        ];
        let stdin = child.stdin.take();
        Run { child, stdin, out, err, lines: Vec::new(), messages: Vec::new(), readers, ended: false, project: None }
    }

    /// The pipe into the program. Dropping it ends its input.
    pub fn take_stdin(&mut self) -> ChildStdin {
        self.stdin.take().expect("a pipe, once")
    }

    /// Ends the control input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Gives a command, as one line of JSON or as whatever line it is.
    pub fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{line}").expect("the program reads its commands");
    }

    /// Gives a command and waits for its answer: a `done`, or an `error` with code `BadCommand`.
    pub fn ask(&mut self, line: &str) -> Value {
        self.say(line);
        let answers = |event: &Value| event["event"] == "done" || event["code"] == "BadCommand";
        self.wait_for(answers)
    }

    /// Waits for the next event that is as wanted, from where the last wait ended.
    pub fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + TOO_LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = match self.out.recv_timeout(left) {
                Ok(line) => line,
                Err(why) => {
                    let stderr = self.drain_messages().join("\n");
                    panic!("not told ({why}): stdout {}\nstderr {stderr}", self.lines.join("\n"));
                }
            };
            self.lines.push(line.clone());
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            if wanted(&event) {
                return event;
            }
        }
    }

    /// Waits for the next event of this name.
    pub fn wait_for_event(&mut self, name: &str) -> Value {
        self.wait_for(|event| event["event"] == name)
    }

    /// Waits for a line on stderr that holds `text`.
    pub fn wait_for_message(&mut self, text: &str) -> String {
        let deadline = Instant::now() + TOO_LONG;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.err.recv_timeout(left).unwrap_or_else(|why| panic!("{why}: {:#?}", self.messages));
            self.messages.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for the next line of stdout, whatever it is.
    pub fn wait_for_line(&mut self) -> String {
        let line = self.out.recv_timeout(TOO_LONG).expect("a line on stdout");
        self.lines.push(line.clone());
        line
    }

    /// Sends a signal, `INT` for example.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill runs").success());
    }

    /// Kills it as `kill -9` does, and returns what it had told.
    pub fn kill(mut self) -> Events {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
        self.ended = true;
        self.lines.extend(self.out.iter());
        // The last line may be cut.
        Events(self.lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    fn drain_messages(&mut self) -> &[String] {
        self.messages.extend(self.err.try_iter());
        &self.messages
    }

    /// Waits for the end. The control input stays open meanwhile, unless it was closed.
    pub fn finish(mut self) -> Ended {
        let deadline = Instant::now() + TOO_LONG;
        loop {
            match self.out.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end: {:#?}", self.drain_messages()),
            }
        }
        let status: ExitStatus = self.child.wait().expect("our child");
        self.ended = true;
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader");
        }
        let stderr = self.drain_messages().join("\n");
        let code = status.code().unwrap_or_else(|| panic!("{status}: {stderr}"));
        Ended { code, stdout: self.lines.join("\n"), stderr }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn forward(pipe: impl Read + Send + 'static, lines: Sender<String>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let line = line.unwrap_or_else(|error| format!("not text: {error}"));
            if lines.send(line).is_err() {
                return;
            }
        }
    })
}

impl Ended {
    /// The events on stdout, found to be in order.
    #[track_caller]
    pub fn events(&self) -> Events {
        Events::parse(&self.stdout, self.code)
    }

    /// The report, which is all that `--json` prints.
    #[track_caller]
    pub fn report(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: stdout {:?}\nstderr {}", self.stdout, self.stderr));
        assert_eq!(value["event"], "report");
        value
    }

    /// The exit code is as wanted.
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Ended {
        assert_eq!(self.code, code, "stdout {}\nstderr {}", self.stdout, self.stderr);
        self
    }

    /// All of these stand in what it said on stderr.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) -> &Ended {
        // A long message is broken into lines, and where depends on how long the paths in it are.
        let whole = self.stderr.replace("\n  │ ", " ");
        for part in parts {
            assert!(self.stderr.contains(part) || whole.contains(part), "no {part:?} in:\n{}", self.stderr);
        }
        self
    }
}

//! A microphone for tests: a real sound server with a device that plays what the test gives it.
//!
//! Include it with `#[path = "…/tests/rig/mod.rs"] mod rig;`. See the README beside it.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

/// A virtual microphone. Dropping it takes it down.
pub struct Rig {
    dir: PathBuf,
    rate: u32,
    channels: u16,
    env: Vec<(String, String)>,
}

/// How a file was played.
#[derive(Clone, Copy, Debug)]
pub struct Playing {
    /// Frames of the file.
    pub frames: u64,
    /// When the first was handed to the server, in nanoseconds of the system's monotonic clock.
    pub start_ns: u64,
    /// Frames that nobody took: if there are any, the machine was too slow for the test.
    pub dropped: u64,
}

impl Rig {
    /// A microphone of 48 kHz in two channels; `None`, with the reason printed, where it cannot be had.
    pub fn up() -> Option<Rig> {
        Rig::with(48_000, 2)
    }

    /// A microphone of this rate and number of channels; `None`, with the reason printed, where it
    /// cannot be had.
    pub fn with(rate: u32, channels: u16) -> Option<Rig> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !cfg!(target_os = "linux") {
            println!("skipped: the virtual microphone needs Linux");
            return None;
        }
        let name = format!("glottis-rig-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut rig = Rig { dir: std::env::temp_dir().join(name), rate, channels, env: Vec::new() };
        let up = rig.run(&["up", "--rate", &rate.to_string(), "--channels", &channels.to_string()]);
        match up.status.code() {
            Some(0) => {
                rig.env = variables(&up);
                Some(rig)
            }
            Some(77) => {
                println!("skipped: {}", String::from_utf8_lossy(&up.stderr).trim());
                None
            }
            _ => panic!("the virtual microphone does not come up: {}", String::from_utf8_lossy(&up.stderr)),
        }
    }

    /// What a program must have in its environment to hear this microphone.
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// Environment in which the default device of ALSA does not open: `kind` is `busy`, `denied`,
    /// `missing` or `broken`. `None`, with the reason printed, where that cannot be had.
    pub fn refusing(&self, kind: &str) -> Option<Vec<(String, String)>> {
        let refuse = self.run(&["refuse", kind]);
        if refuse.status.code() == Some(77) {
            println!("skipped: {}", String::from_utf8_lossy(&refuse.stderr).trim());
            return None;
        }
        assert!(refuse.status.success(), "{}", String::from_utf8_lossy(&refuse.stderr));
        Some(variables(&refuse))
    }

    /// Lets the device that [refuses](Rig::refusing) open from now on.
    pub fn relent(&self) {
        self.done(&["relent"]);
    }

    /// Lets it refuse again.
    pub fn relapse(&self) {
        self.done(&["relapse"]);
    }

    /// Waits until somebody listens, plays a 16-bit WAV file, and returns when its last sample is out.
    ///
    /// The file's time goes on while there is no device, and what is played then is dropped.
    pub fn play(&self, file: &Path) -> Playing {
        let text = self.done(&["play", &file.to_string_lossy()]);
        let field = |name: &str| number(&text, name);
        Playing { frames: field("frames"), start_ns: field("start_ns"), dropped: field("dropped") }
    }

    /// Ends what is being played, as if the file were over.
    pub fn hush(&self) {
        self.done(&["hush"]);
    }

    /// Takes the device away.
    pub fn unplug(&self) {
        self.done(&["unplug"]);
    }

    /// Gives it back.
    pub fn replug(&self) {
        self.done(&["replug"]);
    }

    /// Gives back one of another rate.
    pub fn replug_at(&mut self, rate: u32) {
        self.done(&["replug", &rate.to_string()]);
        self.rate = rate;
    }

    /// Kills the sound server.
    pub fn crash(&self) {
        self.done(&["crash"]);
    }

    /// Brings a killed server and an unplugged device back.
    pub fn mend(&self) {
        let (rate, channels) = (self.rate.to_string(), self.channels.to_string());
        self.done(&["up", "--rate", &rate, "--channels", &channels]);
    }

    /// Gives `hz` frames in a second from now on, whatever the device says. Nothing may be playing.
    pub fn pace(&self, hz: u32) {
        self.done(&["pace", &hz.to_string()]);
    }

    /// When the device was last given back, by whichever of these, in nanoseconds of the system's
    /// monotonic clock: a moment before.
    pub fn back_ns(&self) -> u64 {
        number(&self.done(&["status"]), "back_ns")
    }

    /// Lets the sound server hang.
    pub fn freeze(&self) {
        self.done(&["freeze"]);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.done(&["thaw"]);
    }

    /// Delivers nothing for so many seconds, without an error. Returns at once.
    pub fn stall(&self, seconds: u32) {
        self.done(&["stall", &seconds.to_string()]);
    }

    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn run(&self, words: &[&str]) -> Output {
        let script = script();
        Command::new(&script)
            .args(words)
            .env("VIRTUAL_MIC_DIR", &self.dir)
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", script.display()))
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

/// The script lies beside this file, wherever the test that includes it lies.
fn script() -> PathBuf {
    let mut folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    loop {
        let script = folder.join("tests/rig/virtual-mic");
        if script.exists() {
            return script;
        }
        assert!(folder.pop(), "tests/rig/virtual-mic is not there");
    }
}

/// The number behind `name=`.
fn number(text: &str, name: &str) -> u64 {
    text.split_whitespace()
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn variables(output: &Output) -> Vec<(String, String)> {
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

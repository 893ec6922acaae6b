//! How the bursts get into a source: a file of their own, a pipe in the place of standard input, or a speaker
//! in front of a microphone. Control side, and a thread that feeds the pipe.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use glottis_core::clock;
use glottis_core::param::{Table, Value};
use glottis_core::{Registry, source::SourceFormat};
use glottis_source_stdin::register_reading;

use crate::far::set;
use crate::refused::Refused;
use crate::sound;
use crate::train::Train;

/// Something that makes a microphone hear.
pub trait Speaker: Send {
    /// Plays mono `sound` at `hz` and returns once its last sample is out: frames of the sound, and when each
    /// was out, in nanoseconds of [`clock`] and in order; empty if that is not known. Blocks.
    ///
    /// # Errors
    /// It cannot be played; in words, with what to do.
    fn play(&mut self, sound: &[f32], hz: u32) -> Result<Vec<(u64, u64)>, String>;
}

/// A program as a speaker: a command of the shell in which `{file}` stands for a WAV file, mono, 16 bits, at
/// the rate of the source. It plays the file and ends.
#[derive(Clone, Debug)]
pub struct PlayCommand(pub String);

impl Speaker for PlayCommand {
    fn play(&mut self, sound: &[f32], hz: u32) -> Result<Vec<(u64, u64)>, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let file = folder.path().join("bursts.wav");
        sound::write_wav(&file, sound, hz, 1)?;
        let command = self.0.replace("{file}", &format!("'{}'", file.display()));
        let ended = Command::new("sh").args(["-c", &command]).stdin(std::process::Stdio::null()).output();
        let output = ended.map_err(|error| format!("cannot run the shell: {error}"))?;
        if output.status.success() {
            return Ok(Vec::new());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("the command that plays failed ({}): {}", output.status, said.trim()))
    }
}

/// The ways into a source.
pub(crate) enum Input {
    File,
    Stdin(Pipe),
    Played(Box<dyn Speaker>),
}

/// The rate of a WAV stream whose rate the configuration leaves to it, in Hz.
const WAV_HZ: u32 = 48_000;

impl Input {
    /// The way into the source of `keys`, which are changed so that it is taken.
    pub(crate) fn new(
        keys: &mut Table,
        format: Result<Option<SourceFormat>, glottis_core::SourceError>,
        speaker: Option<Box<dyn Speaker>>,
        train: &Train,
        folder: &Path,
    ) -> Result<Input, Refused> {
        let kind = keys.text("type").unwrap_or_default().to_owned();
        if speaker.is_some() && matches!(kind.as_str(), "file" | "stdin") {
            return Err(Refused::Usage(format!("a {kind} source needs nothing to be played: leave out --play")));
        }
        match kind.as_str() {
            "file" => file(keys, format, train, folder).map(|()| Input::File),
            "stdin" => Pipe::new(keys, train).map(Input::Stdin),
            _ => speaker.map(Input::Played).ok_or_else(|| {
                Refused::Usage(format!(
                    "a {kind} source hears what is played to it: give an output device that it hears \
                     (--play DEVICE; a cable, or a speaker in front of it), or a command that plays a file \
                     (--play-command 'paplay {{file}}')"
                ))
            }),
        }
    }

    /// A registry in which the source reads what is put in.
    pub(crate) fn known_to(&self, registry: &Registry) -> Registry {
        let mut registry = registry.clone();
        if let Input::Stdin(pipe) = self {
            let reader = pipe.reader.clone();
            register_reading(&mut registry, "the bench", move || {
                match reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    Some(reader) => Box::new(reader),
                    None => Box::new(std::io::empty()) as Box<dyn Read + Send>,
                }
            });
        }
        registry
    }
}

fn file(
    keys: &mut Table,
    format: Result<Option<SourceFormat>, glottis_core::SourceError>,
    train: &Train,
    folder: &Path,
) -> Result<(), Refused> {
    // The bursts take the place of the recording, at its rate and in its channels.
    let format = format.map_err(|error| Refused::Source(error.to_string()))?;
    let (hz, channels) = format.map_or((WAV_HZ, 1), |format| (format.native_hz, format.channels));
    let path: PathBuf = folder.join("bursts.wav");
    sound::write_wav(&path, &train.samples(hz), hz, channels).map_err(Refused::Failed)?;
    set(keys, "path", &*path.to_string_lossy());
    set(keys, "pace", "realtime");
    set(keys, "loop", false);
    Ok(())
}

/// A pipe in the place of standard input.
pub(crate) struct Pipe {
    reader: Arc<Mutex<Option<PipeReader>>>,
    writer: PipeWriter,
    /// Samples as they go over the pipe.
    bytes: Vec<u8>,
    /// Bytes of a frame.
    frame: usize,
    hz: u32,
}

impl Pipe {
    fn new(keys: &Table, train: &Train) -> Result<Pipe, Refused> {
        let whole = |key: &str| match keys.get(key).map(|located| &located.value) {
            Some(Value::Int(n)) => u32::try_from(*n).ok(),
            _ => None,
        };
        let (hz, channels) = (whole("rate").unwrap_or(WAV_HZ), whole("channels").unwrap_or(1).max(1) as u16);
        let samples = train.samples(hz);
        let (reader, mut writer) = std::io::pipe().map_err(|error| Refused::Failed(format!("no pipe: {error}")))?;
        let each = |bytes: &dyn Fn(f32) -> Vec<u8>| -> Vec<u8> {
            samples.iter().flat_map(|&x| bytes(x).repeat(usize::from(channels))).collect()
        };
        let (bytes, width) = match keys.text("format").unwrap_or("wav") {
            "s16le" => (each(&|x| sound::s16(x).to_le_bytes().to_vec()), 2),
            "f32le" => (each(&|x| x.to_le_bytes().to_vec()), 4),
            "wav" => {
                let mut wav = sound::wav(&samples, hz, channels).map_err(Refused::Failed)?;
                let samples = wav.split_off(wav.len() - samples.len() * usize::from(channels) * 2);
                // The source reads the header before it is started; it fits any pipe.
                writer.write_all(&wav).map_err(|error| Refused::Failed(format!("the pipe is broken: {error}")))?;
                (samples, 2)
            }
            other => {
                return Err(Refused::Usage(format!(
                    "the bench feeds a stdin source wav, s16le or f32le, not {other}: --set source.format=s16le"
                )));
            }
        };
        Ok(Pipe { reader: Arc::new(Mutex::new(Some(reader))), writer, bytes, frame: width * usize::from(channels), hz })
    }

    /// Feeds the pipe as a device would: 10 ms when they are over. Tells when frame 0 would have been at the
    /// source, piece by piece.
    pub(crate) fn feed(self) -> std::io::Result<JoinHandle<Fed>> {
        let Pipe { mut writer, bytes, frame, hz, .. } = self;
        std::thread::Builder::new().name("bench-input".to_owned()).spawn(move || {
            let start = clock::now();
            let piece = (hz as usize).div_ceil(100);
            let mut fed = Fed { hz, pieces: Vec::new() };
            let mut end = 0;
            for piece in bytes.chunks(piece * frame) {
                end += piece.len() / frame;
                let due = clock::instant(start + end as u64 * 1_000_000_000 / u64::from(hz));
                std::thread::sleep(due.saturating_duration_since(std::time::Instant::now()));
                fed.pieces.push((end, clock::now()));
                if writer.write_all(piece).is_err() {
                    // Nobody reads any more; the report of the run says why.
                    break;
                }
            }
            fed
        })
    }
}

/// What was fed: counts of frames, and when the last of them was handed over.
pub(crate) struct Fed {
    hz: u32,
    pieces: Vec<(usize, u64)>,
}

impl Fed {
    /// When the frame that ends `seconds` into the stream was at the source.
    pub(crate) fn at(&self, seconds: f64) -> Option<u64> {
        let frame = seconds * f64::from(self.hz);
        let next = self.pieces.partition_point(|(end, _)| (*end as f64) < frame - 1e-6);
        let (end, ns) = self.pieces.get(next)?;
        let before = (*end as f64 - frame) / f64::from(self.hz);
        Some(ns.saturating_sub(Duration::from_secs_f64(before.max(0.0)).as_nanos() as u64))
    }
}

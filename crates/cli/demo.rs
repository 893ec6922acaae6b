//! `glottis demo`: recorded speech through the graph into a RAVATAR live session of the embedded
//! simulator, and a check that what the simulator heard is what was sent, bit for bit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use glottis::sim::ravatar::{Config as SimConfig, Simulator};
use glottis::{Config, Event, Pipeline, Report};

use crate::args::{Common, Demo};
use crate::progress::Progress;
use crate::{explain, run, stop};

/// Sentences read aloud, 16 kHz mono 16-bit WAV; their origin stands beside them.
const SENTENCES: [&[u8]; 5] = [
    include_bytes!("../../tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0870.wav"),
    include_bytes!("../../tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0880.wav"),
    include_bytes!("../../tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0890.wav"),
    include_bytes!("../../tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0920.wav"),
    include_bytes!("../../tests/fixtures/speech/sense_and_sensibility_01_austen_64kb-0930.wav"),
];

/// Silence behind each sentence, in frames at 16 kHz: longer than the hangover, so that each is a
/// turn of its own.
const PAUSE: usize = 24_000;

const PIPELINE: &str = include_str!("../../examples/pipelines/demo.toml");

/// Runs the demo.
pub fn demo(args: &Demo, common: &Common) -> ExitCode {
    match prepare(args).and_then(|stage| play(stage, args, common)) {
        Ok(code) => code,
        Err(error) => explain::failure(&format!("the demo cannot run: {error}"), explain::INTERNAL),
    }
}

/// A folder with speech and a pipeline, and a simulator.
struct Stage {
    folder: PathBuf,
    /// Removes the folder at the end, unless it is the user's.
    _guard: Option<tempfile::TempDir>,
    simulator: Simulator,
}

fn prepare(args: &Demo) -> io::Result<Stage> {
    let (folder, guard) = match &args.keep {
        Some(folder) => {
            fs::create_dir_all(folder)?;
            (folder.clone(), None)
        }
        None => {
            let guard = tempfile::Builder::new().prefix("glottis-demo-").tempdir()?;
            (guard.path().to_owned(), Some(guard))
        }
    };
    fs::write(folder.join("speech.wav"), speech())?;
    fs::write(folder.join("demo.toml"), PIPELINE)?;
    Ok(Stage { folder, _guard: guard, simulator: Simulator::start(SimConfig::default())? })
}

/// The sentences as samples at 16 kHz, with pauses between them.
pub fn voice() -> Vec<i16> {
    speech()[HEADER..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// Bytes before the first sample of each sentence.
const HEADER: usize = 44;

/// The sentences as one WAV file, with pauses between them.
fn speech() -> Vec<u8> {
    let mut wav = SENTENCES[0][..HEADER].to_vec();
    for sentence in SENTENCES {
        wav.extend_from_slice(&sentence[HEADER..]);
        wav.resize(wav.len() + 2 * PAUSE, 0);
    }
    let (data, riff) = ((wav.len() - HEADER) as u32, (wav.len() - 8) as u32);
    wav[4..8].copy_from_slice(&riff.to_le_bytes());
    wav[40..44].copy_from_slice(&data.to_le_bytes());
    wav
}

fn play(stage: Stage, args: &Demo, common: &Common) -> io::Result<ExitCode> {
    let mut config = match Config::read(&stage.folder.join("demo.toml")) {
        Ok(config) => config,
        Err(problems) => return Ok(explain::problems(&problems)),
    };
    let mut overrides = vec![format!("sink.avatar.endpoint={}", stage.simulator.http_url())];
    if args.fast {
        overrides.push("source.pace=fast".to_owned());
    }
    for assignment in overrides.iter().chain(&common.set) {
        if let Err(problems) = config.set(assignment) {
            return Ok(explain::problems(&problems));
        }
    }
    let registry = glottis::components();
    let pipeline = match Pipeline::new(&config, &registry) {
        Ok(pipeline) => pipeline,
        Err(problems) => return Ok(explain::problems(&problems)),
    };
    let mut progress = Progress::new();
    let watch = stop::watch()?;
    let running = match pipeline.start(move |event: &Event| progress.show(event)) {
        Ok(running) => running,
        Err(error) => return Ok(explain::failure(&error.to_string(), explain::CONFIG)),
    };
    watch.halts(running.halter());
    let report = running.wait();
    let code = run::conclude(&report, None, common.json);
    if report.exit != Some(0) {
        return Ok(code);
    }
    compare(&stage, &report)
}

/// Whether the simulator heard, to the bit, what the file sink of the same run wrote.
fn compare(stage: &Stage, report: &Report) -> io::Result<ExitCode> {
    let heard: Vec<u8> = stage
        .simulator
        .licenses()
        .iter()
        .flat_map(|license| stage.simulator.pcm(&license.id))
        .flat_map(i16::to_le_bytes)
        .collect();
    let sent = fs::read(stage.folder.join("sent.raw"))?;
    let turns = report.sinks.first().map_or(0, |sink| sink.segments.ended);
    if heard != sent || heard.is_empty() {
        let message = format!("the simulator heard {} bytes, {} were recorded: they differ", heard.len(), sent.len());
        return Ok(explain::failure(&message, explain::INTERNAL));
    }
    let seconds = heard.len() as f64 / 2.0 / 16_000.0;
    eprintln!(
        "the simulator heard {turns} turns, {seconds:.2} s of speech: bit-equal to the recording of what was sent"
    );
    keep_note(&stage.folder, stage._guard.is_none());
    Ok(ExitCode::SUCCESS)
}

fn keep_note(folder: &Path, kept: bool) {
    if kept {
        eprintln!("kept in {}: speech.wav, sent.raw (16 kHz mono s16le), demo.toml", folder.display());
    }
}

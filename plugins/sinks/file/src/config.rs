//! The keys of the `file` sink and what they mean together. Control side only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use glottis_core::param::{Kind, Param, Settings};
use glottis_core::sink::{Overflow, Wants};
use glottis_core::{Context, Problem, TurnMode};

use crate::message::Message;
use crate::path::PathTemplate;

pub(crate) const DOC: &str = "Writes recordings (WAV, raw, FLAC, Opus) or one JSON message per chunk to files.";

pub(crate) const PARAMS: &[Param] = &[
    Param::new(
        "path",
        Kind::Path,
        "The file; may contain {sink} {segment} {start} {date} {time} {rate}. With {segment}, one file per segment.",
    )
    .required(),
    Param::new("format", Kind::Choice(&["wav", "raw", "flac", "opus", "ndjson"]), "What a file holds.")
        .default("\"wav\""),
    Param::new("sample", Kind::Choice(&["s16", "f32"]), "Sample type; flac and opus take s16 only.").default("\"s16\""),
    Param::new(
        "message",
        Kind::Text,
        "The JSON of one line of an ndjson file, with {audio} (base64) and {seq} {segment} {at} {rate} {frames}.",
    ),
    Param::new("overwrite", Kind::Bool, "Whether a file that is there already is replaced; else it is an error.")
        .default("true"),
];

/// A chunk where the configuration does not say: 100 ms at 16 kHz. A recorder gains nothing from
/// shorter ones.
const CHUNK_FRAMES: u32 = 1600;

/// What a file holds.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Format {
    /// RIFF/WAVE.
    Wav,
    /// Samples alone, little-endian.
    Raw,
    /// FLAC, 16 bits.
    Flac,
    /// Opus in Ogg.
    Opus,
    /// One JSON message per chunk and line.
    Lines(Arc<Message>),
}

/// The type of a sample.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sample {
    /// 16-bit integer.
    S16,
    /// 32-bit float, nominally −1 to 1.
    F32,
}

impl Sample {
    /// Bytes of a sample, which is a frame: everything here is mono.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Sample::S16 => 2,
            Sample::F32 => 4,
        }
    }

    const fn encoder(self) -> &'static str {
        match self {
            Sample::S16 => "pcm16",
            Sample::F32 => "f32",
        }
    }
}

/// The checked keys of a `file` sink.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) path: PathTemplate,
    pub(crate) base: PathBuf,
    pub(crate) format: Format,
    pub(crate) sample: Sample,
    pub(crate) overwrite: bool,
}

impl Config {
    /// Reads the keys.
    ///
    /// # Errors
    /// Every problem with the path, the message, or the way the keys go together.
    pub(crate) fn read(settings: &Settings, context: &Context) -> Result<Config, Vec<Problem>> {
        let mut problems = Vec::new();
        let text = settings.text("path");
        problems.extend(reads_itself(settings, context));
        let path = PathTemplate::parse(text).map_err(|flaw| problems.push(placed(settings, "path", flaw))).ok();
        let sample = if settings.text("sample") == "f32" { Sample::F32 } else { Sample::S16 };
        problems.extend(wrong_ending(settings, text));
        if settings.text("format") != "ndjson" && settings.has("message") {
            problems.push(
                settings
                    .problem("message", "only format = \"ndjson\" has messages")
                    .help("add `format = \"ndjson\"`, or take `message` out"),
            );
        }
        let format = match settings.text("format") {
            "ndjson" => lines(settings).map_err(|problem| problems.push(problem)).ok(),
            name @ ("flac" | "opus") if sample == Sample::F32 => {
                let problem = settings.problem("sample", format!("{name} is made from whole numbers only"));
                problems.push(problem.help("use sample = \"s16\", or format = \"wav\" for float samples"));
                None
            }
            "flac" => Some(Format::Flac),
            "opus" => Some(Format::Opus),
            "raw" => Some(Format::Raw),
            _ => Some(Format::Wav),
        };
        match (path, format) {
            (Some(path), Some(format)) if problems.is_empty() => Ok(Config {
                path,
                base: settings.base().to_owned(),
                format,
                sample,
                overwrite: settings.bool("overwrite"),
            }),
            _ => Err(problems),
        }
    }

    /// What the outlet shall do for a recorder: everything, in even pieces, holes kept as holes.
    pub(crate) fn wants(&self) -> Wants {
        Wants {
            encoder: self.sample.encoder(),
            chunk_frames: CHUNK_FRAMES,
            pad: false,
            turn: TurnMode::Always,
            overflow: Overflow::Gap,
            ..Wants::default()
        }
    }
}

fn lines(settings: &Settings) -> Result<Format, Problem> {
    let Some(text) = settings.opt_text("message") else {
        return Err(settings
            .problem("message", "missing key \"message\": an ndjson file needs the text of a line")
            .help("for example message = '{\"n\":{seq},\"audio\":\"{audio}\"}'"));
    };
    Message::parse(text)
        .map(|message| Format::Lines(Arc::new(message)))
        .map_err(|flaw| placed(settings, "message", flaw))
}

/// A recording that would replace what the run reads.
fn reads_itself(settings: &Settings, context: &Context) -> Option<Problem> {
    let target = settings.path("path").canonicalize().ok()?;
    let same = |file: &&PathBuf| file.canonicalize().is_ok_and(|file| file == target);
    let file = context.reads.iter().find(same)?;
    Some(
        settings
            .problem("path", format!("this run reads {}, and would write it too", file.display()))
            .help("choose another file"),
    )
}

/// A file called `.flac` that holds WAV plays nowhere: better said before the recording than after.
fn wrong_ending(settings: &Settings, path: &str) -> Option<Problem> {
    let ending = Path::new(path).extension()?.to_str()?.to_ascii_lowercase();
    let format = settings.text("format");
    let meant = ["wav", "flac", "opus", "ndjson"].into_iter().find(|name| *name == ending && *name != format)?;
    Some(
        settings
            .problem("path", format!("the file ends in \".{ending}\" but would hold {format}"))
            .help(format!("add `format = \"{meant}\"`, or end the path in \".{format}\"")),
    )
}

fn placed(settings: &Settings, key: &str, flaw: Problem) -> Problem {
    settings.problem(key, flaw.message).help(flaw.help)
}

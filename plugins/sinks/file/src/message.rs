//! A line of an ndjson file: JSON with holes for the numbers and the sound. Read once when the
//! pipeline is built; written by the sink's task, in place, without a JSON tree and without an
//! allocation.

use std::fmt;
use std::io::Write as _;

use glottis_core::param::nearest;
use glottis_core::{Place, Problem, base64};

/// What a message can be filled with.
const NAMES: [&str; 6] = ["audio", "seq", "segment", "at", "rate", "frames"];

/// Digits of the longest number: `i64::MIN`.
const DIGITS: usize = 20;

/// The text of a message, with holes.
///
/// ```
/// use glottis_sink_file::{Line, Message};
///
/// let message = Message::parse(r#"{"n":{seq},"audio":"{audio}"}"#).unwrap();
/// let line = Line { audio: &[0, 1, 2], seq: 7, segment: 0, at: 4096, rate: 16_000, frames: 1 };
/// let mut out = vec![0; message.max_len(line.audio.len())];
/// let len = message.write(&line, &mut out).unwrap();
/// assert_eq!(&out[..len], br#"{"n":7,"audio":"AAEC"}"#);
/// ```
#[derive(Clone, PartialEq)]
pub struct Message {
    parts: Vec<Part>,
}

impl fmt::Debug for Message {
    // The text may hold a key of the service: not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({} parts)", self.parts.len())
    }
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Audio,
    Seq,
    Segment,
    At,
    Rate,
    Frames,
}

/// What fills the holes of one message.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The encoded chunk.
    pub audio: &'a [u8],
    /// Number of the chunk in its segment, from 0.
    pub seq: u64,
    /// Number of the segment at this sink, from 0.
    pub segment: u64,
    /// Position of the chunk's first frame, at the edge's rate.
    pub at: i64,
    /// The edge's rate in Hz.
    pub rate: u32,
    /// Frames of the chunk, padding included.
    pub frames: u32,
}

impl Message {
    /// Reads the text of a message. `{audio}`, `{seq}`, `{segment}`, `{at}`, `{rate}` and `{frames}`
    /// are holes, all other braces are the text's own; line breaks between tokens become spaces, so
    /// that a message stays on one line.
    ///
    /// # Errors
    /// A hole that is almost one of these, no `{audio}`, or a text that is not JSON once it is
    /// filled in. Place and path are left empty.
    pub fn parse(text: &str) -> Result<Message, Problem> {
        let message = Message { parts: split(text)? };
        if !message.parts.contains(&Part::Audio) {
            return Err(flaw("the message has no {audio}").help("put \"{audio}\" where the sound belongs"));
        }
        // JSON may turn on the value: `0{seq}` is a number for no seq, `-{at}` for some.
        for (audio, n, at) in [(&[][..], 0, 0), (&[0xFB, 0xFF][..], 12, 34), (&[0; 3][..], u64::MAX, -56)] {
            let line = Line { audio, seq: n, segment: n, at, rate: 16_000, frames: 1600 };
            message.check(&line)?;
        }
        Ok(message)
    }

    fn check(&self, line: &Line<'_>) -> Result<(), Problem> {
        let mut bytes = vec![0; self.max_len(line.audio.len())];
        let len = self.write(line, &mut bytes).unwrap_or(0);
        // The text may hold a key of the service: it is never shown, the column says where to look.
        serde_json::from_slice::<serde_json::Value>(&bytes[..len]).map(drop).map_err(|error| {
            flaw(format!("the message is no JSON once it is filled in: {error}"))
                .help("it must be one JSON value, with {audio} in quotes and numbers without")
        })
    }

    /// The most bytes a message with `audio` bytes of sound takes.
    pub fn max_len(&self, audio: usize) -> usize {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.len(),
                Part::Audio => base64::len(audio),
                _ => DIGITS,
            })
            .sum()
    }

    /// Writes a message to the front of `out`, without a line break, and says how many bytes it
    /// took; `None` if it does not fit. Does not allocate.
    pub fn write(&self, line: &Line<'_>, out: &mut [u8]) -> Option<usize> {
        let whole = out.len();
        let mut rest = out;
        for part in &self.parts {
            match part {
                Part::Text(text) => rest.write_all(text.as_bytes()).ok()?,
                Part::Audio => {
                    let taken = base64::encode(line.audio, rest)?;
                    rest = &mut rest[taken..];
                }
                Part::Seq => write!(rest, "{}", line.seq).ok()?,
                Part::Segment => write!(rest, "{}", line.segment).ok()?,
                Part::At => write!(rest, "{}", line.at).ok()?,
                Part::Rate => write!(rest, "{}", line.rate).ok()?,
                Part::Frames => write!(rest, "{}", line.frames).ok()?,
            }
        }
        Some(whole - rest.len())
    }
}

fn split(text: &str) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let (before, after) = rest.split_at(start);
        literal.push_str(before);
        match hole(after)? {
            Some((part, len)) => {
                if !literal.is_empty() {
                    parts.push(Part::Text(one_line(&literal)));
                    literal.clear();
                }
                parts.push(part);
                rest = &after[len..];
            }
            None => {
                literal.push('{');
                rest = &after[1..];
            }
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Text(one_line(&literal)));
    }
    Ok(parts)
}

/// A raw line break in JSON can only stand between tokens, where a space means the same.
fn one_line(literal: &str) -> String {
    literal.replace(['\r', '\n'], " ")
}

/// The hole that `text` begins with, and its length; `None` for a brace of the text's own.
fn hole(text: &str) -> Result<Option<(Part, usize)>, Problem> {
    let Some(end) = text.find('}') else { return Ok(None) };
    let name = &text[1..end];
    let part = match name {
        "audio" => Part::Audio,
        "seq" => Part::Seq,
        "segment" => Part::Segment,
        "at" => Part::At,
        "rate" => Part::Rate,
        "frames" => Part::Frames,
        _ => return near_miss(name).map(|()| None),
    };
    Ok(Some((part, end + 1)))
}

/// A brace that begins almost a hole is more likely a slip than a text.
fn near_miss(name: &str) -> Result<(), Problem> {
    let (word, width) = name.split_once(':').map_or((name, None), |(word, width)| (word, Some(width)));
    let word = word.trim();
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !plain || width.is_some_and(|width| !width.chars().all(|c| c.is_ascii_digit())) {
        return Ok(());
    }
    let lower = word.to_lowercase();
    match nearest(&lower, NAMES.into_iter()) {
        Some(near) if near == word && width.is_some() => {
            Err(flaw(format!("{{{name}}} has a width, and numbers in JSON have none"))
                .help(format!("write {{{near}}}")))
        }
        Some(near) => Err(flaw(format!("there is no {{{name}}} to fill in")).help(format!(
            "did you mean {{{near}}}? For the words themselves write \\u007b{name}}} inside a JSON text"
        ))),
        None => Ok(()),
    }
}

fn flaw(message: impl Into<String>) -> Problem {
    Problem::new(Place::None, "", message)
}

//! The names of files: a path with holes, read once when the pipeline is built. Control side and
//! the sink's task.

use std::fmt::Write as _;

use glottis_core::param::nearest;
use glottis_core::{Place, Problem, clock};

/// What a path can be filled with.
const NAMES: [&str; 6] = ["sink", "segment", "start", "date", "time", "rate"];

/// Widest number with leading zeros: that of the longest segment number.
const MAX_WIDTH: usize = 20;

/// A path with holes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PathTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    Sink,
    /// Number of the segment, with at least so many digits.
    Segment(usize),
    /// Day and time the run began.
    Start,
    Date,
    Time,
    /// Rate in Hz, with at least so many digits.
    Rate(usize),
}

/// What fills the holes, but for the segment.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// The sink's name.
    pub sink: String,
    /// When the run began, in seconds since the Unix epoch.
    pub started: u64,
    /// Rate in Hz.
    pub rate: u32,
}

impl PathTemplate {
    /// Reads a path. `{{` and `}}` stand for braces of the name itself.
    ///
    /// # Errors
    /// An unknown hole, a brace without its partner, or a path that names no file. Place and path
    /// are left empty.
    pub(crate) fn parse(text: &str) -> Result<PathTemplate, Problem> {
        if text.is_empty() || text.ends_with(['/', std::path::MAIN_SEPARATOR]) || text.contains('\0') {
            return Err(flaw(format!("\"{text}\" names no file")).help("for example path = \"takes/{segment:04}.wav\""));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                literal.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            if brace.starts_with('}') {
                return Err(unbalanced(text, "a } without its {"));
            }
            let end = brace.find('}').ok_or_else(|| unbalanced(text, "a { without its }"))?;
            parts.push(Part::Text(std::mem::take(&mut literal)));
            parts.push(hole(&brace[1..end])?);
            rest = &brace[end + 1..];
        }
        literal.push_str(rest);
        parts.push(Part::Text(literal));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(PathTemplate { parts })
    }

    /// Whether each segment has a file of its own.
    pub(crate) fn per_segment(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Segment(_)))
    }

    /// The file of `segment`.
    pub(crate) fn expand(&self, names: &Names, segment: u64) -> String {
        fill(&self.parts, names, segment)
    }

    /// The folder that all files lie in or below; empty for the current one.
    pub(crate) fn folder(&self, names: &Names) -> String {
        let varies = self.parts.iter().position(|part| matches!(part, Part::Segment(_)));
        let mut text = fill(&self.parts[..varies.unwrap_or(self.parts.len())], names, 0);
        text.truncate(text.rfind(std::path::is_separator).map_or(0, |at| at + 1));
        text
    }
}

fn fill(parts: &[Part], names: &Names, segment: u64) -> String {
    let mut out = String::new();
    let (date, time) = clock::utc(names.started);
    for part in parts {
        // Writing to a String cannot fail.
        let _ = match part {
            Part::Text(text) => write!(out, "{text}"),
            Part::Sink => write!(out, "{}", file_word(&names.sink)),
            Part::Segment(width) => write!(out, "{segment:0width$}"),
            Part::Start => write!(out, "{date}T{time}Z"),
            Part::Date => write!(out, "{date}"),
            Part::Time => write!(out, "{time}"),
            Part::Rate(width) => write!(out, "{:0width$}", names.rate),
        };
    }
    out
}

/// A sink's name as part of a file name: it must not lead into another folder.
fn file_word(name: &str) -> String {
    let word = name.replace(|c: char| c.is_control() || "/\\:*?\"<>|".contains(c), "_");
    if word.chars().all(|c| c == '.') { "_".repeat(word.len().max(1)) } else { word }
}

fn hole(text: &str) -> Result<Part, Problem> {
    let (name, width) = text.split_once(':').map_or((text, None), |(name, width)| (name, Some(width)));
    let number = matches!(name, "segment" | "rate");
    let width = match width {
        None => 0,
        Some(_) if NAMES.contains(&name) && !number => {
            return Err(flaw(format!("{{{text}}}: {name} takes no width")).help(format!("write {{{name}}}")));
        }
        Some(width) => digits(width).ok_or_else(|| {
            flaw(format!("{{{text}}}: \"{width}\" is no width"))
                .help(format!("write {{{name}:04}} for four digits with leading zeros, up to {{{name}:0{MAX_WIDTH}}}"))
        })?,
    };
    match name {
        "sink" => Ok(Part::Sink),
        "segment" => Ok(Part::Segment(width)),
        "start" => Ok(Part::Start),
        "date" => Ok(Part::Date),
        "time" => Ok(Part::Time),
        "rate" => Ok(Part::Rate(width)),
        _ => {
            let problem = flaw(format!("there is no {{{text}}} to fill in"));
            Err(match nearest(name.trim(), NAMES.into_iter()) {
                Some(near) => problem.help(format!("did you mean {{{near}}}?")),
                None => problem.help(format!("one of {}; write {{{{ for a brace", list())),
            })
        }
    }
}

/// The number of digits of a width such as `04`. Without the zero it would mean blanks in a name.
fn digits(width: &str) -> Option<usize> {
    let digits = width.strip_prefix('0').filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok().filter(|digits| (1..=MAX_WIDTH).contains(digits))
}

fn unbalanced(text: &str, what: &str) -> Problem {
    flaw(format!("\"{text}\" has {what}")).help(format!("close it, or double it for a brace; holes: {}", list()))
}

fn list() -> String {
    NAMES.map(|name| format!("{{{name}}}")).join(" ")
}

fn flaw(message: impl Into<String>) -> Problem {
    Problem::new(Place::None, "", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_out_of_its_folder() {
        assert_eq!(file_word("../a:b"), ".._a_b");
        assert_eq!(file_word(".."), "__");
        assert_eq!(file_word(""), "_");
    }
}

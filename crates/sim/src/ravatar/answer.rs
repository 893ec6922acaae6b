//! What the avatar says: texts from the script, messages in shape A or B. Pure but for the place
//! in the script, which the `State` owns.

use super::audio;
use super::config::Config;
use super::options::{DateForm, InlineAudio, Shape};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Where the script has got to.
#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: usize,
    transcripts: usize,
}

/// What was measured of a voice turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    pub(crate) samples: Option<u64>,
    pub(crate) seconds: Option<f64>,
}

/// The words of one exchange.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Words {
    /// The typed text or the transcript.
    pub(crate) request: String,
    /// The answer, block quote included.
    pub(crate) answer: String,
}

impl Script {
    /// The answer to a typed text.
    pub(crate) fn typed(&mut self, config: &Config, text: &str) -> Words {
        let text = clip(text);
        let line = next(&config.answers, &mut self.answers);
        let nothing = Heard { samples: None, seconds: None };
        Words { request: text.into(), answer: fill(line, text, nothing) }
    }

    /// Transcript of and answer to a voice turn.
    pub(crate) fn spoken(&mut self, config: &Config, heard: Heard) -> Words {
        let transcript = fill(next(&config.transcripts, &mut self.transcripts), "", heard);
        let line = next(&config.answers, &mut self.answers);
        let plain = fill(line, &transcript, heard);
        let answer = if config.echo_transcript {
            let quoted: Vec<_> = transcript.lines().map(|line| format!("> {line}")).collect();
            format!("{}\n\n{plain}", quoted.join("\n"))
        } else {
            plain
        };
        Words { request: transcript, answer }
    }
}

/// The part of a text that is repeated in answers and in the history. Nobody types more; without
/// a limit a client could make us remember any amount.
fn clip(text: &str) -> &str {
    const MOST: usize = 64 << 10;
    let end = (0..=MOST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn next<'a>(lines: &'a [String], place: &mut usize) -> &'a str {
    if lines.is_empty() {
        return "";
    }
    let line = &lines[*place % lines.len()];
    *place += 1;
    line
}

fn fill(line: &str, request: &str, heard: Heard) -> String {
    let samples = heard.samples.map_or("unknown".into(), |samples| samples.to_string());
    let seconds = heard.seconds.map_or("unknown".into(), |seconds| format!("{seconds:.3}"));
    // The request last: whatever a user typed must not be taken for a placeholder.
    line.replace("{samples}", &samples).replace("{seconds}", &seconds).replace("{request}", request)
}

/// The parts of an answer that do not come from the configuration.
pub(crate) struct Parts<'a> {
    pub(crate) id: &'a str,
    pub(crate) user: &'a str,
    pub(crate) avatar_id: &'a str,
    pub(crate) avatar_name: Option<&'a str>,
    pub(crate) language: &'a str,
    pub(crate) chat_type: &'a str,
    pub(crate) request_type: &'a str,
    pub(crate) words: &'a Words,
    pub(crate) unix_ms: u64,
}

/// The message on the socket (RAVATAR dossier 7.3).
pub(crate) fn message(config: &Config, parts: &Parts<'_>) -> Value {
    let mut message = match config.shape {
        Shape::A => shape_a(parts),
        Shape::B => shape_b(parts),
    };
    match (config.date, config.shape) {
        (DateForm::None, _) => {}
        (DateForm::Native, Shape::A) | (DateForm::Millis, _) => {
            message["date"] = parts.unix_ms.into();
        }
        (DateForm::Seconds, _) => message["date"] = (parts.unix_ms / 1000).into(),
        (DateForm::Native, Shape::B) | (DateForm::Timestamp, _) => {
            message["timestamp"] = iso8601(parts.unix_ms).into();
        }
    }
    if let Some(url) = &config.file_url {
        message["fileUrl"] = url.as_str().into();
    }
    match config.inline_audio {
        InlineAudio::None => {}
        InlineAudio::FileBase64Data => message["file_base64_data"] = beep().into(),
        InlineAudio::AudioBase64 => message["audio_base64"] = beep().into(),
    }
    message
}

fn shape_a(parts: &Parts<'_>) -> Value {
    let mut message = json!({
        "_id": parts.id, "direction": "incoming", "user_id": parts.user,
        "avatar_id": parts.avatar_id, "request": parts.words.request,
        "answer": parts.words.answer, "chat_type": parts.chat_type,
        "requestType": parts.request_type, "language_code": parts.language,
    });
    if let Some(name) = parts.avatar_name {
        message["avatar_name"] = name.into();
    }
    message
}

fn shape_b(parts: &Parts<'_>) -> Value {
    let mut message = json!({ "type": "incoming", "content": parts.words.answer });
    if parts.chat_type == "voice" {
        // Without these a client may not split off the transcript (RAVATAR dossier 7.4).
        message["chat_type"] = parts.chat_type.into();
        message["requestType"] = parts.request_type.into();
    }
    message
}

/// 100 ms of a 440 Hz square wave as base64 WAV: short, recognisable, the same every time.
pub(crate) fn beep() -> String {
    let samples: Vec<i16> = (0..1600).map(|n| if n * 440 * 2 / 16_000 % 2 == 0 { 4000 } else { -4000 }).collect();
    STANDARD.encode(audio::wav(&samples))
}

/// `2026-01-29T14:54:57.263Z`. A calendar crate for one line of text would be too much.
fn iso8601(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    // Days to civil date, after Howard Hinnant's "chrono-compatible date algorithms".
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps() {
        assert_eq!(iso8601(1_769_698_497_263), "2026-01-29T14:54:57.263Z");
        assert_eq!(iso8601(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso8601(0), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn long_texts_are_clipped_between_characters() {
        assert_eq!(clip("short"), "short");
        let long = format!("x{}", "ü".repeat(64 << 10));
        assert_eq!(clip(&long).len(), (64 << 10) - 1);
    }

    #[test]
    fn the_script_repeats_and_quotes() {
        let config = Config {
            answers: vec!["1 {request}".into(), "2".into()],
            transcripts: vec!["A\nB {samples}".into()],
            ..Config::default()
        };
        let mut script = Script::default();
        assert_eq!(script.typed(&config, "{samples}").answer, "1 {samples}");
        let heard = Heard { samples: Some(3), seconds: None };
        let words = script.spoken(&config, heard);
        assert_eq!(words.request, "A\nB 3");
        assert_eq!(words.answer, "> A\n> B 3\n\n2");
        assert_eq!(script.typed(&config, "x").answer, "1 x");
    }
}

//! Judging one text frame against the field matrix (RAVATAR dossier 6.1), without any state: who
//! holds which licence is `intake`'s business. Runs on the simulator's thread, no lock held.

use super::audio::{self, BlobFacts};
use super::config::Config;
use super::findings::{Code, Findings};
use super::log;
use serde::Serialize;
use serde_json::{Map, Value};

/// Samples of a PCM chunk (RAVATAR dossier 8.5).
const CHUNK: usize = 4096;

/// The kinds of message of the field matrix (RAVATAR dossier 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Typed text in chat mode.
    ChatText,
    /// A recorded turn in chat mode.
    ChatBlob,
    /// Typed text in live mode.
    LiveText,
    /// A recorded turn in live mode.
    LiveBlob,
    /// A chunk of raw PCM in live mode.
    LivePcm,
    /// None of them.
    Other,
}

impl Kind {
    fn live(self) -> bool {
        matches!(self, Self::LiveText | Self::LiveBlob | Self::LivePcm)
    }

    fn blob(self) -> bool {
        matches!(self, Self::ChatBlob | Self::LiveBlob)
    }

    /// `text` or `voice`, the `chat_type` that belongs to it.
    pub(crate) fn chat_type(self) -> &'static str {
        if matches!(self, Self::ChatText | Self::LiveText) { "text" } else { "voice" }
    }

    /// `text` or `audio`, the `requestType` that belongs to it.
    pub(crate) fn request_type(self) -> &'static str {
        if matches!(self, Self::ChatText | Self::LiveText) { "text" } else { "audio" }
    }
}

/// What a message carries.
#[derive(Debug)]
pub(crate) enum Payload {
    /// Nothing that could be read.
    None,
    Text(String),
    Blob(Vec<u8>, BlobFacts),
    Pcm(Vec<i16>),
}

/// A message, judged.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) kind: Kind,
    pub(crate) payload: Payload,
    pub(crate) avatar_id: String,
    pub(crate) language: String,
    pub(crate) license_id: Option<String>,
    pub(crate) session: Option<String>,
    /// For the log: long values shortened, `session` left out.
    pub(crate) fields: Map<String, Value>,
    pub(crate) findings: Findings,
}

/// Judges the text of one frame sent by `user`.
pub(crate) fn check(config: &Config, user: &str, text: &str) -> Checked {
    let mut findings = Findings::default();
    if text.len() > config.max_message_bytes {
        let detail = format!("{} bytes, limit {}", text.len(), config.max_message_bytes);
        findings.violation(Code::TooLarge, detail);
    }
    let fields = parse(text, &mut findings);
    let readable = fields.is_some();
    let mut check = Check { config, user, fields: &fields.unwrap_or_default(), findings };
    if readable { check.all() } else { check.nothing() }
}

fn parse(text: &str, findings: &mut Findings) -> Option<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => return Some(fields),
        Ok(_) => findings.violation(Code::NotAnObject, "the frame is JSON but no object"),
        Err(error) => findings.violation(Code::InvalidJson, error.to_string()),
    }
    None
}

/// One judgement in progress.
struct Check<'a> {
    config: &'a Config,
    user: &'a str,
    fields: &'a Map<String, Value>,
    findings: Findings,
}

impl Check<'_> {
    fn all(&mut self) -> Checked {
        let kind = self.kind();
        self.envelope(kind);
        self.mode(kind);
        self.optional(kind);
        self.unknown();
        let payload = self.payload(kind);
        Checked { kind, payload, ..self.nothing() }
    }

    /// The outcome without a payload; also what is left of a frame that is no JSON object.
    fn nothing(&mut self) -> Checked {
        let text = |name: &str| self.text(name).unwrap_or_default().to_string();
        let mut shown = log::summarise_fields(self.fields);
        shown.remove("session");
        Checked {
            kind: Kind::Other,
            payload: Payload::None,
            avatar_id: text("avatar_id"),
            language: text("language"),
            license_id: self.text("LicenseId").map(str::to_string),
            session: self.text("session").map(str::to_string),
            fields: shown,
            findings: std::mem::take(&mut self.findings),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// There is no discriminator: the payload field decides, then `requestType` (RAVATAR dossier 6).
    fn kind(&mut self) -> Kind {
        let has = |name: &str| self.fields.contains_key(name);
        let live = match self.fields.get("isLive") {
            Some(Value::Bool(live)) => *live,
            _ => has("LicenseId"),
        };
        let payloads = ["audio_base64_pcm", "file_base64_data", "request"].map(has);
        if payloads.iter().filter(|there| **there).count() > 1 {
            let detail = "more than one of `request`, `file_base64_data`, `audio_base64_pcm`";
            self.findings.violation(Code::BothPayloads, detail);
        }
        let voice = self.text("requestType") == Some("audio");
        match (live, payloads) {
            (true, [true, ..]) => Kind::LivePcm,
            (true, [_, true, _]) => Kind::LiveBlob,
            (false, [_, true, _]) => Kind::ChatBlob,
            (false, [true, ..]) => {
                let detail = "`audio_base64_pcm` exists in live mode only";
                self.findings.violation(Code::KindMismatch, detail);
                Kind::Other
            }
            // Without a payload an audio message could be a blob or PCM: both lack it.
            (true, [.., text]) => {
                if text || !voice {
                    Kind::LiveText
                } else {
                    Kind::LiveBlob
                }
            }
            (false, [.., text]) => {
                if text || !voice {
                    Kind::ChatText
                } else {
                    Kind::ChatBlob
                }
            }
        }
    }

    /// The fields every kind requires, and what they must say.
    fn envelope(&mut self, kind: Kind) {
        let avatar = self.required("avatar_id");
        if let Some(avatar) = avatar.filter(|id| self.config.avatar(id).is_none()) {
            self.findings.violation(Code::UnknownAvatar, format!("avatar `{avatar}`"));
        }
        let language = self.required("language");
        let known = |code: &String| self.config.languages.iter().any(|language| language.code == *code);
        if let Some(language) = language.filter(|code| !known(code)) {
            self.findings.violation(Code::UnknownLanguage, format!("language `{language}`"));
        }
        if let Some(user) = self.required("user_id").filter(|user| user != self.user) {
            let detail = format!("`{user}`, but the token belongs to `{}`", self.user);
            self.findings.violation(Code::ForeignUser, detail);
        }
        self.required("source");
        for (name, expected) in [("chat_type", kind.chat_type()), ("requestType", kind.request_type())] {
            // What kind `Other` should say is unknown; it is a violation already.
            let found = self.required(name).filter(|found| found != expected && kind != Kind::Other);
            if let Some(found) = found {
                let detail = format!("`{name}` is `{found}`, the payload needs `{expected}`");
                self.findings.violation(Code::KindMismatch, detail);
            }
        }
    }

    /// A required, non-empty string.
    fn required(&mut self, name: &str) -> Option<String> {
        match self.fields.get(name) {
            None => {
                self.findings.violation(Code::MissingField, format!("`{name}` is missing"));
                None
            }
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(_) => {
                let detail = format!("`{name}` must be a string that is not empty");
                self.findings.violation(Code::WrongType, detail);
                None
            }
        }
    }

    /// `isLive` and `LicenseId` belong together.
    fn mode(&mut self, kind: Kind) {
        let license = self.fields.get("LicenseId");
        match self.fields.get("isLive") {
            Some(Value::Bool(_)) => {}
            Some(_) => self.findings.violation(Code::WrongType, "`isLive` must be true or false"),
            None => self.findings.violation(Code::MissingField, "`isLive` is missing"),
        }
        if !kind.live() {
            if license.is_some() {
                self.findings.violation(Code::LicenseInChat, "`LicenseId` without `isLive: true`");
            }
            return;
        }
        match license {
            Some(Value::String(id)) if !id.is_empty() => {}
            Some(_) => {
                let detail = "`LicenseId` must be a string that is not empty";
                self.findings.violation(Code::WrongType, detail);
            }
            None => self.findings.violation(Code::MissingLicense, "`isLive: true` needs `LicenseId`"),
        }
    }

    fn optional(&mut self, kind: Kind) {
        match self.fields.get("isPushToTalk") {
            None => {}
            Some(Value::Bool(true)) if kind.blob() => {}
            Some(Value::Bool(true)) if kind == Kind::LivePcm => {
                // Undocumented for PCM, so not a broken rule.
                let detail = "`isPushToTalk` with PCM";
                self.findings.note(Code::PushToTalkMisplaced, detail);
            }
            Some(Value::Bool(true)) => {
                let detail = "`isPushToTalk` belongs to blobs";
                self.findings.violation(Code::PushToTalkMisplaced, detail);
            }
            Some(Value::Bool(false)) => {
                let detail = "`isPushToTalk` is true or absent, never false";
                self.findings.violation(Code::PushToTalkFalse, detail);
            }
            Some(_) => self.findings.violation(Code::WrongType, "`isPushToTalk` must be true"),
        }
        match self.fields.get("session") {
            None => {}
            Some(Value::String(session)) if session.is_empty() => {
                self.findings.violation(Code::EmptySession, "`session` is empty, omit it");
            }
            Some(Value::String(_)) => {}
            Some(_) => self.findings.violation(Code::WrongType, "`session` must be a string"),
        }
    }

    fn unknown(&mut self) {
        const KNOWN: [&str; 13] = [
            "avatar_id",
            "user_id",
            "language",
            "source",
            "isLive",
            "LicenseId",
            "chat_type",
            "requestType",
            "request",
            "file_base64_data",
            "audio_base64_pcm",
            "isPushToTalk",
            "session",
        ];
        for name in self.fields.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
            self.findings.violation(Code::UnknownField, format!("`{}`", log::shorten(name)));
        }
    }

    fn payload(&mut self, kind: Kind) -> Payload {
        let name = match kind {
            Kind::ChatText | Kind::LiveText => "request",
            Kind::ChatBlob | Kind::LiveBlob => "file_base64_data",
            Kind::LivePcm => "audio_base64_pcm",
            Kind::Other => return Payload::None,
        };
        let text = match self.fields.get(name) {
            Some(Value::String(text)) => text,
            Some(_) => {
                self.findings.violation(Code::WrongType, format!("`{name}` must be a string"));
                return Payload::None;
            }
            None => {
                self.findings.violation(Code::MissingField, format!("`{name}` is missing"));
                return Payload::None;
            }
        };
        match kind {
            Kind::LivePcm => self.pcm(name, text),
            Kind::ChatBlob | Kind::LiveBlob => self.blob(name, text),
            _ => {
                if text.trim().is_empty() {
                    self.findings.violation(Code::EmptyRequest, "`request` is blank");
                }
                Payload::Text(text.clone())
            }
        }
    }

    fn pcm(&mut self, name: &str, text: &str) -> Payload {
        let Some(bytes) = audio::decode(name, text, &mut self.findings) else {
            return Payload::None;
        };
        if bytes.len() % 2 == 1 {
            self.findings.violation(Code::OddPcm, format!("{} bytes", bytes.len()));
        }
        let samples = audio::samples(&bytes);
        if samples.len() != CHUNK {
            let detail = format!("{} samples instead of {CHUNK}", samples.len());
            self.findings.violation(Code::PcmChunkSize, detail);
        }
        Payload::Pcm(samples)
    }

    fn blob(&mut self, name: &str, text: &str) -> Payload {
        let Some(bytes) = audio::decode(name, text, &mut self.findings) else {
            return Payload::None;
        };
        let facts = audio::measure(&bytes, &mut self.findings);
        Payload::Blob(bytes, facts)
    }
}

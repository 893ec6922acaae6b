//! What one run of the simulator is told: every habit of the service that a test may want to vary.
//! Read once at start and never changed afterwards, so every thread may read it without a lock.
//!
//! Each field's doc ends with the standing of its default: *documented* (the vendor's guide),
//! *demo* (what the official demo client shows), *our choice* (undocumented, conservative).

use super::faults::Rules;
use super::options::{
    Avatar, DateForm, Ending, Expiry, InlineAudio, Language, Mode, Naming, Refusal, SessionForm, Shape, StreamUrl,
    TokenForm, VadFlag,
};
use super::span;
use serde::Deserialize;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Settings of a [`Simulator`](super::Simulator). All fields have defaults; in configuration text
/// durations are written with a unit (`"300ms"`) and unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address to listen on. Default `127.0.0.1:0`, any free port. Plain `http` and `ws` only.
    pub listen: SocketAddr,
    /// Seed of every id and token; equal seeds and equal traffic give equal ids. Default 1.
    pub seed: u64,
    /// Wall-clock time at start, Unix milliseconds, for `date` fields. Default: the system's time.
    pub epoch_ms: Option<u64>,
    /// Whether nonconforming input is refused. Default [`Mode::Observe`], our choice.
    pub mode: Mode,

    /// Known project ids; `"*"` admits any well-formed one. Default `["demo-project"]`. That an
    /// unknown project is answered with 401 is documented.
    pub projects: Vec<String>,
    /// Users allowed to get a token; others get 403. Default: everyone. Our choice.
    pub users: Option<Vec<String>>,
    /// Refuse `POST /jwt` without `project_id` (400). Default false: documented as optional.
    pub require_project_id: bool,
    /// Lifetime of a token. Default 24 h, documented.
    #[serde(deserialize_with = "span::required")]
    pub jwt_ttl: Duration,
    /// The looks of a token. Default [`TokenForm::Jwt`]; tokens are opaque, our choice.
    pub token_form: TokenForm,

    /// Avatars of `GET /connection`. Default `av-1` "Ada" with live mode and `av-2` "Bert"
    /// without. Empty is allowed.
    pub avatars: Vec<Avatar>,
    /// Languages of `GET /connection`. Default `en` and `uk`. Empty is allowed.
    pub languages: Vec<Language>,
    /// `chat_types` of `GET /connection`. Default `text` and `voice`; values inferred.
    pub chat_types: Vec<String>,
    /// `vadEnabled` of `GET /connection`. Default [`VadFlag::On`]; absent is documented as false.
    pub vad_enabled: VadFlag,
    /// `session` of `GET /connection`. Default [`SessionForm::Short`]; it is opaque and may be
    /// long (demo).
    pub session: SessionForm,
    /// Names of the id fields. Default [`Naming::Docs`], documented; the other is the demo's.
    pub naming: Naming,

    /// Old turns a user finds in `GET /chat` before this run, two records each. Default 0.
    pub past_turns: u32,
    /// Sort each page of `GET /chat` by date. Default false: the order is not guaranteed (demo).
    pub history_sorted: bool,

    /// Live sessions possible at once. Default 4. That the next gets 503 is documented.
    pub slots: usize,
    /// Report "busy" as HTTP 200 with body `status` 503. Default false; inferred possibility.
    pub busy_as_ok: bool,
    /// The form of `streamingUrl`. Default [`StreamUrl::Plain`]; all forms occur in the demo.
    pub stream_url: StreamUrl,
    /// Lifetime of a licence, `"off"` for none. Default none: unknown.
    #[serde(deserialize_with = "span::or_off")]
    pub license_ttl: Option<Duration>,
    /// What happens when a licence expires. Default [`Expiry::Lazy`], our choice.
    pub expiry: Expiry,
    /// Messages that cross a notice of expiry or an end are only noted for this long. Default
    /// 300 ms, our choice: they were on the wire already.
    #[serde(deserialize_with = "span::required")]
    pub license_grace: Duration,
    /// The answer to ending a session twice. Default [`Ending::Idempotent`], our choice.
    pub ending: Ending,

    /// How a bad token is refused at the socket. Default [`Refusal::Http403`], our choice.
    pub refusal: Refusal,
    /// Interval of the server's WebSocket pings, `"off"` for none. Default 30 s, our choice: no
    /// source mentions a heartbeat.
    #[serde(deserialize_with = "span::or_off")]
    pub ping: Option<Duration>,
    /// Never answer a client's ping. Default false.
    pub ignore_pings: bool,
    /// Messages above this many bytes are violations; `strict` closes with 1009. Default 1 MiB,
    /// our choice: the real limit is unknown.
    pub max_message_bytes: usize,
    /// Messages above this many bytes are never read: the socket is closed with 1009. Default
    /// 16 MiB, which bounds the simulator's memory.
    pub hard_message_bytes: usize,
    /// PCM may arrive this many times faster than real time; 0 switches the check off. Default 4,
    /// our choice.
    pub pace_limit: f64,
    /// PCM that may arrive at once before `pace_limit` counts. Default 1024 ms (4 chunks), so that
    /// a stalled network is no violation. Our choice.
    #[serde(deserialize_with = "span::required")]
    pub pace_burst: Duration,
    /// RMS (full scale 1) from which 10 ms of PCM count as speech. Default 0.02 (demo).
    pub speech_rms: f64,
    /// Silence that ends a PCM turn. Default 800 ms, our choice: the server's detector is unknown.
    #[serde(deserialize_with = "span::required")]
    pub silence: Duration,

    /// Time from a turn to its answer. Default 50 ms, our choice.
    #[serde(deserialize_with = "span::required")]
    pub reply_delay: Duration,
    /// Answer texts, used in turn. `{request}` is the typed text or the transcript, `{seconds}`
    /// and `{samples}` measure a voice turn. Default `You said: {request}`.
    pub answers: Vec<String>,
    /// What was "recognised" in voice turns, used in turn, same placeholders. Default
    /// `{seconds} s of audio, {samples} samples`, so that a test can verify lossless delivery.
    pub transcripts: Vec<String>,
    /// Begin voice answers with the transcript as a block quote. Default true (demo).
    pub echo_transcript: bool,
    /// The shape of answers. Default [`Shape::A`], inferred; B is the demo's README.
    pub shape: Shape,
    /// How answers state their time. Default [`DateForm::Native`], inferred.
    pub date: DateForm,
    /// `fileUrl` of every answer. Default none.
    pub file_url: Option<String>,
    /// Sound inside answers. Default [`InlineAudio::None`].
    pub inline_audio: InlineAudio,
    /// Raw messages sent before each answer, for example `{"type":"system","content":"…"}`.
    /// Default none.
    pub notices: Vec<Value>,

    /// Look for messages all the time instead of sleeping until one comes, so that it counts as received when
    /// it arrives and not when the system has woken a thread. Takes a whole core. Default false.
    pub busy_poll: bool,

    /// Fault rules in force from the start and after a reset. Default none.
    pub faults: Rules,

    /// Log entries kept; older ones are cut and counted. Default 20 000.
    pub max_log_entries: usize,
    /// PCM samples kept over all licences; later ones are counted only. Default 30 minutes.
    pub max_pcm_samples: usize,
    /// Bytes of blobs kept; the oldest are dropped and counted. Default 64 MiB.
    pub max_blob_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            epoch_ms: None,
            mode: Mode::Observe,
            projects: vec!["demo-project".into()],
            users: None,
            require_project_id: false,
            jwt_ttl: Duration::from_secs(24 * 3600),
            token_form: TokenForm::Jwt,
            avatars: default_avatars(),
            languages: default_languages(),
            chat_types: vec!["text".into(), "voice".into()],
            vad_enabled: VadFlag::On,
            session: SessionForm::Short,
            naming: Naming::Docs,
            past_turns: 0,
            history_sorted: false,
            slots: 4,
            busy_as_ok: false,
            stream_url: StreamUrl::Plain,
            license_ttl: None,
            expiry: Expiry::Lazy,
            license_grace: Duration::from_millis(300),
            ending: Ending::Idempotent,
            refusal: Refusal::Http403,
            ping: Some(Duration::from_secs(30)),
            ignore_pings: false,
            max_message_bytes: 1 << 20,
            hard_message_bytes: 16 << 20,
            pace_limit: 4.0,
            pace_burst: Duration::from_millis(1024),
            speech_rms: 0.02,
            silence: Duration::from_millis(800),
            reply_delay: Duration::from_millis(50),
            answers: vec!["You said: {request}".into()],
            transcripts: vec!["{seconds} s of audio, {samples} samples".into()],
            echo_transcript: true,
            shape: Shape::A,
            date: DateForm::Native,
            file_url: None,
            inline_audio: InlineAudio::None,
            notices: Vec::new(),
            busy_poll: false,
            faults: Rules::default(),
            max_log_entries: 20_000,
            max_pcm_samples: 30 * 60 * 16_000,
            max_blob_bytes: 64 << 20,
        }
    }
}

impl Config {
    /// Whether nonconforming input is refused.
    pub(crate) fn strict(&self) -> bool {
        self.mode == Mode::Strict
    }

    pub(crate) fn avatar(&self, id: &str) -> Option<&Avatar> {
        self.avatars.iter().find(|avatar| avatar.id == id)
    }

    /// The first setting that cannot work, in words.
    pub(crate) fn problem(&self) -> Option<String> {
        if !self.pace_limit.is_finite() || self.pace_limit < 0.0 {
            return Some("pace_limit must be 0 or a positive number".into());
        }
        if !self.speech_rms.is_finite() || self.speech_rms <= 0.0 {
            return Some("speech_rms must be a positive number".into());
        }
        if self.ping.is_some_and(|every| every.is_zero()) {
            return Some("ping must be longer than 0, or \"off\"".into());
        }
        if self.hard_message_bytes < self.max_message_bytes {
            return Some("hard_message_bytes must not be below max_message_bytes".into());
        }
        None
    }
}

fn default_avatars() -> Vec<Avatar> {
    let avatar = |id: &str, name: &str, live| Avatar {
        id: id.into(),
        name: name.into(),
        has_live_mode: Some(live),
        greeting: "Welcome.".into(),
    };
    vec![avatar("av-1", "Ada", true), avatar("av-2", "Bert", false)]
}

fn default_languages() -> Vec<Language> {
    let language = |code: &str, name: &str| Language { code: code.into(), name: name.into() };
    vec![language("en", "English"), language("uk", "Ukrainian")]
}

//! The alternatives a run can choose between, one enum per undocumented or varying habit of the
//! service. Plain values, any thread. In configuration text the variants are written in
//! kebab-case (`"close-4401"`).

use serde::Deserialize;

/// What happens to input that breaks a documented rule (RAVATAR dossier 16.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Accept it and record a violation. The default, because the real tolerance is unknown.
    #[default]
    Observe,
    /// Record it and refuse: HTTP 400, or a socket notice with `status` 400 and no effect.
    Strict,
}

/// Which field names `GET /connection` uses for ids (RAVATAR dossier 4.2, X4, X5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Naming {
    /// `_id` and `language_code`, as the vendor's documentation shows.
    #[default]
    Docs,
    /// `id` and `code`, as the official demo's types show.
    Demo,
    /// Both names at once.
    Both,
}

/// The `session` value of `GET /connection` (RAVATAR dossier 4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionForm {
    /// A short opaque id.
    #[default]
    Short,
    /// Three dotted parts, about 170 characters, as in the vendor's screenshot.
    Jwt,
    /// 4096 characters.
    Long,
    /// An empty string.
    Empty,
    /// No such field.
    Absent,
}

/// The `vadEnabled` field of `GET /connection` (RAVATAR dossier 10.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VadFlag {
    /// `true`: open microphone.
    #[default]
    On,
    /// `false`: push-to-talk.
    Off,
    /// No such field, which means `false`.
    Absent,
}

/// The looks of an issued token (RAVATAR dossier 4.1, conformance C25).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenForm {
    /// Three base64url parts.
    #[default]
    Jwt,
    /// The same followed by `+/=%`, to see whether a client percent-encodes it.
    Awkward,
}

/// The `streamingUrl` of a live session (RAVATAR dossier 4.4, 9.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamUrl {
    /// `http://127.0.0.1:PORT/stream/ID`.
    #[default]
    Plain,
    /// With a query of its own and a fragment.
    WithQuery,
    /// With a query that already holds a (wrong) `token`, which a client must replace.
    WithToken,
    /// The same text with `https`; nothing listens there.
    Https,
    /// No such field: a session without video.
    Absent,
}

/// What happens when a licence outlives `license_ttl` (RAVATAR dossier 16.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// The next message with that licence is answered with `Session expired`.
    #[default]
    Lazy,
    /// `Session expired` is sent at once to every open socket of the user.
    Eager,
    /// As `Eager`, then those sockets are closed with code 1000.
    Close,
}

/// The answer to a second `POST /endLiveSession` for the same licence (RAVATAR dossier 4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// 200 again.
    #[default]
    Idempotent,
    /// 404 `license_not_found`.
    Once,
}

/// How a socket with a missing, unknown or expired token is refused (RAVATAR dossier 16.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// HTTP 403 instead of the upgrade.
    #[default]
    #[serde(rename = "http-403")]
    Http403,
    /// HTTP 401 instead of the upgrade.
    #[serde(rename = "http-401")]
    Http401,
    /// Upgrade, then close with code 1008.
    #[serde(rename = "close-1008")]
    Close1008,
    /// Upgrade, then close with code 4401.
    #[serde(rename = "close-4401")]
    Close4401,
}

/// The shape of answers on the socket (RAVATAR dossier 7.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A record like those of the history: `direction`, `request`, `answer`, `date`.
    #[default]
    A,
    /// The short form of the demo's README: `type`, `content`, `timestamp`.
    B,
}

/// How an answer states its time (RAVATAR dossier 7.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateForm {
    /// What the shape shows: `date` in milliseconds for A, `timestamp` for B.
    #[default]
    Native,
    /// `date`, Unix milliseconds.
    Millis,
    /// `date`, Unix seconds.
    Seconds,
    /// `timestamp`, ISO 8601 text.
    Timestamp,
    /// Neither field.
    None,
}

/// Whether answers carry sound, and in which field (RAVATAR dossier 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InlineAudio {
    /// No sound.
    #[default]
    None,
    /// A short WAV in `file_base64_data`.
    FileBase64Data,
    /// A short WAV in `audio_base64`.
    AudioBase64,
}

/// One avatar of `GET /connection` (RAVATAR dossier 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Avatar {
    /// Its id.
    pub id: String,
    /// Its name, also `avatar_name` of answers.
    pub name: String,
    /// `hasLiveMode`; absent means the field is not sent and live mode is allowed.
    #[serde(default)]
    pub has_live_mode: Option<bool>,
    /// `greetingText`.
    #[serde(default)]
    pub greeting: String,
}

/// One language of `GET /connection` (RAVATAR dossier 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// Its code, for example `en`.
    pub code: String,
    /// Its name.
    pub name: String,
}

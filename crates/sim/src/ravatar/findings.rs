//! What a client can do wrong: the codes of findings. Plain values, any thread.

use crate::common::log;
use serde::Serialize;

/// A finding as recorded.
pub type Violation = log::Violation<Code>;

/// The findings of one request or message.
pub(crate) type Findings = log::Findings<Code>;

/// Which rule was broken (RAVATAR dossier 16.2 and 16.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A body without `Content-Type: application/json`.
    ContentType,
    /// A body or text frame that is not JSON.
    InvalidJson,
    /// JSON that is not an object.
    NotAnObject,
    /// A required field is missing.
    MissingField,
    /// A field nobody knows.
    UnknownField,
    /// A field of the wrong JSON type, or an empty id.
    WrongType,
    /// `user_id` is not 1 to 128 of `[A-Za-z0-9_-]`.
    InvalidUserId,
    /// `project_id` is not 1 to 64 of `[A-Za-z0-9-]`.
    InvalidProjectId,
    /// `project_id` is unknown.
    UnknownProject,
    /// `POST /jwt` with an `Authorization` header.
    UnwantedAuthorization,
    /// No token where one is required.
    MissingToken,
    /// A token that was never issued.
    UnknownToken,
    /// A token given twice in one URL.
    RepeatedToken,
    /// A token in a URL that is not percent-encoded.
    UnencodedToken,
    /// `user_id` is not the token's user.
    ForeignUser,
    /// `page` or `per_page` is not an integer from 1.
    InvalidPage,
    /// `per_page` above 100.
    PageTooLarge,
    /// An avatar that `GET /connection` does not list.
    UnknownAvatar,
    /// Live mode for an avatar without it.
    NoLiveMode,
    /// `width` or `height` given as a number.
    SizeNotText,
    /// `width` or `height` is not 1 to 1920 by 1 to 1080.
    InvalidResolution,
    /// A known field under another spelling.
    WrongFieldName,
    /// An endpoint or method that does not exist.
    NoSuchEndpoint,
    /// A body or message above the limit.
    TooLarge,
    /// A WebSocket subprotocol was offered.
    Subprotocol,
    /// A WebSocket extension was offered (note only).
    Extension,
    /// `isLive` without `LicenseId`.
    MissingLicense,
    /// A licence that was never given out.
    UnknownLicense,
    /// A licence that was ended.
    EndedLicense,
    /// A licence that expired.
    ExpiredLicense,
    /// A licence of another user.
    ForeignLicense,
    /// A licence of another avatar.
    LicenseAvatar,
    /// `LicenseId` in chat mode.
    LicenseInChat,
    /// `chat_type`, `requestType` and payload do not fit each other.
    KindMismatch,
    /// More than one payload field.
    BothPayloads,
    /// `isPushToTalk: false`.
    PushToTalkFalse,
    /// `isPushToTalk` in a message that is no blob.
    PushToTalkMisplaced,
    /// `request` is empty or blank.
    EmptyRequest,
    /// `session` is empty instead of absent.
    EmptySession,
    /// `session` is not the one of `GET /connection` (note only).
    UnknownSession,
    /// Base64 behind a `data:` prefix.
    DataPrefix,
    /// Base64 that is not standard, padded and free of line breaks.
    Base64,
    /// PCM with an odd number of bytes.
    OddPcm,
    /// A PCM chunk that has not 4096 samples.
    PcmChunkSize,
    /// PCM faster than the pace limit.
    PcmTooFast,
    /// A blob that is neither RIFF nor EBML nor Ogg.
    BlobContainer,
    /// A WAV that is not PCM16 mono at 16 kHz (note only).
    WavFormat,
    /// A WAV whose header does not match its size (note only).
    WavSizes,
    /// `language` is unknown.
    UnknownLanguage,
    /// A binary frame.
    BinaryFrame,
}

impl Code {
    /// The name used in the log and in refusals, for example `pcm_chunk_size`.
    pub fn name(self) -> String {
        // The derive above is the only list of names; a unit variant always becomes a string.
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }
}

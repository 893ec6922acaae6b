//! What a client can do wrong: the codes of findings. Plain values, any thread.

use crate::common::log;
use serde::Serialize;

/// A finding as recorded.
pub type Violation = log::Violation<Code>;

/// The findings of one request or message.
pub(crate) type Findings = log::Findings<Code>;

/// Which rule was broken (AvatarKit dossier 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A call of another method.
    Method,
    /// A token call without exactly one `X-Api-Key`.
    ApiKey,
    /// A body without `Content-Type: application/json`.
    ContentType,
    /// A body that is no JSON object with an integer `expireAt`.
    Body,
    /// `expireAt` is not within the next 24 hours.
    ExpireAt,
    /// A member of the body that nobody knows.
    UnknownField,
    /// Credentials in headers and in the query (note only).
    BothAuths,
    /// Half of the credentials, or none.
    Credentials,
    /// A token used by a second connection.
    TokenReused,
    /// `permessage-deflate` or another extension was offered.
    Extension,
    /// A subprotocol was offered.
    Subprotocol,
    /// A cookie or an `Origin` was sent.
    BrowserHeader,
    /// The first frame is no configuration.
    NotConfigured,
    /// A frame before the confirmation.
    TooEarly,
    /// `transport_compression` is not 0.
    Compression,
    /// `audio_format` is unknown.
    AudioFormat,
    /// A sample rate the service does not take.
    SampleRate,
    /// Egress type and egress settings do not fit, or a required one is missing.
    Egress,
    /// A text frame.
    TextFrame,
    /// Bytes that are no message.
    Garbage,
    /// A type that clients do not send, or one that does not fit its content.
    UnexpectedType,
    /// A message longer than is read.
    TooLarge,
    /// A request id that is not `YYYYMMDDHHMMSS_` and 12 characters.
    RequestId,
    /// The time in a request id is more than 2 seconds off.
    RequestTime,
    /// An id used again after its end or interrupt.
    RequestReused,
    /// Audio for a new request while the one before is still open.
    Unfinished,
    /// A message without audio that is not the last of its request.
    EmptyAudio,
    /// Half a sample.
    OddPcm,
    /// More than 64 KiB of audio in one message (note only).
    LargeAudio,
    /// `trace_context` on a message that is not the first of its request.
    TraceContext,
    /// An interrupt, pause or resume for a request that does not exist.
    UnknownRequest,
    /// Pause or resume without the capability.
    NoCapability,
    /// An Ogg page that breaks RFC 3533 or section 9.3 of the dossier.
    OggPage,
    /// The two header packets are missing or wrong.
    OpusHeader,
    /// A packet that is no Opus, or of another length than the ones before.
    OpusPacket,
    /// A granule position that breaks section 9.4 of the dossier.
    Granule,
    /// A stream that did not end with its request.
    OggEnd,
    /// A stream of the first generation (section 9.6 of the dossier): its granules or its lacing.
    FirstGeneration,
}

impl Code {
    /// The name used in the log and in refusals, for example `odd_pcm`.
    pub fn name(self) -> String {
        // The derive above is the only list of names; a unit variant always becomes a string.
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }
}

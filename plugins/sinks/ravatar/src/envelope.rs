//! Outgoing messages. A live session's PCM message is the same text around every chunk, so both
//! halves are made once and the chunk is base64-encoded in between, in a buffer that is used again.
//! Owned by the sink's task.

use base64::Engine;
use base64::engine::general_purpose::PAD;
use bytes::BytesMut;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Base64 = base64::engine::Simd;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn base64() -> Base64 {
    Base64::standard(PAD)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Base64 = base64::engine::GeneralPurpose;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn base64() -> Base64 {
    Base64::new(&base64::alphabet::STANDARD, PAD)
}

/// Whose messages, and about what: the fields every message of a live session carries. Field names
/// are the service's.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// `avatar_id`.
    pub avatar: &'a str,
    /// `user_id`.
    pub user: &'a str,
    /// `language`: a code.
    pub language: &'a str,
    /// `source`: the client's name.
    pub source: &'a str,
    /// `LicenseId` of the live session.
    pub license: &'a str,
    /// `session` of the conversation; left out of messages where there is none.
    pub session: Option<&'a str>,
}

impl Identity<'_> {
    fn fields(&self, chat_type: &str, request_type: &str) -> Map<String, Value> {
        let mut fields = Map::new();
        let texts = [
            ("avatar_id", self.avatar),
            ("user_id", self.user),
            ("chat_type", chat_type),
            ("requestType", request_type),
            ("language", self.language),
            ("source", self.source),
            ("LicenseId", self.license),
        ];
        for (name, text) in texts {
            fields.insert(name.to_owned(), text.into());
        }
        fields.insert("isLive".to_owned(), true.into());
        if let Some(session) = self.session.filter(|session| !session.is_empty()) {
            fields.insert("session".to_owned(), session.into());
        }
        fields
    }
}

/// Makes the messages of one live session.
///
/// ```
/// use glottis_sink_ravatar::envelope::{Envelope, Identity};
///
/// let identity = Identity {
///     avatar: "av-1",
///     user: "u-1",
///     language: "en",
///     source: "glottis",
///     license: "lic-1",
///     session: None,
/// };
/// let message = Envelope::new(&identity).pcm(&[0, 0, 1, 0]);
/// assert!(message.ends_with(r#""audio_base64_pcm":"AAABAA=="}"#));
/// ```
pub struct Envelope {
    prefix: String,
    text: Map<String, Value>,
    buffer: BytesMut,
    engine: Base64,
}

/// What follows the payload of a PCM message.
const SUFFIX: &str = "\"}";

impl Envelope {
    /// The messages of `identity`. Allocates; its texts are escaped here, once.
    pub fn new(identity: &Identity<'_>) -> Envelope {
        let fields = Value::Object(identity.fields("voice", "audio")).to_string();
        // The object without its closing brace, and one more field begun.
        let open = fields.strip_suffix('}').unwrap_or(&fields);
        Envelope {
            prefix: format!("{open},\"audio_base64_pcm\":\""),
            text: identity.fields("text", "text"),
            buffer: BytesMut::new(),
            engine: base64(),
        }
    }

    /// Length in bytes of the message for `bytes` bytes of PCM.
    pub fn pcm_len(&self, bytes: usize) -> usize {
        self.prefix.len() + bytes.div_ceil(3) * 4 + SUFFIX.len()
    }

    /// The message for a chunk of 16-bit little-endian samples. Does not allocate once the buffer
    /// has its size and earlier messages are gone.
    pub fn pcm(&mut self, body: &[u8]) -> Utf8Bytes {
        let payload = body.len().div_ceil(3) * 4;
        self.buffer.reserve(self.pcm_len(body.len()));
        self.buffer.extend_from_slice(self.prefix.as_bytes());
        let start = self.buffer.len();
        self.buffer.resize(start + payload, 0);
        let written = self.engine.encode_slice(body, &mut self.buffer[start..]);
        debug_assert_eq!(written, Ok(payload));
        self.buffer.extend_from_slice(SUFFIX.as_bytes());
        let message = Utf8Bytes::try_from(self.buffer.split().freeze());
        debug_assert!(message.is_ok(), "two texts with base64 between them");
        message.unwrap_or_default()
    }

    /// The message for a text turn.
    pub fn text(&self, request: &str) -> Utf8Bytes {
        let mut fields = self.text.clone();
        fields.insert("request".to_owned(), json!(request));
        Value::Object(fields).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity<'static> {
        Identity {
            avatar: "av-1",
            user: "u-1",
            language: "en",
            source: "a \"quoted\" \u{1}name",
            license: "lic-1",
            session: Some("sess"),
        }
    }

    fn parsed(message: &Utf8Bytes) -> Value {
        serde_json::from_str(message.as_str()).unwrap()
    }

    /// C34, C35, C36: exactly these fields.
    #[test]
    fn messages_have_the_fields_of_the_service_and_no_others() {
        let mut envelope = Envelope::new(&identity());
        assert_eq!(
            parsed(&envelope.pcm(&[1, 0])),
            json!({"avatar_id":"av-1","user_id":"u-1","chat_type":"voice","requestType":"audio","language":"en",
                "source":"a \"quoted\" \u{1}name","isLive":true,"LicenseId":"lic-1","session":"sess",
                "audio_base64_pcm":"AQA="})
        );
        assert_eq!(
            parsed(&envelope.text("Good \"morning\"\n")),
            json!({"avatar_id":"av-1","user_id":"u-1","chat_type":"text","requestType":"text","language":"en",
                "source":"a \"quoted\" \u{1}name","isLive":true,"LicenseId":"lic-1","session":"sess",
                "request":"Good \"morning\"\n"})
        );
    }

    /// C15.
    #[test]
    fn a_session_is_carried_whole_or_left_out() {
        let long = "s".repeat(4096);
        let with = Envelope::new(&Identity { session: Some(&long), ..identity() }).pcm(&[0, 0]);
        assert_eq!(parsed(&with)["session"], long);
        for none in [None, Some("")] {
            let without = Envelope::new(&Identity { session: none, ..identity() }).pcm(&[0, 0]);
            assert!(parsed(&without).get("session").is_none());
        }
    }

    /// C38, C43.
    #[test]
    fn payloads_are_standard_padded_base64() {
        let mut envelope = Envelope::new(&identity());
        let mut payload = |samples: &[i16]| {
            let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
            let message = envelope.pcm(&bytes);
            assert_eq!(message.as_str().len(), envelope.pcm_len(bytes.len()));
            parsed(&message)["audio_base64_pcm"].as_str().unwrap().to_owned()
        };
        assert_eq!(payload(&[0, 1, -1, 32767, -32768]), "AAABAP///38AgA==");
        assert_eq!(payload(&[16384, -16384, 32767, -32768]), "AEAAwP9/AIA=");
        let zeros = payload(&[0; 4096]);
        assert!(zeros.len() == 10_924 && zeros.starts_with("AAAAAAAAAAAA") && zeros.ends_with("AAA="));
    }

    #[test]
    fn the_buffer_is_used_again() {
        let mut envelope = Envelope::new(&identity());
        let body = [0; 8192];
        drop(envelope.pcm(&body));
        let first = envelope.pcm(&body).as_str().as_ptr();
        assert_eq!(envelope.pcm(&body).as_str().as_ptr(), first);
        let held = envelope.pcm(&[7; 8192]);
        let other = envelope.pcm(&[9; 8192]);
        assert_ne!(held.as_str(), other.as_str(), "a message still on its way is not written over");
    }
}

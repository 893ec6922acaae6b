//! Outgoing messages. A voice message is the same text around every chunk or turn, so that is made
//! once and the sound is base64-encoded in between, in the bytes of the message before. Owned by the
//! sink's task.

use bytes::Bytes;
use glottis_core::base64;
use serde_json::{Map, Value, json};

/// Whose messages, and about what: the fields every message carries. Field names are the service's.
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
    /// `LicenseId` of the live session; `None` in chat mode. `isLive` says which of both it is.
    pub license: Option<&'a str>,
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
        ];
        for (name, text) in texts {
            fields.insert(name.to_owned(), text.into());
        }
        fields.insert("isLive".to_owned(), self.license.is_some().into());
        if let Some(license) = self.license {
            fields.insert("LicenseId".to_owned(), license.into());
        }
        if let Some(session) = self.session.filter(|session| !session.is_empty()) {
            fields.insert("session".to_owned(), session.into());
        }
        fields
    }
}

/// Makes the messages of one connection.
///
/// ```
/// use glottis_sink_ravatar::envelope::{Envelope, Identity};
///
/// let identity = Identity {
///     avatar: "av-1",
///     user: "u-1",
///     language: "en",
///     source: "glottis",
///     license: Some("lic-1"),
///     session: None,
/// };
/// let message = Envelope::new(&identity).pcm(&[0, 0, 1, 0]);
/// assert!(message.ends_with(br#""audio_base64_pcm":"AAABAA=="}"#));
/// ```
pub struct Envelope {
    /// A voice message up to where its payload field is named, and the fields of a text message.
    voice: String,
    text: Map<String, Value>,
    /// The voice message before.
    last: Bytes,
}

/// The payload fields, as they are begun.
const PCM: &str = ",\"audio_base64_pcm\":\"";
const BLOB: &str = ",\"file_base64_data\":\"";
const PUSH_TO_TALK_BLOB: &str = ",\"isPushToTalk\":true,\"file_base64_data\":\"";

/// What follows the payload.
const SUFFIX: &str = "\"}";

impl Envelope {
    /// The messages of `identity`. Allocates; its texts are escaped here, once.
    pub fn new(identity: &Identity<'_>) -> Envelope {
        let fields = Value::Object(identity.fields("voice", "audio")).to_string();
        Envelope {
            // The object without its closing brace: one more field follows.
            voice: fields.strip_suffix('}').unwrap_or(&fields).to_owned(),
            text: identity.fields("text", "text"),
            last: Bytes::new(),
        }
    }

    /// Length in bytes of the message for `bytes` bytes of PCM.
    pub fn pcm_len(&self, bytes: usize) -> usize {
        self.len(PCM, bytes)
    }

    /// The message for a chunk of 16-bit little-endian samples, which only live sessions have. UTF-8, as
    /// all messages. Does not allocate if the message before is gone and was no shorter.
    pub fn pcm(&mut self, body: &[u8]) -> Bytes {
        self.enclose(PCM, body)
    }

    /// The message for a whole turn: `file` is WAV, WebM or Ogg. `push_to_talk` says that a human
    /// marked its borders.
    pub fn blob(&mut self, file: &[u8], push_to_talk: bool) -> Bytes {
        self.enclose(if push_to_talk { PUSH_TO_TALK_BLOB } else { BLOB }, file)
    }

    /// The longest file, in bytes, whose message has at most `message` bytes; 0 if there is none.
    pub fn longest_blob(&self, message: usize) -> usize {
        message.saturating_sub(self.len(PUSH_TO_TALK_BLOB, 0)) / 4 * 3
    }

    fn len(&self, field: &str, bytes: usize) -> usize {
        self.voice.len() + field.len() + base64::len(bytes) + SUFFIX.len()
    }

    fn enclose(&mut self, field: &str, payload: &[u8]) -> Bytes {
        // One that is still on its way is not written over.
        let mut message = std::mem::take(&mut self.last).try_into_mut().unwrap_or_default();
        message.resize(self.len(field, payload.len()), 0);
        let (voice, rest) = message.split_at_mut(self.voice.len());
        let (name, rest) = rest.split_at_mut(field.len());
        let (audio, suffix) = rest.split_at_mut(base64::len(payload.len()));
        voice.copy_from_slice(self.voice.as_bytes());
        name.copy_from_slice(field.as_bytes());
        let written = base64::encode(payload, audio);
        debug_assert_eq!(written, Some(audio.len()));
        suffix.copy_from_slice(SUFFIX.as_bytes());
        // Split off whole: that makes the bytes shared once and for all, where each new message would
        // make them so anew, with an allocation.
        let message = message.split().freeze();
        self.last = message.clone();
        message
    }

    /// The message for a text turn.
    pub fn text(&self, request: &str) -> Bytes {
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
            license: Some("lic-1"),
            session: Some("sess"),
        }
    }

    fn parsed(message: &Bytes) -> Value {
        serde_json::from_slice(message).unwrap()
    }

    /// C34, C35, C36: exactly these fields, in all five kinds.
    #[test]
    fn messages_have_the_fields_of_the_service_and_no_others() {
        let mut envelope = Envelope::new(&identity());
        let blob = json!({"avatar_id":"av-1","user_id":"u-1","chat_type":"voice","requestType":"audio","language":"en",
            "source":"a \"quoted\" \u{1}name","isLive":true,"LicenseId":"lic-1","session":"sess",
            "file_base64_data":"UklGRg=="});
        let mut flagged = blob.clone();
        flagged["isPushToTalk"] = true.into();
        assert_eq!(parsed(&envelope.blob(b"RIFF", false)), blob);
        assert_eq!(parsed(&envelope.blob(b"RIFF", true)), flagged);
        let mut chat = Envelope::new(&Identity { license: None, ..identity() });
        flagged["isLive"] = false.into();
        flagged.as_object_mut().unwrap().remove("LicenseId");
        assert_eq!(parsed(&chat.blob(b"RIFF", true)), flagged);
        assert_eq!(
            parsed(&chat.text("Hi")),
            json!({"avatar_id":"av-1","user_id":"u-1","chat_type":"text","requestType":"text","language":"en",
                "source":"a \"quoted\" \u{1}name","isLive":false,"session":"sess","request":"Hi"})
        );
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
            assert_eq!(message.len(), envelope.pcm_len(bytes.len()));
            parsed(&message)["audio_base64_pcm"].as_str().unwrap().to_owned()
        };
        assert_eq!(payload(&[0, 1, -1, 32767, -32768]), "AAABAP///38AgA==");
        assert_eq!(payload(&[16384, -16384, 32767, -32768]), "AEAAwP9/AIA=");
        let zeros = payload(&[0; 4096]);
        assert!(zeros.len() == 10_924 && zeros.starts_with("AAAAAAAAAAAA") && zeros.ends_with("AAA="));
    }

    #[test]
    fn the_longest_blob_just_fits() {
        let mut envelope = Envelope::new(&identity());
        for limit in 1000..1010 {
            let longest = envelope.longest_blob(limit);
            assert!(envelope.blob(&vec![0; longest], true).len() <= limit);
            assert!(envelope.blob(&vec![0; longest + 1], true).len() > limit);
        }
        assert_eq!(envelope.longest_blob(10), 0);
    }

    #[test]
    fn the_buffer_is_used_again() {
        let mut envelope = Envelope::new(&identity());
        let body = [0; 8192];
        drop(envelope.pcm(&body));
        let first = envelope.pcm(&body).as_ptr();
        assert_eq!(envelope.pcm(&body).as_ptr(), first);
        let held = envelope.pcm(&[7; 8192]);
        let other = envelope.pcm(&[9; 8192]);
        assert_ne!(held, other, "a message still on its way is not written over");
    }
}

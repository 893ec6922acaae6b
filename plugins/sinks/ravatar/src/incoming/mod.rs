//! Incoming messages: what each one is, and what is in it. Pure.
//!
//! The vendor documents none of them. The rules are those of the official demo client, with three
//! additions: answers without text are kept, words in `error` or `message` are never lost, and
//! reports of trouble are recognised everywhere but in an avatar's own words.

mod media;
mod time;
mod transcript;

pub use media::of_url as media_of_url;
pub use time::unix_ms;
pub use transcript::split as split_transcript;

use glottis_core::event::Media;
use serde_json::Value;

use crate::trouble::{Said, StreamText};

/// A message of the service.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Incoming {
    /// An answer of the avatar, sound that came with a notice, or an echo of the user's own turn.
    pub answer: Option<Answer>,
    /// Words for people.
    pub notice: Option<String>,
    /// Whether the answer is the avatar's: only then does it answer a turn.
    pub answers: bool,
    pub(crate) trouble: Option<Trouble>,
}

/// What the avatar said.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Answer {
    /// Its text, an echoed transcript split off. Empty for sound alone and for echoes.
    pub text: String,
    /// What the service understood of the user's speech.
    pub transcript: Option<String>,
    /// The text as it came.
    pub raw: String,
    /// Sound or pictures.
    pub media: Option<Media>,
    /// When, in Unix milliseconds; `None` if the message does not say so believably.
    pub time_ms: Option<u64>,
}

/// A report that something is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: TroubleKind,
    pub(crate) said: Said,
}

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TroubleKind {
    /// One of the four texts about the live session.
    Stream(StreamText),
    /// Status 402.
    Payment,
    /// Status 401 or 403.
    Token,
    /// Any other status from 400.
    Status,
}

/// The discriminator of a message; see [`kind_of`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    System,
    Incoming,
    Event,
    Other,
}

/// Reads a text frame. `None` for what is no JSON object.
pub fn read(frame: &str) -> Option<Incoming> {
    let value: Value = serde_json::from_str(frame).ok()?;
    value.is_object().then(|| classify(&value))
}

fn classify(message: &Value) -> Incoming {
    let kind = kind_of(message);
    let text = text_of(kind, message);
    let spare = field(message, "error").or_else(|| field(message, "message"));
    let mut incoming = Incoming { trouble: trouble_of(kind, text, message), ..Incoming::default() };
    if is_echo(kind, message) {
        let own = field(message, "request").or(text).unwrap_or_default();
        incoming.answer = Some(Answer { transcript: Some(own.to_owned()), raw: own.to_owned(), ..Answer::default() });
        return incoming;
    }
    let media = if kind == Kind::System { None } else { media::of_message(message) };
    let is_answer = kind == Kind::Incoming && (text.is_some() || media.is_some());
    let spoken = text.filter(|_| kind == Kind::Incoming).unwrap_or_default();
    if is_answer || media.is_some() {
        incoming.answer = Some(answer(spoken, media, message));
        incoming.answers = is_answer;
    }
    let words = if kind == Kind::Incoming { spare.filter(|_| text.is_none()) } else { text.or(spare) };
    incoming.notice = words.map(str::to_owned);
    incoming
}

fn answer(raw: &str, media: Option<Media>, message: &Value) -> Answer {
    let is_voice = field(message, "chat_type") == Some("voice") || field(message, "requestType") == Some("audio");
    let split = if is_voice { transcript::split(raw) } else { None };
    let (transcript, text) = match split {
        Some((transcript, text)) => (Some(transcript), text),
        None => (None, raw.to_owned()),
    };
    let time_ms = time::unix_ms(field(message, "timestamp"), message["date"].as_f64());
    Answer { text, transcript, raw: raw.to_owned(), media, time_ms }
}

/// A text field that is not empty.
fn field<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// `type` and `direction` say the same in different deployments. `system` wins over `incoming`, and
/// that over `event`.
fn kind_of(message: &Value) -> Kind {
    let said = |word| field(message, "type") == Some(word) || field(message, "direction") == Some(word);
    match () {
        () if said("system") => Kind::System,
        () if said("incoming") => Kind::Incoming,
        () if said("event") => Kind::Event,
        () => Kind::Other,
    }
}

fn text_of(kind: Kind, message: &Value) -> Option<&str> {
    match kind {
        Kind::System => field(message, "content").or_else(|| field(message, "message")),
        _ => field(message, "answer").or_else(|| field(message, "content")),
    }
}

fn is_echo(kind: Kind, message: &Value) -> bool {
    kind == Kind::Other && field(message, "direction") == Some("outgoing")
}

/// An avatar may say any words, also those of an error: its answers are never searched.
fn trouble_of(kind: Kind, text: Option<&str>, message: &Value) -> Option<Trouble> {
    let error = field(message, "error");
    let text = text.filter(|_| kind != Kind::Incoming && !is_echo(kind, message));
    let status = message["status"].as_u64().filter(|status| *status >= 400);
    let status = status.map(|status| u16::try_from(status).unwrap_or(u16::MAX));
    let texts = [error, text, field(message, "message").filter(|_| kind != Kind::Incoming)];
    let stream = texts.into_iter().flatten().find_map(StreamText::of);
    let kind = match (stream, status) {
        (Some(stream), _) => TroubleKind::Stream(stream),
        (None, Some(402)) => TroubleKind::Payment,
        (None, Some(401 | 403)) => TroubleKind::Token,
        (None, Some(503)) => TroubleKind::Stream(StreamText::Busy),
        (None, Some(504)) => TroubleKind::Stream(StreamText::Timeout),
        (None, Some(_)) => TroubleKind::Status,
        (None, None) => return None,
    };
    let words = error.or(text).unwrap_or_default().chars().take(256).collect();
    Some(Trouble { kind, said: Said { status, words } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn incoming(message: Value) -> Incoming {
        read(&message.to_string()).unwrap()
    }

    fn trouble(message: Value) -> Option<TroubleKind> {
        incoming(message).trouble.map(|trouble| trouble.kind)
    }

    #[test]
    fn what_is_no_object_is_nothing() {
        let deep = "[".repeat(100_000);
        for frame in ["", "hello", "1", "null", "[{}]", "{\"type\":", deep.as_str()] {
            assert_eq!(read(frame), None);
        }
        assert_eq!(read("{}"), Some(Incoming::default()));
        assert_eq!(incoming(json!({"type":5,"content":["x"],"date":"y","status":"500"})), Incoming::default());
    }

    /// C60.
    #[test]
    fn both_shapes_of_an_answer_are_equal() {
        let a = incoming(json!({"_id":"m","direction":"incoming","request":"Good morning","answer":"Hello!",
            "chat_type":"text","requestType":"text","date":1_769_698_497_263_u64,"fileUrl":"https://h/a.mp4"}));
        let b = incoming(json!({"type":"incoming","content":"Hello!","fileUrl":"https://h/a.mp4",
            "timestamp":"2026-01-29T14:54:57.263Z"}));
        assert_eq!(a, b);
        let answer = a.answer.unwrap();
        assert_eq!(
            (answer.text.as_str(), answer.transcript, answer.time_ms),
            ("Hello!", None, Some(1_769_698_497_263))
        );
        assert_eq!(answer.media.map(|media| media.kind), Some("video"));
        assert!(a.answers && a.notice.is_none());
    }

    /// C61.
    #[test]
    fn system_beats_incoming_beats_event() {
        let of = |first, second| kind_of(&json!({"type":first,"direction":second}));
        assert_eq!((of("incoming", "system"), of("system", "event")), (Kind::System, Kind::System));
        assert_eq!((of("event", "incoming"), of("incoming", "event")), (Kind::Incoming, Kind::Incoming));
        assert_eq!((of("x", "event"), of("System", "INCOMING")), (Kind::Event, Kind::Other));
    }

    /// C62.
    #[test]
    fn the_preferred_field_wins() {
        let both = incoming(json!({"type":"incoming","answer":"A","content":"C"}));
        assert_eq!(both.answer.unwrap().text, "A");
        assert_eq!(incoming(json!({"type":"incoming","answer":"","content":"C"})).answer.unwrap().text, "C");
        let system = json!({"type":"system","content":"C","message":"M","answer":"A","fileUrl":"https://h/a.mp3"});
        let system = incoming(system);
        assert_eq!((system.notice.as_deref(), system.answer), (Some("C"), None));
        assert_eq!(incoming(json!({"type":"system","message":"M"})).notice.as_deref(), Some("M"));
        assert_eq!(incoming(json!({"type":"event","answer":"E"})).notice.as_deref(), Some("E"));
    }

    /// C65.
    #[test]
    fn an_answer_without_text_is_kept() {
        let sound = incoming(json!({"type":"incoming","audio_base64":"UklGRiQAAABXQVZF"}));
        let answer = sound.answer.unwrap();
        assert!(sound.answers && answer.text.is_empty());
        assert_eq!(answer.media.unwrap().bytes_base64.as_deref(), Some("UklGRiQAAABXQVZF"));
        let jingle = incoming(json!({"type":"event","content":"ready","fileUrl":"https://h/j.mp3"}));
        assert_eq!(jingle.notice.as_deref(), Some("ready"));
        assert!(!jingle.answers && jingle.answer.unwrap().media.is_some());
    }

    /// C66.
    #[test]
    fn words_in_error_or_message_are_never_lost() {
        for kind in ["system", "incoming", "event", "whatever"] {
            assert_eq!(incoming(json!({"type":kind,"error":"E"})).notice.as_deref(), Some("E"), "{kind}");
            assert_eq!(incoming(json!({"type":kind,"message":"M"})).notice.as_deref(), Some("M"), "{kind}");
        }
    }

    #[test]
    fn an_echo_of_the_users_turn_is_a_transcript_and_no_answer() {
        let echo = incoming(json!({"direction":"outgoing","request":"What day?","answer":"Session expired"}));
        assert!(!echo.answers && echo.notice.is_none() && echo.trouble.is_none());
        assert_eq!(echo.answer.unwrap().transcript.as_deref(), Some("What day?"));
    }

    /// C63: the split applies to voice only, and the raw text stays.
    #[test]
    fn a_voice_answer_gives_the_transcript_too() {
        let voice = incoming(json!({"type":"incoming","chat_type":"voice","answer":">Hi there\n\nHello!"}));
        let answer = voice.answer.unwrap();
        assert_eq!((answer.transcript.as_deref(), answer.text.as_str()), (Some("Hi there"), "Hello!"));
        assert_eq!(answer.raw, ">Hi there\n\nHello!");
        let audio = incoming(json!({"type":"incoming","requestType":"audio","answer":">A\nB"}));
        assert_eq!(audio.answer.unwrap().text, "B");
        let typed = json!({"type":"incoming","chat_type":"text","requestType":"text","answer":">A\n\nB"});
        assert_eq!(incoming(typed).answer.unwrap().text, ">A\n\nB");
    }

    /// C54, C56, C57.
    #[test]
    fn stream_texts_are_found_wherever_the_service_puts_them() {
        for (text, want) in [
            ("Session expired", StreamText::Expired),
            ("session expired.", StreamText::Expired),
            ("Something went wrong", StreamText::Failed),
            ("Connection timeout", StreamText::Timeout),
            ("All AI assistants are busy at the moment", StreamText::Busy),
        ] {
            for message in [
                json!({"type":"system","content":text}),
                json!({"type":"system","message":text}),
                json!({"type":"event","content":text}),
                json!({"type":"event","answer":text}),
                json!({"error":text}),
                json!({"message":text}),
                json!({"type":"incoming","error":text}),
            ] {
                assert_eq!(trouble(message.clone()), Some(TroubleKind::Stream(want)), "{message}");
            }
        }
    }

    /// C58.
    #[test]
    fn an_avatar_may_say_the_words_of_an_error() {
        for text in ["Session expired", "Something went wrong", "Connection timeout"] {
            let said = incoming(json!({"type":"incoming","answer":text}));
            assert_eq!(said.trouble, None);
            assert_eq!(said.answer.unwrap().text, text);
        }
    }

    #[test]
    fn a_status_from_400_is_trouble_in_every_kind() {
        assert_eq!(trouble(json!({"type":"incoming","answer":"x","status":402})), Some(TroubleKind::Payment));
        assert_eq!(trouble(json!({"status":401})), Some(TroubleKind::Token));
        assert_eq!(trouble(json!({"status":403})), Some(TroubleKind::Token));
        assert_eq!(trouble(json!({"status":503})), Some(TroubleKind::Stream(StreamText::Busy)));
        assert_eq!(trouble(json!({"status":504})), Some(TroubleKind::Stream(StreamText::Timeout)));
        assert_eq!(trouble(json!({"status":99_999_999})), Some(TroubleKind::Status));
        assert_eq!(trouble(json!({"status":200})), None);
    }
}

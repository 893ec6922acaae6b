//! Chat mode: no live session, texts and turns, answers with what comes along.

use glottis_core::sink::SinkAction;
use glottis_core::{Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, InlineAudio, Kind, Shape};
use serde_json::json;

use crate::blobs::chat;
use crate::rig::*;

fn is_reply(event: &SinkEvent) -> Option<glottis_core::event::Reply> {
    match event {
        SinkEvent::Reply(reply) => Some(reply.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn a_chat_needs_no_live_session() {
    for shape in [Shape::A, Shape::B] {
        // No avatar would be free, and the one asked for has no live mode.
        let simulator = simulator(Config { slots: 0, shape, ..Config::default() });
        let mut rig = Rig::start(&chat(&simulator).with("avatar", "av-2"), edge(TurnMode::PushToTalk));
        rig.open().await;
        rig.ask(SinkAction::Text("Good \"morning\"".into())).await.unwrap();
        assert_eq!(rig.find(is_reply).await.text, "You said: Good \"morning\"");
        let refused = rig.ask(SinkAction::StreamingUrl).await.unwrap_err();
        assert!(refused.contains("chat"), "{refused}");
        assert!(rig.ask(SinkAction::Text("  ".into())).await.unwrap_err().contains("empty"));
        rig.finish().await.result.unwrap();
        assert_eq!(requests(&simulator), ["POST /jwt", "GET /connection"]);
        let log = simulator.log();
        let messages: Vec<_> = log.messages().collect();
        assert_eq!((messages.len(), messages[0].kind), (1, Kind::ChatText));
        let mut names: Vec<&str> = messages[0].fields.keys().map(String::as_str).collect();
        names.retain(|name| *name != "session");
        names.sort_unstable();
        let fields = ["avatar_id", "chat_type", "isLive", "language", "request", "requestType", "source", "user_id"];
        assert_eq!(names, fields);
        assert_eq!(messages[0].fields["avatar_id"], "av-2");
        assert_eq!(simulator.violations(), []);
    }
}

#[tokio::test]
async fn an_answer_brings_its_transcript_and_its_sound() {
    for (file_url, inline_audio) in [
        (Some("https://h/answer.mp3".to_owned()), InlineAudio::None),
        (None, InlineAudio::FileBase64Data),
        (None, InlineAudio::AudioBase64),
    ] {
        let url = file_url.clone();
        let simulator = simulator(Config { file_url, inline_audio, ..Config::default() });
        let mut rig = Rig::start(&chat(&simulator), edge(TurnMode::PushToTalk));
        rig.open().await;
        rig.say(&noise(1600, 1), Reason::Release, 0).await;
        let reply = rig.find(is_reply).await;
        assert_eq!(reply.transcript.as_deref(), Some("0.100 s of audio, 1600 samples"));
        assert!(reply.text.starts_with("You said:") && reply.raw.starts_with('>'), "{reply:?}");
        let media = reply.media.unwrap();
        assert_eq!(
            (media.kind, media.url.clone(), media.bytes_base64.is_some()),
            ("audio", url.clone(), url.is_none())
        );
        rig.finish().await.result.unwrap();
    }
}

/// Words about a live session mean nothing where there is none; a refused turn costs that turn only.
#[tokio::test]
async fn notices_of_live_sessions_do_not_end_a_chat() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&chat(&simulator), edge(TurnMode::PushToTalk));
    rig.open().await;
    let words = ["Session expired", "Something went wrong", "Connection timeout"];
    for words in words {
        simulator.push(json!({"type":"system","content":words}));
    }
    simulator.push(json!({"type":"event","status":500,"error":"turn_failed"}));
    rig.find(|event| matches!(event, SinkEvent::Error { .. }).then_some(())).await;
    rig.ask(SinkAction::Text("still there?".into())).await.unwrap();
    rig.find(is_reply).await;
    let notices = rig.events().into_iter().filter_map(|event| match event {
        SinkEvent::Notice(words) => Some(words),
        _ => None,
    });
    assert_eq!(notices.take(3).collect::<Vec<_>>(), words);
    let errors = rig.errors();
    assert_eq!((errors.len(), errors[0].0.code, errors[0].1), (1, "StreamError", false));
    assert!(errors[0].0.message.contains("turn_failed"), "{}", errors[0].0);
    rig.finish().await.result.unwrap();
}

/// An unpaid account ends a chat too.
#[tokio::test]
async fn a_chat_that_must_be_paid_is_given_up() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&chat(&simulator), edge(TurnMode::PushToTalk));
    rig.open().await;
    simulator.push(json!({"type":"system","status":402,"content":"Payment required"}));
    assert_eq!(rig.ended().await.result.unwrap_err().code, "PaymentRequired");
}

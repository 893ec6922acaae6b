//! What the sink hears: which event each message of the service becomes.

use glottis_core::sink::SinkAction;
use glottis_core::{SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, DateForm, InlineAudio, Shape};
use serde_json::{Value, json};

use crate::rig::*;

/// Sends the message in the middle of a live session, and returns what the sink told of it: its
/// replies, notices and errors, and how many messages it ignored.
pub async fn told(message: &Value) -> Vec<Value> {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    const LAST: &str = "no more of it";
    simulator.push(message.clone());
    simulator.push(json!({"type":"system","content":LAST}));
    // Either all of it was heard, or it ended the session.
    let over = |event: &SinkEvent| match event {
        SinkEvent::Notice(words) if words == LAST => Some(()),
        SinkEvent::Error { fatal: true, .. } => Some(()),
        _ => None,
    };
    rig.find(over).await;
    let events = rig.events();
    let ignored = rig.control.stats().ignored.load(std::sync::atomic::Ordering::Relaxed);
    rig.outfeed.close();
    let _ = rig.ended().await;
    let mut told: Vec<Value> = events.iter().filter_map(shown).filter(|event| event["notice"] != LAST).collect();
    told.extend((ignored > 0).then(|| json!({ "ignored": ignored })));
    told
}

/// An event as the fixtures write it; without what is not of interest here.
fn shown(event: &SinkEvent) -> Option<Value> {
    Some(match event {
        SinkEvent::Reply(reply) => {
            let mut shown = json!({"text":reply.text,"raw":reply.raw});
            shown.as_object_mut()?.extend(reply.transcript.iter().map(|words| ("transcript".into(), json!(words))));
            shown.as_object_mut()?.extend(reply.media.iter().map(|media| ("media".into(), json!(media))));
            shown.as_object_mut()?.extend(reply.time_ms.iter().map(|time| ("time_ms".into(), json!(time))));
            json!({ "reply": shown })
        }
        SinkEvent::Notice(words) => json!({ "notice": words }),
        SinkEvent::Error { error, fatal } => json!({ "error": error.code, "fatal": fatal }),
        _ => return None,
    })
}

async fn reply(message: Value) -> Value {
    let told = told(&message).await;
    assert_eq!(told.len(), 1, "{message}: {told:?}");
    told[0]["reply"].clone()
}

async fn notice(message: Value) -> Value {
    let told = told(&message).await;
    assert_eq!(told.len(), 1, "{message}: {told:?}");
    told[0]["notice"].clone()
}

/// C32: nothing of this is text for anyone, and nothing of it ends the connection.
#[tokio::test]
async fn messages_without_meaning_are_ignored_and_counted() {
    let hows = ["text", "scalar", "array", "null", "binary", "unknown-type", "wrong-types", "nesting"];
    let rules = hows.iter().map(|how| json!({"fault":"F16","how":how}));
    let simulator = faulty(rules.collect());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    for n in 1..=hows.len() {
        rig.ask(SinkAction::Text(format!("turn {n}"))).await.unwrap();
        until(&simulator, |state| state.log().messages().count() == n).await;
    }
    let heard = |rig: &Rig| rig.replies().len();
    while heard(&rig) < hows.len() {
        rig.changed().await;
    }
    let ignored = rig.control.stats().ignored.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ignored, hows.len() as u64);
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_eq!(ended.waits, [], "one connection for all of it");
}

/// C32: long is not wrong. What is too long even for a long answer ends the connection, and so does
/// text that is none, as the WebSocket protocol obliges; the session goes on over the next one.
#[tokio::test]
async fn a_long_message_is_heard_and_broken_text_ends_the_connection_only() {
    let simulator = faulty(json!([{"fault":"F16","how":"huge","bytes":"10MB"},{"fault":"F16","how":"utf8","nth":2}]));
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    rig.ask(SinkAction::Text("one".into())).await.unwrap();
    while !rig.replies().iter().any(|reply| reply.text == "You said: one") {
        rig.changed().await;
    }
    assert_eq!(rig.errors(), []);
    rig.ask(SinkAction::Text("two".into())).await.unwrap();
    rig.state("open", 2).await;
    rig.ask(SinkAction::Text("three".into())).await.unwrap();
    while !rig.replies().iter().any(|reply| reply.text == "You said: three") {
        rig.changed().await;
    }
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_waits(&ended.waits, &[2]);
    assert_eq!((count(&simulator, "POST /startLiveSession"), simulator.active_sessions()), (1, 0));
}

/// C60: the same words, media and time, in the service's own two forms.
#[tokio::test]
async fn both_shapes_of_an_answer_become_the_same_reply() {
    let mut replies = Vec::new();
    for shape in [Shape::A, Shape::B] {
        let url = Some("https://cdn.example/a.mp4".to_owned());
        let time = Some(1_769_698_497_263);
        let simulator = simulator(Config { shape, file_url: url, epoch_ms: time, ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.ask(SinkAction::Text("Good morning".into())).await.unwrap();
        let reply = rig.find(|event| shown(event).filter(|event| event["reply"].is_object())).await;
        let made = reply["reply"]["time_ms"].as_u64().expect("a time") - 1_769_698_497_263;
        assert!(made < 60_000, "about when the run began: {reply}");
        replies.push((reply["reply"]["text"].clone(), reply["reply"]["raw"].clone(), reply["reply"]["media"].clone()));
        rig.finish().await.result.unwrap();
    }
    assert_eq!(replies[0], replies[1]);
    assert_eq!(replies[0].0, "You said: Good morning");
    assert_eq!(replies[0].2, json!({"kind":"video","url":"https://cdn.example/a.mp4"}));
}

/// C61.
#[tokio::test]
async fn system_beats_incoming_beats_event() {
    let of = |kind, direction| json!({"type":kind,"direction":direction,"content":"C","answer":"A"});
    assert_eq!(notice(of("incoming", "system")).await, "C");
    assert_eq!(notice(of("system", "event")).await, "C");
    assert_eq!(reply(of("event", "incoming")).await["text"], "A");
    assert_eq!(reply(of("incoming", "event")).await["text"], "A");
    // Exact and case-sensitive: this is none of them, and its words are a notice.
    assert_eq!(notice(of("System", "INCOMING")).await, "A");
}

/// C62.
#[tokio::test]
async fn the_preferred_field_wins() {
    assert_eq!(reply(json!({"type":"incoming","answer":"A","content":"C"})).await["text"], "A");
    assert_eq!(notice(json!({"type":"system","content":"C","message":"M"})).await, "C");
    let all = json!({"type":"incoming","answer":"A","file_base64_data":"UklGRgAA","audio_base64":"T2dnUwAA",
        "fileUrl":"https://h/a.mp4"});
    assert_eq!(reply(all).await["media"], json!({"kind":"audio","bytes_base64":"UklGRgAA"}));
    let two = json!({"type":"incoming","answer":"A","audio_base64":"T2dnUwAA","fileUrl":"https://h/a.mp4"});
    assert_eq!(reply(two).await["media"], json!({"kind":"audio","bytes_base64":"T2dnUwAA"}));
    let url = json!({"type":"incoming","answer":"A","fileUrl":"https://h/a.mp4"});
    assert_eq!(reply(url).await["media"], json!({"kind":"video","url":"https://h/a.mp4"}));
}

/// C63.
#[tokio::test]
async fn an_echoed_transcript_is_split_off_voice_answers_only() {
    for (answer, transcript, text) in [
        (">Hi there\n\nHello!", "Hi there", "Hello!"),
        (">A\n> B\n\nC", "A\nB", "C"),
        (">What day? Friday.", "What day?", "Friday."),
        (">Hm", "Hm", ""),
    ] {
        for voice in [json!({"chat_type":"voice"}), json!({"requestType":"audio"})] {
            let mut message = json!({"type":"incoming","answer":answer});
            message.as_object_mut().unwrap().extend(voice.as_object().unwrap().clone());
            assert_eq!(reply(message).await, json!({"text":text,"transcript":transcript,"raw":answer}));
        }
    }
    let typed = json!({"type":"incoming","chat_type":"text","requestType":"text","answer":">A\n\nB"});
    assert_eq!(reply(typed).await, json!({"text":">A\n\nB","raw":">A\n\nB"}));
}

/// C64.
#[tokio::test]
async fn dates_in_seconds_and_milliseconds_mean_the_same_second() {
    let at = |date: u64| json!({"type":"incoming","answer":"A","date":date});
    assert_eq!(reply(at(1_769_698_497)).await["time_ms"], 1_769_698_497_000_u64);
    assert_eq!(reply(at(1_769_698_497_263)).await["time_ms"], 1_769_698_497_263_u64);
    for date in [DateForm::Seconds, DateForm::Millis, DateForm::Timestamp, DateForm::None] {
        let simulator = simulator(Config { date, epoch_ms: Some(1_769_698_497_263), ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.ask(SinkAction::Text("when?".into())).await.unwrap();
        let reply = rig.find(|event| shown(event).filter(|event| event["reply"].is_object())).await;
        let time = reply["reply"]["time_ms"].as_u64();
        assert_eq!(time.is_none(), date == DateForm::None, "{date:?}");
        assert!(time.is_none_or(|ms| (1_769_698_497_000..1_769_698_557_000).contains(&ms)), "{date:?}: {time:?}");
        rig.finish().await.result.unwrap();
    }
}

/// C65: with the flag an event has for it, an empty text.
#[tokio::test]
async fn an_answer_of_sound_alone_is_told() {
    let simulator = faulty(json!({"fault":"F20","how":"audio-only"}));
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("linger", "30s"), edge(TurnMode::Always));
    rig.open().await;
    rig.ask(SinkAction::Text("sing".into())).await.unwrap();
    rig.outfeed.close();
    // It counts as the answer that was lingered for.
    rig.ended().await.result.unwrap();
    let replies = rig.replies();
    assert_eq!(replies.len(), 1);
    let media = replies[0].media.as_ref().expect("sound");
    assert!(replies[0].text.is_empty() && media.kind == "audio" && media.bytes_base64.is_some(), "{replies:?}");
    let url = json!({"direction":"incoming","fileUrl":"https://h/song.mp3"});
    assert_eq!(reply(url).await["media"]["kind"], "audio");
}

/// C66.
#[tokio::test]
async fn words_in_error_or_message_are_told_whatever_the_type() {
    for kind in ["system", "incoming", "event", "whatever"] {
        for field in ["error", "message"] {
            assert_eq!(notice(json!({"type":kind,field:"words"})).await, "words", "{kind} {field}");
        }
    }
    assert_eq!(notice(json!({"error":"words"})).await, "words");
    assert_eq!(notice(json!({"message":"words"})).await, "words");
}

/// F20: answers come late, twice, in another order or not at all; each that comes is told as it comes.
#[tokio::test]
async fn answers_are_told_as_they_come() {
    let rules = json!([
        {"fault":"F20","how":"twice"}, {"fault":"F20","how":"none","nth":2}, {"fault":"F20","how":"swapped","nth":3}
    ]);
    let config = Config { faults: faults(rules), inline_audio: InlineAudio::None, ..Config::default() };
    let simulator = simulator(config);
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    for text in ["a", "b", "c", "d"] {
        rig.ask(SinkAction::Text(text.into())).await.unwrap();
    }
    while rig.replies().len() < 4 {
        rig.changed().await;
    }
    let replies: Vec<String> = rig.replies().into_iter().map(|reply| reply.text.replace("You said: ", "")).collect();
    assert_eq!(replies, ["a", "a", "d", "c"]);
    rig.finish().await.result.unwrap();
    assert_eq!(simulator.log().messages().count(), 4, "nothing is asked again");
}

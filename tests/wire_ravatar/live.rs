//! While the session is up: audio, texts, answers, the streaming page.

use std::time::Duration;

use glottis_core::event::{Reply, Session};
use glottis_core::sink::SinkAction;
use glottis_core::{Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, InlineAudio, Kind, Shape, StreamUrl};
use serde_json::{Value, json};

use crate::rig::*;

/// C34, C36, C38, C40: bit for bit, and only the fields there are.
#[tokio::test]
async fn audio_arrives_bit_for_bit_in_whole_chunks() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("trailing", "0s"), patient(TurnMode::Speech));
    rig.open().await;
    let (first, second) = (noise(3 * CHUNK + 100, 1), noise(CHUNK, 2));
    rig.say(&first, Reason::SpeechEnd, 0).await;
    rig.say(&second, Reason::Stop, 0).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    let license = license(&simulator);
    assert_same(&simulator.pcm(&license), &[padded(&first, 0), padded(&second, 0)].concat());
    let log = simulator.log();
    let fields = [
        "LicenseId",
        "audio_base64_pcm",
        "avatar_id",
        "chat_type",
        "isLive",
        "language",
        "requestType",
        "source",
        "user_id",
    ];
    for message in log.messages() {
        assert_eq!(message.kind, Kind::LivePcm);
        let mut names: Vec<&str> =
            message.fields.keys().map(String::as_str).filter(|name| *name != "session").collect();
        names.sort_unstable();
        assert_eq!(names, fields);
        assert_eq!(message.fields["source"], "glottis");
        assert_eq!(message.license_id.as_ref(), Some(&license));
    }
    let ledger = ended.ledger;
    assert_eq!((ledger.captured, ledger.delivered, ledger.padded), (4 * 4096 + 100, 4 * 4096 + 100, 3996));
    assert!(ledger.balanced() && ledger.dropped_total() == 0);
    assert_eq!(simulator.violations(), []);
}

/// C42.
#[tokio::test]
async fn silence_follows_the_last_voice_of_a_turn() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), patient(TurnMode::Speech));
    rig.open().await;
    let said = noise(2 * CHUNK, 3);
    // 300 ms of the segment were silence already: 724 ms are missing, which is three chunks.
    rig.say(&said, Reason::SpeechEnd, 4800).await;
    rig.say(&said, Reason::Max, 0).await;
    rig.say(&said, Reason::Commit, 0).await;
    rig.say(&said, Reason::Release, 0).await;
    let stats = rig.control.stats().clone();
    let ended = rig.finish().await;
    ended.result.unwrap();
    let want = [padded(&said, 3), padded(&said, 0), padded(&said, 0), padded(&said, 4)].concat();
    assert_same(&simulator.pcm(&license(&simulator)), &want);
    assert_eq!(ended.ledger.padded, 7 * 4096);
    let messages = stats.messages.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((messages, simulator.log().messages().count()), (15, 15));
    assert_eq!(simulator.violations(), []);
}

#[tokio::test]
async fn a_recording_without_turns_gets_no_silence() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), patient(TurnMode::Always));
    rig.open().await;
    let said = noise(CHUNK + 1, 4);
    rig.say(&said, Reason::Stop, 0).await;
    rig.finish().await.result.unwrap();
    assert_same(&simulator.pcm(&license(&simulator)), &padded(&said, 0));
}

fn is_reply(event: &SinkEvent) -> Option<Reply> {
    match event {
        SinkEvent::Reply(reply) => Some(reply.clone()),
        _ => None,
    }
}

/// The live text command, and its answer.
#[tokio::test]
async fn a_typed_turn_is_sent_and_answered() {
    for shape in [Shape::A, Shape::B] {
        let simulator = simulator(Config { shape, ..Config::default() });
        let keys = keys(&simulator.http_url()).with("linger", "30s");
        let mut rig = Rig::start(&keys, edge(TurnMode::Always));
        rig.open().await;
        rig.ask(SinkAction::Text("Good \"morning\"\n".into())).await.unwrap();
        let reply = rig.find(is_reply).await;
        assert_eq!(reply.text, "You said: Good \"morning\"\n");
        assert_eq!((reply.transcript, reply.media), (None, None));
        rig.finish().await.result.unwrap();
        let log = simulator.log();
        let kinds: Vec<Kind> = log.messages().map(|message| message.kind).collect();
        assert_eq!(kinds, [Kind::LiveText]);
        assert_eq!(simulator.violations(), []);
    }
}

/// C37.
#[tokio::test]
async fn what_cannot_be_sent_is_refused_by_name() {
    let simulator = simulator(Config::default());
    let keys = keys(&simulator.http_url()).with("max_message", "20KiB");
    let mut rig = Rig::start(&keys, edge(TurnMode::Always));
    rig.open().await;
    for (action, named) in [
        (SinkAction::Text(" \n\t".into()), "empty"),
        (SinkAction::Text("x".repeat(20 << 10)), "max_message"),
        (SinkAction::Interrupt, "interrupt"),
        (SinkAction::Pause(true), "pause"),
    ] {
        let refused = rig.ask(action).await.unwrap_err();
        assert!(refused.contains(named), "{refused}");
    }
    rig.finish().await.result.unwrap();
    assert_eq!(simulator.log().messages().count(), 0);
}

#[tokio::test]
async fn a_spoken_turn_is_answered_with_its_transcript_before_the_sink_leaves() {
    let simulator = simulator(Config { reply_delay: Duration::from_millis(300), ..Config::default() });
    let keys = keys(&simulator.http_url()).with("linger", "30s");
    let mut rig = Rig::start(&keys, patient(TurnMode::Speech));
    rig.open().await;
    rig.say(&noise(2 * CHUNK, 6), Reason::SpeechEnd, 0).await;
    rig.outfeed.close();
    rig.ended().await.result.unwrap();
    let reply = rig.find(is_reply).await;
    let transcript = reply.transcript.as_deref().unwrap();
    assert!(transcript.contains("samples"), "{transcript}");
    assert!(reply.text.starts_with("You said:") && reply.raw.starts_with('>'), "{reply:?}");
}

#[tokio::test]
async fn sound_and_pictures_of_an_answer_are_passed_on() {
    for (file_url, inline_audio, kind) in
        [(Some("https://h/a.mp4".to_owned()), InlineAudio::None, "video"), (None, InlineAudio::AudioBase64, "audio")]
    {
        let url = file_url.clone();
        let simulator = simulator(Config { file_url, inline_audio, ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.ask(SinkAction::Text("show me".into())).await.unwrap();
        let media = rig.find(is_reply).await.media.unwrap();
        assert_eq!((media.kind, media.url.clone()), (kind, url));
        assert_eq!(media.bytes_base64.is_some(), kind == "audio");
        rig.finish().await.result.unwrap();
    }
}

/// C32 and the notices.
#[tokio::test]
async fn odd_messages_do_no_harm_and_notices_are_told() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    for odd in [json!(null), json!(5), json!([1]), json!("text"), json!({}), json!({"type": {"deep": []}})] {
        assert_eq!(simulator.push(odd), 1);
    }
    simulator.push(json!({"type":"system","content":"The avatar is listening"}));
    simulator.push(json!({"type":"incoming","answer":"Session expired"}));
    let notice = |event: &SinkEvent| match event {
        SinkEvent::Notice(words) => Some(words.clone()),
        _ => None,
    };
    assert_eq!(rig.find(notice).await, "The avatar is listening");
    // C58: an avatar may say anything.
    assert_eq!(rig.find(is_reply).await.text, "Session expired");
    rig.say(&noise(CHUNK, 7), Reason::Stop, 0).await;
    until(&simulator, |state| state.log().messages().count() == 1).await;
    rig.finish().await.result.unwrap();
}

/// C50, and the small print: one session event with the URL, then the answer.
#[tokio::test]
async fn the_streaming_url_is_handed_out_with_its_token() {
    for (stream_url, keeps) in
        [(StreamUrl::Plain, vec![]), (StreamUrl::WithQuery, vec!["#"]), (StreamUrl::WithToken, vec![])]
    {
        let simulator = simulator(Config { stream_url, ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        let before = rig.events().len();
        rig.ask(SinkAction::StreamingUrl).await.unwrap();
        let told = rig.events().split_off(before);
        let [SinkEvent::Session(session), SinkEvent::Answer(_)] = told.as_slice() else { panic!("{told:?}") };
        let Session { live: true, has_streaming_url: true, streaming_url: Some(url), .. } = session else {
            panic!("{session:?}")
        };
        assert_eq!(url.matches("token=").count(), 1, "{stream_url:?}");
        assert!(keeps.iter().all(|part| url.contains(part)), "{stream_url:?}");
        let page = url.split('#').next().unwrap();
        visit(page).await;
        until(&simulator, |state| state.licenses().all(|license| license.page_views == 1)).await;
        rig.finish().await.result.unwrap();
        assert_eq!(simulator.violations(), []);
    }
}

/// Opens the streaming page as a browser would.
async fn visit(url: &str) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut page = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    page.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_session_without_a_streaming_page_says_so() {
    let simulator = simulator(Config { stream_url: StreamUrl::Absent, ..Config::default() });
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    assert!(rig.ask(SinkAction::StreamingUrl).await.unwrap_err().contains("no streaming URL"));
    rig.finish().await.result.unwrap();
}

/// The service answers pings, and a quiet one is asked for a sign of life.
#[tokio::test]
async fn a_quiet_service_is_pinged() {
    let simulator = simulator(Config { ping: None, ..Config::default() });
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("ping", "100ms"), edge(TurnMode::Always));
    rig.open().await;
    let pings = |log: &Value| log["entries"].as_array().unwrap().iter().filter(|e| e["event"] == "ping").count();
    until(&simulator, |state| pings(&serde_json::to_value(state.log()).unwrap()) >= 5).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_eq!(ended.waits, [], "the connection was alive all the time");
}

/// The service answers as soon as it has heard enough silence; that may be before our turn ends.
#[tokio::test]
async fn an_answer_that_comes_before_the_end_of_the_turn_is_not_waited_for_again() {
    let simulator = simulator(Config { reply_delay: Duration::ZERO, ..Config::default() });
    // Longer than the rig waits for the sink to end.
    let keys = keys(&simulator.http_url()).with("linger", "10m").with("pace_limit", "off");
    let mut rig = Rig::start(&keys, edge(TurnMode::Speech));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(CHUNK, 1));
    for _ in 0..5 {
        rig.chunk(&[0; CHUNK]);
    }
    rig.outfeed.wake();
    rig.find(|event| matches!(event, SinkEvent::Reply(_)).then_some(())).await;
    rig.end(Reason::SpeechEnd, 5 * CHUNK as i64);
    rig.finish().await.result.unwrap();
}

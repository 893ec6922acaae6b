//! What the sink says, as it crosses the wire: every kind of message, field by field.

use std::time::Duration;

use glottis_core::param::Table;
use glottis_core::sink::{Edge, SinkAction};
use glottis_core::{Reason, TurnMode};
use glottis_sim::ravatar::{Config, SessionForm, Simulator};
use serde_json::{Value, json};

use tokio::time::Instant;

use crate::fixtures::{fixture, fixtures};
use crate::proxy::Proxy;
use crate::rig::*;
use crate::warp::Warp;

/// The samples of the dossier's first test vector, and how they look in base64.
const VECTOR: [i16; 5] = [0, 1, -1, 32767, -32768];

/// Chunks of the vector's length, so that a whole message can be read at a glance.
fn short(turn: TurnMode) -> Edge {
    Edge { chunk_frames: 5, ..patient(turn) }
}

fn short_keys(endpoint: &str) -> Table {
    keys(endpoint).with("user_id", "u-1").with("allow_nonstandard", true).with("trailing", "0s")
}

/// A message as the fixtures write it: with names of theirs for what the service made up.
fn shown(message: &str, simulator: &Simulator, proxy: &Proxy) -> Value {
    let mut message: Value = serde_json::from_str(message).expect("JSON");
    if let Some(license) = message.get_mut("LicenseId") {
        assert_eq!(*license, crate::rig::license(simulator));
        *license = "lic-1".into();
    }
    if let Some(session) = message.get_mut("session") {
        assert!(proxy.secrets().iter().any(|given| session == given));
        *session = "sess-opaque".into();
    }
    message
}

/// C34, C35, C36, C38, C39, C43: the five kinds of message, with and without what is optional.
#[tokio::test]
async fn every_message_equals_its_fixture() {
    let mut compared = Vec::new();
    for (name, mode, turn, session) in [
        ("live-text", "live", TurnMode::Always, SessionForm::Short),
        ("live-pcm", "live", TurnMode::Speech, SessionForm::Short),
        ("live-pcm-without-session", "live", TurnMode::Speech, SessionForm::Absent),
        ("live-blob", "live", TurnMode::Speech, SessionForm::Short),
        ("live-blob-push-to-talk", "live", TurnMode::PushToTalk, SessionForm::Short),
        ("chat-text", "chat", TurnMode::PushToTalk, SessionForm::Short),
        ("chat-text-without-session", "chat", TurnMode::PushToTalk, SessionForm::Empty),
        ("chat-blob", "chat", TurnMode::Speech, SessionForm::Short),
        ("chat-blob-push-to-talk", "chat", TurnMode::PushToTalk, SessionForm::Short),
    ] {
        let simulator = simulator(Config { session, ..Config::default() });
        let proxy = Proxy::to(&simulator.http_url()).await;
        let audio = if name.contains("pcm") { "pcm" } else { "blob" };
        let keys = short_keys(&proxy.url()).with("mode", mode).with("audio", audio);
        let mut rig = Rig::start(&keys, short(turn));
        rig.open().await;
        if name.contains("text") {
            rig.ask(SinkAction::Text("Good morning".into())).await.unwrap();
        } else {
            rig.begin();
            rig.piece(&VECTOR);
            rig.end(if turn == TurnMode::Speech { Reason::SpeechEnd } else { Reason::Release }, 0);
        }
        rig.finish().await.result.unwrap();
        let messages = proxy.messages();
        assert_eq!(messages.len(), 1, "{name}: {messages:?}");
        assert_eq!(shown(&messages[0], &simulator, &proxy), fixture("outgoing", &format!("{name}.json")), "{name}");
        compared.push(format!("{name}.json"));
    }
    compared.sort();
    let files: Vec<String> = fixtures("outgoing").into_iter().map(|(name, _)| name).collect();
    assert_eq!(compared, files, "every fixture is compared");
}

/// C1, C6, C22: the calls, with their headers.
#[tokio::test]
async fn every_call_equals_its_fixture() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("user_id", "u-1"), edge(TurnMode::Always));
    rig.open().await;
    rig.finish().await.result.unwrap();
    let license = license(&simulator);
    let log = simulator.log();
    let made = log.requests("").map(|call| {
        let mut body = call.body.clone().unwrap_or_default();
        if let Some(id) = body.get_mut("LicenseId") {
            assert_eq!(*id, license);
            *id = "lic-1".into();
        }
        json!({"method":call.method,"path":call.path,"authorization":call.authorization,
            "content_type":call.content_type,"body":body})
    });
    let names = ["jwt.json", "connection.json", "start.json", "end.json"];
    assert_eq!(made.collect::<Vec<_>>(), names.map(|name| fixture("calls", name)));
}

/// C25, C26: the handshake, word for word where it matters.
#[tokio::test]
async fn the_handshake_offers_nothing_and_holds_the_token_in_its_query_alone() {
    for origin in [None, Some("https://kiosk.example")] {
        let token_form = glottis_sim::ravatar::TokenForm::Awkward;
        let simulator = simulator(Config { token_form, ..Config::default() });
        let proxy = Proxy::to(&simulator.http_url()).await;
        let mut keys = keys(&proxy.url());
        if let Some(origin) = origin {
            keys = keys.with("origin", origin);
        }
        let mut rig = Rig::start(&keys, edge(TurnMode::Always));
        rig.open().await;
        rig.ask(SinkAction::Text("one object, one frame".into())).await.unwrap();
        rig.say(&noise(3 * CHUNK, 1), Reason::Stop, 0).await;
        rig.finish().await.result.unwrap();
        let handshakes = proxy.handshakes();
        let [handshake] = handshakes.as_slice() else { panic!("{} handshakes", handshakes.len()) };
        let token = &proxy.secrets()[0];
        assert!(token.ends_with("+/=%2B") || token.contains('+'), "an awkward one");
        let encoded = token.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        assert!(handshake.starts_with(&format!("GET /ws/chat?token={encoded} HTTP/1.1\r\n")), "its first line differs");
        let headers = handshake.to_ascii_lowercase();
        for unwanted in ["sec-websocket-protocol:", "sec-websocket-extensions:", "authorization:"] {
            assert!(!headers.contains(unwanted), "{unwanted}");
        }
        assert_eq!(headers.contains("origin: https://kiosk.example\r\n"), origin.is_some());
        let messages = proxy.messages();
        assert_eq!(messages.len(), 4);
        assert!(messages.iter().all(|message| serde_json::from_str::<Value>(message).unwrap().is_object()));
        assert_eq!(simulator.violations(), []);
    }
}

/// C38, C43: the dossier's vectors, and the form of a whole chunk.
#[tokio::test]
async fn audio_is_standard_padded_base64_of_little_endian_samples() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let payload = |message: &str| {
        let message: Value = serde_json::from_str(message).unwrap();
        message["audio_base64_pcm"].as_str().unwrap().to_owned()
    };
    let mut rig = Rig::start(&short_keys(&proxy.url()), short(TurnMode::Always));
    rig.open().await;
    rig.begin();
    rig.piece(&VECTOR);
    rig.piece(&[16384, -16384, 32767, -32768]);
    rig.end(Reason::Stop, 0);
    rig.finish().await.result.unwrap();
    let short: Vec<String> = proxy.messages().iter().map(|message| payload(message)).collect();
    assert_eq!(short, ["AAABAP///38AgA==", "AEAAwP9/AIA="]);
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()), patient(TurnMode::Always));
    rig.open().await;
    rig.say(&[0; CHUNK], Reason::Stop, 0).await;
    rig.say(&noise(CHUNK, 9), Reason::Stop, 0).await;
    rig.finish().await.result.unwrap();
    let whole: Vec<String> = proxy.messages().iter().map(|message| payload(message)).collect();
    assert!(whole[0].len() == 10_924 && whole[0].starts_with("AAAAAAAAAAAA") && whole[0].ends_with("AAA="));
    let standard = |c: char| c.is_ascii_alphanumeric() || "+/".contains(c);
    assert!(whole[1].len() == 10_924 && whole[1].trim_end_matches('=').chars().all(standard));
    assert_eq!(whole[1].matches('=').count(), 1);
}

/// C15: nothing is cut off a long one, nothing stands in for one that is absent.
#[tokio::test]
async fn a_conversation_is_named_in_every_message_or_in_none() {
    for (session, length) in [
        (SessionForm::Long, Some(4096)),
        (SessionForm::Jwt, None),
        (SessionForm::Empty, Some(0)),
        (SessionForm::Absent, Some(0)),
    ] {
        let simulator = simulator(Config { session, ..Config::default() });
        let proxy = Proxy::to(&simulator.http_url()).await;
        let mut rig = Rig::start(&keys(&proxy.url()), patient(TurnMode::Always));
        rig.open().await;
        rig.ask(SinkAction::Text("hello".into())).await.unwrap();
        rig.say(&noise(CHUNK, 1), Reason::Stop, 0).await;
        rig.finish().await.result.unwrap();
        let given = proxy.secrets().into_iter().nth(1).filter(|given| !given.is_empty());
        assert!(length.is_none_or(|length| given.as_ref().map_or(0, String::len) == length), "{session:?}");
        let messages = proxy.messages();
        assert_eq!(messages.len(), 2);
        for message in messages {
            let message: Value = serde_json::from_str(&message).unwrap();
            assert_eq!(
                message.get("session").map(|session| session.as_str()),
                given.as_ref().map(|given| Some(given.as_str()))
            );
        }
    }
}

/// C27: a sink that hears nothing from its user says nothing, however long that is.
#[tokio::test]
async fn a_silent_user_makes_a_silent_socket() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let warp = Warp::start(1000);
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Speech));
    rig.open().await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    drop(warp);
    assert_eq!(simulator.log().messages().count(), 0);
    rig.finish().await.result.unwrap();
    assert_eq!(proxy.messages(), [""; 0]);
}

/// How long a chunk is.
const LENGTH: Duration = Duration::from_millis(256);

/// C40, C41: a voice in real time is passed on in real time, chunk by chunk and in order.
#[tokio::test]
async fn a_voice_in_real_time_is_sent_in_real_time() {
    const CHUNKS: usize = 60;
    let simulator = simulator(Config { silence: Duration::from_secs(60), ..Config::default() });
    let proxy = Proxy::to(&simulator.http_url()).await;
    let warp = Warp::start(20);
    let mut rig = Rig::start(&keys(&proxy.url()).with("trailing", "0s"), edge(TurnMode::Speech));
    rig.open().await;
    let said = noise(CHUNKS * CHUNK - 100, 7);
    rig.begin();
    let mut due = Instant::now();
    for chunk in said.chunks(CHUNK) {
        tokio::time::sleep_until(due).await;
        rig.chunk(chunk);
        due += LENGTH;
    }
    rig.end(Reason::SpeechEnd, 0);
    until(&simulator, |state| state.log().messages().count() == CHUNKS).await;
    drop(warp);
    let log = simulator.log();
    let pcm: Vec<_> = log.messages().map(|message| message.pcm.expect("PCM")).collect();
    assert!(pcm.iter().enumerate().all(|(n, pcm)| (pcm.samples, pcm.first) == (CHUNK, Some((n * CHUNK) as u64))));
    let times: Vec<Instant> = proxy.timed().into_iter().map(|(_, when)| when).collect();
    let pace = LENGTH.as_secs_f64() * (CHUNKS - 1) as f64 / (times[CHUNKS - 1] - times[0]).as_secs_f64();
    assert!((0.9..=1.1).contains(&pace), "{pace} times real time");
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_same(&simulator.pcm(&license(&simulator)), &padded(&said, 0));
    assert_eq!((ended.ledger.delivered, ended.ledger.padded), (said.len() as u64, 100));
    assert_eq!(simulator.violations(), []);
}

/// C41: what has piled up goes out at four times real time, not even two chunks of it faster.
#[tokio::test]
async fn a_fast_source_is_slowed_to_four_times_real_time() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let warp = Warp::start(5);
    let mut rig = Rig::start(&keys(&proxy.url()), patient(TurnMode::Always));
    rig.open().await;
    let said = noise(24 * CHUNK, 5);
    rig.say(&said, Reason::Stop, 0).await;
    until(&simulator, |state| state.log().messages().count() == 24).await;
    drop(warp);
    rig.finish().await.result.unwrap();
    let times: Vec<Instant> = proxy.timed().into_iter().map(|(_, when)| when).collect();
    // Time goes in steps: a message may be written just behind a step and read just before the next.
    let step = Duration::from_millis(5);
    for (first, from) in times.iter().enumerate() {
        for (last, to) in times.iter().enumerate().skip(first) {
            let least = LENGTH / 4 * (last - first) as u32;
            assert!(*to - *from + step >= least, "chunks {first} to {last} came within {:?}", *to - *from);
        }
    }
    assert_same(&simulator.pcm(&license(&simulator)), &said);
    assert_eq!(simulator.violations(), []);
}

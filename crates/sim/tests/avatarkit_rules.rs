//! What the AvatarKit simulator checks: the upgrade, the first frame, audio and its order.

mod avatarkit;

use avatarkit::*;
use glottis_sim::avatarkit::proto::{ClientAudioInput, Data, Named, TraceContext};
use glottis_sim::avatarkit::{CloseBy, Credits};

/// The status and message of a refused upgrade.
async fn refusal(rig: &Rig, token: &str, app: &str, avatar: &str) -> (u16, String) {
    match rig.open_as(token, app, avatar).await {
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            assert_eq!(body.last(), Some(&b'\n'));
            let body: Value = serde_json::from_slice(&body).expect("a JSON body");
            (answer.status().as_u16(), body["message"].as_str().expect("a message").into())
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn upgrades_are_refused_in_the_order_of_the_service() {
    let config = Config {
        api_keys: [("demo-key", "demo-app"), ("lost-key", "lost-app")].map(|(k, a)| (k.into(), a.into())).into(),
        ..Config::default()
    };
    let rig = Rig::new(config);
    let token = rig.token().await;
    assert_eq!(refusal(&rig, "wrong", "demo-app", "demo-avatar").await, (400, "Invalid session token".into()));
    assert_eq!(refusal(&rig, &token, "other", "demo-avatar").await, (400, "app id mismatch".into()));
    assert_eq!(refusal(&rig, &token, "demo-app", "a%20b").await, (404, "Avatar not found: a b".into()));
    rig.sim.clock().advance(Duration::from_secs(3700));
    assert_eq!(refusal(&rig, &token, "demo-app", "demo-avatar").await, (401, "session token expired".into()));
    let headers = [("x-api-key", "lost-key"), ("content-type", "application/json")];
    let body = json!({ "expireAt": rig.in_an_hour() }).to_string();
    let lost = rig.http("POST", "/session-tokens", &headers, &body).await.json();
    let lost = lost["sessionToken"].as_str().expect("a token");
    assert_eq!(refusal(&rig, lost, "lost-app", "demo-avatar").await, (404, "app id unrecognized".into()));
    let rig = Rig::new(Config { credits: Credits::Exhausted, ..Config::default() });
    let words = "session denied: credits exhausted";
    assert_eq!(refusal(&rig, &rig.token().await, "demo-app", "demo-avatar").await, (402, words.into()));
}

#[tokio::test]
async fn spatialreal_refuses_behind_the_upgrade() {
    let rig = Rig::new(Rig::spatialreal());
    let mut client = Client(rig.open("wrong").await.expect("a socket"));
    let error = client.error().await;
    assert_eq!((error.code, error.message.as_str()), (4010, "Invalid session token"));
    assert_eq!(client.closed().await, Some((4010, "Invalid session token".into())));
    let rig = Rig::new(Config { connections: 1, ..Rig::spatialreal() });
    let _one = rig.direct().await;
    let mut two = Client(rig.open(&rig.token().await).await.expect("a socket"));
    assert_eq!(two.error().await.code, 4003);
    assert_eq!(two.closed().await.map(|close| close.0), Some(4003));
}

#[tokio::test]
async fn query_auth_and_what_is_not_wanted_is_seen() {
    let rig = Rig::new(Config::default());
    let token = rig.token().await;
    let coded = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let url = format!("{}/websocket?id=demo-avatar&appId=demo-app&sessionKey={coded}", rig.sim.ingress_url());
    let (socket, _) = tokio_tungstenite::connect_async(url).await.expect("a socket");
    drop(socket);
    let log = rig.sim.log();
    let (upgrade, opened) = log.upgrades().next().expect("an upgrade");
    assert!(opened && !upgrade.raw_query.contains(&coded), "{upgrade:?}");
    assert_eq!(upgrade.query[2], ("sessionKey".into(), "…".into()));
    assert_eq!(rig.codes(), []);
    rig.open(&token).await.expect("a socket");
    assert_eq!(rig.codes(), [Code::TokenReused]);
    let all = format!("{:?} {}", rig.sim.log(), serde_json::to_string(&rig.sim.log()).expect("JSON"));
    assert!(!all.contains(&token) && !all.contains("demo-key"));
}

#[tokio::test]
async fn first_frames_are_judged() {
    let wrong = |code: i32, words: &'static str, bytes: Vec<u8>| (code, words, bytes);
    let configure = |change: fn(&mut proto::ClientConfigureSession)| {
        let mut configure = livekit();
        change(&mut configure);
        proto::Codec::encode_to_vec(&Message::of(Data::Configure(configure)))
    };
    let missing = "missing LiveKit credentials: provide api_token or both api_key and api_secret";
    let cases = [
        wrong(0, "failed to unmarshal initial message", hex("1aff")),
        wrong(0, "expected ClientConfigureSession message", hex("0803")),
        wrong(0, "ClientConfigureSession message is nil", hex("0801")),
        wrong(0, "unsupported sample rate: 12345", hex("0801120308b960")),
        wrong(
            0,
            "unsupported sample rate: 22050",
            proto::Codec::encode_to_vec(&Message::of(Data::Configure(opus(22_050)))),
        ),
        wrong(
            3,
            "livekit_egress.room_name is required",
            configure(|c| c.livekit_egress.as_mut().unwrap().room_name.clear()),
        ),
        wrong(3, missing, configure(|c| c.livekit_egress.as_mut().unwrap().api_token.clear())),
        wrong(3, "livekit_egress or agora_egress without an egress type", configure(|c| c.egress_type = 0)),
    ];
    for (code, words, bytes) in cases {
        let rig = Rig::new(Config::default());
        let mut client = Client(rig.open(&rig.token().await).await.expect("a socket"));
        client.raw(&bytes).await;
        let error = client.error().await;
        assert_eq!((error.code, error.message.as_str()), (code, words));
        assert_eq!(client.closed().await.map(|close| close.0), Some(1000), "{words}");
    }
    let rig = Rig::new(Config { handshake_timeout: Duration::from_millis(1), ..Config::default() });
    let mut client = Client(rig.open(&rig.token().await).await.expect("a socket"));
    assert_eq!(client.error().await.message, "failed to unmarshal initial message");
}

#[tokio::test]
async fn every_rule_about_audio_is_watched() {
    let rig = Rig::new(Config::default());
    let mut client = Client(rig.open(&rig.token().await).await.expect("a socket"));
    let configure = proto::Codec::encode_to_vec(&Message::of(Data::Configure(pcm(16_000))));
    rig.fault(json!({ "on": "handshake", "do": { "delay": "1h" } }));
    client.raw(&configure).await;
    let id = rig.req_id(1);
    client.audio(&id, &silence(20), true).await;
    rig.until("the early frame", |state| state.speeches().count() == 1).await;
    assert_eq!(rig.codes(), [Code::TooEarly]);

    let rig = Rig::new(Config::default());
    let mut client = rig.direct().await;
    let (id, second, third) = (rig.req_id(1), rig.req_id(2), rig.req_id(3));
    let trace = Some(TraceContext { traceparent: "00-1".into(), tracestate: String::new() });
    let audio = Bytes::from(silence(20));
    let traced = |req_id: &str| {
        let (req_id, audio, trace_context) = (req_id.into(), audio.clone(), trace.clone());
        Data::Audio(ClientAudioInput { req_id, end: false, audio, trace_context })
    };
    client.say(traced(&id)).await;
    client.say(traced(&id)).await;
    client.audio(&id, &[], false).await;
    client.audio(&id, &[0; 3], false).await;
    client.audio(&second, &silence(20), false).await;
    client.audio(&second, &vec![0; 70_000], true).await;
    client.audio(&second, &silence(20), true).await;
    client.audio("req-1", &silence(20), true).await;
    rig.until("the audio", |state| state.speeches().count() == 3).await;
    rig.sim.clock().advance(Duration::from_secs(5));
    client.audio(&third, &silence(20), true).await;
    client.named(Data::Interrupt, "nobody").await;
    client.named(Data::Pause, &third).await;
    client.raw(&hex("1aff")).await;
    client.raw(&hex("0802")).await;
    client.0.send(Frame::text("hello")).await.expect("sent");
    client.0.close(None).await.expect("closed");
    rig.until("the end", |state| state.open_connections() == 0).await;
    let expected = [
        Code::TraceContext,
        Code::EmptyAudio,
        Code::OddPcm,
        Code::Unfinished,
        Code::RequestReused,
        Code::RequestId,
        Code::RequestTime,
        Code::UnknownRequest,
        Code::NoCapability,
        Code::Garbage,
        Code::UnexpectedType,
        Code::TextFrame,
    ];
    assert_eq!(rig.codes(), expected);
    assert_eq!(rig.sim.notes().iter().map(|note| note.code).collect::<Vec<_>>(), [Code::LargeAudio]);
    assert_eq!(rig.sim.speeches()[0].trace, Some(("00-1".into(), String::new())));
}

#[tokio::test]
async fn strict_refuses_and_goes_on() {
    let rig = Rig::new(Config { mode: Mode::Strict, ..Config::default() });
    let mut client = rig.direct().await;
    client.audio("req-1", &silence(20), true).await;
    let error = client.error().await;
    assert_eq!((error.code, error.message.as_str(), error.req_id.as_str()), (3, "request_id", "req-1"));
    let id = rig.req_id(1);
    client.audio(&id, &silence(40), true).await;
    assert_eq!(client.animations().await, 1);
    let answer = rig.ask("/session-tokens", &json!({ "expireAt": rig.in_an_hour(), "x": 1 })).await.expect("an answer");
    assert_eq!((answer.status, answer.json()["errors"][0]["detail"].as_str()), (400, Some("unknown_field")));
}

#[tokio::test]
async fn an_interrupted_request_gets_no_more_frames() {
    let rig = Rig::new(Config { answer_delay: Duration::from_secs(3600), in_flight: 2, ..Config::default() });
    let mut client = rig.direct().await;
    let (id, next) = (rig.req_id(1), rig.req_id(2));
    client.audio(&id, &silence(400), true).await;
    client.named(Data::Interrupt, &id).await;
    client.named(Data::Interrupt, &id).await;
    client.audio(&next, &silence(80), true).await;
    rig.until("the requests", |state| state.speeches().count() == 2).await;
    rig.sim.clock().advance(Duration::from_secs(3600));
    let mut seen = Vec::new();
    while seen.last() != Some(&(next.clone(), true)) {
        let frame = client.animation().await;
        seen.push((frame.req_id, frame.end));
    }
    assert_eq!(seen, [(id.clone(), false), (id.clone(), false), (next.clone(), false), (next, true)]);
    assert_eq!(rig.sim.speeches()[0].interrupted, Some("explicit"));
    assert_eq!(rig.codes(), []);
}

#[tokio::test]
async fn sessions_end_by_themselves() {
    let config = Config { session_limit: Some(Duration::from_secs(600)), ..Config::default() };
    let rig = Rig::new(config);
    let mut client = rig.direct().await;
    rig.sim.clock().advance(Duration::from_secs(61));
    assert_eq!(client.error().await.message, "no audio input for 60 seconds");
    assert_eq!(client.closed().await, Some((1000, String::new())));
    let mut client = rig.direct().await;
    rig.fault(json!({ "on": "message audio", "do": { "clock": "30s" }, "count": "always" }));
    let id = rig.req_id(1);
    for _ in 0..20 {
        // Too short for a frame of animation.
        client.audio(&id, &silence(1), false).await;
    }
    assert_eq!(client.error().await.code, 4002);
    assert_eq!(client.closed().await, Some((4002, "session time limit reached".into())));
    let rig = Rig::new(Config { expiry_closes: true, idle: Duration::from_secs(86_000), ..Config::default() });
    let mut client = rig.direct().await;
    rig.sim.clock().advance(Duration::from_secs(3601));
    assert_eq!(client.error().await.code, 4010);
    rig.until("the end", |state| state.open_connections() == 0).await;
    assert_eq!(rig.sim.connections()[0].closed.as_ref().map(|closed| closed.by), Some(CloseBy::Simulator));
}

#[tokio::test]
async fn a_room_plays_pauses_and_is_pre_empted() {
    use proto::PlaybackState::{Ended, Interrupted, Paused, Playing};
    let rig = Rig::new(Rig::spatialreal());
    let (mut client, confirm) = rig.session(livekit()).await;
    assert_eq!(confirm.capabilities, ["playback_control", "playback_state"]);
    let one = rig.req_id(1);
    let second = Duration::from_secs(1);
    client.audio(&one, &silence(2000), true).await;
    let state = client.playback().await;
    assert_eq!((state.state, state.req_id.as_str()), (Playing as i32, one.as_str()));
    let signal = client.animation().await;
    assert!(!signal.end && signal.animation.is_empty());
    rig.sim.clock().advance(second);
    client.named(Data::Pause, &one).await;
    let paused = client.playback().await;
    assert_eq!(paused.state, Paused as i32);
    assert!((1000..1900).contains(&paused.played_ms), "{paused:?}");
    rig.sim.clock().advance(10 * second);
    client.named(Data::Resume, &one).await;
    let resumed = client.playback().await;
    assert_eq!((resumed.state, resumed.played_ms), (Playing as i32, paused.played_ms));
    rig.sim.clock().advance(second);
    let ended = client.playback().await;
    assert_eq!((ended.state, ended.played_ms), (Ended as i32, 2000));
    assert!(client.animation().await.end);
    client.named(Data::Pause, &one).await;
    assert_eq!(client.playback().await.state, Ended as i32);
    // A new one pre-empts what plays; a pause about the old one tells the truth about the new.
    let (two, three) = (rig.req_id(2), rig.req_id(3));
    client.audio(&two, &silence(2000), true).await;
    assert_eq!((client.playback().await.state, client.animation().await.end), (Playing as i32, false));
    client.audio(&three, &silence(2000), true).await;
    let cut = client.playback().await;
    assert_eq!((cut.state, cut.reason.as_str(), cut.req_id.as_str()), (Interrupted as i32, "preempted", two.as_str()));
    assert_eq!((client.playback().await.req_id, client.animation().await.end), (three.clone(), false));
    client.named(Data::Pause, &two).await;
    let echo = client.playback().await;
    assert_eq!((echo.state, echo.req_id.as_str()), (Playing as i32, two.as_str()));
    client.named(Data::Pause, &three).await;
    assert_eq!(client.playback().await.state, Paused as i32);
    rig.sim.clock().advance(31 * second);
    assert_eq!(client.playback().await.reason, "pause_timeout");
    client.named(|named: Named| Data::Interrupt(named), &three).await;
    assert_eq!(rig.codes(), []);
}

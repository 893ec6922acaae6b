//! Sessions of the AvatarKit simulator: tokens, handshake, audio, answers.

mod avatarkit;

use avatarkit::*;
use glottis_sim::avatarkit::proto::{ClientAudioInput, Codec, Data, ServerError, TraceContext};
use glottis_sim::avatarkit::{Auth, CloseBy, TokenUse};

#[tokio::test]
async fn both_dialects_spell_their_token() {
    let rig = Rig::new(Config::default());
    let body = json!({ "expireAt": rig.in_an_hour() });
    for (path, name) in [
        ("/v1/console/session-tokens", "sessionToken"),
        ("/session-tokens", "sessionToken"),
        ("/v1/auth/session-token", "session_token"),
    ] {
        let answer = rig.ask(path, &body).await.expect("an answer");
        assert_eq!(answer.status, 200);
        assert!(answer.json()[name].as_str().is_some_and(|token| !token.is_empty()), "{path}");
    }
    assert_eq!(rig.codes(), []);
    let tokens: Vec<_> = rig.sim.log().requests().filter_map(|request| request.token.clone()).collect();
    assert_eq!(tokens, ["token-1", "token-2", "token-3"]);
}

#[tokio::test]
async fn bad_token_calls_are_refused_as_the_service_does() {
    let rig = Rig::new(Config::default());
    let (path, now) = ("/session-tokens", rig.in_an_hour() - 3600);
    let json_type = ("content-type", "application/json");
    let good = json!({ "expireAt": now + 60 }).to_string();
    let answer = rig.http("POST", path, &[json_type, ("x-api-key", "wrong")], &good).await;
    assert_eq!((answer.status, answer.json()["errors"][0]["code"].as_str()), (401, Some("UNAUTHENTICATED")));
    for body in [json!({ "expireAt": now - 10 }), json!({ "expireAt": now + 90_000 }), json!({ "expireAt": "1" })] {
        let answer = rig.ask(path, &body).await.expect("an answer");
        assert_eq!((answer.status, answer.json()["errors"][0]["status"].as_u64()), (400, Some(400)), "{body}");
    }
    assert_eq!(rig.http("GET", path, &[("x-api-key", "demo-key")], "").await.status, 405);
    rig.http("POST", path, &[("x-api-key", "demo-key"), ("x-api-key", "demo-key")], &good).await;
    rig.ask(path, &json!({ "expireAt": now + 60, "hello": 1 })).await.expect("an answer");
    let expected = [Code::ExpireAt, Code::ExpireAt, Code::Body, Code::Method, Code::ApiKey, Code::ContentType];
    assert_eq!(rig.codes(), [&expected[..], &[Code::UnknownField]].concat());
}

#[tokio::test]
async fn a_region_is_told() {
    let rig = Rig::new(Config { region: "ap-northeast".into(), ..Config::default() });
    let answer = rig.ask("/bootstrap", &json!({ "app_id": "demo-app", "region": "auto" })).await.expect("an answer");
    assert_eq!(answer.json()["region"]["current"], "ap-northeast");
    let answer = rig.http("GET", "/sdk", &[], "").await;
    assert_eq!(answer.json()["environments"]["ap-northeast"]["api"], rig.sim.http_url());
}

#[tokio::test]
async fn a_whole_session_in_pcm() {
    let rig = Rig::new(Config::default());
    let (mut client, confirm) = rig.session(pcm(16_000)).await;
    assert!(confirm.connection_id.starts_with("conn-") && confirm.capabilities.is_empty());
    let id = rig.req_id(1);
    client.audio(&id, &silence(100), false).await;
    let first = client.animation().await;
    assert_eq!((first.req_id.as_str(), first.end, first.animation.len()), (id.as_str(), false, 800));
    assert_eq!((first.connection_id, first.avatar_id), (confirm.connection_id.clone(), "demo-avatar".into()));
    client.audio(&id, &silence(100), true).await;
    // 200 ms are five frames.
    assert_eq!(client.animations().await, 4);
    let empty = rig.req_id(2);
    client.audio(&empty, &[], true).await;
    assert_eq!(client.animations().await, 1);
    client.0.close(None).await.expect("closed");
    rig.until("the end", |state| state.open_connections() == 0).await;
    assert_eq!(rig.codes(), []);
    let connection = &rig.sim.connections()[0];
    assert_eq!(connection.connection_id, Some(confirm.connection_id));
    assert_eq!(connection.closed.as_ref().map(|closed| closed.by), Some(CloseBy::Client));
    assert_eq!(
        (connection.upgrade.auth, &connection.upgrade.token),
        (Auth::Headers, &TokenUse::Valid("token-1".into()))
    );
    let speech = connection.speech(&id).expect("the request");
    assert_eq!((speech.pcm().len(), speech.parts.len(), speech.ended), (3200, 2, true));
    assert_eq!(speech.duration(), Duration::from_millis(200));
    assert_eq!(connection.configuration(), Some(pcm(16_000)));
}

#[tokio::test]
async fn the_golden_bytes_mean_what_they_say() {
    let rig = Rig::new(Config::default());
    let golden = [
        ("0801120308807d", Data::Configure(pcm(16_000))),
        ("0803220d0a057265712d311a0401020304", audio("req-1", &[1, 2, 3, 4], false)),
        ("0803220d0a057265712d3110011a020102", audio("req-1", &[1, 2], true)),
        ("080322090a057265712d311001", audio("req-1", &[], true)),
        (
            "08042a200a03636964120372696418a11f22114372656469747320657868617573746564",
            error("cid", "rid", 4001, "Credits exhausted"),
        ),
        ("08042a0b18ffffffffffffffffff01", error("", "", -1, "")),
        (
            "08021a2a0a06636f6e6e2d311210706c61796261636b5f636f6e74726f6c120e706c61796261636b5f7374617465",
            Data::Confirm(proto::ServerConfirmSession {
                connection_id: "conn-1".into(),
                capabilities: vec!["playback_control".into(), "playback_state".into()],
            }),
        ),
        (
            "080532110a06636f6e6e2d3112057265712d311801",
            Data::Animation(proto::ServerResponseAnimation {
                connection_id: "conn-1".into(),
                req_id: "req-1".into(),
                end: true,
                ..Default::default()
            }),
        ),
        ("080742070a057265712d31", Data::Interrupt(proto::Named { req_id: "req-1".into() })),
        ("08084a070a057265712d31", Data::Pause(proto::Named { req_id: "req-1".into() })),
        ("080952070a057265712d31", Data::Resume(proto::Named { req_id: "req-1".into() })),
        (
            "080a5a230a06636f6e6e2d3112057265712d31180420d8092a0d70617573655f74696d656f7574",
            Data::Playback(proto::ServerPlaybackState {
                connection_id: "conn-1".into(),
                req_id: "req-1".into(),
                state: proto::PlaybackState::Interrupted as i32,
                played_ms: 1240,
                reason: "pause_timeout".into(),
            }),
        ),
        (
            "0801121408807d420f0a077175616c697479120468696768",
            Data::Configure(proto::ClientConfigureSession {
                extra_params: [("quality".to_string(), "high".to_string())].into(),
                ..pcm(16_000)
            }),
        ),
        (
            "0801121708807d28023a100a0263681203746f6b182a2203707562",
            Data::Configure(proto::ClientConfigureSession {
                egress_type: 2,
                agora_egress: Some(proto::AgoraEgressConfig {
                    channel_name: "ch".into(),
                    token: "tok".into(),
                    uid: 42,
                    publisher_id: "pub".into(),
                }),
                ..pcm(16_000)
            }),
        ),
        (
            "0803224a0a067265712d343210011a030102ff22390a3730302d3131313131313131313131313131\
             3131313131313131313131313131313131312d323232323232323232323232323232322d3031",
            Data::Audio(ClientAudioInput {
                req_id: "req-42".into(),
                end: true,
                audio: Bytes::from_static(&[1, 2, 255]),
                trace_context: Some(TraceContext {
                    traceparent: format!("00-{}-{}-01", "1".repeat(32), "2".repeat(16)),
                    tracestate: String::new(),
                }),
            }),
        ),
    ];
    for (digits, data) in golden {
        let bytes = hex(digits);
        let message = Message::of(data);
        assert_eq!(Message::decode(&bytes[..]).expect("a message"), message);
        assert_eq!(message.encode_to_vec(), bytes, "{message:?}");
    }
    // And over the wire.
    let mut client = Client(rig.open(&rig.token().await).await.expect("a socket"));
    client.raw(&hex("0801120308807d")).await;
    assert!(matches!(client.data().await, Data::Confirm(_)));
}

fn audio(req_id: &str, audio: &[u8], end: bool) -> Data {
    let audio = Bytes::copy_from_slice(audio);
    Data::Audio(ClientAudioInput { req_id: req_id.into(), end, audio, trace_context: None })
}

fn error(connection_id: &str, req_id: &str, code: i32, message: &str) -> Data {
    Data::Error(ServerError {
        connection_id: connection_id.into(),
        req_id: req_id.into(),
        code,
        message: message.into(),
    })
}

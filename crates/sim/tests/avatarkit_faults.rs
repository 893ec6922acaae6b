//! The faults F1 to F22 of the AvatarKit simulator, each seen from the client's side.

mod avatarkit;

use avatarkit::*;
use glottis_sim::avatarkit::proto::Data;
use glottis_sim::avatarkit::{Rules, Tls};
use std::time::Instant;

const TOKENS: &str = "/session-tokens";

#[tokio::test]
async fn f1_to_f4_tokens() {
    let rig = Rig::new(Config::default());
    let body = json!({ "expireAt": rig.in_an_hour() });
    for how in ["reset", "close"] {
        rig.fault(json!({ "fault": "F1", "how": how }));
        assert!(rig.ask(TOKENS, &body).await.is_err(), "{how}");
    }
    rig.fault(json!({ "fault": "F1", "how": "hang" }));
    let hanging = rig.ask(TOKENS, &body);
    assert!(tokio::time::timeout(Duration::from_millis(100), hanging).await.is_err());
    rig.fault(json!({ "fault": "F1", "for": "10h" }));
    let closed = |state: &State| serde_json::to_string(state.log()).expect("JSON").contains("port closed");
    rig.until("the port to close", closed).await;
    assert!(rig.ask(TOKENS, &body).await.is_err());
    rig.sim.clear_faults();
    rig.until("the port to open", |state| serde_json::to_string(state.log()).expect("JSON").contains("port open"))
        .await;
    let answer = |rule: Value| {
        rig.fault(rule);
        async { rig.ask(TOKENS, &body).await.expect("an answer") }
    };
    let got = answer(json!({ "fault": "F2", "http": 503, "how": "text", "message": "busy" })).await;
    assert_eq!((got.status, got.text().as_str()), (503, "busy"));
    assert_eq!(answer(json!({ "fault": "F2", "how": "huge" })).await.body.len(), 2 << 20);
    assert_eq!(answer(json!({ "fault": "F2", "how": "redirect" })).await.status, 302);
    assert_eq!(answer(json!({ "fault": "F2" })).await.json()["message"], "a fault");
    assert_eq!(answer(json!({ "fault": "F3", "how": "errors-text" })).await.json()["errors"][0]["status"], "402");
    assert_eq!(answer(json!({ "fault": "F3", "how": "errors-number" })).await.json()["errors"][0]["status"], 402);
    assert_eq!(answer(json!({ "fault": "F3", "how": "text" })).await.text(), "nope");
    assert_eq!(answer(json!({ "fault": "F3", "how": "null" })).await.text(), "null");
    assert_eq!(answer(json!({ "fault": "F3", "how": "empty" })).await.json()["sessionToken"], "");
    assert_eq!(answer(json!({ "fault": "F3", "how": "number" })).await.json()["sessionToken"], 5);
    assert_eq!(answer(json!({ "fault": "F3", "how": "201" })).await.status, 201);
    assert!(answer(json!({ "fault": "F3", "how": "missing" })).await.json().get("sessionToken").is_none());
    for (how, status) in [("expired", 401), ("other-app", 400), ("revoked", 400)] {
        rig.fault(json!({ "fault": "F4", "how": how }));
        match rig.open(&rig.token().await).await {
            Err(Error::Http(answer)) => assert_eq!(answer.status().as_u16(), status, "{how}"),
            other => panic!("{how}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn f5_upgrades() {
    let rig = Rig::new(Config::default());
    let token = rig.token().await;
    for (rule, status, body) in [
        (json!({ "fault": "F5", "http": 503 }), 503, "{\"message\":\"a fault\"}"),
        (json!({ "fault": "F5", "how": "text", "http": 401, "message": "unauthorized" }), 401, "unauthorized"),
        (json!({ "fault": "F5", "how": "empty", "http": 404 }), 404, ""),
        (json!({ "fault": "F5", "how": "redirect" }), 302, ""),
    ] {
        rig.fault(rule);
        match rig.open(&token).await {
            Err(Error::Http(answer)) => {
                assert_eq!(answer.status().as_u16(), status);
                assert_eq!(String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()), body);
            }
            other => panic!("{other:?}"),
        }
    }
    for how in ["wrong-accept", "reset"] {
        rig.fault(json!({ "fault": "F5", "how": how }));
        assert!(!matches!(rig.open(&rig.token().await).await, Ok(_) | Err(Error::Http(_))), "{how}");
    }
    rig.fault(json!({ "fault": "F5", "how": "hang" }));
    assert!(tokio::time::timeout(Duration::from_millis(100), rig.open(&token)).await.is_err());
}

#[tokio::test]
async fn f6_to_f8_handshakes() {
    let cases = [
        ("text", Frame::text("hello")),
        ("garbage", Frame::binary(hex("1aff"))),
        ("empty", Frame::binary(hex(""))),
        ("wrong-type", Frame::binary(hex("08053200"))),
        ("empty-id", Frame::binary(hex("08021a00"))),
        ("mismatch", Frame::binary(hex("08022a021803"))),
    ];
    let configure = proto::Codec::encode_to_vec(&Message::of(Data::Configure(pcm(16_000))));
    let rig = Rig::new(Config::default());
    let handshake = |rule: Value| {
        rig.fault(rule);
        let (rig, configure) = (&rig, &configure);
        async move {
            let mut client = Client(rig.open(&rig.token().await).await.expect("a socket"));
            client.raw(configure).await;
            client
        }
    };
    for (how, frame) in cases {
        let mut client = handshake(json!({ "fault": "F6", "how": how })).await;
        assert_eq!(client.frame().await, Some(frame), "{how}");
    }
    let mut silent = handshake(json!({ "fault": "F6" })).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), silent.frame()).await.is_err());
    let mut client = handshake(json!({ "fault": "F7", "code": 14, "message": "nobody home" })).await;
    assert_eq!(client.error().await.code, 14);
    let mut client = handshake(json!({ "fault": "F7", "how": "close", "code": 4503, "message": "down" })).await;
    assert_eq!(client.closed().await, Some((4503, "down".into())));
    assert_eq!(handshake(json!({ "fault": "F7", "how": "drop" })).await.closed().await, None);
    for how in ["together", "split", "fragments"] {
        let mut client = handshake(json!({ "fault": "F8", "how": how })).await;
        assert!(matches!(client.data().await, Data::Confirm(confirm) if !confirm.connection_id.is_empty()), "{how}");
        if how == "together" {
            assert_eq!(client.animation().await.req_id, "early");
        }
    }
}

#[tokio::test]
async fn f9_to_f11_strange_frames() {
    let rig = Rig::new(Config::default());
    let mut client = rig.direct().await;
    let id = rig.req_id(1);
    let mut strike = async |rule: Value| {
        rig.fault(rule);
        client.audio(&id, &silence(2), false).await;
        client.frame().await.expect("a frame")
    };
    for (how, digits) in
        [("unknown-type", "082a"), ("unknown-fields", "080532060a0163980601a00601"), ("type-6", "0806")]
    {
        assert_eq!(strike(json!({ "fault": "F9", "how": how })).await, Frame::binary(hex(digits)));
    }
    let again = strike(json!({ "fault": "F9", "how": "confirm-again" })).await;
    assert!(again.into_data().starts_with(&hex("0802")));
    assert_eq!(strike(json!({ "fault": "F10" })).await, Frame::binary(hex("1aff")));
    assert_eq!(strike(json!({ "fault": "F10", "how": "text" })).await, Frame::text("hello"));
    assert_eq!(strike(json!({ "fault": "F10", "how": "empty" })).await, Frame::binary(hex("")));
    assert!(strike(json!({ "fault": "F10", "how": "huge" })).await.len() > 8 << 20);
    for (how, req_id) in [("with-id", id.as_str()), ("without-id", "")] {
        let frame = strike(json!({ "fault": "F11", "how": how })).await.into_data();
        match proto::Codec::decode(frame).map(|message: Message| message.data) {
            Ok(Some(Data::Error(error))) => assert_eq!((error.code, error.req_id.as_str()), (321, req_id)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rig.sim.open_connections(), 1);
}

#[tokio::test]
async fn f12_f13_f17_f20_f22_ends() {
    let rig = Rig::new(Config::default());
    let end = async |rule: Value, expected: Option<(u16, &str)>, code: Option<i32>| {
        let mut client = rig.direct().await;
        rig.fault(rule.clone());
        client.audio(&rig.req_id(1), &silence(2), true).await;
        // The answer to the audio may come before, between or after.
        let (mut seen, mut closed) = (None, None);
        loop {
            match client.frame().await {
                Some(Frame::Close(close)) => {
                    closed = Some(
                        close.map_or((1005, String::new()), |close| (close.code.into(), close.reason.to_string())),
                    );
                    break;
                }
                Some(frame) => {
                    let data = proto::Codec::decode(frame.into_data()).map(|message: Message| message.data);
                    if let Ok(Some(Data::Error(error))) = data {
                        seen = Some(error.code);
                    }
                }
                None => break,
            }
        }
        assert_eq!(closed, expected.map(|(code, reason)| (code, reason.to_string())), "{rule}");
        assert_eq!(seen, code, "{rule}");
    };
    let words = "session time limit reached";
    end(json!({ "fault": "F12" }), Some((4002, words)), Some(4002)).await;
    end(json!({ "fault": "F12", "how": "alone", "code": 4100, "message": "x" }), Some((4100, "x")), None).await;
    end(json!({ "fault": "F12", "how": "empty" }), Some((1005, "")), None).await;
    end(json!({ "fault": "F13" }), None, None).await;
    end(json!({ "fault": "F13", "how": "reset" }), None, None).await;
    end(json!({ "fault": "F17" }), Some((4010, "token expired")), None).await;
    end(json!({ "fault": "F20", "how": "idle" }), Some((1000, "")), Some(0)).await;
    end(json!({ "fault": "F20", "how": "credits" }), Some((4001, "credits exhausted")), Some(4001)).await;
    end(json!({ "fault": "F22", "how": "crossing" }), Some((1001, "going away")), None).await;
    // The goodbye that is never answered.
    rig.fault(json!({ "fault": "F22" }));
    let mut client = rig.direct().await;
    client.0.close(None).await.expect("sent");
    assert_eq!(client.closed().await, None);
}

#[tokio::test]
async fn f13_f14_a_server_that_does_not_listen() {
    let rig = Rig::new(Config::default());
    rig.fault(json!({ "fault": "F13", "how": "no-pongs" }));
    let mut client = rig.direct().await;
    let id = rig.req_id(1);
    client.audio(&id, &silence(40), false).await;
    rig.until("the audio", |state| state.speeches().count() == 1).await;
    client.0.send(Frame::Ping(Bytes::from_static(b"?"))).await.expect("sent");
    client.audio(&id, &silence(40), true).await;
    for _ in 0..2 {
        let frame =
            tokio::time::timeout(LONG, client.0.next()).await.expect("in time").expect("a frame").expect("good");
        assert!(frame.is_binary(), "{frame:?}");
    }
    rig.fault(json!({ "fault": "F14", "stall": "24h" }));
    let id = rig.req_id(2);
    client.audio(&id, &silence(40), false).await;
    let flood = async {
        loop {
            client.audio(&id, &vec![0; 64_000], false).await;
        }
    };
    // The system's buffers fill up, then nothing goes on.
    assert!(tokio::time::timeout(Duration::from_millis(300), flood).await.is_err());
    let heard = rig.sim.speeches()[1].bytes;
    // What was read together with the fault's own message is heard as well.
    assert!(heard < 200_000, "{heard} bytes were read");
}

#[tokio::test]
async fn f15_f16_frames_out_of_order() {
    let rig = Rig::new(Config::default());
    let mut client = rig.direct().await;
    let (one, two, three) = (rig.req_id(1), rig.req_id(2), rig.req_id(3));
    rig.fault(json!({ "fault": "F15", "times": 3 }));
    client.audio(&one, &silence(40), true).await;
    for _ in 0..3 {
        assert!(client.animation().await.end);
    }
    rig.fault(json!({ "fault": "F15", "how": "early-end" }));
    client.audio(&two, &silence(20), false).await;
    let early = client.animation().await;
    assert_eq!((early.req_id.as_str(), early.end), (two.as_str(), true));
    rig.fault(json!({ "fault": "F15", "how": "unknown-id" }));
    client.audio(&two, &silence(10), false).await;
    assert_eq!(client.animation().await.req_id, "20200101000000_AAAAAAAAAAAA");
    rig.fault(json!({ "fault": "F15", "how": "no-id" }));
    client.audio(&two, &silence(10), true).await;
    let frames = [client.animation().await.req_id, client.animation().await.req_id];
    assert!(frames.contains(&String::new()) && frames.contains(&two), "{frames:?}");
    rig.fault(json!({ "fault": "F16", "frames": 2 }));
    client.audio(&three, &silence(30), false).await;
    client.named(Data::Interrupt, &three).await;
    for _ in 0..2 {
        assert_eq!(client.animation().await.req_id, three);
    }
    rig.fault(json!({ "fault": "F16", "how": "playback", "frames": 1 }));
    client.named(Data::Interrupt, &three).await;
    assert_eq!(client.playback().await.played_ms, 40);
}

#[tokio::test]
async fn f18_f19_rooms() {
    let rig = Rig::new(Rig::spatialreal());
    for (how, capabilities) in [("no-capabilities", vec![]), ("partial", vec!["playback_state".to_string()])] {
        rig.fault(json!({ "fault": "F18", "how": how }));
        assert_eq!(rig.session(livekit()).await.1.capabilities, capabilities);
    }
    let mut client = rig.session(livekit()).await.0;
    let id = rig.req_id(1);
    client.audio(&id, &silence(2000), true).await;
    client.playback().await;
    client.animation().await;
    for (how, state) in [("wrong-id", 1), ("ended", 3), ("timeout", 4)] {
        rig.fault(json!({ "fault": "F18", "how": how }));
        client.named(Data::Pause, &id).await;
        let playback = client.playback().await;
        assert_eq!((playback.state, playback.req_id == id), (state, how != "wrong-id"), "{how}");
    }
    rig.fault(json!({ "fault": "F18", "how": "silent" }));
    client.named(Data::Pause, &id).await;
    client.named(Data::Resume, &id).await;
    assert_eq!(client.playback().await.state, 1);
    for how in ["3", "14", "16"] {
        rig.fault(json!({ "fault": "F19", "how": how }));
        let mut client = Client(rig.open(&rig.token().await).await.expect("a socket"));
        client.say(Data::Configure(livekit())).await;
        assert_eq!(client.error().await.code.to_string(), how);
    }
    rig.fault(json!({ "fault": "F19", "how": "slow" }));
    let mut client = Client(rig.open(&rig.token().await).await.expect("a socket"));
    client.say(Data::Configure(livekit())).await;
    rig.until("the handshake", |state| state.connections().last().is_some_and(|last| !last.frames.is_empty())).await;
    assert!(tokio::time::timeout(Duration::from_millis(50), client.frame()).await.is_err());
    rig.sim.clock().advance(Duration::from_secs(20));
    assert!(matches!(client.data().await, Data::Confirm(_)));
}

#[tokio::test]
async fn f21_region_services() {
    let rig = Rig::new(Config::default());
    let body = json!({ "app_id": "demo-app" });
    let ask = || rig.ask("/bootstrap", &body);
    rig.fault(json!({ "fault": "F21" }));
    assert_eq!(ask().await.expect("an answer").status, 503);
    rig.fault(json!({ "fault": "F21", "how": "malformed" }));
    assert_eq!(ask().await.expect("an answer").text(), "nope");
    rig.fault(json!({ "fault": "F21", "how": "hostile" }));
    assert_eq!(ask().await.expect("an answer").json()["region"]["current"], "evil.example/x?");
    rig.fault(json!({ "fault": "F21", "how": "hang" }));
    assert!(tokio::time::timeout(Duration::from_millis(100), ask()).await.is_err());
}

#[test]
fn mistakes_in_rules_are_told_with_place_and_remedy() {
    let told = |text: &str| Rules::parse_toml(text).expect_err("a mistake").to_string();
    assert!(told("[[rule]]\nfault = \"F23\"").contains("use F1 to F22"));
    assert!(told("[[rule]]\non = \"token\"\ndo = { htp = 1 }").contains("do.htp"));
    assert!(told("[[rule]]\non = \"tokens\"\ndo = { http = 500 }").contains("`message audio`"));
    assert!(told("[[rule]]\non = \"handshake\"\ndo = {}").contains("does nothing"));
    assert!(told("[[rule]]\non = \"now\"\ndo = { send = [{ animate = {} }] }").contains("animation"));
    assert!(told("[[rule]]\nfault = \"F12\"\ncode = 1006").contains("1006"));
}

#[test]
fn a_certificate_that_cannot_be_read_is_named() {
    let tls = Tls { certificate: "no/such.pem".into(), key: "no/such.key".into() };
    let error = Simulator::start(Config { tls: Some(tls), ..Config::default() }).expect_err("no certificate");
    assert!(error.to_string().contains("no/such.pem"), "{error}");
}

#[tokio::test]
async fn it_is_steered_from_outside() {
    let rig = Rig::new(Config::default());
    let began = Instant::now();
    let post = async |path: &str, body: &str| rig.http("POST", path, &[], body).await;
    assert_eq!(post("/__sim/faults", r#"{"add":{"fault":"F2","http":500}}"#).await.json()["rules"][0]["struck"], 0);
    assert_eq!(rig.ask(TOKENS, &json!({})).await.expect("an answer").status, 500);
    let mut client = rig.direct().await;
    let id = rig.req_id(1);
    client.audio(&id, &[1, 2, 3, 4], true).await;
    assert_eq!(client.animations().await, 1);
    assert_eq!(rig.http("GET", &format!("/__sim/audio/{id}"), &[], "").await.body, &[1, 2, 3, 4][..]);
    assert_eq!(rig.http("GET", &format!("/__sim/pcm/{id}"), &[], "").await.body, &[1, 2, 3, 4][..]);
    let connections = rig.http("GET", "/__sim/connections", &[], "").await.json();
    assert_eq!(connections["connections"][0]["speeches"][0]["req_id"], id.as_str());
    assert_eq!(post("/__sim/push?socket=1", "raw").await.json()["sockets"], 1);
    assert_eq!(client.frame().await, Some(Frame::binary(&b"raw"[..])));
    assert_eq!(post("/__sim/clock", r#"{"advance":"1s"}"#).await.status, 200);
    assert_eq!(post("/__sim/close?code=1005", "").await.status, 400);
    assert_eq!(post("/__sim/close?code=4503&reason=down", "").await.json()["sockets"], 1);
    assert_eq!(client.closed().await, Some((4503, "down".into())));
    let log = rig.http("GET", "/__sim/log?after=3", &[], "").await.json();
    assert!(log["entries"][0]["n"].as_u64() > Some(3), "{log}");
    let mut client = rig.direct().await;
    assert_eq!(post("/__sim/reset", "").await.status, 200);
    assert_eq!(client.closed().await.map(|close| close.0), Some(1001));
    assert!(rig.sim.connections().is_empty() && began.elapsed() < LONG);
}

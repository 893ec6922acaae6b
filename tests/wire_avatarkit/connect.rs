//! The upgrade and the handshake.

use glottis::SinkEvent;
use glottis::Table;
use glottis::sim::avatarkit::proto::{AgoraEgressConfig, Codec, Data, LiveKitEgressConfig, Message};
use glottis::sim::avatarkit::{Auth, Code, Config, Tls};
use serde_json::json;

use crate::rig::*;

/// K9.
#[tokio::test]
async fn the_avatar_is_in_the_path_of_the_socket() {
    for avatar in ["demo-avatar", "a b&c/d=e?f", "Ünïcode-аватар", "100%+"] {
        let simulator = simulator(Config { avatars: vec![avatar.into()], ..Config::default() }, &[]);
        for base in [simulator.ingress_url(), format!("{}/", simulator.ingress_url())] {
            let keys = keys(&simulator).with("avatar_id", avatar).with("ingress_endpoint", base);
            Rig::opened(&keys).await.finish().await.result.expect("a good run");
        }
        for connection in simulator.connections() {
            assert_eq!(connection.upgrade.path, "/v2/driveningress/websocket");
            assert_eq!(connection.upgrade.query, [("id".to_string(), avatar.to_string())]);
        }
    }
}

/// K10, K12.
#[tokio::test]
async fn credentials_travel_in_headers_or_in_the_query_and_nothing_else_is_offered() {
    for (query, auth) in [(false, Auth::Headers), (true, Auth::Query)] {
        let simulator = plain();
        let base = format!("{}?keep=1&appId=old&sessionKey=old", simulator.ingress_url());
        let keys = keys(&simulator).with("use_query_auth", query).with("ingress_endpoint", base);
        Rig::opened(&keys).await.finish().await.result.expect("a good run");
        let upgrade = simulator.connections().remove(0).upgrade;
        assert_eq!(upgrade.auth, auth);
        let header = |name: &str| upgrade.headers.iter().any(|(other, _)| other == name);
        assert_eq!((header("x-app-id"), header("x-session-key")), (!query, !query));
        let count = |name: &str| upgrade.query.iter().filter(|(other, _)| other == name).count();
        let expected = usize::from(query);
        assert_eq!((count("appId"), count("sessionKey"), count("keep"), count("id")), (expected, expected, 1, 1));
        for unwanted in ["sec-websocket-extensions", "sec-websocket-protocol", "cookie", "origin"] {
            assert!(!header(unwanted), "{unwanted}");
        }
        assert_eq!((simulator.violations(), simulator.notes()), (vec![], vec![]));
    }
}

/// K11.
#[tokio::test]
async fn http_bases_are_sockets_and_other_schemes_fail_before_any_connection() {
    let simulator = plain();
    let base = simulator.ingress_url().replacen("ws://", "http://", 1);
    let rig = Rig::opened(&keys(&simulator).with("ingress_endpoint", base)).await;
    rig.finish().await.result.expect("a good run");
    simulator.reset();
    for scheme in ["ftp://", "", "file://"] {
        let base = simulator.ingress_url().replacen("ws://", scheme, 1);
        let refused = sink(&keys(&simulator).with("ingress_endpoint", base), |_| {});
        assert!(refused.is_err(), "{scheme}");
    }
    assert_eq!(simulator.log().requests().count(), 0);
}

/// K11.
#[tokio::test]
async fn over_tls_the_session_is_the_same_and_an_unknown_authority_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let tls = Tls { certificate: folder.path().join("own.pem"), key: folder.path().join("own.key") };
    std::fs::write(&tls.certificate, own.cert.pem()).expect("a file");
    std::fs::write(&tls.key, own.signing_key.serialize_pem()).expect("a file");
    let ca_file = tls.certificate.display().to_string();
    let simulator = simulator(Config { tls: Some(tls), ..Config::default() }, &[]);
    assert!(simulator.ingress_url().starts_with("wss://"));
    let keys = keys(&simulator);
    let base = simulator.ingress_url().replacen("wss://", "https://", 1);
    for keys in [keys.clone(), keys.clone().with("ingress_endpoint", base)] {
        let mut rig = Rig::opened(&keys.with("ca_file", ca_file.clone())).await;
        rig.say(&noise(1600, 1)).await;
        balanced(&rig.finish().await.ledger);
    }
    assert_eq!(simulator.connections().len(), 2);
    assert_eq!(spoken(&simulator, 2).await[1].pcm(), noise(1600, 1));

    let ended = Rig::start(&keys, edge(16_000)).finish().await;
    let error = ended.result.expect_err("nobody vouches for this certificate");
    assert!(error.message.contains("certificate") || error.advice.contains("ca_file"), "{error}");
    assert_eq!(simulator.connections().len(), 2, "nothing was said to it");
}

/// K13.
#[tokio::test]
async fn the_first_frame_is_the_configuration_byte_for_byte() {
    type Change = fn(Table) -> Table;
    let cases: [(&str, Change, u32); 3] = [
        ("0801120308807d", |keys| keys, 16_000),
        (
            "0801120a08c0bb011080fa011801",
            |keys| keys.with("sample_rate", 24_000).with("audio", "ogg-opus").with("bitrate", 32_000),
            24_000,
        ),
        (
            "0801121408807d420f0a077175616c697479120468696768",
            |keys| keys.with("extra_params", Table::default().with("quality", "high")),
            16_000,
        ),
    ];
    for (golden, change, rate) in cases {
        let simulator = simulator(Config::default(), &[json!({ "on": "handshake", "do": { "delay": "100ms" } })]);
        let mut rig = Rig::start(&change(keys(&simulator)), edge(rate));
        // Waiting already when the session is not confirmed yet.
        rig.say(&noise(rate as usize / 5, 1)).await;
        rig.state("open", 1).await;
        rig.finish().await.result.expect("a good run");
        assert_eq!(hex(&simulator.connections()[0].frames[0].bytes), golden);
        assert_eq!(simulator.violations(), [], "nothing came before the confirmation");
    }
}

/// K13, K19, K56: egresses, whose messages hold secrets.
#[tokio::test]
async fn an_egress_is_configured_whole_or_not_at_all() {
    let simulator = plain();
    let attributes = Table::default().with("role", "avatar");
    let room = livekit().with("extra_attributes", attributes).with("idle_timeout", 30);
    Rig::opened(&keys(&simulator).with("livekit", room)).await.finish().await.result.expect("a good run");
    let channel = || {
        Table::default()
            .with("channel_name", "ch")
            .with("uid", 42)
            .with("publisher_id", "pub")
            .with("token_env", "CARGO_PKG_NAME")
    };
    Rig::opened(&keys(&simulator).with("agora", channel())).await.finish().await.result.expect("a good run");
    let configurations: Vec<_> =
        simulator.connections().iter().map(|connection| connection.configuration().expect("a configuration")).collect();
    let room = LiveKitEgressConfig {
        url: "wss://lk.example".into(),
        room_name: "room-1".into(),
        publisher_id: "avatar".into(),
        extra_attributes: [("role".to_string(), "avatar".to_string())].into(),
        idle_timeout: 30,
        api_token: env!("CARGO_PKG_DESCRIPTION").into(),
        ..Default::default()
    };
    assert_eq!((configurations[0].egress_type, configurations[0].livekit_egress.as_ref()), (1, Some(&room)));
    let agora = AgoraEgressConfig {
        channel_name: "ch".into(),
        token: env!("CARGO_PKG_NAME").into(),
        uid: 42,
        publisher_id: "pub".into(),
    };
    assert_eq!((configurations[1].egress_type, configurations[1].agora_egress.as_ref()), (2, Some(&agora)));
    for (connection, configure) in simulator.connections().iter().zip(configurations) {
        let again = Message::of(Data::Configure(configure)).encode_to_vec();
        assert_eq!(connection.frames[0].bytes, again, "fields in order, no zeros");
    }
    simulator.reset();
    assert!(sink(&keys(&simulator).with("livekit", livekit()).with("agora", channel()), |_| {}).is_err());
    for missing in ["url", "room_name", "publisher_id", "api_token_env"] {
        let mut room = livekit();
        room.remove(missing);
        assert!(sink(&keys(&simulator).with("livekit", room), |_| {}).is_err(), "{missing}");
    }
    assert!(sink(&keys(&simulator).with("agora", Table::default().with("uid", 1)), |_| {}).is_err());
    assert_eq!(simulator.log().requests().count(), 0);
}

/// K14.
#[tokio::test]
async fn connection_id_and_capabilities_are_handed_on_verbatim() {
    let confirm =
        json!({ "on": "handshake", "do": { "connection_id": "Conn/ 1", "capabilities": ["playback_state", "x y"] } });
    let simulator = simulator(Config::default(), &[confirm]);
    let mut rig = Rig::opened(&keys(&simulator)).await;
    let connected = rig
        .find(|event| match event {
            SinkEvent::Connected { connection_id, capabilities } => Some((connection_id.clone(), capabilities.clone())),
            _ => None,
        })
        .await;
    assert_eq!(connected, (Some("Conn/ 1".into()), vec!["playback_state".into(), "x y".into()]));
    rig.finish().await.result.expect("a good run");
}

/// K15.
#[tokio::test]
async fn every_wrong_first_frame_has_its_code_and_the_socket_is_closed() {
    for how in ["text", "garbage", "empty", "wrong-type", "empty-id", "mismatch"] {
        let error = failure(Config::default(), &[json!({ "fault": "F6", "how": how })], |keys| keys).await;
        assert_eq!(named(&error), ("protocolError", "websocket_handshake"), "{how}");
    }
    for code in [1000, 1001, 1011] {
        let close = json!({ "fault": "F7", "how": "close", "code": code, "message": "bye" });
        let error = failure(Config::default(), &[close], |keys| keys).await;
        assert_eq!(named(&error), ("connectionClosed", "websocket_handshake"), "{code}");
        assert_eq!((error.close_code, error.close_reason.as_deref()), (Some(code), Some("bye")));
    }
    let error = failure(Config::default(), &[json!({ "fault": "F7", "how": "drop" })], |keys| keys).await;
    assert_eq!((named(&error), error.close_code), (("connectionClosed", "websocket_handshake"), None));
    let refused = json!({ "on": "handshake", "do": { "ignore": true, "error": { "code": 3, "message": "bad payload", "connection_id": "c-1", "req_id": "r-1" } } });
    let error = failure(Config::default(), &[refused], |keys| keys).await;
    assert_eq!(named(&error), ("invalidRequest", "websocket_handshake"));
    assert_eq!((error.connection_id.as_deref(), error.req_id.as_deref()), (Some("c-1"), Some("r-1")));
}

/// K16.
#[tokio::test]
async fn a_silent_handshake_ends_in_time() {
    let error =
        failure(Config::default(), &[json!({ "fault": "F6" })], |keys| keys.with("handshake_timeout", "200ms")).await;
    assert_eq!(named(&error), ("connectionFailed", "websocket_handshake"));
}

/// K17.
#[tokio::test]
async fn refused_upgrades_are_told_in_full() {
    let error = failure(Config { avatars: vec![], ..Config::default() }, &[], |keys| keys).await;
    assert_eq!((named(&error), error.http_status), (("avatarNotFound", "websocket_connect"), Some(404)));
    assert_eq!(error.server_detail.as_deref(), Some("Avatar not found: demo-avatar"));
    assert_eq!(error.raw_body.as_deref(), Some("{\"message\":\"Avatar not found: demo-avatar\"}"));
    let plain = json!({ "fault": "F5", "how": "text", "http": 401, "message": " invalid session token\n" });
    let error = failure(Config::default(), &[plain], |keys| keys).await;
    assert_eq!((error.code, error.server_detail.as_deref()), ("sessionTokenInvalid", Some("invalid session token")));
    for how in ["wrong-accept", "reset", "hang"] {
        let change = |keys: Table| keys.with("connect_timeout", "300ms");
        let error = failure(Config::default(), &[json!({ "fault": "F5", "how": how })], change).await;
        assert_eq!((named(&error), error.http_status), (("connectionFailed", "websocket_connect"), None), "{how}");
    }
}

/// K18.
#[tokio::test]
async fn frames_right_behind_the_confirmation_are_not_lost() {
    for how in ["together", "split", "fragments"] {
        let more =
            json!({ "on": "handshake", "do": { "send": [{ "animation": { "req_id": "early", "bytes": 16 } }] } });
        let rules = match how {
            "together" => vec![more],
            "split" => vec![json!({ "fault": "F8", "how": "split" })],
            _ => vec![json!({ "fault": "F8", "how": "fragments" })],
        };
        let simulator = simulator(Config::default(), &rules);
        let mut rig = Rig::opened(&keys(&simulator)).await;
        rig.say(&noise(3200, 1)).await;
        rig.played(2).await;
        let frames = rig.frames.clone();
        rig.finish().await.result.expect("a good run");
        let early = frames.lock().unwrap().iter().filter(|frame| frame.req_id == "early").count();
        assert_eq!(early, usize::from(how == "together"), "{how}");
        assert!(simulator.violations().iter().all(|violation| violation.code != Code::TooEarly));
    }
}

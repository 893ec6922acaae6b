//! Faults of the network and of bodies: F9, F10, F14 (RAVATAR dossier 16.4), and that none of them
//! outlives the simulator.

mod common;

use common::*;
use glottis_sim::ravatar::*;
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn f9_connections_are_refused_for_a_time() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F9", "how": "refused", "for": "1h" }));
    rig.control("port closed").await;
    for _ in 0..3 {
        assert_eq!(rig.try_get("/connection").await.err(), Some(Broken::Connect(ErrorKind::ConnectionRefused)));
    }
    say(&mut socket, &chat_text("sockets stay")).await;
    assert_eq!(hear(&mut socket).await["request"], "sockets stay");
    rig.sim.clock().advance(3600 * SECOND);
    rig.control("port open").await;
    assert_eq!(rig.get("/connection").await.status, 200);
}

#[tokio::test]
async fn f9_refusing_ends_with_the_rules() {
    let rig = Rig::new(quick()).await;
    let answer = rig.post("/__sim/faults", json!({ "fault": "F9", "how": "refused", "for": "1h" })).await;
    assert_eq!(answer.status, 200, "the call that asks for it is answered");
    rig.control("port closed").await;
    rig.sim.clear_faults();
    rig.control("port open").await;
    assert_eq!(rig.get("/connection").await.status, 200);
}

/// Reads one response with a `Content-Length` off a kept connection; `None` at its end.
async fn exchange(stream: &mut TcpStream, host: &str) -> Option<String> {
    let request = format!("GET /forbidden HTTP/1.1\r\nhost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    while !text.ends_with("</script>\n") {
        let mut piece = [0; 1024];
        match stream.read(&mut piece).await.ok()? {
            0 => return None,
            read => text.push_str(&String::from_utf8_lossy(&piece[..read])),
        }
    }
    Some(text)
}

#[tokio::test]
async fn f9_refusing_ends_kept_connections_too() {
    let rig = Rig::new(quick()).await;
    let host = rig.sim.address().to_string();
    let mut kept = TcpStream::connect(&host).await.unwrap();
    assert!(exchange(&mut kept, &host).await.is_some());
    assert!(exchange(&mut kept, &host).await.is_some());
    rig.fault(json!({ "fault": "F9", "how": "refused" }));
    rig.control("port closed").await;
    assert_eq!(exchange(&mut kept, &host).await, None);
}

#[tokio::test]
async fn f9_reset_before_the_response() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F9", "how": "reset", "on": "POST /startLiveSession" }));
    assert_eq!(rig.try_post("/startLiveSession", json!({ "avatar_id": "av-1" })).await.err(), Some(Broken::Response));
    assert_eq!(rig.sim.active_sessions(), 0);
    let log = rig.sim.log();
    assert_eq!(log.requests("/startLiveSession").map(|request| request.status).collect::<Vec<_>>(), [0]);
    rig.fault(json!({ "on": "POST /startLiveSession", "do": { "drop": true, "effect": true } }));
    assert_eq!(rig.try_post("/startLiveSession", json!({ "avatar_id": "av-1" })).await.err(), Some(Broken::Response));
    assert_eq!(rig.sim.active_sessions(), 1, "a reset behind the effect");
}

#[tokio::test]
async fn f9_reset_in_the_body() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F9", "how": "mid-body" }));
    assert_eq!(rig.try_get("/connection").await.err(), Some(Broken::Body(200)));
    assert_eq!(rig.get("/connection").await.status, 200);
}

#[tokio::test]
async fn f9_a_late_response() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F9", "how": "late" }));
    let clock = rig.sim.clock();
    let started = clock.now();
    let wait = async {
        rig.struck(1).await;
        clock.advance(31 * SECOND);
    };
    let (answer, ()) = tokio::join!(rig.get("/connection"), wait);
    assert_eq!(answer.status, 200);
    assert!(clock.now() >= started + 31 * SECOND);
}

#[tokio::test]
async fn f9_a_trickled_body() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F9", "how": "trickle", "bytes": 50, "every": "1m", "on": "GET /connection" }));
    let bearer = rig.token.clone();
    let host = rig.sim.address().to_string();
    let mut stream = TcpStream::connect(&host).await.unwrap();
    let request = format!("GET /connection HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {bearer}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let body = |text: &str| text.split_once("\r\n\r\n").map(|(_, body)| body.len()).unwrap_or_default();
    for pieces in 1..=3 {
        while body(&text) < pieces * 50 {
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&piece[..read]));
        }
        assert_eq!(body(&text), pieces * 50, "no more before its time");
        rig.sim.clock().advance(60 * SECOND);
    }
    rig.sim.clear_faults();
    rig.fault(json!({ "fault": "F9", "how": "trickle", "bytes": 7, "every": "1ms" }));
    let whole = rig.get("/connection").await;
    assert_eq!(whole.json()["status"], 200, "every byte arrives");
}

#[tokio::test]
async fn f10_error_bodies_of_all_kinds() {
    let rig = Rig::new(quick()).await;
    let with_fault = async |how: &str| {
        rig.fault(json!({ "fault": "F10", "how": how }));
        let answer = rig.get("/connection").await;
        let kind = answer.headers["content-type"].to_str().unwrap().to_string();
        (answer.status, kind, answer.body)
    };
    let (status, _, body) = with_fault("empty").await;
    assert_eq!((status, body.len()), (500, 0));
    let (status, kind, body) = with_fault("html").await;
    assert!(status == 500 && kind == "text/html" && body.starts_with(b"<!doctype html>"));
    let (status, kind, body) = with_fault("truncated").await;
    assert!(status == 500 && kind == "application/json" && body.len() == 20);
    assert!(serde_json::from_slice::<Value>(&body).is_err());
    let (status, kind, body) = with_fault("content-type").await;
    assert!(status == 500 && kind == "image/png" && serde_json::from_slice::<Value>(&body).is_ok());
    let (status, _, body) = with_fault("huge").await;
    assert_eq!((status, body.len()), (500, 1_000_000));
    let (status, kind, body) = with_fault("not-json").await;
    assert_eq!((status, kind.as_str(), &body[..]), (200, "application/json", &b"OK"[..]));
    rig.fault(json!({ "fault": "F10", "how": "huge", "http": 502, "bytes": "5MB" }));
    let answer = rig.get("/connection").await;
    assert_eq!((answer.status, answer.body.len()), (502, 5_000_000));
}

#[tokio::test]
async fn f14_refused_handshakes() {
    let rig = Rig::new(quick()).await;
    for how in ["503", "403"] {
        rig.fault(json!({ "fault": "F14", "how": how, "count": 2 }));
        for _ in 0..2 {
            match connect(&rig.sim, &rig.token).await {
                Err(tungstenite::Error::Http(response)) => assert_eq!(response.status().as_str(), how),
                other => panic!("{other:?}"),
            }
        }
        rig.socket().await;
    }
    rig.fault(json!({ "fault": "F14", "how": "reset" }));
    assert!(connect(&rig.sim, &rig.token).await.is_err());
    rig.fault(json!({ "on": "handshake", "do": { "close": 1013, "reason": "try again later" } }));
    assert_eq!(close_code(&mut rig.socket().await).await, 1013);
    rig.fault(json!({ "on": "connect", "do": { "drop": "reset" } }));
    assert!(connect(&rig.sim, &rig.token).await.is_err());
    rig.socket().await;
    rig.fault(json!({ "fault": "F14", "how": "refuse", "for": "1h" }));
    rig.control("port closed").await;
    let refused = connect(&rig.sim, &rig.token).await;
    assert!(matches!(refused, Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn f14_handshakes_that_hang_or_are_late() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F14", "how": "hang" }));
    let clear = async {
        rig.struck(1).await;
        rig.sim.clear_faults();
    };
    let (hung, ()) = tokio::join!(connect(&rig.sim, &rig.token), clear);
    assert!(hung.is_err(), "let go with the rules");
    rig.fault(json!({ "on": "handshake", "do": { "delay": "1h" } }));
    let clock = rig.sim.clock();
    let advance = async {
        rig.struck(2).await;
        clock.advance(3600 * SECOND);
    };
    let (late, ()) = tokio::join!(connect(&rig.sim, &rig.token), advance);
    assert!(late.is_ok());
}

#[tokio::test]
async fn whatever_hangs_ends_with_the_simulator() {
    let rules = [
        json!({ "on": "any", "do": { "hang": true } }),
        json!({ "on": "any", "do": { "delay": "1h" } }),
        json!({ "on": "any", "do": { "trickle": { "every": "1h" } } }),
        json!({ "on": "connect", "do": { "hang": true } }),
        json!({ "on": "connect", "do": { "delay": "1h" } }),
        json!({ "on": "handshake", "do": { "hang": true } }),
        json!({ "on": "handshake", "do": { "delay": "1h" } }),
    ];
    for rule in rules {
        let rig = Rig::new(quick()).await;
        rig.fault(rule.clone());
        let (url, ws) = (rig.sim.http_url(), format!("{}?token=x", rig.sim.ws_url()));
        let call = tokio::spawn(async move { try_http(&url, "GET", "/connection", &[], "").await.map(|_| ()) });
        let socket = tokio::spawn(async move { tokio_tungstenite::connect_async(ws).await.map(|_| ()) });
        rig.struck(1).await;
        let listen = rig.sim.address();
        rig.sim.stop();
        let again = Simulator::start(Config { listen, ..Config::default() });
        assert!(again.is_ok(), "{rule}: the port is free, the thread is gone");
        // Whatever became of it, neither client still waits.
        let _ = call.await.unwrap();
        let _ = socket.await.unwrap();
    }
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F9", "how": "refused", "for": "1h" }));
    rig.control("port closed").await;
    let listen = rig.sim.address();
    rig.sim.stop();
    assert!(Simulator::start(Config { listen, ..Config::default() }).is_ok());
}

#[tokio::test]
async fn a_hanging_call_ends_while_its_client_waits() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "on": "any", "do": { "hang": true } }));
    let url = rig.sim.http_url();
    let call = tokio::spawn(async move { try_http(&url, "GET", "/connection", &[], "").await.err() });
    rig.struck(1).await;
    rig.sim.stop();
    assert_eq!(call.await.unwrap(), Some(Broken::Response));
}

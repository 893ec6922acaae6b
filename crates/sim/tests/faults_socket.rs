//! Faults of sockets: F12, F13, F15, F16, F21 (RAVATAR dossier 16.4).

mod common;

use common::*;
use glottis_sim::ravatar::*;
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame};

const SECOND: Duration = Duration::from_secs(1);

/// How the only socket ended, as the simulator sees it.
async fn end(rig: &Rig) -> (Option<u16>, CloseBy) {
    rig.until("the end of the socket", |state| state.open_sockets() == 0).await;
    let closed = |entry: &Entry| match &entry.event {
        Event::SocketClosed { code, by, .. } => Some((*code, *by)),
        _ => None,
    };
    rig.sim.log().entries.iter().find_map(closed).expect("the end of a socket")
}

/// The next frame or error, pings and pongs included.
async fn frame(socket: &mut Socket) -> Option<Result<Frame, tungstenite::Error>> {
    tokio::time::timeout(LONG, socket.next()).await.expect("a frame in time")
}

#[tokio::test]
async fn f12_dropped_behind_so_many_messages() {
    for how in ["close", "reset"] {
        let rig = Rig::new(quick()).await;
        let id = rig.live().await;
        rig.fault(json!({ "fault": "F12", "how": how, "on": "message live_pcm", "nth": 3 }));
        let mut socket = rig.socket().await;
        say(&mut socket, &chat_text("not counted")).await;
        assert_eq!(hear(&mut socket).await["request"], "not counted");
        for _ in 0..6 {
            // The connection may break while the rest is on its way.
            let _ = socket.send(Frame::text(live_pcm(&id, &[0; 4096]).to_string())).await;
        }
        assert!(next(&mut socket).await.is_none(), "no close frame");
        assert_eq!(end(&rig).await, (None, CloseBy::Simulator));
        assert_eq!(rig.sim.pcm(&id).len(), 3 * 4096, "exactly those arrived");
        assert_eq!(rig.sim.active_sessions(), 1, "the licence survives");
        let mut again = rig.socket().await;
        say(&mut again, &live_pcm(&id, &[0; 4096])).await;
        rig.until("the fourth", |state| state.pcm(&id).len() == 4 * 4096).await;
    }
}

#[tokio::test]
async fn f12_dropped_behind_so_many_bytes() {
    let rig = Rig::new(quick()).await;
    let id = rig.live().await;
    rig.fault(json!({ "fault": "F12", "bytes": "25kB" }));
    let mut socket = rig.socket().await;
    for _ in 0..4 {
        let _ = socket.send(Frame::text(live_pcm(&id, &[0; 4096]).to_string())).await;
    }
    assert!(next(&mut socket).await.is_none());
    assert_eq!(end(&rig).await, (None, CloseBy::Simulator));
    assert_eq!(rig.sim.pcm(&id).len(), 2 * 4096, "the third was cut off in the middle");
}

#[tokio::test]
async fn f13_every_close_code() {
    for code in [1000, 1001, 1008, 1009, 1011, 1012, 4401] {
        let rig = Rig::new(quick()).await;
        rig.fault(json!({ "fault": "F13", "code": code, "reason": "because", "nth": 2 }));
        let mut socket = rig.socket().await;
        say(&mut socket, &chat_text("one")).await;
        assert_eq!(hear(&mut socket).await["request"], "one");
        say(&mut socket, &chat_text("two")).await;
        match next(&mut socket).await {
            Some(Frame::Close(Some(frame))) => {
                assert_eq!((u16::from(frame.code), frame.reason.as_str()), (code, "because"))
            }
            other => panic!("{other:?}"),
        }
        assert!(next(&mut socket).await.is_none());
        assert_eq!(end(&rig).await, (Some(code), CloseBy::Simulator));
    }
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F13", "code": 1006, "on": "now" }));
    assert!(next(&mut socket).await.is_none());
    assert_eq!(end(&rig).await, (None, CloseBy::Simulator));
}

#[tokio::test]
async fn a_socket_closes_a_while_after_it_opened() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F13", "code": 1012, "on": "open", "delay": "1h" }));
    let mut socket = rig.socket().await;
    say(&mut socket, &chat_text("before")).await;
    assert_eq!(hear(&mut socket).await["request"], "before");
    rig.sim.clock().advance(3600 * SECOND);
    assert_eq!(close_code(&mut socket).await, 1012);
}

/// Sends until the system takes no more; how many messages that were.
async fn fill(socket: &mut Socket, message: &str) -> usize {
    let mut sent = 0;
    let blocked = Duration::from_millis(300);
    while let Ok(result) = tokio::time::timeout(blocked, socket.feed(Frame::text(message))).await {
        result.expect("open");
        sent += 1;
        assert!(sent < 1000, "never full");
    }
    sent
}

#[tokio::test]
async fn f15_reading_stops() {
    let rig = Rig::new(Config { ping: None, ..quick() }).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F15", "stall": "1h" }));
    say(&mut socket, &chat_text("the last that is read")).await;
    assert_eq!(hear(&mut socket).await["request"], "the last that is read");
    let big = with(chat_text("x"), json!({ "request": "x".repeat(500_000) })).to_string();
    let sent = fill(&mut socket, &big).await;
    assert_eq!(rig.sim.log().messages().count(), 1, "nothing was read meanwhile");
    rig.sim.clock().advance(3600 * SECOND);
    socket.flush().await.unwrap();
    rig.messages(sent + 1).await;
}

#[tokio::test]
async fn f15_reading_is_slow() {
    let rig = Rig::new(Config { ping: None, ..quick() }).await;
    let id = rig.live().await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F15", "rate": 1000, "on": "now" }));
    let pcm = live_pcm(&id, &[0; 4096]);
    say(&mut socket, &pcm).await;
    say(&mut socket, &pcm).await;
    // A message of 11 kB takes some 11 s in slices of 50 bytes; the clock is pushed along.
    let clock = rig.sim.clock();
    let started = clock.now();
    while rig.sim.log().messages().count() < 2 {
        clock.advance(Duration::from_millis(50));
        tokio::task::yield_now().await;
    }
    let took = clock.now() - started;
    assert!(took >= 20 * SECOND, "{took:?}");
    assert_eq!(rig.sim.pcm(&id).len(), 2 * 4096);
}

#[tokio::test]
async fn f15_closing_does_not_wait_for_a_stalled_socket() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F15", "stall": "1h", "on": "now" }));
    rig.fault(json!({ "fault": "F13", "code": 1011, "on": "now" }));
    assert_eq!(close_code(&mut socket).await, 1011);
}

#[tokio::test]
async fn f16_malformed_messages() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    let mut with_fault = async |rule: Value| {
        rig.fault(with(rule, json!({ "fault": "F16" })));
        say(&mut socket, &chat_text("hello")).await;
        let odd = next(&mut socket).await.expect("a frame");
        assert_eq!(hear(&mut socket).await["request"], "hello", "the answer follows");
        odd
    };
    let text = |frame: &Frame| frame.to_text().expect("text").to_string();
    let json = |frame: &Frame| serde_json::from_str::<Value>(&text(frame));
    assert!(json(&with_fault(json!({ "how": "text" })).await).is_err());
    assert_eq!(json(&with_fault(json!({ "how": "scalar" })).await).unwrap(), 42);
    assert!(json(&with_fault(json!({ "how": "array" })).await).unwrap().is_array());
    assert!(json(&with_fault(json!({ "how": "null" })).await).unwrap().is_null());
    assert_eq!(
        with_fault(json!({ "how": "binary", "bytes": 9 })).await,
        Frame::Binary(Bytes::from_static(b"xxxxxxxxx"))
    );
    let huge = with_fault(json!({ "how": "huge" })).await;
    assert!(huge.len() == 10_000_000 && json(&huge).is_ok());
    assert_eq!(json(&with_fault(json!({ "how": "unknown-type" })).await).unwrap()["type"], "telemetry");
    assert!(json(&with_fault(json!({ "how": "wrong-types" })).await).unwrap()["answer"].is_object());
    let deep = with_fault(json!({ "how": "nesting", "depth": 5000 })).await;
    assert_eq!(text(&deep).matches('[').count(), 5000);
    assert!(json(&deep).is_err(), "too deep for most parsers");
}

#[tokio::test]
async fn f16_invalid_utf8_fails_the_connection() {
    let rig = Rig::new(quick()).await;
    let mut socket = rig.socket().await;
    rig.fault(json!({ "fault": "F16", "how": "utf8", "on": "now" }));
    assert!(matches!(frame(&mut socket).await, Some(Err(tungstenite::Error::Utf8(_)))));
}

#[tokio::test]
async fn f21_pongs_withheld() {
    let rig = Rig::new(Config { ping: None, ..quick() }).await;
    let pinged = async |socket: &mut Socket| {
        socket.send(Frame::Ping(Bytes::from_static(b"?"))).await.unwrap();
        say(socket, &chat_text("behind the ping")).await;
        matches!(frame(socket).await, Some(Ok(Frame::Pong(_))))
    };
    let mut before = rig.socket().await;
    assert!(pinged(&mut before).await);
    rig.fault(json!({ "fault": "F21" }));
    for _ in 0..2 {
        assert!(!pinged(&mut rig.socket().await).await, "the answer comes, no pong");
    }
    hear(&mut before).await;
    assert!(pinged(&mut before).await, "only sockets that open from now on");
    hear(&mut before).await;
    rig.fault(json!({ "fault": "F21", "on": "now" }));
    assert!(!pinged(&mut before).await);
    rig.fault(json!({ "on": "now", "do": { "pongs": true } }));
    assert!(pinged(&mut before).await);
}

#[tokio::test]
async fn f21_a_ping_every_second() {
    let rig = Rig::new(quick()).await;
    rig.fault(json!({ "fault": "F21", "how": "pings" }));
    let mut socket = rig.socket().await;
    rig.until("a socket", |state| state.open_sockets() == 1).await;
    say(&mut socket, &chat_text("settled")).await;
    hear(&mut socket).await;
    for _ in 0..3 {
        rig.sim.clock().advance(SECOND);
        assert!(matches!(frame(&mut socket).await, Some(Ok(Frame::Ping(_)))));
    }
}

//! The handle: starting, stopping, waiting, steering, and the same over `/__sim/` (RAVATAR dossier
//! 16.1).

mod common;

use common::*;
use glottis_sim::ravatar::*;
use std::net::TcpListener;

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = Simulator::start(Config { listen, ..Config::default() }).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&listen.to_string()), "{error}");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let configs = [
        Config { pace_limit: -1.0, ..Config::default() },
        Config { speech_rms: f64::NAN, ..Config::default() },
        Config { ping: Some(Duration::ZERO), ..Config::default() },
        Config { hard_message_bytes: 1, ..Config::default() },
    ];
    for config in configs {
        let error = Simulator::start(config).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn stopping_frees_everything() {
    let rig = Rig::new(Config::default()).await;
    let mut socket = rig.socket().await;
    let listen = rig.sim.address();
    let clock = rig.sim.clock();
    rig.sim.stop();
    assert!(next(&mut socket).await.is_none(), "the socket is gone");
    drop(TcpListener::bind(listen).unwrap());
    clock.advance(Duration::from_secs(1));
    let again = Simulator::start(Config { listen, ..Config::default() }).unwrap();
    assert_eq!(again.address(), listen);
}

#[test]
fn configuration_text() {
    let text = r#"
        mode = "strict"
        slots = 1
        jwt_ttl = "90m"
        license_ttl = "off"
        ping = "off"
        refusal = "close-4401"
        shape = "b"
        notices = [{ type = "system", content = "Thinking" }]
        [[avatars]]
        id = "x"
        name = "X"
    "#;
    let config: Config = toml::from_str(text).unwrap();
    let expected = Config {
        mode: Mode::Strict,
        slots: 1,
        jwt_ttl: Duration::from_secs(5400),
        ping: None,
        refusal: Refusal::Close4401,
        shape: Shape::B,
        notices: vec![json!({ "type": "system", "content": "Thinking" })],
        avatars: vec![Avatar { id: "x".into(), name: "X".into(), has_live_mode: None, greeting: String::new() }],
        ..Config::default()
    };
    assert_eq!(config, expected);
    assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    let error = toml::from_str::<Config>("slotz = 1").unwrap_err();
    assert!(error.message().contains("slotz"));
    assert!(toml::from_str::<Config>("jwt_ttl = \"5\"").is_err());
}

#[test]
fn waiting_ends_with_the_event_or_the_timeout() {
    let sim = Simulator::start(Config::default()).unwrap();
    assert!(!sim.wait_for(Duration::from_millis(10), |state| state.open_sockets() > 0));
    assert!(sim.wait_for(Duration::MAX, |state| state.open_sockets() == 0));
    let pushed = |state: &State| {
        let control = |entry: &Entry| matches!(entry.event, Event::Control { .. });
        state.log().entries.iter().any(control)
    };
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| sim.wait_for(LONG, pushed));
        assert_eq!(sim.push(json!({})), 0);
        assert!(waiting.join().unwrap());
    });
}

#[tokio::test]
async fn pushing_to_all_or_to_one_user() {
    let rig = Rig::new(Config::default()).await;
    let mut one = rig.socket().await;
    let mut two = connect(&rig.sim, &login(&rig.sim, "u-2").await).await.unwrap();
    assert_eq!(rig.sim.push(json!({ "n": 1 })), 2);
    assert_eq!(rig.sim.push_to("u-2", json!({ "n": 2 })), 1);
    let over_http = rig.post("/__sim/push?user_id=u-1", json!({ "n": 3 })).await;
    assert_eq!(over_http.json(), json!({ "status": 200, "sockets": 1 }));
    assert_eq!([hear(&mut one).await, hear(&mut one).await], [json!({"n":1}), json!({"n":3})]);
    assert_eq!([hear(&mut two).await, hear(&mut two).await], [json!({"n":1}), json!({"n":2})]);
    let broken = http(&rig.sim.http_url(), "POST", "/__sim/push", &[], "{").await;
    assert_eq!(broken.status, 400);
}

#[tokio::test]
async fn reset_forgets_everything() {
    for over_http in [false, true] {
        let rig = Rig::new(Config { slots: 1, ..quick() }).await;
        let id = rig.live().await;
        let mut socket = rig.socket().await;
        say(&mut socket, &live_text(&id, "hello")).await;
        hear(&mut socket).await;
        if over_http {
            assert_eq!(rig.post("/__sim/reset", json!({})).await.status, 200);
        } else {
            rig.sim.reset();
        }
        assert_eq!(close_code(&mut socket).await, 1001);
        assert!(rig.sim.licenses().is_empty());
        assert_eq!(rig.sim.open_sockets(), 0);
        assert_eq!(rig.get("/connection").await.status, 403, "tokens are gone");
        let rig = Rig { token: login(&rig.sim, "u-1").await, sim: rig.sim };
        assert_eq!(rig.live().await, id, "ids start again from the seed");
        let _second = rig.socket().await;
        rig.until("a socket", |state| state.open_sockets() == 1).await;
        let history = rig.get("/chat?user_id=u-1").await.json();
        assert_eq!(history["payload"], json!([]));
    }
}

#[tokio::test]
async fn the_clock_and_the_log_over_http() {
    let rig = Rig::new(Config::default()).await;
    let answer = rig.post("/__sim/clock", json!({ "advance": "25h" })).await;
    assert!(answer.json()["t"].as_f64().unwrap() >= 25.0 * 3600.0);
    assert_eq!(rig.get("/connection").await.status, 403);
    for wrong in [json!({}), json!({ "advance": 5 }), json!({ "advance": "soon" })] {
        assert_eq!(rig.post("/__sim/clock", wrong).await.status, 400);
    }
    let log = rig.get("/__sim/log").await.json();
    let entries = log["entries"].as_array().unwrap();
    let events: Vec<_> = entries.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["request", "control", "request"]);
    assert_eq!(entries[2]["path"], "/connection");
    assert_eq!(entries[2]["token"], "expired");
    assert_eq!(entries[2]["id"], "token-1");
    assert_eq!(entries[2]["status"], 403);
    assert_eq!(log["cut"], 0);
    let rest = rig.get("/__sim/log?after=2").await.json();
    assert_eq!(rest["entries"].as_array().unwrap().len(), 1);
    assert_eq!(rig.get("/__sim/log?after=x").await.status, 400);
}

#[tokio::test]
async fn other_control_endpoints() {
    let rig = Rig::new(Config::default()).await;
    let faults = rig.post("/__sim/faults", json!([])).await;
    assert_eq!(faults.json(), json!({ "status": 200, "rules": [] }));
    assert_eq!(rig.get("/__sim/nothing").await.status, 404);
    assert_eq!(rig.get("/__sim/reset").await.status, 405);
    assert_eq!(rig.get("/__sim/pcm/lic-x").await.status, 404);
    let id = rig.live().await;
    let licenses = rig.get("/__sim/licenses").await.json();
    assert_eq!(licenses["licenses"][0]["id"], id.as_str());
    assert_eq!(rig.codes(), [], "control is no traffic");
}

#[tokio::test]
async fn the_log_is_bounded_and_says_so() {
    let rig = Rig::new(Config { max_log_entries: 5, ..Config::default() }).await;
    for _ in 0..10 {
        rig.get("/nothing").await;
    }
    let log = rig.sim.log();
    assert_eq!((log.entries.len(), log.cut), (5, 6));
    assert_eq!((log.findings.len(), log.findings_cut), (5, 5));
    assert_eq!(log.entries.back().unwrap().n, 11);
}

//! Lost connections, pings, secrets.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis::core::sink::Edge;
use glottis::sim::avatarkit::{Config, Event, TokenUse};
use glottis::{Cause, SinkEvent};
use serde_json::json;

use crate::rig::*;

/// K57: with a source that can wait, nothing is lost and nothing is said twice.
#[tokio::test]
async fn a_lost_connection_is_replaced_whole() {
    let simulator = simulator(Config::default(), &[json!({ "on": "message audio", "nth": 3, "do": { "drop": true } })]);
    let patient = Edge { waits: true, ..edge(16_000) };
    let mut rig = Rig::start(&keys(&simulator), patient);
    rig.state("open", 1).await;
    let samples = noise(16_000, 1);
    // What is written is delivered, whether the service read it or not: so the rest comes later.
    rig.start_saying(&samples[..4800]).await;
    rig.state("open", 2).await;
    rig.go_on(&samples[4800..]).await;
    rig.end(glottis::Reason::Commit);
    let speeches = spoken(&simulator, 1).await;
    let ended = rig.finish().await;
    balanced(&ended.ledger);
    assert_eq!((ended.ledger.delivered, ended.waits.len()), (16_000, 1));
    let wait = ended.waits[0];
    assert!((Duration::from_millis(400)..=Duration::from_millis(600)).contains(&wait), "{wait:?}");
    let connections = simulator.connections();
    assert_eq!(connections.len(), 2);
    assert_eq!(connections[1].upgrade.token, TokenUse::Valid("token-2".into()));
    assert_ne!(connections[0].connection_id, connections[1].connection_id);
    assert_ne!(speeches[0].req_id, speeches[1].req_id);
    assert!(samples.ends_with(&speeches[1].pcm()), "it goes on where it stopped");
}

/// K57: the schedule, and what ends it.
#[tokio::test]
async fn attempts_are_further_and_further_apart_and_then_over() {
    let simulator = simulator(Config::default(), &[json!({ "fault": "F5", "http": 503, "count": "always" })]);
    let mut rig = Rig::start(&keys(&simulator), edge(16_000));
    let ended = rig.ended().await;
    assert_eq!(ended.result.expect_err("given up").code, "serverError");
    let expected = [500, 1000, 2000, 4000, 8000];
    assert_eq!(ended.waits.len(), expected.len());
    for (wait, ms) in ended.waits.iter().zip(expected) {
        let range = Duration::from_millis(ms * 8 / 10)..=Duration::from_millis(ms * 12 / 10);
        assert!(range.contains(wait), "{wait:?} is not {ms} ms");
    }
    assert_eq!(simulator.log().requests().count(), 6, "a token for each attempt");
    let refused = failure(Config { avatars: vec![], ..Config::default() }, &[], |keys| keys.with("tries", 6)).await;
    assert_eq!(refused.code, "avatarNotFound");
}

/// K57: with a live source the rest of the segment is over.
#[tokio::test]
async fn a_live_source_does_not_wait() {
    let slow = json!({ "on": "token", "nth": 2, "do": { "delay": "300ms" } });
    let simulator = simulator(Config::default(), &[slow, json!({ "fault": "F13", "how": "reset" })]);
    let mut rig = Rig::opened(&keys(&simulator)).await;
    rig.start_saying(&noise(4800, 1)).await;
    rig.wait("the loss", |events| events.iter().any(|event| matches!(event, SinkEvent::Disconnected { .. }))).await;
    // The pipeline may have more of the segment on its way.
    rig.go_on(&noise(1600, 1)).await;
    rig.end(glottis::Reason::Disconnected);
    rig.state("open", 2).await;
    rig.say(&noise(3200, 2)).await;
    let speeches = spoken(&simulator, 1).await;
    let ended = rig.finish().await;
    balanced(&ended.ledger);
    assert_eq!(speeches.last().expect("a request").bytes, 6400);
    assert!(ended.ledger.dropped_by(Cause::Disconnected) > 0);
}

/// K58.
#[tokio::test]
async fn pings_are_answered_and_silence_is_a_lost_connection() {
    let simulator = simulator(Config { ping: Some(Duration::from_millis(10)), ..Config::default() }, &[]);
    let rig = Rig::opened(&keys(&simulator).with("ping", "100ms")).await;
    let count = |wanted: fn(&Event) -> bool| {
        move |state: &glottis::sim::avatarkit::State| {
            state.log().entries.iter().filter(|entry| wanted(&entry.event)).count() >= 3
        }
    };
    until(&simulator, count(|event| matches!(event, Event::Pong { .. }))).await;
    until(&simulator, count(|event| matches!(event, Event::Ping { .. }))).await;
    rig.finish().await.result.expect("a good run");
    let deaf = json!({ "on": "handshake", "do": { "pongs": false } });
    let simulator = self::simulator(Config { ping: None, ..Config::default() }, &[deaf]);
    let mut rig = Rig::opened(&keys(&simulator).with("ping", "100ms").with("tries", 1)).await;
    let error = rig.ended().await.result.expect_err("nobody is there");
    assert_eq!(named(&error), ("connectionFailed", "websocket_runtime"));
}

/// K61.
#[tokio::test]
async fn nobody_else_is_asked() {
    let simulator = plain();
    let mut rig = Rig::opened(&keys(&simulator)).await;
    rig.say(&noise(3200, 1)).await;
    rig.played(2).await;
    rig.finish().await.result.expect("a good run");
    let paths: Vec<_> = simulator.log().requests().map(|request| request.path.clone()).collect();
    assert_eq!((paths, simulator.log().upgrades().count()), (vec!["/v1/console/session-tokens".into()], 1));
    // A region is asked for when somebody wants it, and what answers is not believed blindly.
    simulator.reset();
    fault(&simulator, &json!({ "fault": "F21", "how": "hostile" }));
    let mut keys = keys(&simulator)
        .with("region", "auto")
        .with("bootstrap_url", format!("{}/bootstrap", simulator.http_url()))
        .with("tries", 1)
        .with("token_timeout", "100ms");
    keys.remove("console_endpoint");
    keys.remove("ingress_endpoint");
    let mut rig = Rig::start(&keys, edge(16_000));
    until(&simulator, |state| state.log().requests().any(|request| request.path == "/bootstrap")).await;
    let error = rig.error().await;
    assert_eq!(error.phase, "session_token");
    assert!(!error.message.contains("evil"), "{error}");
    rig.halt().await;
}

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// K56: not even when the service repeats them.
#[tokio::test]
async fn secrets_are_in_no_output() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let secrets = [API_KEY, "st-s3cret/token", env!("CARGO_PKG_DESCRIPTION")];
    let all = secrets.join(" and ");
    // The token is a secret only once there is one.
    let early = format!("{API_KEY} and {}", secrets[2]);
    let token = || json!({ "on": "token", "count": "always", "do": { "body": { "sessionToken": "st-s3cret/token" } } });
    let places = [
        json!({ "on": "token", "do": { "http": 400, "body": { "errors": [{ "code": early, "title": early, "detail": early }] } } }),
        json!({ "on": "upgrade", "do": { "http": 404, "text": all } }),
        json!({ "on": "upgrade", "do": { "http": 404, "body": { "message": all, "error": all } } }),
    ];
    let mut said = String::new();
    for query in [false, true] {
        for place in &places {
            let simulator = simulator(Config::default(), &[place.clone(), token()]);
            let keys = keys(&simulator).with("tries", 1).with("use_query_auth", query).with("livekit", livekit());
            let mut rig = Rig::start(&keys, edge(16_000));
            let ended = rig.ended().await;
            let error = ended.result.expect_err("refused");
            let parts =
                (&error.server_code, &error.server_title, &error.server_detail, &error.raw_body, &error.message);
            said += &format!("{error} {error:?} {parts:?} {:?}", rig.events());
        }
    }
    for rule in [
        json!({ "on": "handshake", "do": { "ignore": true, "error": { "code": 5, "message": early, "req_id": early, "connection_id": early } } }),
        json!({ "on": "message audio", "do": { "error": { "code": 4001, "message": early }, "close": 4001, "reason": API_KEY } }),
    ] {
        let simulator = simulator(Config::default(), &[rule]);
        let mut rig = Rig::start(&keys(&simulator).with("tries", 1).with("livekit", livekit()), edge(16_000));
        rig.start_saying(&noise(1600, 1)).await;
        let ended = rig.ended().await;
        let error = ended.result.expect_err("refused");
        let parts = (&error.server_detail, &error.close_reason, &error.connection_id, &error.req_id);
        said += &format!("{error} {parts:?} {:?}", rig.events());
    }
    let logged = String::from_utf8_lossy(&lines.0.lock().unwrap()).into_owned();
    for secret in secrets {
        assert!(!said.contains(secret), "{secret} in {said}");
        assert!(!logged.contains(secret), "{secret} in {logged}");
    }
}

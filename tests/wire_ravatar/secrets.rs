//! C12: nothing the sink says shows the token or the conversation.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis_core::sink::SinkAction;
use glottis_core::{Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::Config;
use serde_json::json;

use crate::proxy::{Proxy, response};
use crate::rig::*;

/// Collects what is logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_event_error_or_log_line_shows_a_secret() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // This test's runtime has one thread, so this sees all that its sinks log.
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut said = String::new();
    let mut secret = Vec::new();
    for scene in 0..4 {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
        rig.open().await;
        let known = proxy.secrets();
        assert_eq!(known.len(), 2, "a token and a session");
        let echo = format!("you sent {} in {}", known[0], known[1]);
        match scene {
            // A service that repeats what it was sent, everywhere it can.
            0 => {
                simulator.push(json!({"type":"system","content":echo}));
                simulator.push(json!({"type":"event","status":500,"error":echo}));
            }
            1 => {
                proxy.rule("POST /endLiveSession", [response(500, &json!({"error":echo}).to_string())]);
                rig.outfeed.close();
            }
            2 => {
                simulator.clock().advance(Duration::from_secs(25 * 3600));
                proxy.rule("POST /jwt", [response(401, &json!({"error":echo}).to_string())]);
                proxy.rule("GET /ws/chat", [response(403, &echo)]);
                proxy.cut();
            }
            _ => {
                rig.say(&noise(CHUNK, 1), Reason::Stop, 0).await;
                rig.ask(SinkAction::Text("hello".into())).await.unwrap();
                rig.ask(SinkAction::StreamingUrl).await.unwrap();
                proxy.rule("GET /ws/chat", [response(503, &echo)]);
                proxy.cut();
            }
        }
        let _ = rig.ended().await;
        secret.extend(proxy.secrets());
        for event in rig.events() {
            // The one event that was asked to hold a token.
            let asked = matches!(&event, SinkEvent::Session(session) if session.streaming_url.is_some());
            if !asked {
                said.push_str(&format!("{event:?}\n"));
            }
            if let SinkEvent::Error { error, .. } = event {
                said.push_str(&format!("{error} {error:?} {:?} {:?}\n", error.server_detail, error.server_code));
            }
        }
    }
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the session is up"), "the log was not heard");
    assert!(said.contains("you sent *** in ***"), "the echo arrived: {said}");
    for secret in secret {
        assert!(!said.contains(&secret), "{secret} in {said}");
        assert!(!log.contains(&secret), "{secret} in {log}");
    }
}

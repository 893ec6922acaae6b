//! `Connection timeout` in the middle of a session.

use std::time::Duration;

use glottis_core::{SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, Event};
use serde_json::json;

use crate::rig::*;
use crate::warp::Warp;

fn reloads(rig: &Rig) -> usize {
    rig.notices().iter().filter(|words| words.contains("reload the streaming page")).count()
}

/// C57: three recoveries, each later than the last, with session and socket kept; then as C56.
#[tokio::test]
async fn a_stalling_stream_is_recovered_three_times_and_then_ended() {
    let simulator = simulator(Config { ping: None, ..Config::default() });
    let warp = Warp::start(1);
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("ping", "off"), edge(TurnMode::Always));
    rig.open().await;
    let stall = json!({"type":"system","content":"Connection timeout."});
    for (n, wait) in [(1, 1), (2, 2), (3, 4)] {
        simulator.push(stall.clone());
        while rig.retries().len() < n {
            rig.changed().await;
        }
        assert_eq!(rig.retries()[n - 1], Duration::from_secs(wait));
        warp.skip(Duration::from_millis(wait * 1000 - 500)).await;
        assert_eq!(reloads(&rig), n - 1, "too early");
        warp.skip(Duration::from_millis(500)).await;
        while reloads(&rig) < n {
            rig.changed().await;
        }
        // Whoever shows the page is told which session it is.
        let told = |event: &&SinkEvent| matches!(event, SinkEvent::Session(session) if session.live);
        assert_eq!(rig.events().iter().filter(told).count(), n + 1);
    }
    assert_eq!((simulator.active_sessions(), simulator.open_sockets()), (1, 1));
    simulator.push(stall);
    let ended = rig.ended().await;
    assert_eq!((ended.result.unwrap_err().code, ended.waits.len()), ("StreamError", 0));
    let opened =
        simulator.log().entries.iter().filter(|entry| matches!(entry.event, Event::SocketOpened { .. })).count();
    let calls = (count(&simulator, "POST /startLiveSession"), count(&simulator, "POST /endLiveSession"));
    assert_eq!((opened, calls, simulator.active_sessions()), (1, (1, 1), 0));
}

//! Interrupt, pause, resume, close.

use std::time::{Duration, Instant};

use glottis::core::sink::SinkAction::{Interrupt, Pause};
use glottis::sim::avatarkit::proto::{Data, Message};
use glottis::sim::avatarkit::{CloseBy, Config, Event, Simulator};
use glottis::{Cause, Reason, SinkEvent};
use serde_json::json;

use crate::rig::*;

/// What a connection was sent besides audio: a word and a request.
fn orders(simulator: &Simulator) -> Vec<(&'static str, String)> {
    let order = |message: Message| match message.data? {
        Data::Interrupt(named) => Some(("interrupt", named.req_id)),
        Data::Pause(named) => Some(("pause", named.req_id)),
        Data::Resume(named) => Some(("resume", named.req_id)),
        _ => None,
    };
    let connections = simulator.connections();
    connections.iter().flat_map(|connection| connection.messages()).filter_map(order).collect()
}

/// K34, K22.
#[tokio::test]
async fn an_interrupt_names_the_last_request_also_when_it_is_over() {
    let simulator = plain();
    let mut rig = Rig::opened(&keys(&simulator)).await;
    let refused = rig.ask(Interrupt).await.expect_err("nothing to interrupt");
    assert!(refused.contains("nothing was said"), "{refused}");
    rig.say(&noise(4800, 1)).await;
    let first = spoken(&simulator, 1).await[0].req_id.clone();
    rig.ask(Interrupt).await.expect("sent");
    rig.ask(Interrupt).await.expect("sent again");
    rig.say(&noise(4800, 2)).await;
    let second = spoken(&simulator, 2).await[1].req_id.clone();
    until(&simulator, |state| state.connections().any(|connection| connection.frames.len() >= 9)).await;
    rig.finish().await.result.expect("a good run");
    assert_eq!(orders(&simulator), [("interrupt", first.clone()), ("interrupt", first.clone())]);
    assert_ne!(first, second);
    assert_eq!(simulator.violations(), []);
}

/// K35, K22: what is left of the segment is dropped, and never sent.
#[tokio::test]
async fn nothing_of_an_interrupted_request_follows_its_interrupt() {
    let simulator = plain();
    let mut rig = Rig::opened(&keys(&simulator)).await;
    for round in 0..10 {
        rig.start_saying(&noise(16_000, round)).await;
        until(&simulator, |state| state.speeches().filter(|speech| speech.bytes > 0).count() > round as usize).await;
        rig.abort(Reason::Interrupt);
        rig.ask(Interrupt).await.expect("sent");
    }
    rig.say(&noise(1600, 1)).await;
    let speeches = spoken(&simulator, 1).await;
    let ended = rig.finish().await;
    balanced(&ended.ledger);
    assert_eq!(speeches.len(), 11);
    assert!(speeches[..10].iter().all(|speech| speech.interrupted == Some("explicit") && !speech.ended));
    let heard: usize = speeches.iter().map(|speech| speech.bytes / 2).sum();
    assert!(ended.ledger.delivered as usize <= heard);
    assert_eq!(ended.ledger.captured - ended.ledger.delivered, ended.ledger.dropped_by(Cause::Interrupted));
    // An id used again would be a violation.
    assert_eq!(simulator.violations(), []);
}

/// K36.
#[tokio::test]
async fn pause_and_resume_leave_the_request_alone_and_audio_flows_on() {
    let simulator = simulator(spatialreal(), &[]);
    let mut rig = Rig::opened(&keys_for(&simulator, true).with("livekit", livekit())).await;
    rig.start_saying(&noise(8000, 1)).await;
    rig.played(1).await;
    rig.ask(Pause(true)).await.expect("sent");
    rig.state("paused", 1).await;
    rig.go_on(&noise(8000, 2)).await;
    rig.end(Reason::Commit);
    let speeches = spoken(&simulator, 1).await;
    assert_eq!((speeches.len(), speeches[0].bytes), (1, 32_000), "all of it while paused");
    rig.ask(Pause(false)).await.expect("sent");
    rig.wait("playing", |events| {
        events
            .iter()
            .filter(|event| matches!(event, SinkEvent::Playback(playback) if playback.state == "playing"))
            .count()
            >= 2
    })
    .await;
    let id = speeches[0].req_id.clone();
    let resumed = |state: &glottis::sim::avatarkit::State| {
        let ours = |message: &serde_json::Value| message["kind"] == "resume";
        state.log().entries.iter().any(|entry| matches!(&entry.event, Event::Received { message, .. } if ours(message)))
    };
    until(&simulator, resumed).await;
    assert_eq!(orders(&simulator), [("pause", id.clone()), ("resume", id)]);
    rig.finish().await.result.expect("a good run");
    assert_eq!(simulator.violations(), []);
}

/// K37.
#[tokio::test]
async fn without_the_capability_nothing_is_sent() {
    for how in ["no-capabilities", "partial"] {
        let simulator = simulator(spatialreal(), &[json!({ "fault": "F18", "how": how })]);
        let mut rig = Rig::opened(&keys_for(&simulator, true).with("livekit", livekit())).await;
        rig.say(&noise(1600, 1)).await;
        spoken(&simulator, 1).await;
        for on in [true, false] {
            assert!(rig.ask(Pause(on)).await.expect_err("no such thing").contains("unsupported"));
        }
        assert_eq!(orders(&simulator), []);
        rig.finish().await.result.expect("a good run");
        assert_eq!(simulator.violations(), []);
    }
}

/// K38.
#[tokio::test]
async fn a_pause_that_lasts_too_long_ends_the_segment() {
    let simulator = simulator(spatialreal(), &[]);
    let mut rig = Rig::opened(&keys_for(&simulator, true).with("livekit", livekit()).with("stall_guard", "off")).await;
    rig.start_saying(&noise(16_000, 1)).await;
    rig.played(1).await;
    rig.ask(Pause(true)).await.expect("sent");
    rig.state("paused", 1).await;
    simulator.clock().advance(Duration::from_secs(31));
    rig.wait("the end", |events| {
        let over = |event: &&SinkEvent| {
            matches!(event, SinkEvent::Playback(playback) if playback.state == "interrupted" && playback.reason.as_deref() == Some("pause_timeout"))
        };
        events.iter().any(|event| over(&event))
    })
    .await;
    rig.ask(Pause(false)).await.expect_err("it is over");
    rig.go_on(&noise(3200, 2)).await;
    rig.end(Reason::Commit);
    rig.say(&noise(3200, 3)).await;
    let speeches = spoken(&simulator, 1).await;
    let ended = rig.finish().await;
    assert_eq!(orders(&simulator).iter().filter(|(what, _)| *what == "resume").count(), 0);
    assert_eq!((speeches.len(), speeches[1].bytes), (2, 6400), "the rest of the segment is not said");
    assert!(ended.ledger.dropped_by(Cause::Interrupted) >= 3200);
    balanced(&ended.ledger);
}

/// K39.
#[tokio::test]
async fn closing_is_quick_clean_and_told_once() {
    let cases = [vec![], vec![json!({ "fault": "F22" })], vec![json!({ "fault": "F22", "how": "crossing" })]];
    for faults in cases {
        let simulator = simulator(Config::default(), &faults);
        let mut rig = Rig::opened(&keys(&simulator)).await;
        rig.say(&noise(1600, 1)).await;
        spoken(&simulator, 1).await;
        rig.outfeed.close();
        let began = Instant::now();
        let ended = rig.ended().await;
        // Two seconds, and something for a machine that is busy.
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        ended.result.expect("a good run");
        let told = ended.events.iter().filter(|event| matches!(event, SinkEvent::Disconnected { .. })).count();
        assert_eq!(told, 1, "{faults:?}");
        if faults.is_empty() {
            until(&simulator, |state| state.open_connections() == 0).await;
            let closed = simulator.connections()[0].closed.clone().expect("closed");
            assert_eq!((closed.code, closed.by), (Some(1000), CloseBy::Client));
        }
    }
}

/// K40: after the end nothing is taken, and audio for a connection that is gone is a failure with the
/// request's name.
#[tokio::test]
async fn nothing_is_said_after_the_end() {
    let drop = json!({ "fault": "F13" });
    let simulator = simulator(Config::default(), &[drop]);
    let mut rig = Rig::opened(&keys(&simulator).with("tries", 1)).await;
    rig.start_saying(&noise(1600, 1)).await;
    let error = rig.ended().await.result.expect_err("the connection is gone");
    assert_eq!(error.code, "connectionClosed");
    assert!(matches!(error.phase, "websocket_send" | "websocket_runtime"), "{}", error.phase);
    let command = glottis::core::sink::SinkCommand { id: 99, action: Interrupt };
    assert!(rig.control.command(command).is_err(), "nobody is there to take it");
}

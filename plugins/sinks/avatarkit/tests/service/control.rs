//! Commands, segments that are given up, and stops.

use glottis_core::param::Table;
use glottis_core::sink::SinkAction;
use glottis_core::{Cause, Reason, SinkEvent};
use glottis_sim::avatarkit::proto::{Data, Message};
use glottis_sim::avatarkit::{Config, Connection, Dialect, Simulator};

use crate::rig::*;

/// What a connection heard, by kind and id.
fn heard(connection: &Connection) -> Vec<(&'static str, String)> {
    let kind = |message: Message| match message.data? {
        Data::Audio(audio) if audio.end => Some(("end", audio.req_id)),
        Data::Audio(audio) => Some(("audio", audio.req_id)),
        Data::Interrupt(it) => Some(("interrupt", it.req_id)),
        Data::Pause(it) => Some(("pause", it.req_id)),
        Data::Resume(it) => Some(("resume", it.req_id)),
        _ => None,
    };
    connection.messages().into_iter().filter_map(kind).collect()
}

fn kinds(simulator: &Simulator) -> Vec<&'static str> {
    heard(&simulator.connections()[0]).into_iter().map(|(kind, _)| kind).collect()
}

#[tokio::test]
async fn an_interrupt_silences_the_latest_request_and_what_was_still_to_be_said() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    assert!(rig.ask(SinkAction::Interrupt).await.unwrap_err().contains("nothing was said"));
    rig.begin();
    rig.chunk(&noise(1600, 1));
    until_heard(&simulator, 1600).await;
    // As the engine does it: the pipeline cuts, then the sink is asked; and the next segment may have
    // begun before that.
    rig.abort(Reason::Interrupt);
    rig.begin();
    rig.chunk(&noise(1600, 2));
    assert_eq!(rig.ask(SinkAction::Interrupt).await, Ok(()));
    rig.end(Reason::SpeechEnd);
    let ended = rig.finish().await;
    let heard = heard(&simulator.connections()[0]);
    let speeches = simulator.speeches();
    assert_eq!(speeches.len(), 2, "{heard:?}");
    assert!(heard.contains(&("interrupt", speeches[0].req_id.clone())), "{heard:?}");
    let interrupt = heard.iter().position(|(kind, _)| *kind == "interrupt").unwrap();
    assert!(heard[interrupt..].iter().skip(1).all(|(_, id)| *id != speeches[0].req_id), "{heard:?}");
    assert_eq!(speeches[0].interrupted, Some("explicit"));
    assert!(speeches[1].ended && ended.ledger.balanced());
    assert!(simulator.violations().is_empty(), "{:?}", simulator.violations());
}

/// Also a request that was sent whole can be silenced, and twice.
#[tokio::test]
async fn an_interrupt_repeats_the_last_id() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    rig.say(&noise(1600, 1), 1600).await;
    until(&simulator, |state| state.speeches().any(|speech| speech.ended)).await;
    assert_eq!(rig.ask(SinkAction::Interrupt).await, Ok(()));
    assert_eq!(rig.ask(SinkAction::Interrupt).await, Ok(()));
    rig.finish().await;
    let heard = heard(&simulator.connections()[0]);
    let id = simulator.speeches()[0].req_id.clone();
    assert_eq!(heard.iter().filter(|(kind, at)| *kind == "interrupt" && *at == id).count(), 2);
}

#[tokio::test]
async fn a_segment_that_is_given_up_is_ended_with_an_interrupt() {
    for (reason, cause) in [(Reason::Overflow, Some(Cause::Overflow)), (Reason::Cancel, None)] {
        let simulator = simulator(Config::default());
        let folder = tempfile::tempdir().unwrap();
        let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
        rig.open().await;
        rig.begin();
        rig.chunk(&noise(1600, 1));
        until_heard(&simulator, 1600).await;
        rig.abort(reason);
        rig.say(&noise(1600, 2), 1600).await;
        let ended = rig.finish().await;
        assert_eq!(kinds(&simulator), ["audio", "interrupt", "audio", "end"], "{reason:?}");
        assert_eq!(ended.ledger.delivered, 3200, "what was written before was written");
        assert_eq!(cause.map_or(0, |cause| ended.lost(cause)), 0);
    }
}

/// Stopped by a signal: the service is told that the rest never comes, and the session is closed.
#[tokio::test]
async fn a_halt_silences_the_request_and_closes_the_session() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(1600, 1));
    until_heard(&simulator, 1600).await;
    let ended = rig.halt().await;
    assert_eq!(ended.result, Ok(()));
    assert_eq!(kinds(&simulator), ["audio", "interrupt"]);
    assert_eq!(closed(&simulator).await, Some(1000));
}

fn room() -> Table {
    Table::default()
        .with("url", "wss://room.example")
        .with("room_name", "room")
        .with("publisher_id", "avatar")
        .with("api_token_env", "PATH")
}

/// With playback control: pause and resume name the last request, and speech goes on meanwhile.
#[tokio::test]
async fn playback_is_paused_and_resumed_where_the_service_can() {
    let simulator = simulator(Config { dialect: Dialect::SpatialReal, ..Config::default() });
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(&simulator, folder.path()).with("dialect", "spatialreal").with("linger", "0s");
    let mut rig = Rig::start(&keys.with("livekit", room()), edge(16_000));
    rig.open().await;
    assert!(rig.ask(SinkAction::Pause(true)).await.is_err(), "nothing was said");
    rig.begin();
    rig.chunk(&noise(1600, 1));
    until_heard(&simulator, 1600).await;
    assert_eq!(rig.ask(SinkAction::Pause(true)).await, Ok(()));
    rig.state("paused", 1).await;
    rig.chunk(&noise(1600, 2));
    rig.end(Reason::SpeechEnd);
    until(&simulator, |state| state.speeches().any(|speech| speech.ended)).await;
    assert_eq!(rig.ask(SinkAction::Pause(false)).await, Ok(()));
    rig.state("open", 2).await;
    rig.finish().await;
    assert_eq!(kinds(&simulator), ["audio", "pause", "audio", "end", "resume"]);
    let speeches = simulator.speeches();
    assert_eq!(speeches.len(), 1, "the request is the same");
    let configuration = simulator.connections()[0].configuration().unwrap();
    assert_eq!(configuration.egress_type, 1);
}

#[tokio::test]
async fn without_playback_control_a_pause_is_refused() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    rig.say(&noise(1600, 1), 1600).await;
    until_heard(&simulator, 1600).await;
    assert!(rig.ask(SinkAction::Pause(true)).await.unwrap_err().contains("unsupported"));
    rig.finish().await;
    assert!(!kinds(&simulator).contains(&"pause"));
}

/// A pause that lasts too long ends the request for the service, and so here.
#[tokio::test]
async fn a_pause_that_lasts_too_long_ends_the_request() {
    let simulator = simulator(Config { dialect: Dialect::SpatialReal, ..Config::default() });
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(&simulator, folder.path()).with("dialect", "spatialreal").with("linger", "0s");
    let mut rig = Rig::start(&keys.with("livekit", room()).with("stall_guard", "off"), edge(16_000));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(1600, 1));
    until_heard(&simulator, 1600).await;
    assert_eq!(rig.ask(SinkAction::Pause(true)).await, Ok(()));
    rig.state("paused", 1).await;
    simulator.clock().advance(std::time::Duration::from_secs(31));
    let reason = rig
        .find(|event| match event {
            SinkEvent::Playback(playback) if playback.state == "interrupted" => Some(playback.reason.clone()),
            _ => None,
        })
        .await;
    assert_eq!(reason.as_deref(), Some("pause_timeout"));
    rig.chunk(&noise(1600, 2));
    assert!(rig.ask(SinkAction::Pause(false)).await.is_err());
    rig.end(Reason::SpeechEnd);
    let ended = rig.finish().await;
    assert_eq!(ended.lost(Cause::Interrupted), 1600);
    assert_eq!(kinds(&simulator), ["audio", "pause"]);
}

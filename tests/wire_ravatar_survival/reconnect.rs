//! A connection that is lost: when it is had again, when not, and what is noticed of a dead one.

use std::time::Duration;

use glottis_core::inlet::Link;
use glottis_core::sink::SinkAction;
use glottis_core::{Cause, Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, Event, Simulator};
use serde_json::json;

use crate::proxy::Proxy;
use crate::rig::*;
use crate::warp::Warp;

const TWO: Duration = Duration::from_secs(2);

/// Sockets that were opened.
fn sockets(simulator: &Simulator) -> usize {
    simulator.log().entries.iter().filter(|entry| matches!(entry.event, Event::SocketOpened { .. })).count()
}

/// Lets `simulator` refuse the next `count` handshakes; the result counts them.
fn refuse(simulator: &Simulator, count: serde_json::Value) {
    simulator.add_faults(faults(json!({"fault":"F14","how":"reset","count":count}))).expect("a good rule");
}

fn refused(simulator: &Simulator) -> u64 {
    simulator.faults().iter().map(|fault| fault.struck).sum()
}

/// C29: attempts that fail at once start 2, 4 and 6 s after the loss.
#[tokio::test]
async fn the_demo_tries_three_times_two_seconds_apart_and_then_gives_up_once() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()).with("reconnect", "demo"), edge(TurnMode::Always));
    rig.open().await;
    refuse(&simulator, json!("always"));
    proxy.cut();
    let ended = rig.ended().await;
    assert_eq!(ended.waits, [TWO; 3]);
    assert_eq!((refused(&simulator), sockets(&simulator)), (3, 1));
    let error = ended.result.unwrap_err();
    assert_eq!(error.code, "Disconnected");
    assert!(!error.advice.is_empty());
    let fatal: Vec<_> = rig.errors().into_iter().filter(|(_, fatal)| *fatal).collect();
    assert_eq!(fatal, [(error, true)]);
    // C53: it is ended, by the other way.
    assert_eq!((simulator.active_sessions(), count(&simulator, "POST /endLiveSession")), (0, 1));
    assert_eq!(rig.outfeed.link(), Link::GaveUp);
}

/// C30, C49: in the demo each open socket starts the count anew, and the session is the same all along.
#[tokio::test]
async fn in_the_demo_every_open_socket_starts_the_count_anew() {
    let simulator = simulator(Config { slots: 1, ..Config::default() });
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()).with("reconnect", "demo"), edge(TurnMode::Always));
    rig.open().await;
    for round in 2..=4 {
        refuse(&simulator, json!(2));
        proxy.cut();
        rig.state("open", round).await;
    }
    rig.say(&noise(CHUNK, 1), Reason::Stop, 0).await;
    let license = license(&simulator);
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_eq!(ended.waits, [TWO; 9]);
    assert_eq!((count(&simulator, "POST /startLiveSession"), count(&simulator, "POST /endLiveSession")), (1, 1));
    assert_eq!(simulator.pcm(&license).len(), CHUNK, "under the same licence");
    assert_eq!(simulator.violations(), []);
}

/// C30: by default a socket that closes at once proves nothing.
#[tokio::test]
async fn by_default_sockets_that_do_not_hold_are_counted_on() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    simulator.add_faults(faults(json!({"fault":"F13","on":"open","code":1011,"count":"always"}))).unwrap();
    simulator.add_faults(faults(json!({"on":"now","do":{"close":1011}}))).unwrap();
    let ended = rig.ended().await;
    assert_waits(&ended.waits, &[2, 4, 8]);
    let error = ended.result.unwrap_err();
    assert_eq!((error.code, error.close_code, sockets(&simulator)), ("Disconnected", Some(1011), 4));
    assert_eq!((count(&simulator, "POST /startLiveSession"), simulator.active_sessions()), (1, 0));
}

/// C30: and after ten seconds it does.
#[tokio::test]
async fn by_default_a_connection_that_held_starts_the_count_anew() {
    let simulator = simulator(Config { ping: None, ..Config::default() });
    let proxy = Proxy::to(&simulator.http_url()).await;
    let warp = Warp::start(1);
    let mut rig = Rig::start(&keys(&proxy.url()).with("ping", "off"), edge(TurnMode::Always));
    rig.open().await;
    for round in 2..=5 {
        warp.skip(Duration::from_secs(10)).await;
        proxy.cut();
        rig.state("open", round).await;
    }
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_waits(&ended.waits, &[2, 2, 2, 2]);
}

/// A close that the next connection will meet too makes no profile run in circles.
#[tokio::test]
async fn closes_that_mean_us_are_not_tried_for_ever() {
    // A refused token is tried once more with a new one in each attempt; by the demo only at first.
    for (profile, code, opened, tokens) in [
        ("demo", 1008, 5, 2),
        ("demo", 4403, 5, 2),
        ("demo", 1002, 4, 1),
        ("default", 4001, 8, 5),
        ("default", 1002, 4, 1),
    ] {
        let rule = json!({"fault":"F13","on":"open","code":code,"count":"always"});
        let simulator = faulty(rule.clone());
        let mut rig = Rig::start(&keys(&simulator.http_url()).with("reconnect", profile), edge(TurnMode::Always));
        let ended = rig.ended().await;
        assert!(ended.result.is_err(), "{profile} {rule}");
        let waits: &[u64] = if profile == "demo" { &[2, 2, 2] } else { &[2, 4, 8] };
        assert_waits(&ended.waits, waits);
        assert_eq!((sockets(&simulator), count(&simulator, "POST /jwt")), (opened, tokens), "{profile} {rule}");
        assert_eq!(simulator.active_sessions(), 0, "{profile} {rule}");
    }
}

/// 11: the demo reconnects with the token it has, unless nobody is there.
#[tokio::test]
async fn the_demo_keeps_its_token_over_a_reconnect() {
    for (unattended, tokens) in [(false, 1), (true, 2)] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        let keys = keys(&proxy.url()).with("reconnect", "demo").with("unattended", unattended);
        let mut rig = Rig::start(&keys, edge(TurnMode::Always));
        rig.open().await;
        simulator.add_faults(faults(json!({"fault":"F25"}))).unwrap();
        proxy.cut();
        if unattended {
            rig.state("open", 2).await;
            rig.finish().await.result.unwrap();
        } else {
            let ended = rig.ended().await;
            assert_eq!((ended.result.unwrap_err().code, ended.waits), ("AuthFailed", vec![TWO; 3]));
        }
        // The end of the session is a call like any other: there a refused token is replaced.
        let ended = usize::from(!unattended);
        assert_eq!((count(&simulator, "POST /jwt"), simulator.active_sessions()), (tokens + ended, 0));
    }
}

/// 12.5: a message that the service finds too big is named and not sent again.
#[tokio::test]
async fn a_message_that_is_too_big_for_the_service_is_not_sent_again() {
    let simulator = faulty(json!({"fault":"F13","code":1009,"count":"always"}));
    let mut rig = Rig::start(&keys(&simulator.http_url()), patient(TurnMode::Always));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(CHUNK, 1));
    let ended = rig.ended().await;
    let error = ended.result.unwrap_err();
    assert_eq!((error.code, ended.waits.len()), ("Protocol", 0));
    let sent = simulator.log().messages().map(|message| message.bytes).collect::<Vec<_>>();
    assert_eq!(sent.len(), 1);
    assert!(error.message.contains(&sent[0].to_string()), "{error}: {sent:?}");
    assert_eq!((sockets(&simulator), simulator.active_sessions()), (1, 0));
}

/// C31.
#[tokio::test]
async fn a_connection_we_close_is_not_had_again() {
    for profile in ["default", "demo"] {
        let simulator = simulator(Config::default());
        let mut rig = Rig::start(&keys(&simulator.http_url()).with("reconnect", profile), edge(TurnMode::Always));
        rig.open().await;
        let ended = rig.finish().await;
        ended.result.unwrap();
        assert_eq!((ended.waits.len(), sockets(&simulator)), (0, 1), "{profile}");
    }
}

/// A stop cancels the attempt that is to come, and still ends the session.
#[tokio::test]
async fn a_stop_while_waiting_for_an_attempt_ends_the_session_at_once() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::unhurried(&keys(&proxy.url()).with("unattended", true), edge(TurnMode::Always));
    rig.open().await;
    refuse(&simulator, json!("always"));
    proxy.cut();
    rig.find(|event| matches!(event, SinkEvent::Error { .. }).then_some(())).await;
    rig.halt().await.result.unwrap();
    assert_eq!((refused(&simulator), simulator.active_sessions()), (0, 0));
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
}

/// A service that gives no sign of life is noticed, whether anything is said or not.
#[tokio::test]
async fn a_dead_connection_is_noticed_by_its_silence() {
    let simulator = simulator(Config { ping: None, ..Config::default() });
    simulator.add_faults(faults(json!({"fault":"F21","count":1}))).unwrap();
    let warp = Warp::start(20);
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("ping", "2s"), edge(TurnMode::Always));
    rig.open().await;
    let opened = warp.elapsed();
    let error = rig.find(|event| match event {
        SinkEvent::Error { error, .. } => Some(error.clone()),
        _ => None,
    });
    let error = error.await;
    assert_eq!(error.code, "Disconnected");
    assert!(error.message.contains("2 pings"), "{error}");
    let silent = warp.elapsed() - opened;
    assert!((Duration::from_secs(5)..Duration::from_secs(9)).contains(&silent), "{silent:?}");
    // The next one answers, and is left alone.
    rig.state("open", 2).await;
    warp.skip(Duration::from_secs(1)).await;
    rig.finish().await.result.unwrap();
    assert_eq!((sockets(&simulator), count(&simulator, "POST /startLiveSession")), (2, 1));
}

/// C33: what waits is bounded, what is lost has a name, and after ten seconds there is a new connection.
#[tokio::test]
async fn a_service_that_stops_reading_is_left_for_a_new_connection() {
    let simulator = simulator(Config { ping: None, pace_limit: 0.0, ..Config::default() });
    simulator.add_faults(faults(json!({"fault":"F15","on":"message","nth":3,"stall":"30s"}))).unwrap();
    let warp = Warp::start(25);
    warp.drive(&simulator);
    let mut rig = Rig::unhurried(&keys(&simulator.http_url()).with("ping", "off"), edge(TurnMode::Always));
    rig.open().await;
    rig.begin();
    let mut text = None;
    let mut unsettled = 0;
    let limit = Duration::from_secs(60);
    while rig.outfeed.link() == Link::Up && warp.elapsed() < limit {
        rig.room(1).await;
        rig.chunk(&noise(CHUNK, 1));
        let ledger = rig.control.stats().ledger.read();
        unsettled = unsettled.max(ledger.captured - ledger.delivered - ledger.dropped_total());
        if ledger.dropped_by(Cause::Overflow) > 0 && text.is_none() {
            text = Some(rig.command(SinkAction::Text("are you there?".into())));
        }
        tokio::time::sleep(Duration::from_millis(256)).await;
    }
    let text = text.expect("audio was dropped before the connection was");
    let gone = rig.find(|event| match event {
        SinkEvent::Error { error, .. } => Some(error.clone()),
        _ => None,
    });
    let gone = gone.await;
    assert_eq!(gone.code, "Disconnected");
    assert!(gone.message.contains("stopped reading"), "{gone}");
    assert!(unsettled <= 20 * CHUNK as u64, "{unsettled} frames in memory");
    rig.abort(Reason::Disconnected);
    rig.state("open", 2).await;
    // The text was neither lost nor sent twice.
    let answered = rig.find(|event| match event {
        SinkEvent::Answer(answer) if answer.id == text => Some(answer.result.clone()),
        _ => None,
    });
    answered.await.unwrap();
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert!(ended.ledger.dropped_by(Cause::Overflow) > 0 && ended.ledger.balanced(), "{:?}", ended.ledger);
    assert_eq!((sockets(&simulator), count(&simulator, "POST /startLiveSession")), (2, 1));
    let log = simulator.log();
    assert_eq!(log.messages().filter(|message| message.fields.get("request").is_some()).count(), 1);
}

/// C70, as far as it is the sink's: a microphone that fails ends its turn and falls silent. Neither
/// socket nor session cares how long, and the next turn goes the same way.
#[tokio::test]
async fn a_source_that_fails_costs_neither_socket_nor_session() {
    let simulator = simulator(Config { ping: None, pace_limit: 0.0, ..Config::default() });
    let warp = Warp::start(1);
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("ping", "off"), edge(TurnMode::Speech));
    rig.open().await;
    for turn in 1..=7 {
        rig.begin();
        rig.chunk(&noise(CHUNK, turn));
        until(&simulator, |state| state.log().messages().count() == turn as usize).await;
        rig.abort(Reason::Gap);
        // As long as it takes to find another device, or to plug one in.
        warp.skip(Duration::from_secs(600)).await;
    }
    assert_eq!((simulator.active_sessions(), sockets(&simulator), rig.errors().len()), (1, 1, 0));
    rig.finish().await.result.unwrap();
    assert_eq!((count(&simulator, "POST /startLiveSession"), count(&simulator, "POST /endLiveSession")), (1, 1));
}

/// 12.5: a turn without an answer is told, once, and not sent again.
#[tokio::test]
async fn a_turn_that_is_not_answered_is_told_and_not_sent_again() {
    let simulator = simulator(Config { ping: None, ..Config::default() });
    simulator.add_faults(faults(json!({"fault":"F20","how":"none"}))).unwrap();
    let warp = Warp::start(1);
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("ping", "off"), edge(TurnMode::PushToTalk));
    rig.open().await;
    rig.ask(SinkAction::Text("hello?".into())).await.unwrap();
    until(&simulator, |state| state.log().messages().count() == 1).await;
    warp.skip(Duration::from_secs(29)).await;
    assert_eq!(rig.notices(), [""; 0]);
    warp.skip(Duration::from_secs(1)).await;
    let notice = |event: &SinkEvent| match event {
        SinkEvent::Notice(words) => Some(words.clone()),
        _ => None,
    };
    assert!(rig.find(notice).await.contains("no answer"));
    warp.skip(Duration::from_secs(60)).await;
    assert_eq!((rig.notices().len(), rig.errors().len(), simulator.log().messages().count()), (1, 0, 1));
    rig.finish().await.result.unwrap();
}

//! How a live session is ended, and what the four texts about it oblige to.

use std::time::Duration;

use glottis_core::inlet::Link;
use glottis_core::sink::SinkAction;
use glottis_core::{Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, LicenseStatus};
use serde_json::json;

use crate::rig::*;
use crate::warp::Warp;

fn sessions_told(rig: &Rig) -> Vec<bool> {
    let told = |event: SinkEvent| match event {
        SinkEvent::Session(session) => Some(session.live),
        _ => None,
    };
    rig.events().into_iter().filter_map(told).collect()
}

/// C51: one call with the licence at hand, its retries, and an end of it whatever the service does.
#[tokio::test]
async fn a_session_is_over_here_even_if_the_service_cannot_end_it() {
    for (how, count_of_rule, calls, leaks) in
        [("404", json!(1), 1, 0), ("503", json!(2), 3, 0), ("503", json!("always"), 4, 1), ("hang", json!(1), 1, 1)]
    {
        let simulator = faulty(json!({"fault":"F22","how":how,"count":count_of_rule}));
        let warp = Warp::start(20);
        warp.drive(&simulator);
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.outfeed.close();
        // A call that hangs is in the log when its answer is due, long after the sink has left.
        warp.release(&simulator);
        rig.ended().await.result.unwrap();
        let errors = rig.errors();
        assert_eq!(errors.iter().filter(|(error, _)| error.code == "PossibleLeak").count(), leaks, "{how}: {errors:?}");
        assert_eq!((errors.len(), sessions_told(&rig)), (leaks, vec![true, false]), "{how}");
        let license = license(&simulator);
        let log = simulator.log();
        let ends: Vec<_> = log.requests("POST /endLiveSession").collect();
        assert!(ends.len() == calls, "{how}: {} calls", ends.len());
        assert!(ends.iter().all(|end| end.body == Some(json!({ "LicenseId": license }))));
    }
}

/// C52: a process that is stopped has two seconds for everything.
#[tokio::test]
async fn a_stop_ends_the_session_within_two_seconds_even_if_the_service_hangs() {
    for hang in ["POST /endLiveSession", "connect"] {
        let simulator = simulator(Config::default());
        let warp = Warp::start(5);
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.begin();
        rig.chunk(&noise(CHUNK, 1));
        until(&simulator, |state| state.log().messages().count() == 1).await;
        simulator.add_faults(faults(json!({"on":hang,"count":"always","do":{"hang":true}}))).unwrap();
        let asked = warp.elapsed();
        rig.halt().await.result.unwrap();
        let took = warp.elapsed() - asked;
        assert!(took <= Duration::from_secs(2), "{hang}: {took:?}");
    }
}

/// C54, C55: in every form, with any case and period; the queue is dropped, nothing follows.
#[tokio::test]
async fn an_expired_session_is_forgotten_however_it_is_told() {
    for (form, case, period) in
        [("system", "as-is", false), ("message", "upper", true), ("event", "lower", true), ("error", "as-is", true)]
    {
        let rule = json!({"fault":"F17","text":"expired","as":form,"case":case,"period":period});
        let simulator = faulty(rule.clone());
        let mut rig = Rig::start(&keys(&simulator.http_url()), patient(TurnMode::Always));
        rig.open().await;
        rig.command(SinkAction::Text("hello".into()));
        // More than the pace lets through before the notice comes.
        rig.begin();
        for i in 0..8 {
            rig.chunk(&noise(CHUNK, i));
        }
        let ended = rig.ended().await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, error.phase, ended.waits.len()), ("SessionExpired", "stream", 0), "{rule}");
        assert_eq!(rig.errors().iter().filter(|(error, _)| error.code == "SessionExpired").count(), 1, "{rule}");
        assert_eq!((sessions_told(&rig), rig.outfeed.link()), (vec![true, false], Link::GaveUp), "{rule}");
        assert!(ended.ledger.balanced() && ended.ledger.dropped_total() > 0, "{rule}: {:?}", ended.ledger);
        assert_eq!(count(&simulator, "POST /endLiveSession"), 0, "{rule}");
        until(&simulator, |state| state.open_sockets() == 0).await;
        let log = simulator.log();
        let told = log.sent().position(|message| message.to_string().to_lowercase().contains("expired"));
        assert!(told.is_some(), "{rule}");
        assert_eq!(simulator.violations(), [], "{rule}");
    }
}

/// C55: the licence is dead, and what was on its way when that was told is all that still carries it.
#[tokio::test]
async fn no_message_carries_a_licence_that_is_known_to_be_dead() {
    let simulator = simulator(Config { license_grace: Duration::from_millis(300), ..Config::default() });
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    simulator.add_faults(faults(json!({"fault":"F19","how":"end"}))).unwrap();
    rig.begin();
    rig.chunk(&noise(CHUNK, 1));
    assert_eq!(rig.ended().await.result.unwrap_err().code, "SessionExpired");
    let before = simulator.log().messages().count();
    let refused = rig.control.command(glottis_core::sink::SinkCommand { id: 99, action: SinkAction::Text("x".into()) });
    assert!(refused.is_err() || simulator.log().messages().count() == before);
    until(&simulator, |state| state.open_sockets() == 0).await;
    assert_eq!(simulator.log().messages().count(), before);
    assert_ne!(simulator.licenses()[0].status, LicenseStatus::Active);
}

/// C56, in every form.
#[tokio::test]
async fn a_stream_that_broke_is_ended_once_however_it_is_told() {
    for form in ["system", "message", "event", "error"] {
        let simulator = faulty(json!({"fault":"F17","text":"wrong","as":form,"period":form == "event"}));
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.ask(SinkAction::Text("hello".into())).await.unwrap();
        let ended = rig.ended().await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, ended.waits.len(), rig.errors()), ("StreamError", 0, vec![(error, true)]), "{form}");
        let calls = (count(&simulator, "POST /startLiveSession"), count(&simulator, "POST /endLiveSession"));
        assert_eq!((calls, simulator.active_sessions()), ((1, 1), 0), "{form}");
    }
}

/// C58: an avatar may say anything.
#[tokio::test]
async fn the_four_texts_change_nothing_in_an_avatars_mouth() {
    let texts = ["expired", "wrong", "timeout", "busy"];
    let rules = texts.iter().enumerate().map(|(n, text)| json!({"fault":"F18","text":text,"nth":n + 1}));
    let simulator = faulty(rules.collect());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    for n in 1..=texts.len() {
        rig.ask(SinkAction::Text(format!("turn {n}"))).await.unwrap();
        until(&simulator, |state| state.log().sent().count() == n).await;
    }
    rig.say(&noise(CHUNK, 1), Reason::Stop, 0).await;
    until(&simulator, |state| state.log().messages().count() == 5).await;
    assert_eq!((rig.errors(), sessions_told(&rig)), (vec![], vec![true]));
    rig.outfeed.close();
    rig.ended().await.result.unwrap();
    let replies: Vec<String> = rig.replies().into_iter().map(|reply| reply.text).collect();
    assert_eq!(replies[..2], ["Session expired", "Something went wrong"]);
    assert_eq!(replies[2..4], ["Connection timeout", "All AI assistants are busy at the moment"]);
    assert_eq!(simulator.violations(), []);
}

//! Runs with nobody there: attempts without end, and a new session where a person would start one.

use std::cell::Cell;

use glottis_core::inlet::Link;
use glottis_core::{Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, LicenseStatus};
use serde_json::json;

use crate::proxy::{Proxy, response};
use crate::rig::*;
use crate::support::{Project, avatar, sound};

/// A sink with nobody there.
fn alone(endpoint: &str) -> Rig {
    Rig::start(&keys(endpoint).with("unattended", true), edge(TurnMode::Always))
}

/// C54, C55, C49: an expired session is followed by another, and is not ended again.
#[tokio::test]
async fn an_expired_session_is_followed_by_another() {
    let simulator = simulator(Config { slots: 1, ..Config::default() });
    let mut rig = alone(&simulator.http_url());
    rig.open().await;
    simulator.add_faults(faults(json!({"fault":"F19","how":"expire"}))).unwrap();
    simulator.push(json!({"type":"system","content":"Session expired"}));
    rig.state("open", 2).await;
    assert_eq!(rig.outfeed.link(), Link::Up);
    rig.say(&noise(CHUNK, 1), Reason::Stop, 0).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_waits(&ended.waits, &[2]);
    let licenses = simulator.licenses();
    assert_eq!((licenses.len(), licenses[0].status), (2, LicenseStatus::Expired));
    assert_eq!((licenses[0].samples, licenses[1].samples), (0, CHUNK as u64));
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1, "the second one, at the end");
    assert_eq!((simulator.active_sessions(), simulator.violations().len()), (0, 0));
}

/// C56, C49: a broken stream is ended before the next session begins: there is one slot.
#[tokio::test]
async fn a_broken_stream_is_ended_and_followed_by_another_session() {
    let simulator = simulator(Config { slots: 1, ..Config::default() });
    let mut rig = alone(&simulator.http_url());
    for round in 1..=3 {
        rig.state("open", round).await;
        simulator.push(json!({"type":"event","content":"Something went wrong"}));
    }
    rig.state("open", 4).await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    // None of them held, so the waits grow.
    assert_waits(&ended.waits, &[2, 4, 8]);
    assert_eq!((count(&simulator, "POST /startLiveSession"), count(&simulator, "POST /endLiveSession")), (4, 4));
    assert_eq!(simulator.active_sessions(), 0);
}

#[tokio::test]
async fn attempts_have_no_end_while_waiting_may_help() {
    // The socket cannot be had, and then no avatar is free.
    let simulator = faulty(json!([{"fault":"F14","how":"503","count":5},{"fault":"F6","count":2}]));
    let mut rig = alone(&simulator.http_url());
    rig.open().await;
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_waits(&ended.waits, &[2, 4, 8, 16, 30, 30, 30]);
    assert_eq!(simulator.active_sessions(), 0);
}

/// The whole program: the run goes on with another session, and ends as if nothing had been.
#[test]
fn a_kiosk_goes_on_after_its_session_has_expired() {
    let simulator = crate::support::simulator(Config { slots: 1, ..Config::default() });
    let source = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n";
    let keys = "unattended = true\nreconnect = \"demo\"\nturn = { mode = \"always\" }";
    let sound = sound::wav(16_000, 1, &sound::noise(60 * 16_000, 31));
    let project = Project::new(&format!("{source}{}", avatar(&simulator, keys))).with("in.wav", sound);
    let mut run = project.start(&[]);
    run.wait_for(|event| event["state"] == "open" && event["sink"] == "avatar");
    // The next message is answered with `Session expired`.
    simulator.add_faults(faults(json!({"fault":"F19","how":"expire"}))).unwrap();
    let error = run.wait_for_event("error");
    assert_eq!((&error["code"], &error["fatal"]), (&json!("SessionExpired"), &json!(false)));
    assert_eq!(run.wait_for_event("retry")["in_ms"], 2000);
    // The sink tells the one, the pipeline the other, in either order.
    let (live, begun) = (Cell::new(false), Cell::new(false));
    run.wait_for(|event| {
        live.set(live.get() || (event["event"] == "session" && event["live"] == true));
        begun.set(begun.get() || event["event"] == "segment_begin");
        live.get() && begun.get()
    });
    run.close_stdin();
    let ended = run.finish();
    ended.exits(0);
    let report = ended.events();
    assert_eq!((&report.report()["balanced"], report.reasons("avatar")), (&json!(true), vec!["disconnected", "stop"]));
    assert_eq!((simulator.licenses().len(), simulator.active_sessions()), (2, 0));
}

/// What waiting does not mend still ends the run.
#[tokio::test]
async fn what_no_waiting_mends_is_given_up() {
    for (call, status, code) in [
        ("POST /jwt", 401, "Config"),
        ("POST /startLiveSession", 402, "PaymentRequired"),
        ("GET /connection", 403, "AuthFailed"),
        ("POST /startLiveSession", 418, "Http"),
    ] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        proxy.rule(call, [response(status, "{}")]);
        let mut rig = alone(&proxy.url());
        let ended = rig.ended().await;
        assert_eq!((ended.result.unwrap_err().code, ended.waits.len()), (code, 0), "{call} {status}");
        let fatal = |event: &&SinkEvent| matches!(event, SinkEvent::Error { fatal: true, .. });
        assert_eq!(rig.events().iter().filter(fatal).count(), 1);
    }
}

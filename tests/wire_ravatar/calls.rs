//! What the sink makes of every status, body and silence of the REST calls.

use std::time::Duration;

use glottis_core::TurnMode;
use glottis_core::inlet::Link;
use glottis_sim::ravatar::Simulator;
use serde_json::json;

use crate::rig::*;
use crate::warp::Warp;

/// When the calls to `call` came, on the simulator's clock.
fn times(simulator: &Simulator, call: &str) -> Vec<Duration> {
    let log = simulator.log();
    let calls = log.entries.iter().filter(|entry| match &entry.event {
        glottis_sim::ravatar::Event::Request(request) => format!("{} {}", request.method, request.path) == call,
        _ => false,
    });
    calls.map(|entry| entry.t).collect()
}

/// Waits as announced, each about its length, and not cut short.
#[track_caller]
fn assert_waited(announced: &[Duration], calls: &[Duration], wanted: &[f64]) {
    assert_eq!((announced.len(), calls.len()), (wanted.len(), wanted.len() + 1));
    for ((wait, want), pair) in announced.iter().zip(wanted).zip(calls.windows(2)) {
        assert!((wait.as_secs_f64() / want - 1.0).abs() <= 0.1, "{wait:?} instead of {want} s");
        // The announcement is in whole milliseconds.
        assert!(pair[1] - pair[0] + Duration::from_millis(1) >= *wait, "{calls:?} came earlier than {announced:?}");
    }
}

/// C17.
#[tokio::test]
async fn a_gateway_timeout_is_asked_again_after_1_2_and_4_seconds() {
    let simulator = faulty(json!({"fault":"F7","http":504,"on":"GET /connection","count":"always"}));
    let warp = Warp::start(20);
    warp.drive(&simulator);
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!((error.code, error.phase, error.http_status), ("GatewayTimeout", "configuration", Some(504)));
    assert_waited(&rig.retries(), &times(&simulator, "GET /connection"), &[1.0, 2.0, 4.0]);
}

/// 12.1: a service that says when, up to 30 s, is asked again then.
#[tokio::test]
async fn a_wait_the_service_asks_for_is_kept() {
    for (asked, waited) in [(7, 7.0), (31, 1.0)] {
        let simulator = faulty(json!({"fault":"F7","on":"POST /jwt","retry_after":asked}));
        let warp = Warp::start(20);
        warp.drive(&simulator);
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        assert_waited(&rig.retries(), &times(&simulator, "POST /jwt"), &[waited]);
    }
}

/// C18 for the call that ends a session; the others are in `login`.
#[tokio::test]
async fn an_end_that_must_be_paid_for_is_not_asked_again() {
    let simulator = faulty(json!({"fault":"F5","on":"POST /endLiveSession","count":"always"}));
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    rig.outfeed.close();
    rig.ended().await.result.unwrap();
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
    assert_eq!(rig.errors().len(), 1, "{:?}", rig.errors());
}

/// C18: told on the socket, in the middle of a session, which is then ended once.
#[tokio::test]
async fn a_session_that_must_be_paid_for_is_ended_once() {
    let simulator = faulty(json!({"fault":"F5","how":"notice","count":"always"}));
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    rig.begin();
    for i in 0..4 {
        rig.chunk(&noise(CHUNK, i));
    }
    let ended = rig.ended().await;
    let error = ended.result.unwrap_err();
    assert_eq!((error.code, error.phase, error.http_status), ("PaymentRequired", "stream", Some(402)));
    assert_eq!((ended.waits.len(), rig.errors()), (0, vec![(error, true)]));
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
    assert_eq!((count(&simulator, "POST /startLiveSession"), simulator.active_sessions()), (1, 0));
    assert!(ended.ledger.balanced());
}

/// C19, C20: only if asked for, and in both forms.
#[tokio::test]
async fn a_busy_service_is_asked_four_times_if_wanted() {
    for how in ["http", "ok"] {
        let simulator = faulty(json!({"fault":"F6","how":how,"count":"always"}));
        let warp = Warp::start(20);
        warp.drive(&simulator);
        let mut rig = Rig::start(&keys(&simulator.http_url()).with("busy_retry", true), edge(TurnMode::Always));
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!((error.code, error.http_status), ("Busy", Some(503)));
        assert_waited(&rig.retries(), &times(&simulator, "POST /startLiveSession"), &[1.0, 2.0, 4.0]);
    }
}

#[tokio::test]
async fn an_avatar_that_gets_free_meanwhile_is_taken() {
    let simulator = faulty(json!({"fault":"F6","count":2}));
    let _warp = Warp::start(20);
    let mut rig = Rig::start(&keys(&simulator.http_url()).with("busy_retry", true), edge(TurnMode::Always));
    rig.open().await;
    rig.finish().await.result.unwrap();
    assert_eq!((count(&simulator, "POST /startLiveSession"), simulator.active_sessions()), (3, 0));
}

/// C21.
#[tokio::test]
async fn a_start_without_a_licence_is_no_start() {
    for rule in [
        json!({"fault":"F11","how":"no-license"}),
        json!({"fault":"F11","how":"number"}),
        json!({"on":"POST /startLiveSession","do":{"merge":{"LicenseId":""}}}),
        json!({"on":"POST /startLiveSession","do":{"text":"started"}}),
    ] {
        let simulator = faulty(rule.clone());
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        let ended = rig.ended().await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, error.phase, ended.waits.len()), ("Protocol", "live_start", 0), "{rule}");
        assert!(!rig.events().iter().any(|event| matches!(event, glottis_core::SinkEvent::Session(_))), "{rule}");
        assert_eq!((rig.outfeed.link(), simulator.log().messages().count()), (Link::GaveUp, 0), "{rule}");
        until(&simulator, |state| state.open_sockets() == 0).await;
    }
}

/// C22: the sizes travel as texts; what is too large does not travel.
#[tokio::test]
async fn sizes_are_texts_within_the_services_limits() {
    let simulator = simulator(glottis_sim::ravatar::Config::default());
    let keys = keys(&simulator.http_url());
    for (width, height) in [(1921, 1080), (1920, 1081), (0, 720)] {
        let keys = keys.clone().with("width", width).with("height", height);
        assert!(build(&keys, None).is_err(), "{width} by {height}");
    }
    assert_eq!(requests(&simulator), [""; 0]);
    let mut rig = Rig::start(&keys.with("width", 1920).with("height", 1080), edge(TurnMode::Always));
    rig.open().await;
    rig.finish().await.result.unwrap();
    let log = simulator.log();
    let start = log.requests("POST /startLiveSession").next().unwrap().body.clone();
    assert_eq!(start, Some(json!({"avatar_id":"av-1","width":"1920","height":"1080"})));
    assert_eq!(simulator.violations(), []);
}

/// C23: whatever a body holds, the status is told.
#[tokio::test]
async fn odd_bodies_of_errors_do_no_harm_and_hide_no_status() {
    for how in ["empty", "html", "truncated", "content-type", "huge", "not-json"] {
        for (call, phase) in
            [("POST /jwt", "login"), ("GET /connection", "configuration"), ("POST /startLiveSession", "live_start")]
        {
            let simulator = faulty(json!({"fault":"F10","how":how,"http":418,"on":call}));
            let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
            let error = rig.ended().await.result.unwrap_err();
            assert_eq!((error.code, error.phase, error.http_status), ("Http", phase, Some(418)), "{how}: {error}");
            assert!(error.message.contains("418") && error.message.len() < 1000, "{how}: {error}");
        }
        let simulator = faulty(json!({"fault":"F10","how":how,"http":418,"on":"POST /endLiveSession"}));
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.outfeed.close();
        rig.ended().await.result.unwrap();
        let errors = rig.errors();
        assert!(errors.len() == 1 && errors[0].0.message.contains("418"), "{how}: {errors:?}");
    }
}

/// C23: the same where the status says that all is well.
#[tokio::test]
async fn good_statuses_with_bodies_that_are_not_json_are_protocol_errors() {
    for call in ["POST /jwt", "GET /connection", "POST /startLiveSession"] {
        for rule in [json!({"fault":"F10","how":"not-json","on":call}), json!({"on":call,"do":{"truncate":8}})] {
            let simulator = faulty(rule.clone());
            let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
            assert_eq!(rig.ended().await.result.unwrap_err().code, "Protocol", "{rule}");
        }
    }
}

/// C24: after 30 s, whether nothing comes or only drops.
#[tokio::test]
async fn a_call_without_an_answer_is_abandoned_after_30_seconds() {
    let call = "POST /startLiveSession";
    for rule in [json!({"on":call,"do":{"hang":true}}), json!({"fault":"F9","how":"trickle","on":call})] {
        let simulator = faulty(rule.clone());
        let warp = Warp::start(50);
        warp.drive(&simulator);
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.state("connected", 1).await;
        let asked = warp.elapsed();
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!((error.code, error.phase), ("Network", "live_start"), "{rule}");
        assert!(error.message.contains("no answer within 30s"), "{error}");
        assert!(warp.elapsed() - asked >= Duration::from_secs(30));
        assert_eq!(count(&simulator, call), 1, "a second start might take a second avatar");
    }
}

/// C59.
#[tokio::test]
async fn a_slot_taken_by_a_start_that_failed_is_told_once_another_worked() {
    let simulator = faulty(json!({"fault":"F8"}));
    let _warp = Warp::start(20);
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    let told: Vec<_> = rig.errors().iter().map(|(error, fatal)| (error.code, *fatal)).collect();
    assert_eq!(told, [("PossibleLeak", false)]);
    assert_eq!(simulator.active_sessions(), 2, "one of them is the leak");
    rig.finish().await.result.unwrap();
    assert_eq!(simulator.active_sessions(), 1);
}

/// C54 in the body of an HTTP answer.
#[tokio::test]
async fn the_four_texts_are_known_in_bodies_too() {
    for (text, code) in [("expired", "SessionExpired"), ("busy", "Busy")] {
        let simulator = faulty(json!({"fault":"F17","text":text,"as":"http","case":"upper","period":true}));
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!((error.code, error.phase), (code, "live_start"), "{text}");
        assert_eq!((count(&simulator, "POST /startLiveSession"), count(&simulator, "POST /endLiveSession")), (1, 0));
    }
}

/// The calls are those of the dossier whatever the configuration of the service looks like.
#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_refused_by_name() {
    for (rule, named) in [
        (json!({"fault":"F23","how":"no-avatars"}), "no avatar"),
        (json!({"fault":"F23","how":"no-live"}), "live mode"),
        (json!({"on":"GET /connection","do":{"merge":{"languages":[]}}}), "language"),
    ] {
        let simulator = faulty(rule);
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!(error.code, "Config");
        assert!(error.message.contains(named) && !error.advice.is_empty(), "{error}");
        assert_eq!(count(&simulator, "POST /startLiveSession"), 0);
    }
    let simulator = faulty(json!({"fault":"F23","how":"no-session"}));
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    rig.finish().await.result.unwrap();
}

//! Every kind of stop ends the live session, and says what became of the audio.

use std::time::Duration;

use glottis_core::inlet::Link;
use glottis_core::sink::SinkAction;
use glottis_core::{Cause, Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{CloseBy, Config, Ending, Event, Expiry, LicenseStatus, Simulator};
use serde_json::json;

use crate::proxy::{Fate, Proxy, response};
use crate::rig::*;

fn closes(simulator: &Simulator) -> Vec<(Option<u16>, CloseBy)> {
    let close = |event: &Event| match event {
        Event::SocketClosed { code, by, .. } => Some((*code, *by)),
        _ => None,
    };
    simulator.log().entries.iter().filter_map(|entry| close(&entry.event)).collect()
}

/// C51.
#[tokio::test]
async fn the_end_of_the_run_delivers_all_and_leaves_in_order() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    let said = noise(5 * CHUNK, 1);
    rig.say(&said, Reason::Stop, 0).await;
    rig.outfeed.close();
    let ended = rig.ended().await;
    ended.result.unwrap();
    assert_same(&simulator.pcm(&license(&simulator)), &said);
    assert_eq!(ended.ledger.delivered, 5 * 4096);
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
    assert_eq!(simulator.active_sessions(), 0);
    until(&simulator, |state| state.open_sockets() == 0).await;
    assert_eq!(closes(&simulator), [(Some(1000), CloseBy::Client)]);
    let events = rig.events();
    let tail = &events[events.len() - 3..];
    assert!(matches!(&tail[0], SinkEvent::Session(session) if !session.live && session.license_id.is_none()));
    assert_eq!(tail[1], SinkEvent::Disconnected { close_code: Some(1000), close_reason: None });
    assert_eq!(tail[2], SinkEvent::State("done"));
}

/// The end of the session must not overtake the audio, and must not wait for ever either.
#[tokio::test]
async fn the_session_is_ended_once_all_was_read_whether_the_service_says_so_or_not() {
    for (ignore_pings, ping) in [(false, "30s"), (true, "30s"), (false, "off")] {
        let simulator = simulator(Config { ignore_pings, ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()).with("ping", ping), patient(TurnMode::Always));
        rig.open().await;
        rig.say(&noise(2 * CHUNK, 1), Reason::Stop, 0).await;
        rig.finish().await.result.unwrap();
        assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
        let log = simulator.log();
        let place = |found: &dyn Fn(&Event) -> bool| log.entries.iter().rposition(|entry| found(&entry.event));
        let ended = place(&|event| matches!(event, Event::Request(request) if request.path == "/endLiveSession"));
        let pinged = place(&|event| matches!(event, Event::Ping { .. }));
        let said = place(&|event| matches!(event, Event::Message(_)));
        assert_eq!(pinged.is_some(), ping != "off");
        assert!(ping == "off" || (said < pinged && pinged < ended), "{said:?} {pinged:?} {ended:?}");
    }
}

/// C47.
#[tokio::test]
async fn a_halt_drops_what_waits_and_ends_the_session() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), patient(TurnMode::Always));
    rig.open().await;
    // A pace of 4x leaves most of this in the queue.
    rig.begin();
    for i in 0..12 {
        rig.chunk(&noise(CHUNK, i));
    }
    until(&simulator, |state| state.log().messages().count() >= 1).await;
    let ended = rig.halt().await;
    ended.result.unwrap();
    let ledger = ended.ledger;
    assert!(ledger.dropped_by(Cause::Stopped) > 0 && ledger.balanced(), "{ledger:?}");
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
    assert_eq!(simulator.active_sessions(), 0);
    until(&simulator, |state| state.open_sockets() == 0).await;
    assert_eq!(closes(&simulator), [(Some(1000), CloseBy::Client)]);
}

/// C52: the server never answers the end of the session.
#[tokio::test]
async fn a_halt_does_not_wait_for_a_server_that_hangs() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    proxy.rule("POST /endLiveSession", [Fate::Hang]);
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    rig.open().await;
    rig.control.halt();
    rig.outfeed.close();
    rig.ended().await.result.unwrap();
    let errors = rig.errors();
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].0.code, errors[0].1), ("PossibleLeak", false));
    assert!(errors[0].0.message.contains(&license(&simulator)), "{:?}", errors[0]);
    // Local state is cleared all the same.
    assert!(rig.events().iter().any(|event| matches!(event, SinkEvent::Session(session) if !session.live)));
}

#[tokio::test]
async fn a_halt_ends_every_step_of_the_login() {
    for step in ["POST /jwt", "GET /connection", "GET /ws/chat"] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        proxy.rule(step, [Fate::Hang]);
        let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
        rig.state("connecting", 1).await;
        rig.halt().await.result.unwrap();
        assert_eq!(count(&simulator, "POST /startLiveSession"), 0);
    }
}

/// A start that hangs when the halt comes may have taken a slot: that is said.
#[tokio::test]
async fn a_halt_during_a_start_reports_what_may_be_left_behind() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    proxy.rule("POST /startLiveSession", [Fate::Hang]);
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    rig.state("connected", 1).await;
    rig.control.halt();
    rig.ended().await.result.unwrap();
    assert_eq!(rig.errors().iter().map(|(error, _)| error.code).collect::<Vec<_>>(), ["PossibleLeak"]);
}

/// C54, C55: however the service says it.
#[tokio::test]
async fn an_expired_session_is_forgotten_and_not_ended() {
    for notice in [
        json!({"type":"system","content":"Session expired"}),
        json!({"type":"event","answer":"session expired."}),
        json!({"error":"SESSION EXPIRED"}),
        json!({"type":"incoming","error":"Session expired"}),
    ] {
        let simulator = simulator(Config::default());
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        simulator.push(notice.clone());
        let ended = rig.ended().await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, error.phase), ("SessionExpired", "stream"), "{notice}");
        assert_eq!(rig.errors(), [(error, true)]);
        assert_eq!(ended.waits, []);
        assert_eq!(count(&simulator, "POST /endLiveSession"), 0);
        assert_eq!(rig.outfeed.link(), Link::GaveUp);
        until(&simulator, |state| state.open_sockets() == 0).await;
        assert_eq!(simulator.log().messages().count(), 0);
    }
}

#[tokio::test]
async fn a_licence_that_runs_out_is_noticed_in_all_its_forms() {
    for expiry in [Expiry::Eager, Expiry::Close, Expiry::Lazy] {
        let ttl = Some(Duration::from_secs(3600));
        let simulator = simulator(Config { expiry, license_ttl: ttl, ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        simulator.clock().advance(Duration::from_secs(3601));
        if expiry == Expiry::Lazy {
            rig.begin();
            rig.chunk(&noise(CHUNK, 1));
        }
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!(error.code, "SessionExpired", "{expiry:?}");
        assert_eq!(count(&simulator, "POST /endLiveSession"), 0);
        assert_eq!(simulator.licenses()[0].status, LicenseStatus::Expired);
    }
}

/// C56.
#[tokio::test]
async fn a_broken_stream_is_ended_once_and_not_begun_again() {
    let simulator = simulator(Config { ending: Ending::Once, ..Config::default() });
    let mut rig = Rig::start(&keys(&simulator.http_url()), patient(TurnMode::Always));
    rig.open().await;
    simulator.push(json!({"type":"system","message":"Something went wrong."}));
    let ended = rig.ended().await;
    assert_eq!(ended.result.unwrap_err().code, "StreamError");
    assert_eq!(ended.waits, []);
    assert_eq!(count(&simulator, "POST /startLiveSession"), 1);
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
    assert_eq!(simulator.active_sessions(), 0);
}

#[tokio::test]
async fn a_status_on_the_socket_counts_as_one_of_http() {
    for (status, code) in [(402, "PaymentRequired"), (503, "Busy"), (500, "StreamError")] {
        let simulator = simulator(Config::default());
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        simulator.push(json!({"type":"event","status":status,"error":"words"}));
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!((error.code, error.http_status), (code, Some(status)));
        assert_eq!(simulator.active_sessions(), 0);
    }
}

/// C57, without the waits: three stalls are waited out, an answer makes up for them.
#[tokio::test]
async fn a_stalling_stream_is_given_three_chances() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    let stall = || simulator.push(json!({"type":"event","content":"Connection timeout"}));
    for _ in 0..3 {
        stall();
    }
    simulator.push(json!({"type":"incoming","answer":"I am back"}));
    for _ in 0..4 {
        stall();
    }
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!(error.code, "StreamError");
    let warnings = rig.errors().iter().filter(|(_, fatal)| !fatal).count();
    assert_eq!(warnings, 6);
    assert_eq!(count(&simulator, "POST /endLiveSession"), 1);
}

/// C7 for the call that matters most.
#[tokio::test]
async fn a_session_is_ended_even_if_its_token_has_died() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    simulator.clock().advance(Duration::from_secs(25 * 3600));
    rig.finish().await.result.unwrap();
    let calls = requests(&simulator);
    assert_eq!(calls[calls.len() - 3..], ["POST /endLiveSession", "POST /jwt", "POST /endLiveSession"]);
    assert_eq!(simulator.active_sessions(), 0);
}

/// 4.5: a session the service no longer knows has ended; one it cannot end is reported.
#[tokio::test]
async fn an_end_that_fails_is_reported_and_one_that_is_late_is_not() {
    for (status, leaks) in [(404, 0), (410, 0), (500, 1)] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        proxy.rule("POST /endLiveSession", [response(status, "")]);
        let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
        rig.open().await;
        rig.outfeed.close();
        rig.ended().await.result.unwrap();
        assert_eq!(rig.errors().len(), leaks, "{status}");
    }
}

#[tokio::test]
async fn a_text_that_comes_too_late_is_answered() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    proxy.rule("POST /endLiveSession", [Fate::Hang]);
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    rig.open().await;
    rig.control.halt();
    let text = rig.command(SinkAction::Text("wait for me".into()));
    rig.ended().await.result.unwrap();
    let answered = |event: &SinkEvent| matches!(event, SinkEvent::Answer(answer) if answer.id == text);
    assert_eq!(rig.events().iter().filter(|event| answered(event)).count(), 1);
}

/// C47: a turn that is half on its way when the run is stopped counts as dropped. So it must not arrive, also
/// where the service goes on reading at that moment.
#[tokio::test]
async fn a_turn_half_on_its_way_at_a_stop_never_arrives() {
    const CHUNKS: usize = 120;
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let keys = keys(&proxy.url()).with("audio", "blob").with("max_message", "8MiB");
    let mut rig = Rig::start(&keys, patient(TurnMode::PushToTalk));
    rig.open().await;
    proxy.stop(true);
    rig.say(&noise(CHUNKS * CHUNK, 1), Reason::Release, 0).await;
    // The turn is taken, and with it what the system holds.
    rig.room(16).await;
    proxy.stop(false);
    rig.control.halt();
    rig.outfeed.close();
    let ended = rig.ended().await;
    ended.result.unwrap();
    until(&simulator, |state| state.open_sockets() == 0).await;
    assert_eq!((simulator.blobs().len(), ended.ledger.delivered), (0, 0));
    assert_eq!(ended.ledger.dropped_by(Cause::Stopped), (CHUNKS * CHUNK) as u64);
    let closed = |event: &SinkEvent| matches!(event, SinkEvent::Disconnected { close_code: None, .. });
    assert!(rig.events().iter().any(closed), "nobody said goodbye: {:#?}", rig.events());
}

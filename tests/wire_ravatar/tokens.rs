//! The token: how it is had, how it is replaced, and what happens when it cannot be.

use std::sync::Arc;
use std::time::Duration;

use glottis_core::sink::SinkAction;
use glottis_core::{Reason, SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, Event, Simulator, TokenUse};
use serde_json::json;

use crate::proxy::Proxy;
use crate::rig::*;
use crate::warp::Warp;

/// The tokens of the calls to `call`, as the service knows them.
fn tokens(simulator: &Simulator, call: &str) -> Vec<TokenUse> {
    simulator.log().requests(call).map(|request| request.token.clone()).collect()
}

/// C2: before anything is sent.
#[tokio::test]
async fn ids_the_service_would_not_take_are_refused_here() {
    let simulator = simulator(Config::default());
    let keys = keys(&simulator.http_url());
    for (key, bad) in [
        ("user_id", String::new()),
        ("user_id", "a b".into()),
        ("user_id", "ä".into()),
        ("user_id", "x".repeat(129)),
        ("project_id", String::new()),
        ("project_id", "a_b".into()),
        ("project_id", "x".repeat(65)),
    ] {
        let problems = build(&keys.clone().with(key, bad.as_str()), None).err().expect("it is refused");
        assert!(problems.len() == 1 && problems[0].to_string().contains(key), "{bad:?}: {problems:?}");
    }
    for (key, good) in [("user_id", "x".repeat(128)), ("user_id", "A-z_9".into()), ("project_id", "x".repeat(64))] {
        assert!(build(&keys.clone().with(key, good.as_str()), None).is_ok(), "{good}");
    }
    assert_eq!(requests(&simulator), [""; 0]);
}

/// C3.
#[tokio::test]
async fn the_token_is_taken_by_either_name_and_jwt_comes_first() {
    for rule in [
        json!([]),
        json!([{"fault":"F4","how":"token-field"}]),
        json!([{"on":"POST /jwt","do":{"merge":{"token":"another"}}}]),
        json!([{"on":"POST /jwt","do":{"change":"token-field","merge":{"jwt":""}}}]),
    ] {
        let simulator = faulty(rule.clone());
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.finish().await.result.unwrap();
        assert_eq!(count(&simulator, "POST /jwt"), 1, "{rule}");
        assert_eq!(simulator.violations(), [], "{rule}");
    }
}

/// C3, C4: nothing follows an answer without a token.
#[tokio::test]
async fn a_login_that_gives_no_token_is_an_error_and_the_end() {
    for (rule, code) in [
        (json!({"fault":"F4","how":"no-token"}), "Protocol"),
        (json!({"on":"POST /jwt","do":{"merge":{"jwt":"","token":""}}}), "Protocol"),
        (json!({"on":"POST /jwt","do":{"merge":{"jwt":"two\nlines"}}}), "Protocol"),
        (json!({"fault":"F4","how":"failure"}), "AuthFailed"),
        (json!({"on":"POST /jwt","do":{"merge":{"result":"failure"}}}), "AuthFailed"),
        (json!({"fault":"F4","how":"forbidden"}), "AuthFailed"),
    ] {
        let simulator = faulty(rule.clone());
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!((error.code, error.phase), (code, "login"), "{rule}");
        assert_eq!(requests(&simulator), ["POST /jwt"], "{rule}");
    }
}

/// C5.
#[tokio::test]
async fn what_the_login_refuses_is_named_in_the_vendors_words_and_not_asked_again() {
    for (how, status) in [("invalid_user_id", 400), ("invalid_project_id", 400), ("project_not_found", 401)] {
        let simulator = faulty(json!({"fault":"F4","how":how}));
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!((error.code, error.http_status, error.server_code.as_deref()), ("Config", Some(status), Some(how)));
        assert!(error.message.contains(how) && !error.advice.is_empty(), "{error}");
        assert_eq!(requests(&simulator), ["POST /jwt"]);
    }
}

/// C7, for every call.
#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_call_made_once_more() {
    for call in ["GET /connection", "POST /startLiveSession", "POST /endLiveSession"] {
        let simulator = faulty(json!({"on":call,"do":{"http":403}}));
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.finish().await.result.unwrap();
        let calls = requests(&simulator);
        let at = calls.iter().position(|name| name == call).unwrap();
        assert_eq!(calls[at..at + 3], [call, "POST /jwt", call]);
        assert_eq!((count(&simulator, call), count(&simulator, "POST /jwt")), (2, 2));
        assert_eq!(tokens(&simulator, call), [TokenUse::Valid("token-1".into()), TokenUse::Valid("token-2".into())]);
        assert_eq!(simulator.active_sessions(), 0);
    }
}

/// C8: calls whose token dies under them all at once.
#[tokio::test]
async fn ten_calls_that_are_refused_together_share_one_new_token() {
    let simulator = simulator(Config::default());
    let account = Arc::new(account(&keys(&simulator.http_url()), None));
    account.history().await.unwrap();
    simulator.add_faults(faults(json!({"fault":"F1"}))).unwrap();
    let calls = (0..10).map(|_| {
        let account = account.clone();
        tokio::spawn(async move { account.history().await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    assert_eq!((count(&simulator, "POST /jwt"), count(&simulator, "GET /chat")), (2, 1 + 10 + 10));
    let used = tokens(&simulator, "GET /chat");
    let dead = used.iter().filter(|token| **token == TokenUse::Expired("token-1".into())).count();
    let good = used.iter().filter(|token| **token == TokenUse::Valid("token-2".into())).count();
    assert_eq!((dead, good), (10, 10));
}

/// C9: the whole way, from the call to the closed socket.
#[tokio::test]
async fn a_second_refusal_is_final() {
    for (call, others) in [("GET /connection", 2), ("POST /startLiveSession", 3)] {
        let simulator = faulty(json!({"on":call,"count":"always","do":{"http":403}}));
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        let ended = rig.ended().await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, error.http_status), ("AuthFailed", Some(403)));
        assert_eq!((ended.waits.len(), rig.errors()), (0, vec![(error, true)]));
        assert_eq!(count(&simulator, call), 2);
        assert_eq!(requests(&simulator).len(), 2 + others, "{:?}", requests(&simulator));
        until(&simulator, |state| state.open_sockets() == 0).await;
        assert_eq!(rig.outfeed.link(), glottis_core::inlet::Link::GaveUp, "no capture");
        assert_eq!(simulator.log().messages().count(), 0);
    }
}

/// C9, in the middle of a session: the service takes no token any more, fresh ones included.
#[tokio::test]
async fn a_session_whose_user_is_refused_is_left_without_another_call() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(CHUNK, 1));
    until(&simulator, |state| state.log().messages().count() == 1).await;
    simulator.push(json!({"type":"system","status":403,"error":"no longer"}));
    simulator.add_faults(faults(json!({"on":"POST /jwt","count":"always","do":{"http":403}}))).unwrap();
    let ended = rig.ended().await;
    let error = ended.result.unwrap_err();
    assert_eq!(error.code, "AuthFailed");
    assert_eq!(count(&simulator, "POST /endLiveSession"), 0, "nobody would answer");
    assert!(rig.events().iter().any(|event| matches!(event, SinkEvent::Session(session) if !session.live)));
    until(&simulator, |state| state.open_sockets() == 0).await;
    assert!(ended.ledger.balanced());
}

/// C10: refresh and retries have counters of their own.
#[tokio::test]
async fn a_token_refused_between_two_retries_is_replaced_all_the_same() {
    let busy = |nth: u32| json!({"on":"GET /connection","nth":nth,"do":{"http":503}});
    // Each rule counts every call: 503, 403, 503, 503, and then it works.
    let simulator = faulty(json!([busy(1), {"on":"GET /connection","nth":2,"do":{"http":403}}, busy(3), busy(4)]));
    let warp = Warp::start(20);
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    assert_eq!(rig.retries().len(), 3);
    drop(warp);
    let (jwt, connection) = ("POST /jwt", "GET /connection");
    let calls = requests(&simulator);
    assert_eq!(calls[..7], [jwt, connection, connection, jwt, connection, connection, connection]);
    let used = tokens(&simulator, connection);
    assert_eq!(used[1], TokenUse::Valid("token-1".into()));
    assert_eq!(used[2], TokenUse::Valid("token-2".into()));
}

/// C11: an old token is replaced before the socket is opened again; one that is nearly old is not.
#[tokio::test]
async fn a_token_of_23_hours_is_replaced_before_a_connect() {
    for (hours, tokens) in [(22, 1), (23, 2)] {
        let simulator = simulator(Config { ping: None, ..Config::default() });
        let proxy = Proxy::to(&simulator.http_url()).await;
        let warp = Warp::start(1);
        warp.drive(&simulator);
        let mut rig = Rig::start(&keys(&proxy.url()).with("ping", "off"), edge(TurnMode::Always));
        rig.open().await;
        warp.skip(Duration::from_secs(hours * 3600 + 1)).await;
        proxy.cut();
        rig.state("open", 2).await;
        assert_eq!(count(&simulator, "POST /jwt"), tokens, "{hours} h");
        let log = simulator.log();
        let mut opened = log.entries.iter().filter_map(|entry| match &entry.event {
            Event::SocketOpened { token, .. } => Some(token.clone()),
            Event::SocketRefused { .. } => panic!("the old token was tried"),
            _ => None,
        });
        let last = opened.next_back().unwrap();
        assert_eq!(last, TokenUse::Valid(format!("token-{tokens}")));
        // The session goes on with it.
        rig.ask(SinkAction::Text("still there?".into())).await.unwrap();
        rig.finish().await.result.unwrap();
        assert_eq!(count(&simulator, "POST /startLiveSession"), 1);
    }
}

/// C11, C9: a clock that jumps makes the token die on the way; the sink finds out and goes on.
#[tokio::test]
async fn a_token_that_dies_in_a_session_costs_nothing_but_a_refresh() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), patient(TurnMode::Always));
    rig.open().await;
    let said = noise(4 * CHUNK, 3);
    rig.begin();
    for chunk in said[..2 * CHUNK].chunks(CHUNK) {
        rig.chunk(chunk);
    }
    simulator.add_faults(faults(json!({"fault":"F25"}))).unwrap();
    for chunk in said[2 * CHUNK..].chunks(CHUNK) {
        rig.chunk(chunk);
    }
    rig.end(Reason::Stop, 0);
    let ended = rig.finish().await;
    ended.result.unwrap();
    assert_same(&simulator.pcm(&license(&simulator)), &said);
    assert_eq!((ended.ledger.delivered, simulator.active_sessions()), (4 * 4096, 0));
    assert_eq!(count(&simulator, "POST /jwt"), 2);
}

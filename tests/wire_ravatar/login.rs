//! From the first call to the open session, and what is refused on the way.

use glottis_core::{SinkEvent, TurnMode};
use glottis_sim::ravatar::{Avatar, Config, Event, Naming, Refusal, SessionForm, SessionUse, TokenForm, VadFlag};

use crate::proxy::{Fate, Proxy, response};
use crate::rig::*;

/// C1, C6, C26, C27, C48.
#[tokio::test]
async fn the_calls_come_in_order_and_nothing_is_said_without_need() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    rig.finish().await.result.unwrap();
    let log = simulator.log();
    let calls = ["POST /jwt", "GET /connection", "POST /startLiveSession", "POST /endLiveSession"];
    assert_eq!(requests(&simulator), calls);
    let jwt = log.requests("POST /jwt").next().unwrap();
    assert_eq!(jwt.body, Some(serde_json::json!({"user_id":"tester","project_id":"demo-project"})));
    assert!(!jwt.authorization && jwt.content_type.as_deref() == Some("application/json"));
    assert!(log.requests("").filter(|request| request.path != "/jwt").all(|request| request.authorization));
    let start = log.requests("POST /startLiveSession").next().unwrap();
    let size = serde_json::json!({"avatar_id":"av-1","width":"1280","height":"720"});
    assert_eq!(start.body, Some(size));
    let place = |found: &dyn Fn(&Event) -> bool| log.entries.iter().position(|entry| found(&entry.event)).unwrap();
    let opened = place(&|event| matches!(event, Event::SocketOpened { .. }));
    let started = place(&|event| matches!(event, Event::Request(request) if request.path == "/startLiveSession"));
    assert!(opened < started, "the socket comes first");
    assert_eq!(log.messages().count(), 0);
    assert_eq!(simulator.violations(), []);
}

#[tokio::test]
async fn events_tell_the_way() {
    let simulator = simulator(Config::default());
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    let events = rig.events();
    rig.finish().await.result.unwrap();
    let license = license(&simulator);
    let mut events = events.into_iter();
    assert_eq!(events.next(), Some(SinkEvent::State("connecting")));
    let capabilities = vec!["text".to_owned(), "voice".to_owned()];
    assert_eq!(events.next(), Some(SinkEvent::Connected { connection_id: None, capabilities }));
    assert_eq!(events.next(), Some(SinkEvent::State("connected")));
    let Some(SinkEvent::Session(session)) = events.next() else { panic!("no session") };
    assert!(session.live && session.has_streaming_url && session.streaming_url.is_none());
    assert_eq!(session.license_id, Some(license));
    assert_eq!(events.next(), Some(SinkEvent::State("open")));
}

/// C13, C15, C25.
#[tokio::test]
async fn every_form_of_token_session_and_names_works() {
    for (naming, session, token_form, used) in [
        (Naming::Demo, SessionForm::Long, TokenForm::Awkward, SessionUse::Same),
        (Naming::Both, SessionForm::Jwt, TokenForm::Awkward, SessionUse::Same),
        (Naming::Docs, SessionForm::Empty, TokenForm::Jwt, SessionUse::Absent),
        (Naming::Docs, SessionForm::Absent, TokenForm::Jwt, SessionUse::Absent),
    ] {
        let simulator = simulator(Config { naming, session, token_form, ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        rig.open().await;
        rig.say(&noise(CHUNK, 1), glottis_core::Reason::Stop, 0).await;
        rig.finish().await.result.unwrap();
        let log = simulator.log();
        assert!(log.messages().count() == 1 && log.messages().all(|message| message.session == used));
        assert_eq!(simulator.violations(), []);
    }
}

/// C14.
#[tokio::test]
async fn the_service_decides_who_says_when_a_turn_is_over() {
    for (vad_enabled, voice, asked, chosen) in [
        (VadFlag::On, true, TurnMode::Auto, TurnMode::Speech),
        (VadFlag::On, false, TurnMode::Auto, TurnMode::PushToTalk),
        (VadFlag::Off, true, TurnMode::Auto, TurnMode::PushToTalk),
        (VadFlag::Absent, true, TurnMode::Auto, TurnMode::PushToTalk),
        (VadFlag::On, true, TurnMode::PushToTalk, TurnMode::Auto),
    ] {
        let simulator = simulator(Config { vad_enabled, ..Config::default() });
        let edge = glottis_core::sink::Edge { voice, ..edge(asked) };
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge);
        rig.open().await;
        assert_eq!(rig.outfeed.turn(), chosen, "{vad_enabled:?} {voice} {asked:?}");
        rig.finish().await.result.unwrap();
    }
}

#[tokio::test]
async fn a_user_id_is_generated_once_and_used_again() {
    let state = tempfile::tempdir().unwrap();
    let simulator = simulator(Config::default());
    let keys =
        glottis_core::param::Table::default().with("endpoint", simulator.http_url()).with("project_id", "demo-project");
    for _ in 0..2 {
        let mut rig = Rig::of(sink(&keys, &edge(TurnMode::Always), Some(state.path())), 8);
        rig.open().await;
        rig.finish().await.result.unwrap();
    }
    let users: Vec<String> = simulator.licenses().into_iter().map(|license| license.user_id).collect();
    assert!(users.len() == 2 && users[0] == users[1] && users[0].len() == 24, "{users:?}");
}

/// C5.
#[tokio::test]
async fn an_unknown_project_is_named_and_not_retried() {
    let simulator = simulator(Config { projects: vec!["another".into()], ..Config::default() });
    let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!((error.code, error.phase, error.http_status), ("Config", "login", Some(401)));
    assert_eq!(error.server_code.as_deref(), Some("project_not_found"));
    assert!(!error.advice.is_empty());
    assert_eq!(requests(&simulator), ["POST /jwt"]);
    assert_eq!(rig.errors(), [(error, true)]);
}

/// C16.
#[tokio::test]
async fn an_avatar_that_cannot_be_live_is_refused_before_a_start() {
    let simulator = simulator(Config::default());
    let keys = keys(&simulator.http_url()).with("avatar", "av-2");
    let mut rig = Rig::start(&keys, edge(TurnMode::Always));
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!(error.code, "Config");
    assert!(error.message.contains("av-2"), "{error}");
    assert_eq!(count(&simulator, "POST /startLiveSession"), 0);
    assert_eq!(rig.outfeed.link(), glottis_core::inlet::Link::GaveUp);
    let unsaid = Avatar { id: "av-3".into(), name: String::new(), has_live_mode: None, greeting: String::new() };
    let simulator = crate::rig::simulator(Config { avatars: vec![unsaid], ..Config::default() });
    let mut rig = Rig::start(&crate::rig::keys(&simulator.http_url()), edge(TurnMode::Always));
    rig.open().await;
    rig.finish().await.result.unwrap();
}

/// C19, C20.
#[tokio::test]
async fn a_busy_service_is_asked_once() {
    for busy_as_ok in [false, true] {
        let simulator = simulator(Config { slots: 0, busy_as_ok, ..Config::default() });
        let mut rig = Rig::start(&keys(&simulator.http_url()), edge(TurnMode::Always));
        let ended = rig.ended().await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, error.phase, error.http_status), ("Busy", "live_start", Some(503)));
        assert_eq!(ended.waits, []);
        assert_eq!(rig.errors(), [(error, true)]);
        assert_eq!(count(&simulator, "POST /startLiveSession"), 1);
        assert_eq!(count(&simulator, "POST /endLiveSession"), 0);
        until(&simulator, |state| state.open_sockets() == 0).await;
    }
}

/// C3, C21 and odd answers over a real socket.
#[tokio::test]
async fn answers_that_lack_what_matters_are_protocol_errors() {
    for (call, body, phase) in [
        ("POST /jwt", "{}", "login"),
        ("GET /connection", "<html>", "configuration"),
        ("POST /startLiveSession", r#"{"status":200,"LicenseId":17}"#, "live_start"),
    ] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        proxy.rule(call, [response(200, body)]);
        let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
        let error = rig.ended().await.result.unwrap_err();
        assert_eq!((error.code, error.phase), ("Protocol", phase), "{error}");
        assert_eq!(count(&simulator, "POST /endLiveSession"), 0);
    }
}

/// C18.
#[tokio::test]
async fn a_service_that_wants_to_be_paid_is_not_asked_again() {
    for (call, phase) in [
        ("POST /jwt", "login"),
        ("GET /connection", "configuration"),
        ("GET /ws/chat", "connect"),
        ("POST /startLiveSession", "live_start"),
    ] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        proxy.rule(call, [response(402, r#"{"error":"no balance"}"#)]);
        let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
        let ended = rig.ended().await;
        let error = ended.result.unwrap_err();
        assert_eq!((error.code, error.phase, error.http_status), ("PaymentRequired", phase, Some(402)));
        assert_eq!(error.server_detail.as_deref(), Some("no balance"));
        assert_eq!((rig.errors().len(), ended.waits.len()), (1, 0));
    }
}

/// C24; and a start that was sent may have worked.
#[tokio::test]
async fn a_start_without_an_answer_is_abandoned_and_reported() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    proxy.rule("POST /startLiveSession", [Fate::Hang]);
    let mut rig = Rig::start(&keys(&proxy.url()).with("http_timeout", "1s"), edge(TurnMode::Always));
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!((error.code, error.phase), ("Network", "live_start"));
    assert!(error.message.contains("no answer within 1s"), "{error}");
    let codes: Vec<_> = rig.errors().into_iter().map(|(error, fatal)| (error.code, fatal)).collect();
    assert_eq!(codes, [("PossibleLeak", false), ("Network", true)]);
}

/// C28 at the first connect, in all the forms a refusal can take.
#[tokio::test]
async fn a_socket_that_refuses_the_token_is_tried_once_more_with_a_new_one() {
    for refusal in [response(403, ""), response(401, r#"{"error":"expired"}"#)] {
        let simulator = simulator(Config::default());
        let proxy = Proxy::to(&simulator.http_url()).await;
        proxy.rule("GET /ws/chat", [refusal, Fate::Pass]);
        let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
        rig.open().await;
        let ended = rig.finish().await;
        ended.result.unwrap();
        assert_eq!(ended.waits, [], "at once, and not as an attempt");
        assert_eq!(count(&simulator, "POST /jwt"), 2);
    }
}

#[tokio::test]
async fn a_socket_that_refuses_every_token_is_tried_four_times() {
    let simulator = simulator(Config::default());
    let proxy = Proxy::to(&simulator.http_url()).await;
    proxy.rule("GET /ws/chat", [response(403, "")]);
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
    let ended = rig.ended().await;
    assert_eq!(ended.result.unwrap_err().code, "AuthFailed");
    assert_waits(&ended.waits, &[2, 4, 8]);
    assert_eq!(count(&simulator, "POST /startLiveSession"), 0, "no avatar is taken up");
}

/// The same, with the socket opened first and closed at once.
#[tokio::test]
async fn a_token_refused_by_a_close_code_is_replaced_too() {
    for refusal in [Refusal::Close1008, Refusal::Close4401] {
        let simulator = simulator(Config { refusal, ..Config::default() });
        let proxy = Proxy::to(&simulator.http_url()).await;
        let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Always));
        rig.open().await;
        let license = license(&simulator);
        // The token dies, then the connection.
        simulator.clock().advance(std::time::Duration::from_secs(25 * 3600));
        proxy.cut();
        rig.state("open", 2).await;
        rig.state("connected", 3).await;
        rig.state("open", 3).await;
        let ended = rig.finish().await;
        ended.result.unwrap();
        assert_eq!(ended.waits.len(), 1, "one for the cut, none for the refusal");
        assert_eq!(count(&simulator, "POST /jwt"), 2);
        assert_eq!(crate::rig::license(&simulator), license, "the session was kept");
    }
}

/// The error of a service that is not there names it. Takes the three retries: seven seconds.
#[tokio::test]
async fn an_unreachable_service_is_named_with_host_and_port() {
    // Bound and not listening any more: nobody else gets this port while the test runs.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let host = socket.local_addr().unwrap().to_string();
    let mut rig = Rig::start(&keys(&format!("http://{host}")), edge(TurnMode::Always));
    let refused = rig.ask(glottis_core::sink::SinkAction::Text("too early".into())).await;
    assert!(refused.unwrap_err().contains("not up"));
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!((error.code, error.phase), ("Network", "login"));
    assert!(error.message.contains(&host) && error.message.to_lowercase().contains("refused"), "{error}");
    assert!(!error.advice.is_empty());
}

//! Connections that are lost, refused or left, and errors of the service.

use std::time::Duration;

use glottis_core::{Cause, Reason, SinkErrorKind, SinkEvent};
use glottis_sim::avatarkit::proto::{Data, Message, ServerError};
use glottis_sim::avatarkit::{Config, Credits, Rules, Simulator};

use crate::rig::*;

fn faults(text: &str) -> Config {
    let faults: Rules = serde_json::from_str(text).expect("rules");
    Config { faults, ..Config::default() }
}

fn error(code: i32, message: &str, req_id: &str) -> Message {
    Message::of(Data::Error(ServerError {
        connection_id: "conn".to_owned(),
        req_id: req_id.to_owned(),
        code,
        message: message.to_owned(),
    }))
}

fn disconnects(rig: &Rig) -> Vec<Option<u16>> {
    let code = |event| match event {
        SinkEvent::Disconnected { close_code, .. } => Some(close_code),
        _ => None,
    };
    rig.events().into_iter().filter_map(code).collect()
}

fn tokens(simulator: &Simulator) -> usize {
    simulator.log().requests().filter(|request| request.token.is_some()).count()
}

/// A live source: what was not written is lost by name, and nothing of the old request is repeated.
#[tokio::test]
async fn a_live_segment_ends_with_its_connection_and_the_next_begins_on_another() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(1600, 1));
    until_heard(&simulator, 1600).await;
    simulator.close(None, "");
    rig.state("open", 2).await;
    // As the outlet does it.
    rig.abort(Reason::Disconnected);
    rig.say(&noise(1600, 2), 1600).await;
    let errors = rig.errors();
    let gone = disconnects(&rig);
    let ended = rig.finish().await;
    assert_eq!(ended.waits.len(), 1);
    assert!((0.4..=0.6).contains(&ended.waits[0].as_secs_f64()), "{:?}", ended.waits);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((errors[0].0.code, errors[0].0.kind, errors[0].1), ("connectionClosed", SinkErrorKind::Retry, false));
    assert_eq!((errors[0].0.close_code, gone), (None, vec![None]));
    let (connections, speeches) = (simulator.connections(), simulator.speeches());
    assert_eq!((connections.len(), speeches.len(), tokens(&simulator)), (2, 2, 2));
    assert_ne!(connections[0].upgrade.token, connections[1].upgrade.token);
    assert!(!speeches[0].ended && speeches[1].ended);
    assert_eq!(ended.ledger.delivered + ended.lost(Cause::Disconnected), 3200);
}

/// A source that can wait: nothing is lost and nothing comes twice.
#[tokio::test]
async fn a_patient_segment_goes_on_with_the_first_frame_not_written() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), patient(16_000));
    rig.open().await;
    let sound = noise(8000, 1);
    rig.begin();
    rig.chunk(&sound[..1600]);
    until_heard(&simulator, 1600).await;
    simulator.close(Some(1011), "gone");
    rig.state("open", 2).await;
    for chunk in sound[1600..].chunks(1600) {
        rig.chunk(chunk);
    }
    rig.end(Reason::SpeechEnd);
    let errors = rig.errors();
    let ended = rig.finish().await;
    let speeches = simulator.speeches();
    assert_eq!(speeches.len(), 2);
    assert_same(&crate::rig::sound(&speeches), &sound);
    assert_eq!((ended.ledger.delivered, ended.ledger.dropped_total()), (8000, 0));
    assert_eq!((errors[0].0.close_code, errors[0].0.close_reason.as_deref()), (Some(1011), Some("gone")));
    assert!(!speeches[0].ended && speeches[1].ended);
}

/// The service may leave when there is nothing to say. The next word finds it again.
#[tokio::test]
async fn a_clean_close_in_between_is_no_error_and_the_next_word_connects_again() {
    for code in [1000, 1001] {
        let simulator = simulator(Config::default());
        let folder = tempfile::tempdir().unwrap();
        let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
        rig.open().await;
        rig.say(&noise(1600, 1), 1600).await;
        until(&simulator, |state| state.speeches().any(|speech| speech.ended)).await;
        simulator.close(Some(code), "bye");
        rig.find(|event| matches!(event, SinkEvent::Disconnected { .. }).then_some(())).await;
        assert_eq!(simulator.connections().len(), 1, "no reason to connect yet");
        rig.say(&noise(3200, 2), 1600).await;
        rig.state("open", 2).await;
        let (errors, gone) = (rig.errors(), disconnects(&rig));
        let ended = rig.finish().await;
        assert_eq!((errors, gone, ended.waits), (vec![], vec![Some(code)], vec![]));
        let speeches = simulator.speeches();
        assert_eq!((speeches.len(), speeches[1].pcm().len()), (2, 3200));
        assert_eq!((ended.ledger.delivered, tokens(&simulator)), (4800, 2));
    }
}

/// An idle service says so and leaves: told, but no failure.
#[tokio::test]
async fn an_idle_session_ends_without_a_failure() {
    let simulator = simulator(Config { idle: Duration::from_millis(200), ..Config::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    rig.say(&noise(1600, 1), 1600).await;
    rig.find(|event| matches!(event, SinkEvent::Disconnected { .. }).then_some(())).await;
    let errors = rig.errors();
    let ended = rig.finish().await;
    assert_eq!((errors.len(), errors[0].0.code, errors[0].1), (1, "idleTimeout", false));
    assert_eq!((ended.result, ended.waits), (Ok(()), vec![]));
}

/// An error and the close that belongs to it are one error and one goodbye.
#[tokio::test]
async fn an_error_and_its_close_are_told_once_and_money_is_not_tried_again() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    simulator.push(error(4001, "Credits exhausted", ""));
    simulator.close(Some(4001), "credits exhausted");
    let ended = rig.ended().await;
    let (errors, gone) = (rig.errors(), disconnects(&rig));
    assert_eq!(errors.len(), 1, "{errors:?}");
    let (error, fatal) = &errors[0];
    assert_eq!((error.code, *fatal, error.close_code), ("creditsExhausted", true, Some(4001)));
    assert_eq!(
        (error.server_code.as_deref(), error.server_detail.as_deref()),
        (Some("4001"), Some("Credits exhausted"))
    );
    assert_eq!((gone, ended.waits.len(), tokens(&simulator)), (vec![Some(4001)], 0, 1));
}

/// A grave error whose close does not come is told all the same, and the sink goes on.
#[tokio::test]
async fn an_error_without_a_close_is_told_and_the_session_goes_on() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    simulator.push(error(4503, "inference down", ""));
    simulator.push(error(321, "server boom", ""));
    simulator.push_raw(b"not valid protobuf");
    rig.find(|event| matches!(event, SinkEvent::Error { error, .. } if error.code == "upstreamError").then_some(()))
        .await;
    rig.say(&noise(1600, 1), 1600).await;
    let codes: Vec<_> = rig.errors().iter().map(|(error, fatal)| (error.code, error.phase, *fatal)).collect();
    let ended = rig.finish().await;
    for code in ["upstreamError", "serverError", "protocolError"] {
        assert_eq!(codes.iter().filter(|known| **known == (code, "websocket_runtime", false)).count(), 1, "{codes:?}");
    }
    assert_eq!((ended.ledger.delivered, simulator.connections().len()), (1600, 1));
}

/// An error that names the open request ends it; the segment goes on in another.
#[tokio::test]
async fn an_error_of_a_request_abandons_that_request() {
    let simulator = simulator(Config::default());
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    rig.begin();
    rig.chunk(&noise(1600, 1));
    until_heard(&simulator, 1600).await;
    let id = simulator.speeches()[0].req_id.clone();
    simulator.push(error(0, "driven server request failed", &id));
    let told = rig
        .find(|event| match event {
            SinkEvent::Error { error, .. } => Some(error.clone()),
            _ => None,
        })
        .await;
    assert_eq!((told.code, told.req_id, told.server_code.as_deref()), ("upstreamError", Some(id), Some("0")));
    rig.chunk(&noise(1600, 2));
    rig.end(Reason::SpeechEnd);
    let ended = rig.finish().await;
    let speeches = simulator.speeches();
    assert_eq!((speeches.len(), ended.ledger.delivered), (2, 3200));
    assert!(!speeches[0].ended && speeches[1].ended);
}

/// Refused at the token, at the upgrade, in the handshake: the code says what it is, and only what may
/// pass is tried again.
#[tokio::test]
async fn refusals_have_codes_and_only_what_passes_is_tried_again() {
    for (fault, code, phase, tries) in [
        (r#"[{"fault":"F3","how":"errors-text"}]"#, "billingRequired", "session_token", 0),
        (r#"[{"fault":"F3","how":"null"}]"#, "protocolError", "session_token", 0),
        (r#"[{"fault":"F2","http":503,"count":9}]"#, "serverError", "session_token", 1),
        (r#"[{"fault":"F5","http":404,"message":"Avatar not found: a1"}]"#, "avatarNotFound", "websocket_connect", 0),
        (r#"[{"fault":"F5","how":"text","http":503,"count":9}]"#, "serverError", "websocket_connect", 1),
        (r#"[{"fault":"F5","how":"wrong-accept","count":9}]"#, "connectionFailed", "websocket_connect", 1),
        (r#"[{"fault":"F5","how":"redirect"}]"#, "unknown", "websocket_connect", 0),
        (r#"[{"fault":"F6","how":"garbage"}]"#, "protocolError", "websocket_handshake", 0),
        (r#"[{"fault":"F6","how":"empty-id"}]"#, "protocolError", "websocket_handshake", 0),
    ] {
        let simulator = simulator(faults(fault));
        let folder = tempfile::tempdir().unwrap();
        let mut rig = Rig::start(&keys(&simulator, folder.path()).with("tries", 2), edge(16_000));
        let ended = rig.ended().await;
        let error = ended.result.expect_err(fault);
        assert_eq!((error.code, error.phase, ended.waits.len()), (code, phase, tries), "{fault}: {error}");
        assert!(!error.advice.is_empty());
        until(&simulator, |state| state.open_connections() == 0).await;
    }
}

/// A token too old at connect is replaced once, at once.
#[tokio::test]
async fn an_expired_token_is_replaced_once() {
    let expired = r#"[{"fault":"F4","how":"expired","count":1}]"#;
    let simulator = simulator(faults(expired));
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    rig.open().await;
    assert_eq!((rig.errors(), tokens(&simulator)), (vec![], 2));
    rig.finish().await;
    let simulator = self::simulator(faults(r#"[{"fault":"F4","how":"expired","count":9}]"#));
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    let ended = rig.ended().await;
    assert_eq!((ended.result.unwrap_err().code, tokens(&simulator)), ("sessionTokenExpired", 2));
}

/// An empty account, and a key that is not there.
#[tokio::test]
async fn what_only_a_human_can_mend_stops_the_sink_with_advice() {
    let simulator = simulator(Config { credits: Credits::Exhausted, ..Config::default() });
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    let error = rig.ended().await.result.unwrap_err();
    assert_eq!((error.code, error.http_status), ("creditsExhausted", Some(402)));
    assert!(error.raw_body.as_deref().is_some_and(|body| body.contains("credits exhausted")));
    let keys = keys(&simulator, folder.path()).with("api_key_file", "/no/such/file");
    let error = Rig::start(&keys, edge(16_000)).ended().await.result.unwrap_err();
    assert_eq!(error.code, "Config");
    assert!(error.message.contains("/no/such/file"), "{error}");
}

/// The key and every token stay out of all that is told, also where the service repeats them.
#[tokio::test]
async fn secrets_are_nowhere_in_what_is_told() {
    let simulator = simulator(faults(r#"[{"fault":"F5","http":400,"message":"the key demo-key is bad","count":1}]"#));
    let folder = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(&keys(&simulator, folder.path()), edge(16_000));
    let ended = rig.ended().await;
    let told = format!("{:?} {:?}", rig.events(), ended.result.unwrap_err());
    assert!(told.contains("the key *** is bad") && !told.contains("demo-key"), "{told}");
}

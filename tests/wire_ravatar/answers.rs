//! The answers of the service's calls, one file each in `tests/fixtures/ravatar/rest`.

use glottis_core::sink::SinkAction;
use glottis_core::{SinkEvent, TurnMode};
use glottis_sim::ravatar::{Config, Simulator};
use serde_json::{Value, json};

use crate::fixtures::fixtures;
use crate::http;
use crate::proxy::{Fate, Proxy, response};
use crate::rig::*;
use crate::warp::Warp;

/// C3, C4, C5, C13, C14, C15, C20, C21, C50: one answer is the fixture's, all others are the simulator's.
#[tokio::test]
async fn every_answer_of_a_call_is_understood_as_its_fixture_says() {
    let files = fixtures("rest");
    assert!(files.len() >= 35, "{} fixtures", files.len());
    for (name, file) in files {
        check(&name, &file).await;
    }
}

async fn check(name: &str, file: &Value) {
    let gives = &file["gives"];
    let simulator = simulator(Config::default());
    let token = token(&simulator);
    let proxy = Proxy::to(&simulator.http_url()).await;
    let body = if file["body"].is_null() { String::new() } else { file["body"].to_string().replace("$token", &token) };
    let status = file["status"].as_u64().expect("a status") as u16;
    proxy.rule(file["call"].as_str().expect("a call").to_owned(), [response(status, &body), Fate::Pass]);
    let _warp = Warp::start(20);
    let mut rig = Rig::start(&keys(&proxy.url()), edge(TurnMode::Auto));
    if gives["open"] != true {
        let error = rig.ended().await.result.unwrap_err();
        let mut told = json!({"error":error.code,"phase":error.phase});
        let fields = told.as_object_mut().expect("an object");
        fields.extend(error.server_code.map(|code| ("server_code".into(), code.into())));
        fields.extend(error.http_status.map(|status| ("http_status".into(), status.into())));
        assert_eq!(told, *gives, "{name}");
        return;
    }
    rig.open().await;
    let retried = rig.events().into_iter().find_map(|event| match event {
        SinkEvent::Retry { why, .. } => Some(why),
        _ => None,
    });
    assert_eq!(retried, gives["retried"].as_str(), "{name}");
    public(name, gives, &proxy, &mut rig).await;
    says(name, gives, &simulator, &proxy, &mut rig).await;
    // One of them was ours.
    assert_eq!(count(&simulator, "POST /jwt") as u64 - 1, gives["tokens"].as_u64().unwrap_or(replaced(file)), "{name}");
    rig.outfeed.close();
    rig.ended().await.result.unwrap();
    let leaks = rig.errors().iter().filter(|(error, _)| error.code == "PossibleLeak").count();
    // An attempt to start that timed out may have left something too.
    let expected = gives["leak"] == true || gives["retried"] == "GatewayTimeout";
    assert_eq!(leaks, usize::from(expected), "{name}");
}

/// Logins that reach the simulator: none if the fixture stands in for the only one.
fn replaced(file: &Value) -> u64 {
    u64::from(file["call"] != "POST /jwt" || !file["gives"]["retried"].is_null())
}

fn token(simulator: &Simulator) -> String {
    let login = r#"{"user_id":"tester","project_id":"demo-project"}"#;
    let answer = http::call(&simulator.http_url(), "POST", "/jwt", None, login);
    answer["jwt"].as_str().expect("a token").to_owned()
}

/// What the events say of the service.
async fn public(name: &str, gives: &Value, proxy: &Proxy, rig: &mut Rig) {
    if gives["capabilities"].is_array() {
        let capabilities = |event: &SinkEvent| match event {
            SinkEvent::Connected { capabilities, .. } => Some(json!(capabilities)),
            _ => None,
        };
        assert_eq!(rig.find(capabilities).await, gives["capabilities"], "{name}");
    }
    if let Some(turn) = gives["turn"].as_str() {
        let wanted = if turn == "speech" { TurnMode::Speech } else { TurnMode::PushToTalk };
        assert_eq!(rig.outfeed.turn(), wanted, "{name}");
    }
    if gives["license_id"].is_string() {
        let session = |event: &SinkEvent| match event {
            SinkEvent::Session(session) => Some(json!([session.license_id, session.has_streaming_url])),
            _ => None,
        };
        assert_eq!(rig.find(session).await, json!([gives["license_id"], gives["has_streaming_url"]]), "{name}");
        let asked = rig.ask(SinkAction::StreamingUrl).await;
        assert_eq!(asked.is_ok(), gives["streaming_url"].is_string(), "{name}: {asked:?}");
    }
    if let Some(url) = gives["streaming_url"].as_str() {
        let told = |event: &SinkEvent| match event {
            SinkEvent::Session(session) => session.streaming_url.clone(),
            _ => None,
        };
        let token = &proxy.secrets()[0];
        assert_eq!(rig.find(told).await.replace(token, "$token"), url, "{name}");
    }
}

/// What messages say because of it.
async fn says(name: &str, gives: &Value, simulator: &Simulator, proxy: &Proxy, rig: &mut Rig) {
    let Some(fields) = gives["says"].as_object() else { return };
    rig.ask(SinkAction::Text("hello".into())).await.unwrap();
    until(simulator, |state| state.log().messages().count() == 1).await;
    let messages = proxy.messages();
    let message: Value = serde_json::from_str(&messages[0]).expect("JSON");
    for (field, value) in fields {
        assert_eq!(message.get(field), Some(value).filter(|value| !value.is_null()), "{name}: {field}");
    }
}

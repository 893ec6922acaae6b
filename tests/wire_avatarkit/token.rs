//! Session tokens.

use glottis::sim::avatarkit::{Config, TokenUse};
use serde_json::json;

use crate::rig::*;

/// K1, K2.
#[tokio::test]
async fn a_token_is_asked_for_as_the_service_wants_it() {
    for (config, path) in [(Config::default(), "/v1/console/session-tokens"), (spatialreal(), "/v1/auth/session-token")]
    {
        let real = path.contains("auth");
        let simulator = simulator(config, &[]);
        let rig = Rig::opened(&keys_for(&simulator, real)).await;
        let log = simulator.log();
        let calls: Vec<_> = log.requests().collect();
        assert_eq!(calls.len(), 1);
        let call = calls[0];
        assert_eq!((call.method.as_str(), call.path.as_str(), call.status), ("POST", path, 200));
        let header = |name: &str| call.headers.iter().filter(|(other, _)| other == name).count();
        assert_eq!((header("x-api-key"), header("content-type")), (1, 1));
        let body = call.body.as_object().expect("an object");
        assert_eq!(body.keys().collect::<Vec<_>>(), ["expireAt"]);
        let left = body["expireAt"].as_u64().expect("an integer") * 1000;
        let left = left.saturating_sub(simulator.clock().unix_ms());
        assert!((3_500_000..=3_600_000).contains(&left), "{left} ms");
        rig.finish().await.result.expect("a good run");
        assert_eq!(simulator.violations(), []);
    }
}

/// K3.
#[tokio::test]
async fn bases_are_joined_with_care() {
    let simulator = plain();
    let base = simulator.console_url();
    let paths = async |base: String, real: bool| {
        simulator.reset();
        let rig = Rig::opened(&keys_for(&simulator, real).with("console_endpoint", base)).await;
        rig.finish().await.result.expect("a good run");
        let log = simulator.log();
        let call = log.requests().next().expect("a call").clone();
        (call.path, call.query)
    };
    let spatius = "/v1/console/session-tokens";
    assert_eq!(paths(format!("{base}/"), false).await, (spatius.into(), vec![]));
    let query = vec![("a".to_string(), "b c".to_string())];
    assert_eq!(paths(format!("{base}?a=b+c"), false).await, (spatius.into(), query));
    for base in [base.clone(), format!("{base}/"), simulator.http_url()] {
        assert_eq!(paths(base, true).await, ("/v1/auth/session-token".into(), vec![]));
    }
}

/// K4.
#[tokio::test]
async fn only_200_with_a_token_is_a_token() {
    for name in ["sessionToken", "session_token"] {
        let good = json!({ "on": "token", "do": { "body": { name: "t" } } });
        let error = failure(Config::default(), &[good], |keys| keys).await;
        assert_eq!(named(&error), ("sessionTokenInvalid", "websocket_connect"), "taken, but not known");
    }
    for how in ["missing", "empty", "number", "text", "null"] {
        let error = failure(Config::default(), &[json!({ "fault": "F3", "how": how })], |keys| keys).await;
        assert_eq!(named(&error), ("protocolError", "session_token"), "{how}");
        assert_eq!(error.http_status, None);
    }
    let error = failure(Config::default(), &[json!({ "fault": "F3", "how": "201" })], |keys| keys).await;
    assert_eq!((named(&error), error.http_status), (("unknown", "session_token"), Some(201)));
    let error = failure(spatialreal(), &[json!({ "fault": "F3", "how": "201" })], |keys| keys).await;
    assert_eq!(error.code, "invalidRequest");
}

/// K5.
#[tokio::test]
async fn every_failure_of_the_token_call_has_its_code() {
    let invalid = json!({ "on": "token", "do": { "http": 400, "body": { "errors": [
        { "id": "x", "status": 400, "code": "INVALID_ARGUMENT", "title": "Invalid Argument", "detail": "expire_at must be in the future" }
    ] } } });
    let error = failure(Config::default(), &[invalid], |keys| keys).await;
    assert_eq!((named(&error), error.http_status), (("invalidRequest", "session_token"), Some(400)));
    let said = (error.server_code.as_deref(), error.server_title.as_deref(), error.server_detail.as_deref());
    assert_eq!(said, (Some("INVALID_ARGUMENT"), Some("Invalid Argument"), Some("expire_at must be in the future")));
    for how in ["reset", "close"] {
        let error = failure(Config::default(), &[json!({ "fault": "F1", "how": how })], |keys| keys).await;
        assert_eq!((named(&error), error.http_status), (("connectionFailed", "session_token"), None), "{how}");
    }
    let boom = json!({ "fault": "F2", "how": "text", "message": "boom" });
    let error = failure(Config::default(), &[boom], |keys| keys).await;
    assert_eq!((error.code, error.http_status, error.server_detail), ("serverError", Some(500), None));
    assert_eq!(error.raw_body.as_deref(), Some("boom"));
}

/// K6.
#[tokio::test]
async fn a_200_may_list_errors() {
    for how in ["errors-number", "errors-text"] {
        let error = failure(Config::default(), &[json!({ "fault": "F3", "how": how })], |keys| keys).await;
        assert_eq!((named(&error), error.http_status), (("billingRequired", "session_token"), Some(402)), "{how}");
    }
}

/// K7.
#[tokio::test]
async fn a_hanging_token_call_ends_in_time_and_redirects_are_not_followed() {
    let hang = json!({ "fault": "F1", "how": "hang" });
    let error = failure(Config::default(), &[hang], |keys| keys.with("token_timeout", "200ms")).await;
    assert_eq!(named(&error), ("connectionFailed", "session_token"));
    let simulator = simulator(Config::default(), &[json!({ "fault": "F2", "how": "redirect" })]);
    let mut rig = Rig::start(&keys(&simulator).with("tries", 1), edge(16_000));
    let error = rig.ended().await.result.expect_err("no token");
    assert_eq!((error.code, error.http_status), ("unknown", Some(302)));
    assert_eq!(simulator.log().requests().count(), 1);
}

/// K8.
#[tokio::test]
async fn every_connection_has_its_own_token() {
    let simulator = plain();
    let mut rig = Rig::opened(&keys(&simulator)).await;
    for times in 2..5 {
        simulator.close(None, "");
        rig.state("open", times).await;
    }
    rig.finish().await.result.expect("a good run");
    let tokens: Vec<_> = simulator.connections().into_iter().map(|connection| connection.upgrade.token).collect();
    let expected: Vec<_> = (1..5).map(|number| TokenUse::Valid(format!("token-{number}"))).collect();
    assert_eq!(tokens, expected);
    assert_eq!(simulator.violations(), []);
}

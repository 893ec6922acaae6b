//! Error codes: every rule, every status, every close.

use glottis::avatarkit::code::{Code, TABLE};
use glottis::core::SinkErrorKind;
use glottis::sim::avatarkit::Config;
use serde_json::{Value, json};

use crate::rig::*;

/// An error at the handshake, or at the first audio.
fn said(place: &str, code: i32, message: &str) -> Value {
    json!({ "on": place, "do": { "ignore": true, "error": { "code": code, "message": message } } })
}

fn upgrade(status: u16, words: &str) -> Value {
    json!({ "on": "upgrade", "do": { "http": status, "text": words } })
}

/// The first error of a run whose first audio meets this fault.
async fn at_runtime(rule: Value) -> glottis::SinkError {
    let simulator = simulator(Config::default(), &[rule]);
    let mut rig = Rig::opened(&keys(&simulator).with("tries", 1)).await;
    rig.start_saying(&noise(1600, 1)).await;
    let error = rig.error().await;
    rig.halt().await;
    error
}

/// K48.
#[tokio::test]
async fn the_checked_examples() {
    let runtime = [
        (0, "no audio input for 60 seconds", "idleTimeout"),
        (0, "driven server request failed", "upstreamError"),
        (321, "server boom", "serverError"),
        (4503, "inference down", "upstreamError"),
    ];
    for (code, words, expected) in runtime {
        assert_eq!(
            named(&at_runtime(said("message audio", code, words)).await),
            (expected, "websocket_runtime"),
            "{words}"
        );
    }
    let close = json!({ "fault": "F12", "how": "alone", "code": 1011, "message": "server exploded" });
    let error = at_runtime(close).await;
    assert_eq!((named(&error), error.close_code), (("connectionClosed", "websocket_runtime"), Some(1011)));
    let handshake = [
        (0, "unsupported sample rate: 12345", "unsupportedSampleRate"),
        (3, "livekit_egress.url is required", "invalidEgressConfig"),
        (3, "bad payload", "invalidRequest"),
        (14, "failed to create egress connection", "egressUnavailable"),
        (16, "failed to connect to room: unauthorized: invalid token", "invalidEgressConfig"),
        (400, "bad params", "serverError"),
        (4010, "token expired", "sessionTokenInvalid"),
        (4010, "session token expired", "sessionTokenExpired"),
    ];
    for (code, words, expected) in handshake {
        let error = failure(Config::default(), &[said("handshake", code, words)], |keys| keys).await;
        assert_eq!(named(&error), (expected, "websocket_handshake"), "{words}");
    }
    let upgrades = [
        (400, "Invalid session token", "sessionTokenInvalid"),
        (400, "app id mismatch", "appIDMismatch"),
        (401, "invalid session token", "sessionTokenInvalid"),
        (402, "session denied: credits exhausted", "creditsExhausted"),
        (402, "session denied", "billingRequired"),
        (404, "Avatar not found: a1", "avatarNotFound"),
        (404, "", "appIDUnrecognized"),
        (503, "", "serverError"),
    ];
    for (status, words, expected) in upgrades {
        let error = failure(Config::default(), &[upgrade(status, words)], |keys| keys).await;
        assert_eq!(named(&error), (expected, "websocket_connect"), "{status} {words}");
    }
    // A token that is too old is replaced once: the second refusal counts.
    let twice = json!({ "on": "upgrade", "count": 2, "do": { "http": 401, "text": "unauthorized" } });
    let error = failure(Config::default(), &[twice], |keys| keys).await;
    assert_eq!(named(&error), ("sessionTokenExpired", "websocket_connect"));
    let key = json!({ "on": "token", "do": { "http": 401, "body": { "errors": [{ "code": "UNAUTHENTICATED", "detail": "invalid api key" }] } } });
    for (config, expected) in [(Config::default(), "sessionTokenExpired"), (spatialreal(), "sessionTokenInvalid")] {
        let error = failure(config, std::slice::from_ref(&key), |keys| keys).await;
        assert_eq!(named(&error), (expected, "session_token"));
    }
}

/// K49: of two rules the earlier one wins; each input but the first also has the words of the rule
/// before it, or comes where that does not apply.
#[tokio::test]
async fn every_rule_is_reachable_and_in_its_place() {
    let cases = [
        (3, "agora credits exhausted", "invalidEgressConfig"),
        (3, "credits exhausted", "invalidRequest"),
        (16, "credits exhausted", "invalidEgressConfig"),
        (14, "credits exhausted", "egressUnavailable"),
        (4001, "maximum session duration", "creditsExhausted"),
        (4002, "credits exhausted", "sessionDurationExceeded"),
        (0, "session time limit reached, credits exhausted", "creditsExhausted"),
        (0, "session denied: maximum session duration", "sessionDurationExceeded"),
        (0, "session denied: empty token", "billingRequired"),
        (0, "invalid session token: token is expired", "sessionTokenInvalid"),
        (0, "Session Token Expired, app id mismatch", "sessionTokenExpired"),
        (0, "app id mismatch: app id unrecognized", "appIDMismatch"),
        (0, "appIDUnrecognized, avatar not found", "appIDUnrecognized"),
        (0, "avatar not found, unsupported sample rate", "avatarNotFound"),
        (0, "unsupported sample rate, no audio input for 1 s", "unsupportedSampleRate"),
        (0, "LiveKit silence timeout: livekit_egress", "idleTimeout"),
        (0, "agora_egress: failed to create egress connection", "invalidEgressConfig"),
        (0, "unauthorized: egress client is not configured on server", "invalidEgressConfig"),
        (0, "missing LiveKit credentials", "invalidEgressConfig"),
        (0, "failed to create egress connection: driven server request failed", "egressUnavailable"),
        (0, "driven server returned non-200 status code: unexpected message type", "upstreamError"),
        (4003, "unexpected message type", "protocolError"),
        (4003, "nothing known", "concurrencyLimit"),
        (4010, "nothing known", "sessionTokenInvalid"),
        (4503, "nothing known", "upstreamError"),
        (7, "nothing known", "serverError"),
    ];
    for (code, words, expected) in cases {
        let error = failure(Config::default(), &[said("handshake", code, words)], |keys| keys).await;
        assert_eq!(named(&error), (expected, "websocket_handshake"), "{code} {words}");
    }
    // Rules about an egress do not apply where there is none (D1); a bare status is the last resort.
    for (words, expected) in [("unauthorized", "invalidRequest"), ("avatar not found", "avatarNotFound")] {
        let refused = json!({ "on": "token", "do": { "http": 403, "body": { "message": words } } });
        let error = failure(Config::default(), &[refused], |keys| keys).await;
        assert_eq!(error.code, expected, "{words}");
    }
}

/// K50.
#[tokio::test]
async fn bare_statuses_mean_what_each_dialect_says() {
    let rows = [
        (400, "invalidRequest", "sessionTokenInvalid", "invalidRequest", "connectionFailed"),
        (401, "sessionTokenExpired", "sessionTokenExpired", "sessionTokenInvalid", "sessionTokenInvalid"),
        (402, "billingRequired", "billingRequired", "billingRequired", "billingRequired"),
        (403, "invalidRequest", "invalidRequest", "appIDUnrecognized", "sessionTokenInvalid"),
        (404, "appIDUnrecognized", "appIDUnrecognized", "avatarNotFound", "connectionFailed"),
        (418, "invalidRequest", "invalidRequest", "invalidRequest", "connectionFailed"),
        (429, "invalidRequest", "invalidRequest", "concurrencyLimit", "connectionFailed"),
        (500, "serverError", "serverError", "serverError", "connectionFailed"),
        (302, "unknown", "unknown", "invalidRequest", "connectionFailed"),
    ];
    for (status, token, connect, real_token, real_connect) in rows {
        let cells = [
            (Config::default(), "token", token),
            (Config::default(), "upgrade", connect),
            (spatialreal(), "token", real_token),
            (spatialreal(), "upgrade", real_connect),
        ];
        for (config, place, expected) in cells {
            // Twice, for a token that is replaced once.
            let rule = json!({ "on": place, "count": 2, "do": { "http": status, "text": "" } });
            let dialect = config.dialect;
            let error = failure(config, &[rule], |keys| keys).await;
            assert_eq!(error.code, expected, "{status} at {place}, {dialect:?}");
            assert_eq!(error.http_status, Some(status));
        }
    }
}

/// K51.
#[tokio::test]
async fn closes_have_their_codes() {
    for code in [1000, 1001] {
        let simulator = plain();
        let mut rig = Rig::opened(&keys(&simulator)).await;
        rig.say(&noise(1600, 1)).await;
        rig.played(1).await;
        simulator.close(Some(code), "bye");
        rig.wait("the close", |events| {
            events.iter().any(|event| matches!(event, glottis::SinkEvent::Disconnected { .. }))
        })
        .await;
        rig.finish().await.result.expect("no error");
    }
    let empty = simulator(Config::default(), &[json!({ "on": "message end", "do": { "close_empty": true } })]);
    let mut rig = Rig::opened(&keys(&empty)).await;
    rig.say(&noise(1600, 1)).await;
    rig.wait("the close", |events| events.iter().any(|event| matches!(event, glottis::SinkEvent::Disconnected { .. })))
        .await;
    assert_eq!(rig.errors(), []);
    rig.finish().await.result.expect("no error");
    let rows = [
        (4001, "x", "creditsExhausted"),
        (4002, "x", "sessionDurationExceeded"),
        (4003, "x", "concurrencyLimit"),
        (4010, "x", "sessionTokenInvalid"),
        (4010, "session token expired", "sessionTokenExpired"),
        (4010, "app id mismatch", "appIDMismatch"),
        (4503, "x", "upstreamError"),
        (1008, "x", "connectionClosed"),
        (1009, "x", "connectionClosed"),
        (1011, "x", "connectionClosed"),
        (1012, "x", "connectionClosed"),
        (4100, "x", "connectionClosed"),
        (4999, "no audio input for 60 seconds", "idleTimeout"),
    ];
    for (code, reason, expected) in rows {
        let error = at_runtime(json!({ "fault": "F12", "how": "alone", "code": code, "message": reason })).await;
        assert_eq!(named(&error), (expected, "websocket_runtime"), "{code} {reason}");
        assert_eq!((error.close_code, error.close_reason.as_deref()), (Some(code), Some(reason)));
        let close = json!({ "fault": "F7", "how": "close", "code": code, "message": "x" });
        let error = failure(Config::default(), &[close], |keys| keys).await;
        assert_eq!((error.phase, error.close_code), ("websocket_handshake", Some(code)));
    }
}

/// K52.
#[tokio::test]
async fn an_error_and_its_close_are_one_error() {
    for code in [4001, 4003, 4010, 4503] {
        let simulator =
            simulator(Config::default(), &[json!({ "fault": "F12", "code": code, "message": "as announced" })]);
        let mut rig = Rig::opened(&keys(&simulator).with("tries", 1)).await;
        rig.start_saying(&noise(1600, 1)).await;
        rig.ended().await.result.expect_err("it is over");
        let codes: Vec<_> = rig.errors().iter().map(|error| error.server_code.clone()).collect();
        assert_eq!(codes, [Some(code.to_string())]);
        let closed: Vec<_> = rig
            .events()
            .into_iter()
            .filter_map(|event| match event {
                glottis::SinkEvent::Disconnected { close_code, .. } => Some(close_code),
                _ => None,
            })
            .collect();
        assert_eq!(closed, [Some(code)]);
    }
}

/// K53.
#[tokio::test]
async fn a_drop_has_no_close_code() {
    for how in ["close", "reset"] {
        let error = at_runtime(json!({ "fault": "F13", "how": how })).await;
        assert_eq!((error.code, error.close_code), ("connectionClosed", None), "{how}");
    }
}

/// K54.
#[tokio::test]
async fn what_is_tried_again_is_what_may_pass() {
    let closes = [
        (1011, true),
        (4001, false),
        (4002, true),
        (4003, false),
        (4010, false),
        (4100, false),
        (4503, true),
        (4999, true),
    ];
    for (code, retry) in closes {
        let simulator =
            simulator(Config::default(), &[json!({ "fault": "F12", "how": "alone", "code": code, "message": "x" })]);
        let mut rig = Rig::opened(&keys(&simulator)).await;
        rig.start_saying(&noise(1600, 1)).await;
        let error = rig.error().await;
        assert_eq!(error.kind == SinkErrorKind::Retry, retry, "{code}");
        if retry {
            rig.state("open", 2).await;
        } else {
            rig.ended().await.result.expect_err("given up");
        }
        assert_eq!(simulator.connections().len(), 1 + usize::from(retry), "{code}");
        rig.control.halt();
    }
    for row in &TABLE {
        let usual = matches!(
            row.code,
            Code::ConnectionFailed
                | Code::ConnectionClosed
                | Code::IdleTimeout
                | Code::UpstreamError
                | Code::SessionDurationExceeded
        );
        assert_eq!(row.code.is_retryable(None, None), usual, "{}", row.name);
    }
    for (status, retry) in [(500, false), (502, true), (503, true), (504, true)] {
        assert_eq!(Code::ServerError.is_retryable(Some(status), None), retry, "{status}");
    }
}

/// K55.
#[test]
fn codes_are_spelled_as_the_service_does() {
    let spelled = [
        "sessionTokenExpired",
        "sessionTokenInvalid",
        "appIDUnrecognized",
        "appIDMismatch",
        "avatarNotFound",
        "billingRequired",
        "creditsExhausted",
        "sessionDurationExceeded",
        "unsupportedSampleRate",
        "invalidEgressConfig",
        "egressUnavailable",
        "idleTimeout",
        "upstreamError",
        "protocolError",
        "connectionFailed",
        "connectionClosed",
        "serverError",
        "invalidRequest",
        "unknown",
        "concurrencyLimit",
    ];
    let mut known: Vec<_> = TABLE.iter().map(|row| row.name).collect();
    let mut spelled = spelled.to_vec();
    known.sort_unstable();
    spelled.sort_unstable();
    assert_eq!(known, spelled);
}

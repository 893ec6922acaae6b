//! The tables of the protocol, cell by cell.

use super::*;

use Code::*;
use Phase::*;

fn said(status: Option<u16>, code: &str, detail: &str) -> Said {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Said { status, code: text(code), title: None, detail: text(detail) }
}

/// A code in the dialect `spatius`.
fn code(phase: Phase, status: Option<u16>, code: &str, detail: &str) -> Code {
    classify(Dialect::Spatius, phase, &said(status, code, detail))
}

#[test]
fn the_checked_examples() {
    let examples = [
        (SessionToken, Some(400), "INVALID_ARGUMENT", "expire_at must be in the future", InvalidRequest),
        (SessionToken, Some(402), "", "session denied", BillingRequired),
        (SessionToken, Some(401), "UNAUTHENTICATED", "invalid api key", SessionTokenExpired),
        (SessionToken, Some(500), "", "boom", ServerError),
        (Connect, Some(400), "", "Invalid session token", SessionTokenInvalid),
        (Connect, Some(400), "", "app id mismatch", AppIdMismatch),
        (Connect, Some(401), "", "unauthorized", SessionTokenExpired),
        (Connect, Some(401), "", "invalid session token", SessionTokenInvalid),
        (Connect, Some(402), "", "session denied: credits exhausted", CreditsExhausted),
        (Connect, Some(402), "", "session denied", BillingRequired),
        (Connect, Some(404), "", "Avatar not found: a1", AvatarNotFound),
        (Connect, Some(404), "", "", AppIdUnrecognized),
        (Connect, Some(503), "", "", ServerError),
        (Handshake, None, "0", "unsupported sample rate: 12345", UnsupportedSampleRate),
        (Handshake, None, "3", "livekit_egress.url is required", InvalidEgressConfig),
        (Handshake, None, "3", "bad payload", InvalidRequest),
        (Handshake, None, "14", "failed to create egress connection", EgressUnavailable),
        (Handshake, None, "16", "failed to connect to room: unauthorized: invalid token", InvalidEgressConfig),
        (Handshake, None, "400", "bad params", ServerError),
        (Handshake, None, "4010", "token expired", SessionTokenInvalid),
        (Handshake, None, "4010", "session token expired", SessionTokenExpired),
        (Runtime, None, "0", "no audio input for 60 seconds", IdleTimeout),
        (Runtime, None, "0", "driven server request failed", UpstreamError),
        (Runtime, None, "321", "server boom", ServerError),
        (Runtime, None, "4503", "inference down", UpstreamError),
    ];
    for (phase, status, number, detail, wanted) in examples {
        assert_eq!(code(phase, status, number, detail), wanted, "{phase:?} {status:?} {number} {detail}");
    }
    let refused = said(Some(401), "UNAUTHENTICATED", "invalid api key");
    assert_eq!(classify(Dialect::SpatialReal, SessionToken, &refused), SessionTokenInvalid);
    assert_eq!(of_close(Some(1011), Some("server exploded")), ConnectionClosed);
}

/// For every rule an input it decides, in order.
const RULES: &[(Phase, Option<u16>, &str, &str, Code)] = &[
    (Handshake, None, "3", "agora", InvalidEgressConfig),
    (Handshake, None, "INVALID_ARGUMENT", "", InvalidRequest),
    (Runtime, None, "UNAUTHENTICATED", "", InvalidEgressConfig),
    (Runtime, None, "14", "", EgressUnavailable),
    (Runtime, None, "4001", "", CreditsExhausted),
    (Runtime, None, "4002", "", SessionDurationExceeded),
    (Runtime, None, "", "Credits Exhausted", CreditsExhausted),
    (Runtime, None, "", "maximum session duration", SessionDurationExceeded),
    (Runtime, Some(402), "", "", BillingRequired),
    (Runtime, None, "", "empty token", SessionTokenInvalid),
    (Runtime, None, "", "token is expired", SessionTokenExpired),
    (Runtime, None, "", "app id mismatch", AppIdMismatch),
    (Runtime, None, "", "appIDUnrecognized", AppIdUnrecognized),
    (Runtime, None, "", "avatar not found", AvatarNotFound),
    (Runtime, None, "", "unsupported sample rate", UnsupportedSampleRate),
    (Runtime, None, "", "LiveKit silence timeout", IdleTimeout),
    (Runtime, None, "", "agora_egress", InvalidEgressConfig),
    (Runtime, None, "", "unauthorized", InvalidEgressConfig),
    (Runtime, None, "", "egress client is not configured on server", EgressUnavailable),
    (Runtime, None, "", "driven server returned non-200 status code", UpstreamError),
    (Runtime, None, "", "ClientConfigureSession message is nil", ProtocolError),
    (Runtime, None, "4003", "", ConcurrencyLimit),
    (Runtime, Some(404), "", "", AppIdUnrecognized),
    (Runtime, None, "", "", ServerError),
];

#[test]
fn every_rule_is_reached_and_the_earlier_one_wins() {
    for (i, (phase, status, number, detail, wanted)) in RULES.iter().enumerate() {
        assert_eq!(code(*phase, *status, number, detail), *wanted, "rule {}", i + 1);
        for (later_phase, later_status, later_number, later_detail, _) in &RULES[i + 1..] {
            // An input has one number and one status: two rules on the same one cannot meet.
            let both = !number.is_empty() && !later_number.is_empty() || status.is_some() && later_status.is_some();
            if both || !later_phase.is_in_session() {
                continue;
            }
            // A bare 3 is rule 2 only while nothing speaks of an egress.
            if *number == "INVALID_ARGUMENT" && (later_detail.contains("egress")) {
                continue;
            }
            if *number == "INVALID_ARGUMENT" && later_detail.to_lowercase().contains("livekit") {
                continue;
            }
            let number = if number.is_empty() { later_number } else { number };
            let both = said(status.or(*later_status), number, &format!("{detail} {later_detail}"));
            assert_eq!(classify(Dialect::Spatius, *phase, &both), *wanted, "rule {} before: {both:?}", i + 1);
        }
    }
    assert_eq!(code(SessionToken, None, "", ""), Unknown);
    assert_eq!(code(Connect, None, "", ""), Unknown);
}

/// A refused API key is no bad room token, and a service that is down no missing egress.
#[test]
fn rules_about_an_egress_hold_only_in_a_session() {
    assert_eq!(code(SessionToken, Some(401), "UNAUTHENTICATED", "unauthorized"), SessionTokenExpired);
    assert_eq!(code(SessionToken, Some(503), "UNAVAILABLE", ""), ServerError);
    assert_eq!(code(Connect, Some(403), "16", "unauthorized"), InvalidRequest);
}

#[test]
fn statuses_that_nothing_else_explains() {
    let rows = [
        (400, [InvalidRequest, SessionTokenInvalid, InvalidRequest, ConnectionFailed]),
        (401, [SessionTokenExpired, SessionTokenExpired, SessionTokenInvalid, SessionTokenInvalid]),
        (402, [BillingRequired; 4]),
        (403, [InvalidRequest, InvalidRequest, AppIdUnrecognized, SessionTokenInvalid]),
        (404, [AppIdUnrecognized, AppIdUnrecognized, AvatarNotFound, ConnectionFailed]),
        (429, [InvalidRequest, InvalidRequest, ConcurrencyLimit, ConnectionFailed]),
        (418, [InvalidRequest, InvalidRequest, InvalidRequest, ConnectionFailed]),
        (500, [ServerError, ServerError, ServerError, ConnectionFailed]),
        (503, [ServerError, ServerError, ServerError, ConnectionFailed]),
        (302, [Unknown, Unknown, InvalidRequest, ConnectionFailed]),
        (201, [Unknown, Unknown, InvalidRequest, ConnectionFailed]),
    ];
    for (status, wanted) in rows {
        let code = |dialect, phase| classify(dialect, phase, &said(Some(status), "", ""));
        let found = [
            code(Dialect::Spatius, SessionToken),
            code(Dialect::Spatius, Connect),
            code(Dialect::SpatialReal, SessionToken),
            code(Dialect::SpatialReal, Connect),
        ];
        assert_eq!(found, wanted, "{status}");
    }
}

#[test]
fn close_codes() {
    for clean in [1000, 1001, 1005] {
        assert!(is_clean(Some(clean)));
    }
    for unclean in [None, Some(1006), Some(1011), Some(4001)] {
        assert!(!is_clean(unclean));
    }
    for (close, reason, wanted) in [
        (4001, "", CreditsExhausted),
        (4002, "", SessionDurationExceeded),
        (4003, "", ConcurrencyLimit),
        (4010, "auth failed", SessionTokenInvalid),
        (4010, "Session token expired", SessionTokenExpired),
        (4010, "app id mismatch", AppIdMismatch),
        (4503, "", UpstreamError),
        (1011, "no audio input for 60 seconds", IdleTimeout),
        (1008, "policy", ConnectionClosed),
        (4100, "", ConnectionClosed),
        (4999, "", ConnectionClosed),
        (1000, "", ConnectionClosed),
    ] {
        assert_eq!(of_close(Some(close), Some(reason)), wanted, "{close} {reason}");
    }
    assert_eq!(of_close(None, None), ConnectionClosed);
}

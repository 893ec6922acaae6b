//! What an answer, or the lack of one, means for each call: done, try again, refresh the token, or
//! an error with its code. Pure.

use std::time::Duration;

use glottis_core::SinkError;
use glottis_net::http::{Answer, Unreached};
use glottis_net::secret::Veil;
use serde_json::Value;

use super::body::words_of;
use super::transport::Endpoint;
use crate::trouble::{self, Said, StreamText};

/// Longest wait a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What all judgements of one sink share.
pub(crate) struct Rules {
    /// Host and port, for errors.
    pub(crate) host: String,
    /// Whether a busy service is asked again.
    pub(crate) busy_retry: bool,
}

/// What may be done about a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Nothing.
    No,
    /// Try again after a while: the server's wish, or the usual.
    Again(Option<Duration>),
    /// Try again, but only once in all.
    Once,
    /// Get a new token, then try again at once.
    Refresh,
}

/// What an attempt came to.
pub(crate) enum Judgement {
    /// It worked. Null if the body was no JSON.
    Done(Value),
    /// It failed.
    Failed {
        /// What may be done about it.
        step: Step,
        /// What to report if nothing (more) is done.
        error: Box<SinkError>,
        /// Whether it may have had an effect all the same.
        doubt: bool,
    },
}

/// Judges one attempt.
pub(crate) fn judge(endpoint: Endpoint, rules: &Rules, veil: &Veil, outcome: Result<Answer, Unreached>) -> Judgement {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(unreached) => return lost(endpoint, rules, &unreached),
    };
    let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let status = status_of(answer.status, json.as_ref());
    let words = || veil.scrub(&words_of(&answer.body, json.as_ref()));
    if (200..300).contains(&status) {
        let json = json.clone().unwrap_or_default();
        let failed = endpoint == Endpoint::Jwt && json.get("result").is_some_and(|result| result != "success");
        if !failed {
            return Judgement::Done(json);
        }
        let said = Said { status: Some(status), words: words() };
        let error = trouble::auth(endpoint.phase(), &what(endpoint, rules), &said);
        return Judgement::Failed { step: Step::No, error: Box::new(error), doubt: false };
    }
    let said = Said { status: Some(status), words: words() };
    let wait = answer.retry_after.filter(|wait| *wait <= LONGEST_WAIT);
    let (step, make) = row(endpoint, rules, status, &said.words, wait);
    let error = make(endpoint.phase(), &what(endpoint, rules), &said);
    Judgement::Failed { step, error: Box::new(error), doubt: status == 504 }
}

fn what(endpoint: Endpoint, rules: &Rules) -> String {
    format!("{} at {}", endpoint.name(), rules.host)
}

/// The status that counts: a body may report a failure under 200.
fn status_of(http: u16, json: Option<&Value>) -> u16 {
    let inside = json.and_then(|json| json.get("status")).and_then(Value::as_u64);
    match inside {
        Some(inside) if (200..300).contains(&http) && inside >= 300 => u16::try_from(inside).unwrap_or(u16::MAX),
        _ => http,
    }
}

type Make = fn(&'static str, &str, &Said) -> SinkError;

/// The table of statuses: what may be done, and the error's code.
fn row(endpoint: Endpoint, rules: &Rules, status: u16, words: &str, wait: Option<Duration>) -> (Step, Make) {
    let again = Step::Again(wait);
    let busy = if rules.busy_retry { again } else { Step::No };
    if endpoint == Endpoint::Start && !matches!(status, 401..=403) {
        // The text says more than the status it comes with.
        match StreamText::of(words) {
            Some(StreamText::Busy) => return (busy, trouble::busy),
            Some(StreamText::Timeout) => return (again, trouble::gateway_timeout),
            Some(StreamText::Failed) => return (Step::No, trouble::unstarted),
            Some(StreamText::Expired) => return (Step::No, trouble::outdated),
            None => {}
        }
    }
    let repeatable = matches!(endpoint, Endpoint::Jwt | Endpoint::Connection | Endpoint::Chat);
    match (endpoint, status) {
        (Endpoint::Jwt, 400 | 401) => (Step::No, trouble::config),
        (Endpoint::Jwt, 403) => (Step::No, trouble::auth),
        (_, 401 | 403) => (Step::Refresh, trouble::auth),
        (_, 402) => (Step::No, trouble::payment),
        (Endpoint::Start, 429 | 503) => (busy, trouble::busy),
        (_, 429 | 503) => (again, trouble::unavailable),
        (_, 504) => (again, trouble::gateway_timeout),
        (_, 500..=599) if repeatable => (again, trouble::server),
        (_, 500..=599) => (Step::No, trouble::server),
        _ => (Step::No, trouble::http),
    }
}

fn lost(endpoint: Endpoint, rules: &Rules, unreached: &Unreached) -> Judgement {
    let step = match endpoint {
        // A second start could take a second slot.
        Endpoint::Start if unreached.established => Step::No,
        Endpoint::Start => Step::Once,
        _ => Step::Again(None),
    };
    let error = trouble::network(endpoint.phase(), &rules.host, &unreached.why);
    Judgement::Failed { step, error: Box::new(error), doubt: unreached.established }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: Step = Step::No;
    const AGAIN: Step = Step::Again(None);

    fn judged(endpoint: Endpoint, busy_retry: bool, status: u16, body: &str) -> (Step, &'static str) {
        let rules = Rules { host: "h:1".to_owned(), busy_retry };
        let answer = Answer { status, retry_after: None, body: body.as_bytes().to_vec() };
        match judge(endpoint, &rules, &Veil::default(), Ok(answer)) {
            Judgement::Done(_) => (NO, "done"),
            Judgement::Failed { step, error, .. } => {
                assert!(!error.advice.is_empty());
                assert_eq!(error.phase, endpoint.phase());
                (step, error.code)
            }
        }
    }

    #[test]
    fn every_status_has_its_row() {
        use Endpoint::{Chat, Connection, End, Jwt, Start};
        for (endpoint, status, want) in [
            (Jwt, 200, (NO, "done")),
            (Jwt, 400, (NO, "Config")),
            (Jwt, 401, (NO, "Config")),
            (Connection, 400, (NO, "Http")),
            (Connection, 401, (Step::Refresh, "AuthFailed")),
            (Jwt, 402, (NO, "PaymentRequired")),
            (Start, 402, (NO, "PaymentRequired")),
            (Jwt, 403, (NO, "AuthFailed")),
            (Start, 403, (Step::Refresh, "AuthFailed")),
            (Jwt, 500, (AGAIN, "ServerError")),
            (Connection, 502, (AGAIN, "ServerError")),
            (Start, 500, (NO, "ServerError")),
            (End, 500, (NO, "ServerError")),
            (Start, 503, (NO, "Busy")),
            (Jwt, 503, (AGAIN, "ServiceUnavailable")),
            (Connection, 503, (AGAIN, "ServiceUnavailable")),
            (End, 503, (AGAIN, "ServiceUnavailable")),
            (Connection, 429, (AGAIN, "ServiceUnavailable")),
            (Jwt, 504, (AGAIN, "GatewayTimeout")),
            (Connection, 504, (AGAIN, "GatewayTimeout")),
            (Start, 504, (AGAIN, "GatewayTimeout")),
            (End, 504, (AGAIN, "GatewayTimeout")),
            (End, 404, (NO, "Http")),
            (Connection, 302, (NO, "Http")),
            (Chat, 503, (AGAIN, "ServiceUnavailable")),
            (Chat, 500, (AGAIN, "ServerError")),
            (Chat, 404, (NO, "Http")),
        ] {
            assert_eq!(judged(endpoint, false, status, ""), want, "{endpoint:?} {status}");
        }
        assert_eq!(judged(Start, true, 503, ""), (AGAIN, "Busy"));
    }

    /// 12.4: the texts about the stream, in answer to a start.
    #[test]
    fn the_words_of_a_failed_start_say_what_it_is() {
        for (status, words, want) in [
            (503, "All AI assistants are busy at the moment.", (NO, "Busy")),
            (500, "All AI assistants are busy at the moment", (NO, "Busy")),
            (504, "Connection timeout", (AGAIN, "GatewayTimeout")),
            (500, "connection timeout", (AGAIN, "GatewayTimeout")),
            (500, "Something went wrong", (NO, "StreamError")),
            (404, "Session expired", (NO, "SessionExpired")),
            (402, "Something went wrong", (NO, "PaymentRequired")),
            (403, "Session expired", (Step::Refresh, "AuthFailed")),
        ] {
            let body = serde_json::json!({ "status": status, "error": words }).to_string();
            assert_eq!(judged(Endpoint::Start, false, status, &body), want, "{status} {words}");
        }
    }

    /// C4, C20.
    #[test]
    fn a_failure_under_200_is_a_failure() {
        assert_eq!(judged(Endpoint::Jwt, false, 200, r#"{"result":"failure"}"#), (NO, "AuthFailed"));
        assert_eq!(judged(Endpoint::Jwt, false, 200, r#"{"result":"success","jwt":"x"}"#), (NO, "done"));
        let busy = r#"{"status":503,"error":"All AI assistants are busy at the moment"}"#;
        assert_eq!(judged(Endpoint::Start, false, 200, busy), (NO, "Busy"));
        assert_eq!(judged(Endpoint::Start, false, 200, r#"{"status":200,"LicenseId":"x"}"#), (NO, "done"));
        assert_eq!(judged(Endpoint::Connection, false, 200, r#"{"status":403}"#), (Step::Refresh, "AuthFailed"));
    }

    #[test]
    fn a_server_may_ask_for_up_to_thirty_seconds() {
        let rules = Rules { host: String::new(), busy_retry: false };
        for (asked, want) in [(30, Step::Again(Some(Duration::from_secs(30)))), (31, AGAIN)] {
            let answer = Answer { status: 503, retry_after: Some(Duration::from_secs(asked)), body: Vec::new() };
            let Judgement::Failed { step, .. } = judge(Endpoint::Connection, &rules, &Veil::default(), Ok(answer))
            else {
                panic!("503 is a failure")
            };
            assert_eq!(step, want);
        }
    }
}

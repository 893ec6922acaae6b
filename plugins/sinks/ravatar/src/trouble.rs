//! What can go wrong with the service: one function per stable error code, with what to do about it
//! in our words. No secret ever gets in here: callers pass host names and scrubbed texts.

use glottis_core::{SinkError, SinkErrorKind};

/// What the service said, as far as it is known, scrubbed of secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// HTTP status, or the one inside a body or message.
    pub(crate) status: Option<u16>,
    /// Its words, at most a few hundred characters.
    pub(crate) words: String,
}

impl Said {
    /// A short word without blanks is a code, not a sentence.
    fn code(&self) -> Option<String> {
        let is_code = !self.words.is_empty() && self.words.len() <= 64 && !self.words.contains(char::is_whitespace);
        is_code.then(|| self.words.clone())
    }

    /// `: words`, or nothing.
    pub(crate) fn tail(&self) -> String {
        if self.words.is_empty() { String::new() } else { format!(": {}", self.words) }
    }
}

/// An error of the service with what it said.
fn told(code: &'static str, phase: &'static str, message: String, said: &Said, advice: &str) -> SinkError {
    let mut error = SinkError::fatal(code, phase, message).advice(advice);
    error.http_status = said.status;
    error.server_code = said.code();
    error.server_detail = Some(said.words.clone()).filter(|words| !words.is_empty());
    error
}

/// Names what the service answered to `what`.
fn answered(what: &str, said: &Said) -> String {
    match said.status {
        Some(status) => format!("{what} was answered with {status}{}", said.tail()),
        None => format!("{what}{}", said.tail()),
    }
}

pub(crate) fn config(phase: &'static str, what: &str, said: &Said) -> SinkError {
    let advice = match said.words.as_str() {
        "invalid_user_id" => "correct user_id, or leave it out to have one generated",
        "invalid_project_id" => "correct project_id",
        "project_not_found" => "the service does not know this project_id; compare it with the one you were given",
        _ => "compare the sink's keys with the project's settings",
    };
    told("Config", phase, answered(what, said), said, advice)
}

/// A setting that does not fit what the service offers.
pub(crate) fn misfit(phase: &'static str, message: impl Into<String>, advice: impl Into<String>) -> SinkError {
    SinkError::fatal("Config", phase, message).advice(advice)
}

pub(crate) fn auth(phase: &'static str, what: &str, said: &Said) -> SinkError {
    let advice = "the service refuses this user and project even with a new token; check project_id and its access";
    told("AuthFailed", phase, answered(what, said), said, advice)
}

pub(crate) fn payment(phase: &'static str, what: &str, said: &Said) -> SinkError {
    let advice = "the account behind the project has no balance or no subscription; settle it and start again";
    told("PaymentRequired", phase, answered(what, said), said, advice)
}

pub(crate) fn busy(phase: &'static str, what: &str, said: &Said) -> SinkError {
    let advice = "every avatar is taken; try later, or set busy_retry = true to try four times";
    retryable(told("Busy", phase, answered(what, said), said, advice))
}

pub(crate) fn unavailable(phase: &'static str, what: &str, said: &Said) -> SinkError {
    retryable(told(
        "ServiceUnavailable",
        phase,
        answered(what, said),
        said,
        "the service is overloaded or down; try later",
    ))
}

pub(crate) fn gateway_timeout(phase: &'static str, what: &str, said: &Said) -> SinkError {
    retryable(told(
        "GatewayTimeout",
        phase,
        answered(what, said),
        said,
        "the service did not answer in time; try later",
    ))
}

pub(crate) fn server(phase: &'static str, what: &str, said: &Said) -> SinkError {
    retryable(told("ServerError", phase, answered(what, said), said, "the service failed; try later"))
}

pub(crate) fn http(phase: &'static str, what: &str, said: &Said) -> SinkError {
    let advice = "the service did not expect this; check endpoint, and the version of glottis";
    told("Http", phase, answered(what, said), said, advice)
}

/// No answer at all. `host` is host and port, `why` the system's words.
pub(crate) fn network(phase: &'static str, host: &str, why: &str) -> SinkError {
    let message = format!("{host} cannot be reached: {why}");
    SinkError::retry("Network", phase, message).advice("check endpoint, the network and any firewall on the way")
}

pub(crate) fn protocol(phase: &'static str, message: impl Into<String>) -> SinkError {
    SinkError::fatal("Protocol", phase, message).advice("the service speaks differently than expected; check endpoint")
}

/// The live session broke and was ended.
pub(crate) fn stream(said: &Said) -> SinkError {
    let message = answered("the avatar's stream failed", said);
    retryable(told("StreamError", "stream", message, said, "the live session was ended; start again for a new one"))
}

/// The avatar's stream stalls, and may come back.
pub(crate) fn stalled(said: &Said) -> SinkError {
    let advice = "reload the streaming page; the session is kept";
    let error = told("StreamError", "stream", answered("the avatar's stream stalls", said), said, advice);
    retryable(error)
}

/// The live session is over, says the service.
pub(crate) fn expired() -> SinkError {
    SinkError::retry("SessionExpired", "stream", "the service ended the live session")
        .advice("start again for a new one")
}

/// The socket was lost; what is done next depends on how often.
pub(crate) fn disconnected(host: &str, why: &str) -> SinkError {
    SinkError::retry("Disconnected", "stream", format!("the connection to {host} was lost: {why}"))
        .advice("glottis reconnects by itself; if it happens often, look at the network")
}

/// A live session may still occupy a slot of the account.
pub(crate) fn leak(message: impl Into<String>) -> SinkError {
    SinkError::fatal("PossibleLeak", "live_end", message)
        .advice("a live session may still be running and costing; it ends by itself when the service notices")
}

/// The same error, as one after which another try makes sense: at once if attempts are left, else
/// when somebody starts again.
pub(crate) fn retryable(error: SinkError) -> SinkError {
    SinkError { kind: SinkErrorKind::Retry, ..error }
}

/// The four texts by which the service reports the state of a live session, wherever they turn up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamText {
    /// `Something went wrong`.
    Failed,
    /// `Connection timeout`.
    Timeout,
    /// `All AI assistants are busy at the moment`.
    Busy,
    /// `Session expired`.
    Expired,
}

impl StreamText {
    /// The text that `words` are, but for case, blanks around and one period at the end.
    pub(crate) fn of(words: &str) -> Option<StreamText> {
        let words = words.trim();
        let words = words.strip_suffix('.').unwrap_or(words).trim_end();
        let texts = [
            ("something went wrong", StreamText::Failed),
            ("connection timeout", StreamText::Timeout),
            ("all ai assistants are busy at the moment", StreamText::Busy),
            ("session expired", StreamText::Expired),
        ];
        texts.into_iter().find(|(text, _)| words.eq_ignore_ascii_case(text)).map(|(_, found)| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_texts_are_known_in_any_case_with_or_without_period() {
        assert_eq!(StreamText::of(" Session Expired. "), Some(StreamText::Expired));
        assert_eq!(StreamText::of("something went wrong"), Some(StreamText::Failed));
        assert_eq!(StreamText::of("CONNECTION TIMEOUT"), Some(StreamText::Timeout));
        assert_eq!(StreamText::of("All AI assistants are busy at the moment."), Some(StreamText::Busy));
        for other in ["Session expired..", "The session expired", "", "Session expired, sorry"] {
            assert_eq!(StreamText::of(other), None, "{other}");
        }
    }

    #[test]
    fn an_error_names_what_was_asked_and_what_was_said() {
        let said = Said { status: Some(401), words: "project_not_found".to_owned() };
        let error = config("login", "POST /jwt at h:1", &said);
        assert_eq!(error.message, "POST /jwt at h:1 was answered with 401: project_not_found");
        assert_eq!((error.code, error.http_status), ("Config", Some(401)));
        assert_eq!(error.server_code.as_deref(), Some("project_not_found"));
        assert!(error.advice.contains("project_id"));
        let said = Said { status: Some(503), words: "All AI assistants are busy at the moment".to_owned() };
        assert_eq!(busy("live_start", "x", &said).server_code, None);
    }
}

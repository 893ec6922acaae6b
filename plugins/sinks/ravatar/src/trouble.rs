//! What can go wrong with the service: one function per stable error code, with what to do about it
//! in our words. No secret ever gets in here: callers pass host names and scrubbed texts.

use std::time::Duration;

use glottis_core::{Cause, SinkError, SinkErrorKind};

use crate::catalogue;

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

/// An error with what the catalogue knows of its code.
fn error(code: &'static str, phase: &'static str, message: impl Into<String>) -> SinkError {
    let row = catalogue::of(code);
    let kind = if row.is_some_and(|row| row.retryable) { SinkErrorKind::Retry } else { SinkErrorKind::Fatal };
    SinkError::new(kind, code, phase, message).advice(row.map_or("", |row| row.remedy))
}

/// An error of the service with what it said.
fn told(code: &'static str, phase: &'static str, message: String, said: &Said) -> SinkError {
    let mut error = error(code, phase, message);
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
    let error = told("Config", phase, answered(what, said), said);
    match said.words.as_str() {
        "invalid_user_id" => error.advice("correct user_id, or leave it out to have one generated"),
        "invalid_project_id" => error.advice("correct project_id"),
        "project_not_found" => {
            error.advice("the service does not know this project_id; compare it with the one you were given")
        }
        _ => error,
    }
}

/// A setting that does not fit what the service offers.
pub(crate) fn misfit(phase: &'static str, message: impl Into<String>, advice: impl Into<String>) -> SinkError {
    error("Config", phase, message).advice(advice)
}

pub(crate) fn auth(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("AuthFailed", phase, answered(what, said), said)
}

pub(crate) fn payment(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("PaymentRequired", phase, answered(what, said), said)
}

pub(crate) fn busy(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("Busy", phase, answered(what, said), said)
}

pub(crate) fn unavailable(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("ServiceUnavailable", phase, answered(what, said), said)
}

pub(crate) fn gateway_timeout(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("GatewayTimeout", phase, answered(what, said), said)
}

pub(crate) fn server(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("ServerError", phase, answered(what, said), said)
}

pub(crate) fn http(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("Http", phase, answered(what, said), said)
}

/// No answer at all. `place` is host and port or a URL without its query, `why` the system's words.
pub(crate) fn network(phase: &'static str, place: &str, why: &str) -> SinkError {
    error("Network", phase, format!("{place} cannot be reached: {why}"))
}

pub(crate) fn protocol(phase: &'static str, message: impl Into<String>) -> SinkError {
    error("Protocol", phase, message)
}

/// The live session broke and was ended.
pub(crate) fn stream(said: &Said) -> SinkError {
    told("StreamError", "stream", answered("the avatar's stream failed", said), said)
}

/// The avatar's stream could not be started.
pub(crate) fn unstarted(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("StreamError", phase, answered(what, said), said)
}

/// What was asked for belongs to a session that is over.
pub(crate) fn outdated(phase: &'static str, what: &str, said: &Said) -> SinkError {
    told("SessionExpired", phase, answered(what, said), said)
}

/// The avatar's stream stalls, and may come back.
pub(crate) fn stalled(said: &Said) -> SinkError {
    let error = told("StreamError", "stream", answered("the avatar's stream stalls", said), said);
    error.advice("reload the streaming page; the session is kept")
}

/// The live session is over, says the service.
pub(crate) fn expired() -> SinkError {
    error("SessionExpired", "stream", "the service ended the live session")
}

/// The socket was lost; what is done next depends on how often.
pub(crate) fn disconnected(host: &str, why: &str) -> SinkError {
    error("Disconnected", "stream", format!("the connection to {host} was lost: {why}"))
}

/// A turn that will not be sent.
pub(crate) fn unsent(cause: Cause, length: Duration, why: &str) -> SinkError {
    let message = format!("a turn of {:.1} s was not sent: {why}", length.as_secs_f64());
    match cause {
        Cause::Overflow => error("Overflow", "stream", message),
        // Another connection may come; this turn does not.
        _ => SinkError::fatal("Disconnected", "stream", message).advice("say it again"),
    }
}

/// A turn that could not be encoded, with the vendor's code for it.
pub(crate) fn recorder(why: &str) -> SinkError {
    SinkError::fatal("recorder_error", "stream", format!("a turn could not be encoded: {why}"))
        .advice("say it again; if it happens again, use blob = \"wav\"")
}

/// A message that is longer than allowed.
pub(crate) fn too_long(bytes: usize, most: usize) -> SinkError {
    let message = format!("a turn makes a message of {bytes} bytes, more than max_message, {most}");
    error("Protocol", "stream", message).advice("raise max_message, or set a smaller turn.max")
}

/// The service reports an error while there is no live session: the turn is lost, nothing else.
pub(crate) fn unanswered(said: &Said) -> SinkError {
    let error = told("StreamError", "stream", answered("the turn", said), said);
    SinkError { kind: SinkErrorKind::Fatal, ..error }.advice("say it again; if that does not help, start again")
}

/// The connection could not be had again; `last` is what the last attempt came to. A refused token
/// stays one: its remedy is another.
pub(crate) fn gone(host: &str, last: SinkError) -> SinkError {
    match last.code {
        "AuthFailed" | "Disconnected" => last,
        _ => SinkError {
            code: "Disconnected",
            message: format!("the connection to {host} was lost and could not be had again: {}", last.message),
            ..last
        },
    }
}

/// A live session that a crash would leave behind unnoticed.
pub(crate) fn unjournalled(error: &std::io::Error) -> SinkError {
    let message = format!("the live session cannot be put into the journal: {error}");
    misfit("live_start", message, "make the state directory writable; without the journal a crash leaves sessions open")
}

/// A live session may still occupy a slot of the account.
pub(crate) fn leak(message: impl Into<String>) -> SinkError {
    error("PossibleLeak", "live_end", message)
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

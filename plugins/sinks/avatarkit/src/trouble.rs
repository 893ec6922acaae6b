//! Errors in the shape of the engine: code, phase, what the service said, what to do. No secret gets in
//! here: callers pass host names and scrubbed texts.

use glottis_core::{SinkError, SinkErrorKind};
use glottis_net::secret::Veil;
use glottis_net::socket::{How, Lost};

use crate::body::Told;
use crate::classify::{Phase, Said, classify, of_close};
use crate::code::{Code, Retry};
use crate::config::Dialect;
use crate::wire::ServerError;

/// A setting that cannot be used: no error of the service.
pub(crate) fn setting(phase: Phase, message: impl Into<String>, advice: impl Into<String>) -> SinkError {
    SinkError::fatal("Config", phase.name(), message).advice(advice)
}

/// An error with a code of the table.
pub(crate) fn error(code: Code, phase: Phase, message: impl Into<String>) -> SinkError {
    judged(SinkError::fatal(code.name(), phase.name(), message).advice(code.row().remedy), code)
}

/// Settles whether another try may help, from what the error says by now.
fn judged(mut error: SinkError, code: Code) -> SinkError {
    let retry = code.is_retryable(error.http_status, error.close_code);
    error.kind = if retry { SinkErrorKind::Retry } else { SinkErrorKind::Fatal };
    error
}

/// An HTTP answer that refuses.
pub(crate) fn refused(dialect: Dialect, phase: Phase, what: &str, told: Told) -> SinkError {
    let code = classify(dialect, phase, &told.said);
    let Said { status, code: server_code, title, detail } = told.said;
    let mut message = match status {
        Some(status) => format!("{what} was answered with {status}"),
        None => format!("{what} was refused"),
    };
    for words in [&title, &detail].into_iter().flatten() {
        message = format!("{message}: {words}");
    }
    let mut error = error(code, phase, message);
    (error.http_status, error.server_code, error.server_title, error.server_detail) =
        (status, server_code, title, detail);
    error.raw_body = told.raw;
    judged(error, code)
}

/// A `ServerError` message, without secrets that it repeats.
pub(crate) fn server(dialect: Dialect, phase: Phase, said: ServerError, veil: &Veil) -> (Code, SinkError) {
    let some = |text: String| Some(veil.scrub(&text)).filter(|text| !text.is_empty());
    let (server_code, detail) = (Some(said.code.to_string()), some(said.message));
    let told = Said { code: server_code.clone(), detail: detail.clone(), ..Said::default() };
    let code = classify(dialect, phase, &told);
    let message = match &detail {
        Some(detail) => format!("the service reports error {}: {detail}", said.code),
        None => format!("the service reports error {}", said.code),
    };
    let mut error = error(code, phase, message);
    error.server_code = server_code;
    error.server_detail = detail;
    error.connection_id = some(said.connection_id);
    error.req_id = some(said.req_id);
    (code, error)
}

/// A connection that was lost.
pub(crate) fn lost(phase: Phase, host: &str, lost: &Lost) -> (Code, SinkError) {
    let phase = if lost.writing && phase == Phase::Runtime { Phase::Send } else { phase };
    let code = match lost.how {
        How::Closed => of_close(lost.code, lost.reason.as_deref()),
        How::Dropped if lost.writing => Code::ConnectionFailed,
        How::Dropped => Code::ConnectionClosed,
        How::Failed => Code::ConnectionFailed,
    };
    let mut error = error(code, phase, format!("the connection to {host} was lost: {}", lost.why));
    (error.close_code, error.close_reason) = (lost.code, lost.reason.clone());
    (code, judged(error, code))
}

/// Whether reconnecting at once is expected after this error.
pub(crate) fn is_at_once(error: &SinkError) -> bool {
    crate::code::TABLE.iter().any(|row| row.name == error.code && row.retry == Retry::AtOnce)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(code: u16) -> Lost {
        Lost { how: How::Closed, code: Some(code), reason: Some("why".to_owned()), ..Lost::default() }
    }

    /// For every code that stands in a close frame, whether another try helps.
    #[test]
    fn a_lost_connection_says_how_and_whether_to_try_again() {
        for (close, code, retry) in [
            (1011, "connectionClosed", true),
            (4001, "creditsExhausted", false),
            (4002, "sessionDurationExceeded", true),
            (4003, "concurrencyLimit", false),
            (4010, "sessionTokenInvalid", false),
            (4100, "connectionClosed", false),
            (4503, "upstreamError", true),
            (4999, "connectionClosed", true),
        ] {
            let (_, error) = lost(Phase::Runtime, "h:1", &closed(close));
            assert_eq!((error.code, error.kind == SinkErrorKind::Retry), (code, retry), "{close}");
            assert_eq!((error.close_code, error.close_reason.as_deref()), (Some(close), Some("why")));
            assert_eq!(error.phase, "websocket_runtime");
        }
        let dropped = Lost::default();
        assert_eq!(lost(Phase::Runtime, "h:1", &dropped).1.close_code, None);
        assert_eq!(lost(Phase::Runtime, "h:1", &dropped).0, Code::ConnectionClosed);
        let stuck = Lost { how: How::Failed, writing: true, ..Lost::default() };
        let (code, error) = lost(Phase::Runtime, "h:1", &stuck);
        assert_eq!((code, error.phase), (Code::ConnectionFailed, "websocket_send"));
        let late = Lost { writing: true, ..closed(4001) };
        assert_eq!(lost(Phase::Runtime, "h:1", &late).1.phase, "websocket_send");
    }

    #[test]
    fn a_server_error_keeps_its_number_as_text_zero_too() {
        let said = ServerError { connection_id: "c".to_owned(), ..Default::default() };
        let (code, error) = server(Dialect::Spatius, Phase::Runtime, said, &Veil::default());
        assert_eq!((code, error.server_code.as_deref()), (Code::ServerError, Some("0")));
        assert_eq!((error.connection_id.as_deref(), &error.req_id, &error.server_detail), (Some("c"), &None, &None));
        assert!(is_at_once(&lost(Phase::Runtime, "h", &closed(4002)).1) && !is_at_once(&error));
    }

    /// Wherever the service puts it.
    #[test]
    fn a_secret_is_taken_out_of_a_server_error() {
        let veil = Veil::default();
        veil.hide(&glottis_net::secret::Secret::new("s3cret"));
        let text = || "my s3cret".to_owned();
        let said = ServerError { connection_id: text(), req_id: text(), code: 5, message: text() };
        let (_, error) = server(Dialect::Spatius, Phase::Handshake, said, &veil);
        let parts = [&error.connection_id, &error.req_id, &error.server_detail];
        assert!(parts.into_iter().all(|part| part.as_deref() == Some("my ***")), "{parts:?}");
        assert!(!error.message.contains("s3cret"));
    }

    #[test]
    fn a_refusal_that_passes_may_be_tried_again() {
        let veil = Veil::default();
        let refusal = |status| {
            let told = crate::body::refusal(status, b"{\"message\":\"down\"}", true, &veil);
            refused(Dialect::Spatius, Phase::Connect, "the socket", told)
        };
        assert_eq!((refusal(503).kind, refusal(500).kind), (SinkErrorKind::Retry, SinkErrorKind::Fatal));
        assert_eq!(refusal(503).message, "the socket was answered with 503: down");
        assert_eq!(refusal(503).raw_body.as_deref(), Some("{\"message\":\"down\"}"));
    }
}

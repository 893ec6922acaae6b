//! Which code a service's words have. Pure.
//!
//! The ordered rules are those of the Spatius SDKs, compared with them over many inputs by those who
//! wrote them down, with two deviations: rules about an egress apply only where there may be one (so a
//! refused API key is not taken for a bad room token), and the close codes of SpatialReal are known.

use crate::code::Code;
use crate::config::Dialect;

/// Where in the protocol something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// The HTTP call for a token.
    SessionToken,
    /// The upgrade to a WebSocket.
    Connect,
    /// From the upgrade to the confirmation.
    Handshake,
    /// Writing to an open session.
    Send,
    /// Anything else in an open session.
    Runtime,
}

impl Phase {
    /// The name errors carry.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::SessionToken => "session_token",
            Phase::Connect => "websocket_connect",
            Phase::Handshake => "websocket_handshake",
            Phase::Send => "websocket_send",
            Phase::Runtime => "websocket_runtime",
        }
    }

    /// Whether the service speaks of the session, egress included.
    fn is_in_session(self) -> bool {
        matches!(self, Phase::Handshake | Phase::Runtime)
    }
}

/// What the service said, as far as it is known.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Said {
    /// HTTP status, or the one inside a body.
    pub status: Option<u16>,
    /// Its own code.
    pub code: Option<String>,
    /// Its own title.
    pub title: Option<String>,
    /// Its own words.
    pub detail: Option<String>,
}

impl Said {
    /// Code, title and detail in one lower-case line.
    fn text(&self) -> String {
        let parts = [&self.code, &self.title, &self.detail];
        let parts = parts.into_iter().flatten().map(|part| part.trim()).filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join(" | ").to_lowercase()
    }
}

/// Words, one of which is enough, and the code they mean. In this order.
const BILLING: &[(&[&str], Code)] = &[
    (&["credits exhausted"], Code::CreditsExhausted),
    (&["session time limit reached", "maximum session duration"], Code::SessionDurationExceeded),
    (&["session denied"], Code::BillingRequired),
];
const TOKEN: &[(&[&str], Code)] = &[
    (&["invalid session token", "empty token"], Code::SessionTokenInvalid),
    (&["token is expired", "session token expired"], Code::SessionTokenExpired),
    (&["app id mismatch"], Code::AppIdMismatch),
    (&["appidunrecognized", "app id unrecognized"], Code::AppIdUnrecognized),
    (&["avatar not found"], Code::AvatarNotFound),
    (&["unsupported sample rate"], Code::UnsupportedSampleRate),
    (IDLE, Code::IdleTimeout),
    (&["livekit_egress", "agora_egress"], Code::InvalidEgressConfig),
];
const EGRESS: &[(&[&str], Code)] = &[(
    &["missing livekit credentials", "provide api_token or both api_key and api_secret", "unauthorized"],
    Code::InvalidEgressConfig,
)];
const REST: &[(&[&str], Code)] = &[
    (&["egress client is not configured on server", "failed to create egress connection"], Code::EgressUnavailable),
    (&["driven server returned non-200 status code", "driven server request failed"], Code::UpstreamError),
    (
        &[
            "expected clientconfiguresession message",
            "clientconfiguresession message is nil",
            "unexpected message type",
            "failed to unmarshal initial message",
        ],
        Code::ProtocolError,
    ),
];
const IDLE: &[&str] = &["livekit silence timeout", "no audio input for"];

fn matching(text: &str, rules: &[(&[&str], Code)]) -> Option<Code> {
    let hit = |words: &&[&str]| words.iter().any(|word| text.contains(word));
    rules.iter().find(|(words, _)| hit(words)).map(|(_, code)| *code)
}

/// The code of what the service said.
pub fn classify(dialect: Dialect, phase: Phase, said: &Said) -> Code {
    let text = said.text();
    by_number(phase, said, &text)
        .or_else(|| matching(&text, BILLING))
        .or_else(|| (said.status == Some(402)).then_some(Code::BillingRequired))
        .or_else(|| matching(&text, TOKEN))
        .or_else(|| phase.is_in_session().then(|| matching(&text, EGRESS)).flatten())
        .or_else(|| matching(&text, REST))
        .or_else(|| said.code.as_deref().and_then(|code| by_close_code(code.trim().parse().ok()?)))
        .or_else(|| said.status.map(|status| by_status(dialect, phase, status)))
        .unwrap_or(if phase.is_in_session() { Code::ServerError } else { Code::Unknown })
}

/// What the service's own code says by itself: numbers of gRPC, and of the billing.
fn by_number(phase: Phase, said: &Said, text: &str) -> Option<Code> {
    match said.code.as_deref()?.trim() {
        "3" | "INVALID_ARGUMENT" => {
            let egress = ["livekit", "agora", "egress"].iter().any(|word| text.contains(word));
            Some(if egress { Code::InvalidEgressConfig } else { Code::InvalidRequest })
        }
        "16" | "UNAUTHENTICATED" if phase.is_in_session() => Some(Code::InvalidEgressConfig),
        "14" | "UNAVAILABLE" if phase.is_in_session() => Some(Code::EgressUnavailable),
        "4001" => Some(Code::CreditsExhausted),
        "4002" => Some(Code::SessionDurationExceeded),
        _ => None,
    }
}

/// SpatialReal's numbers, in errors and close frames alike.
fn by_close_code(code: u16) -> Option<Code> {
    match code {
        4001 => Some(Code::CreditsExhausted),
        4002 => Some(Code::SessionDurationExceeded),
        4003 => Some(Code::ConcurrencyLimit),
        4010 => Some(Code::SessionTokenInvalid),
        4503 => Some(Code::UpstreamError),
        _ => None,
    }
}

/// The last resort.
fn by_status(dialect: Dialect, phase: Phase, status: u16) -> Code {
    match (dialect, phase, status) {
        (_, _, 402) => Code::BillingRequired,
        (Dialect::SpatialReal, Phase::Connect, 401 | 403) => Code::SessionTokenInvalid,
        (Dialect::SpatialReal, Phase::Connect, _) => Code::ConnectionFailed,
        (Dialect::SpatialReal, _, 401) => Code::SessionTokenInvalid,
        (Dialect::SpatialReal, _, 403) => Code::AppIdUnrecognized,
        (Dialect::SpatialReal, _, 404) => Code::AvatarNotFound,
        (Dialect::SpatialReal, _, 429) => Code::ConcurrencyLimit,
        (Dialect::Spatius, Phase::Connect, 400) => Code::SessionTokenInvalid,
        (Dialect::Spatius, _, 401) => Code::SessionTokenExpired,
        (Dialect::Spatius, _, 404) => Code::AppIdUnrecognized,
        (_, _, 400..=499) => Code::InvalidRequest,
        (_, _, 500..) => Code::ServerError,
        (Dialect::SpatialReal, _, _) => Code::InvalidRequest,
        (Dialect::Spatius, _, _) => Code::Unknown,
    }
}

/// Whether a close code means that all is well.
pub fn is_clean(close_code: Option<u16>) -> bool {
    matches!(close_code, Some(1000 | 1001 | 1005))
}

/// The code of a lost connection: of its close frame, if there was one.
pub fn of_close(close_code: Option<u16>, reason: Option<&str>) -> Code {
    let reason = reason.unwrap_or_default().to_lowercase();
    match close_code.and_then(by_close_code) {
        Some(Code::SessionTokenInvalid) => {
            let finer = matching(&reason, TOKEN);
            let finer = finer.filter(|code| matches!(code, Code::SessionTokenExpired | Code::AppIdMismatch));
            finer.unwrap_or(Code::SessionTokenInvalid)
        }
        Some(code) => code,
        None if close_code.is_some() && IDLE.iter().any(|word| reason.contains(word)) => Code::IdleTimeout,
        None => Code::ConnectionClosed,
    }
}

#[cfg(test)]
mod tests;

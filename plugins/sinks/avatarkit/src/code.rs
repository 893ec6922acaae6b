//! The stable error codes: what each means, whether another try may help, and what to do. The README
//! holds the same table; a test compares them.

/// A stable error code, spelled as its name.
#[allow(missing_docs)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    SessionTokenExpired,
    SessionTokenInvalid,
    AppIdUnrecognized,
    AppIdMismatch,
    AvatarNotFound,
    BillingRequired,
    CreditsExhausted,
    SessionDurationExceeded,
    ConcurrencyLimit,
    UnsupportedSampleRate,
    InvalidEgressConfig,
    EgressUnavailable,
    IdleTimeout,
    UpstreamError,
    ProtocolError,
    ConnectionFailed,
    ConnectionClosed,
    ServerError,
    InvalidRequest,
    Unknown,
}

/// When another try may help.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// Never with the same settings.
    No,
    /// After a while.
    Yes,
    /// At once: reconnecting is expected.
    AtOnce,
    /// Unless the service closed the connection with a code from 4000 to 4499.
    UnlessAtFault,
    /// Only after HTTP 502, 503 or 504.
    OnlyPassing,
}

impl Retry {
    /// The table's word for it.
    pub const fn words(self) -> &'static str {
        match self {
            Retry::No => "no",
            Retry::Yes => "yes",
            Retry::AtOnce => "at once",
            Retry::UnlessAtFault => "unless close code 4000–4499",
            Retry::OnlyPassing => "only HTTP 502, 503, 504",
        }
    }
}

/// What there is to say of a code.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The code.
    pub code: Code,
    /// Its spelling.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// When another try may help.
    pub retry: Retry,
    /// What to do about it.
    pub remedy: &'static str,
}

const fn row(code: Code, name: &'static str, retry: Retry, meaning: &'static str, remedy: &'static str) -> Row {
    Row { code, name, meaning, retry, remedy }
}

/// Every code, in the order of [`Code`].
pub const TABLE: [Row; 20] = [
    row(
        Code::SessionTokenExpired,
        "sessionTokenExpired",
        Retry::No,
        "the session token is too old, or the API key is refused",
        "check the API key, the clock and `expires_in`; at connect glottis tries once more with a new token by itself",
    ),
    row(
        Code::SessionTokenInvalid,
        "sessionTokenInvalid",
        Retry::No,
        "the service does not accept the session token",
        "check that API key, app id and endpoints belong together",
    ),
    row(
        Code::AppIdUnrecognized,
        "appIDUnrecognized",
        Retry::No,
        "the service does not know the app",
        "correct `app_id`, and check that the region is the app's",
    ),
    row(
        Code::AppIdMismatch,
        "appIDMismatch",
        Retry::No,
        "the session token was made for another app",
        "use the API key of this `app_id`",
    ),
    row(
        Code::AvatarNotFound,
        "avatarNotFound",
        Retry::No,
        "the service does not know the avatar",
        "correct `avatar_id`, and check that the app may use it",
    ),
    row(
        Code::BillingRequired,
        "billingRequired",
        Retry::No,
        "the account has no plan or payment for this",
        "settle the account, then start again",
    ),
    row(
        Code::CreditsExhausted,
        "creditsExhausted",
        Retry::No,
        "the account has no credits left",
        "buy credits, then start again",
    ),
    row(
        Code::SessionDurationExceeded,
        "sessionDurationExceeded",
        Retry::AtOnce,
        "the session has lasted as long as the plan allows",
        "nothing: a new session is opened; if that is refused, look at the plan",
    ),
    row(
        Code::ConcurrencyLimit,
        "concurrencyLimit",
        Retry::No,
        "as many sessions are open as the plan allows",
        "close another session, or raise the plan's limit",
    ),
    row(
        Code::UnsupportedSampleRate,
        "unsupportedSampleRate",
        Retry::No,
        "the service does not take this sample rate",
        "choose another `sample_rate` and insert a matching `resample` node",
    ),
    row(
        Code::InvalidEgressConfig,
        "invalidEgressConfig",
        Retry::No,
        "the service cannot use the `livekit` or `agora` settings",
        "check URL, names and tokens of the egress; the detail names the field",
    ),
    row(
        Code::EgressUnavailable,
        "egressUnavailable",
        Retry::No,
        "the service cannot join the room or channel, or has no egress",
        "check that the room's server is up and that the account includes egress",
    ),
    row(
        Code::IdleTimeout,
        "idleTimeout",
        Retry::Yes,
        "nothing was said for too long",
        "nothing: the sink connects again when there is something to say",
    ),
    row(
        Code::UpstreamError,
        "upstreamError",
        Retry::Yes,
        "the service's own animation server failed",
        "nothing, unless it happens often: then tell the vendor the connection id",
    ),
    row(
        Code::ProtocolError,
        "protocolError",
        Retry::No,
        "the service sent something else than the protocol has",
        "check the endpoints; if they are right, report it",
    ),
    row(
        Code::ConnectionFailed,
        "connectionFailed",
        Retry::Yes,
        "the service cannot be reached, or stopped answering",
        "check the endpoints, the network and any firewall on the way",
    ),
    row(
        Code::ConnectionClosed,
        "connectionClosed",
        Retry::UnlessAtFault,
        "the connection ended",
        "nothing, unless it happens often: then look at close code and network",
    ),
    row(
        Code::ServerError,
        "serverError",
        Retry::OnlyPassing,
        "the service failed in a way that has no code of its own",
        "look at the detail; if it goes on, tell the vendor the connection id",
    ),
    row(
        Code::InvalidRequest,
        "invalidRequest",
        Retry::No,
        "the service does not accept what it was asked for",
        "the detail names what; check the sink's keys",
    ),
    row(
        Code::Unknown,
        "unknown",
        Retry::No,
        "the service answered with something no rule covers",
        "check the endpoints, and look at status and body",
    ),
];

impl Code {
    /// What there is to say of it.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Its spelling.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether another try may help, after this HTTP status or close code.
    pub fn is_retryable(self, http_status: Option<u16>, close_code: Option<u16>) -> bool {
        match self.row().retry {
            Retry::No => false,
            Retry::Yes | Retry::AtOnce => true,
            Retry::UnlessAtFault => !close_code.is_some_and(|code| (4000..=4499).contains(&code)),
            Retry::OnlyPassing => http_status.is_some_and(|status| (502..=504).contains(&status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_row() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.code as usize, i, "{}", row.name);
            assert_eq!(row.code.name(), row.name);
        }
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../README.md");
        let shown: Vec<&str> = readme.lines().filter(|line| TABLE.iter().any(|r| starts(line, r.name))).collect();
        let wanted: Vec<String> = TABLE
            .iter()
            .map(|row| format!("| `{}` | {} | {} | {} |", row.name, row.meaning, row.retry.words(), row.remedy))
            .collect();
        assert_eq!(shown, wanted, "copy these:\n{}", wanted.join("\n"));
    }

    fn starts(line: &str, name: &str) -> bool {
        line.starts_with(&format!("| `{name}` |"))
    }

    #[test]
    fn another_try_helps_only_against_what_passes() {
        let retry = |code: Code| code.is_retryable(None, None);
        let yes: Vec<&str> = TABLE.iter().filter(|row| retry(row.code)).map(|row| row.name).collect();
        let wanted =
            ["sessionDurationExceeded", "idleTimeout", "upstreamError", "connectionFailed", "connectionClosed"];
        assert_eq!(yes, wanted);
        for (close, retry) in [(1011, true), (4100, false), (4499, false), (4500, true), (4999, true)] {
            assert_eq!(Code::ConnectionClosed.is_retryable(None, Some(close)), retry, "{close}");
        }
        for (status, retry) in [(500, false), (501, false), (502, true), (503, true), (504, true), (505, false)] {
            assert_eq!(Code::ServerError.is_retryable(Some(status), None), retry, "{status}");
        }
    }
}

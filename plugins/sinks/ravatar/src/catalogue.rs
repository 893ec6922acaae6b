//! Every error code of this sink: what it means, what to do, whether another try may help. The one
//! place where that is decided; the README shows the same table, and a test compares them.

/// An error code with its meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ErrorCode {
    /// The code, which never changes.
    pub code: &'static str,
    /// What it means.
    pub cause: &'static str,
    /// What to do about it, unless the error itself knows better.
    pub remedy: &'static str,
    /// Whether the same may work later.
    pub retryable: bool,
}

const fn row(code: &'static str, cause: &'static str, remedy: &'static str, retryable: bool) -> ErrorCode {
    ErrorCode { code, cause, remedy, retryable }
}

/// Every code, in the order of the README.
pub const ERRORS: &[ErrorCode] = &[
    row(
        "Config",
        "the service refuses `user_id` or `project_id`, or the project lacks the avatar or language",
        "compare the sink's keys with the project's settings",
        false,
    ),
    row(
        "AuthFailed",
        "user or project is refused, also with a new token",
        "check `project_id` and what the vendor has opened for it",
        false,
    ),
    row(
        "PaymentRequired",
        "the account behind the project has no balance or no subscription",
        "settle the account, then start again; glottis does not ask twice",
        false,
    ),
    row("Busy", "every avatar of the account is taken", "try later, or set `busy_retry` or `unattended`", true),
    row("ServiceUnavailable", "the service is overloaded or down, after three retries", "try later", true),
    row("GatewayTimeout", "the service did not answer in time, after three retries", "try later", true),
    row("ServerError", "the service failed", "try later", true),
    row(
        "Network",
        "no answer: name, connection or TLS failed; the message says which and where",
        "check `endpoint`, the network and any firewall on the way",
        true,
    ),
    row(
        "Protocol",
        "an answer lacks what matters, or a message is longer than the service takes",
        "the service speaks differently than expected: check `endpoint`",
        false,
    ),
    row(
        "Http",
        "any other refusal",
        "the service did not expect this: check `endpoint`, and the version of glottis",
        false,
    ),
    row(
        "Disconnected",
        "the socket was lost; fatal once it could not be had again",
        "nothing at first: glottis reconnects by itself; if it happens often, look at the network",
        true,
    ),
    row(
        "Overflow",
        "turns come faster than the service reads; this one was not sent",
        "wait for the answers; look at the network",
        false,
    ),
    row(
        "StreamError",
        "the avatar's stream broke, and its session was ended; as a warning: it stalls",
        "start again for a new session, or set `unattended`; at a stall, reload the streaming page",
        true,
    ),
    row(
        "SessionExpired",
        "the service ended the live session",
        "start again for a new session, or set `unattended`",
        true,
    ),
    row(
        "PossibleLeak",
        "a warning: a live session may still be running, because its start or end was not answered",
        "run `glottis ravatar release`, or start again, which ends it first; else the service ends it when it notices",
        false,
    ),
];

/// What is known of `code`.
pub(crate) fn of(code: &str) -> Option<&'static ErrorCode> {
    ERRORS.iter().find(|row| row.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table under the heading "Errors" of the README, cell by cell.
    fn table() -> Vec<Vec<String>> {
        let readme = include_str!("../README.md");
        let section = readme.split("\n## ").find(|section| section.starts_with("Errors\n")).expect("a section");
        let rows = section.lines().filter(|line| line.starts_with("| `"));
        rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
    }

    #[test]
    fn the_readme_says_the_same() {
        let row = |row: &ErrorCode| {
            let again = if row.retryable { "yes" } else { "no" };
            vec![format!("`{}`", row.code), row.cause.to_owned(), row.remedy.to_owned(), again.to_owned()]
        };
        assert_eq!(table(), ERRORS.iter().map(row).collect::<Vec<_>>());
    }

    #[test]
    fn every_code_that_is_used_is_in_the_table() {
        let source = include_str!("trouble.rs");
        let quoted = source.split("#[cfg(test)]").next().unwrap_or_default().split('"').skip(1).step_by(2);
        let is_code = |word: &&str| {
            word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_alphabetic())
        };
        let used: Vec<&str> = quoted.filter(is_code).collect();
        assert!(used.len() >= ERRORS.len(), "{used:?}");
        assert_eq!(used.iter().find(|code| of(code).is_none()), None);
        assert_eq!(ERRORS.iter().find(|row| !used.contains(&row.code)), None);
    }
}

//! The tokens issued in this run: making them and looking them up. Owned by the `State`, used
//! under its lock.

use super::ids::Ids;
use super::options::TokenForm;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use std::collections::VecDeque;
use std::time::Duration;

/// More tokens than any test asks for; the oldest are forgotten beyond it.
const KEPT: usize = 4096;

/// What a request's token was worth. The token itself is never recorded, only its number in this
/// run (`token-1` is the first one issued).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "token", content = "id", rename_all = "snake_case")]
pub enum TokenUse {
    /// There was none.
    Absent,
    /// It is not one of ours.
    Unknown,
    /// It is ours but too old.
    Expired(String),
    /// It is ours and good.
    Valid(String),
}

/// A token looked up: its worth, and the user it belongs to if it is good.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) worth: TokenUse,
    pub(crate) user: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: VecDeque<Token>,
    count: u64,
    /// All are refused, whatever their age.
    pub(crate) refused: bool,
}

#[derive(Debug)]
struct Token {
    id: String,
    text: String,
    user: String,
    expires: Duration,
}

/// What a new token is bound to.
pub(crate) struct Claims<'a> {
    pub(crate) user: &'a str,
    pub(crate) project: &'a str,
    pub(crate) unix_ms: u64,
    pub(crate) now: Duration,
    pub(crate) ttl: Duration,
}

impl Tokens {
    /// Makes and remembers a token; returns its text.
    pub(crate) fn issue(&mut self, ids: &mut Ids, form: TokenForm, claims: &Claims<'_>) -> String {
        self.count += 1;
        let text = encode(ids, form, claims, self.count);
        if self.issued.len() == KEPT {
            self.issued.pop_front();
        }
        self.issued.push_back(Token {
            id: format!("token-{}", self.count),
            text: text.clone(),
            user: claims.user.into(),
            expires: claims.now.saturating_add(claims.ttl),
        });
        text
    }

    /// Lets all tokens issued so far expire.
    pub(crate) fn expire(&mut self, now: Duration) {
        for token in &mut self.issued {
            token.expires = token.expires.min(now);
        }
    }

    /// Looks a token up at time `now`.
    pub(crate) fn look(&self, text: Option<&str>, now: Duration) -> Bearer {
        let Some(text) = text else {
            return Bearer { worth: TokenUse::Absent, user: None };
        };
        let Some(token) = self.issued.iter().rev().find(|token| token.text == text) else {
            return Bearer { worth: TokenUse::Unknown, user: None };
        };
        if now >= token.expires || self.refused {
            return Bearer { worth: TokenUse::Expired(token.id.clone()), user: None };
        }
        Bearer { worth: TokenUse::Valid(token.id.clone()), user: Some(token.user.clone()) }
    }
}

fn encode(ids: &mut Ids, form: TokenForm, claims: &Claims<'_>, number: u64) -> String {
    let issued = claims.unix_ms / 1000;
    let payload = json!({
        "user_id": claims.user, "project_id": claims.project, "jti": number,
        "iat": issued, "exp": issued.saturating_add(claims.ttl.as_secs()),
    });
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let tail = match form {
        TokenForm::Jwt => "",
        TokenForm::Awkward => "+/=%2B",
    };
    format!(
        "{}.{}.{}{tail}",
        part(br#"{"alg":"HS256","typ":"JWT"}"#),
        part(payload.to_string().as_bytes()),
        part(&ids.bytes(32)),
    )
}

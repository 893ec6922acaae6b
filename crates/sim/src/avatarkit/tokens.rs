//! The tokens issued in this run: making them and looking them up. Owned by the `State`, used under
//! its lock.

use crate::common::ids::Ids;
use serde::Serialize;
use std::collections::VecDeque;

/// More tokens than any test asks for; the oldest are forgotten beyond it.
const KEPT: usize = 4096;

/// What a token was worth. The token itself is never recorded, only its number in this run
/// (`token-1` is the first one issued).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "token", content = "id", rename_all = "snake_case")]
pub enum TokenUse {
    /// There was none.
    Absent,
    /// It is not one of ours, or was revoked.
    Unknown,
    /// It is ours but too old.
    Expired(String),
    /// It is ours and good.
    Valid(String),
}

/// A token issued.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) id: String,
    text: String,
    pub(crate) app: String,
    /// Unix milliseconds.
    pub(crate) expires: u64,
    revoked: bool,
    /// Connections that presented it.
    pub(crate) uses: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    issued: VecDeque<Token>,
    count: u64,
    /// All are refused, whatever their age.
    pub(crate) refused: bool,
}

impl Tokens {
    /// Makes and remembers a token; returns its number and its text.
    pub(crate) fn issue(&mut self, ids: &mut Ids, app: &str, expires: u64) -> (String, String) {
        self.count += 1;
        if self.issued.len() == KEPT {
            self.issued.pop_front();
        }
        let id = format!("token-{}", self.count);
        // Characters that a query has to encode are part of it.
        let text = format!("st+{:016x}/{:016x}==", ids.next(), ids.next());
        let token = Token { id: id.clone(), text: text.clone(), app: app.into(), expires, revoked: false, uses: 0 };
        self.issued.push_back(token);
        (id, text)
    }

    /// Takes back the newest token.
    pub(crate) fn revoke_last(&mut self) {
        if let Some(token) = self.issued.back_mut() {
            token.revoked = true;
        }
    }

    /// Lets all tokens issued so far expire.
    pub(crate) fn expire(&mut self, unix_ms: u64) {
        for token in &mut self.issued {
            token.expires = token.expires.min(unix_ms);
        }
    }

    /// Looks a token up; the second is there for one of ours that was not revoked.
    pub(crate) fn look_up(&mut self, text: Option<&str>, unix_ms: u64) -> (TokenUse, Option<&mut Token>) {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return (TokenUse::Absent, None) };
        let refused = self.refused;
        let found = self.issued.iter_mut().find(|token| token.text == text && !token.revoked && !refused);
        match found {
            None => (TokenUse::Unknown, None),
            Some(token) if token.expires <= unix_ms => (TokenUse::Expired(token.id.clone()), Some(token)),
            Some(token) => (TokenUse::Valid(token.id.clone()), Some(token)),
        }
    }
}

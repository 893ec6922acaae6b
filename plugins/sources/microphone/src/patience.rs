//! How long to wait after which failure: the retries of the table of media errors. Pure, like the
//! [`Machine`](crate::machine::Machine) that asks.

use crate::errors;

pub const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

/// Attempts after the first for a device that somebody else has, and one that fails.
const TRIES: u32 = 3;

/// Least time between two restarts of a device that fails.
const RESTART: u64 = 10 * SECOND;

/// Between looks for a device that has gone or that somebody else has, and how many looks it stays so:
/// half a minute, then ten (in both it is found within half a second of its return where only trying
/// finds it), then for ever.
const LOOKS: [(u64, u32); 3] = [(100 * MS, 300), (250 * MS, 2400), (SECOND, u32::MAX)];

/// Between attempts that nobody expects to succeed until a user acts.
const SLOW: u64 = 30 * SECOND;

/// A device must be there now, or may be waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// None was ever open, and none is waited for.
    Now,
    /// None was ever open.
    First,
    /// One was open.
    Again,
}

/// What follows a refusal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// Until the next attempt.
    pub ns: u64,
    /// It is the first with this code since a device was open.
    pub news: bool,
    /// The attempt to announce, and in how long: there may be others before it.
    pub retry: Option<(u32, u64)>,
}

/// What was tried since a device was open, and when a failing one was restarted.
#[derive(Debug, Default)]
pub struct Patience {
    /// Codes of refusals, and how often each came again.
    refused: Vec<(&'static str, u32)>,
    looks: u32,
    /// The next announced attempt for a device that somebody else has.
    announced: u64,
    restarted: Option<u64>,
    /// Restarts of a failing device that followed each other closely.
    restarts: u32,
}

impl Patience {
    /// A device is open at `now`.
    pub fn opened(&mut self, now: u64) {
        self.refused.clear();
        self.looks = 0;
        self.announced = 0;
        if self.restarted.is_some_and(|at| now.saturating_sub(at) > 2 * RESTART) {
            self.restarts = 0;
        }
    }

    /// How long to wait after a refusal with this code; `None`: give up.
    pub fn refused(&mut self, now: u64, code: &'static str, need: Need) -> Option<Wait> {
        if code == errors::IN_USE && now < self.announced {
            let ns = self.look().min(self.announced - now);
            return Some(Wait { ns, news: false, retry: None });
        }
        let count = self.count(code);
        let ns = self.rest(now, code, count, need)?;
        let (mut wait, announces) = (ns, count < TRIES);
        match code {
            errors::IN_USE if announces => {
                self.announced = now + ns;
                wait = self.look().min(ns);
            }
            errors::RECORDER if need != Need::Again => self.restarted = Some(now + ns),
            _ => {}
        }
        let announces = announces && (code == errors::IN_USE || code == errors::RECORDER && need != Need::Again);
        Some(Wait { ns: wait, news: count == 0, retry: announces.then_some((count + 1, ns)) })
    }

    /// How long to wait before an open device that fails is restarted, and for the which time.
    pub fn failed(&mut self, now: u64) -> (u32, u64) {
        let wait = match self.restarted {
            Some(at) if self.restarts >= TRIES => SLOW.saturating_sub(now.saturating_sub(at)),
            Some(at) => RESTART.saturating_sub(now.saturating_sub(at)),
            None => 0,
        };
        self.restarts += 1;
        self.restarted = Some(now + wait);
        (self.restarts, wait)
    }

    /// How often a refusal with this code came before, since a device was open.
    fn count(&mut self, code: &'static str) -> u32 {
        match self.refused.iter_mut().find(|(refused, _)| *refused == code) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.refused.push((code, 0));
                0
            }
        }
    }

    fn rest(&mut self, now: u64, code: &str, count: u32, need: Need) -> Option<u64> {
        let again = need == Need::Again;
        match code {
            errors::IN_USE if count < TRIES => Some(SECOND << count),
            errors::IN_USE if again => Some(self.look()),
            errors::PERMISSION_DENIED | errors::CONSTRAINTS if again => Some(SLOW),
            errors::NOT_FOUND if need != Need::Now => Some(self.look()),
            errors::IN_USE | errors::PERMISSION_DENIED | errors::CONSTRAINTS | errors::NOT_FOUND => None,
            // While a device comes back it may fail in any way.
            _ if again => Some(self.look()),
            _ if count < TRIES => Some(match self.restarted {
                Some(at) => RESTART.saturating_sub(now.saturating_sub(at)),
                None => 0,
            }),
            _ => None,
        }
    }

    fn look(&mut self) -> u64 {
        self.looks = self.looks.saturating_add(1);
        LOOKS.iter().find(|(_, until)| self.looks <= *until).map_or(SECOND, |(wait, _)| *wait)
    }
}

/// The wait after a refusal where something has changed meanwhile: it may be what was missing. A
/// flickering device costs no more than looking for it.
pub fn stirred(wait: u64) -> u64 {
    wait.min(LOOKS[0].0)
}

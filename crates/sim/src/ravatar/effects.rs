//! What strikes do to the state: now, or when they are due. Runs under the `State`'s lock, on the
//! simulator's thread or a handle's.

use super::faults::{Deed, Faults, LicenseFate, Point, Ravatar, Rule, Strike, TokenFate, World};
use super::findings::Code;
use super::licenses::{LicenseChange, LicenseStatus};
use super::log::{self, Event, Log};
use super::options::Expiry;
use super::outgoing::Outgoing;
use super::state::{State, expired_notice, forgotten_notice};
use crate::common::control::Steered;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Effects that may wait at once; more happen at once.
const WAITING: usize = 4096;
/// Answers held back at once; more are lost.
const HELD: usize = 256;

/// An effect that is not due yet.
#[derive(Debug)]
pub(crate) struct Pending {
    due: Duration,
    deed: Arc<Deed>,
    /// Whether its acts are for every open socket, or somebody else's business.
    everyone: bool,
    license: Option<String>,
}

/// An answer held back.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) user: String,
    pub(crate) socket: u64,
    /// How many more answers go first; `None` waits for the next socket of the user.
    pub(crate) after: Option<u64>,
    pub(crate) acts: Vec<Outgoing>,
}

impl Steered for State {
    type Faults = Ravatar;
    type Event = Event;
    type Code = Code;

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn faults_mut(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn add_fault(&mut self, rule: Rule) -> u64 {
        let (number, strike) = self.faults.add(rule, self.clock.now());
        if let Some(strike) = strike {
            self.struck(&strike);
            self.schedule(&strike, None, true);
        }
        number
    }

    fn clear_faults(&mut self) {
        self.faults.clear();
        self.tokens.refused = false;
        self.closed_until = None;
        self.pending.clear();
        self.steered("faults cleared".into());
    }

    fn reset(&mut self) {
        self.reset();
    }

    fn log(&self) -> &Log {
        self.log()
    }

    fn steered(&mut self, what: String) {
        self.note(Event::Control { what });
    }
}

impl State {
    /// Passes a point where a fault may strike. Effects on the world are taken care of; so is what
    /// is done to sockets, unless the point has a socket of its own, which is the caller's.
    pub(crate) fn strike(&mut self, point: Point, license: Option<&str>) -> Option<Strike> {
        let strike = self.faults.pass(point, self.clock.now())?;
        self.struck(&strike);
        let own = matches!(point, Point::Open { .. } | Point::Message(_) | Point::Answer(_) | Point::Handshake);
        self.schedule(&strike, license, !own);
        Some(strike)
    }

    fn struck(&mut self, strike: &Strike) {
        let rule = self.faults.get(strike.rule);
        let fault = rule.and_then(Rule::fault).map(str::to_string);
        let written = rule.map_or(Value::Null, |rule| log::summarise(rule.written()));
        self.note(Event::Fault { rule: strike.rule, fault, written });
    }

    fn schedule(&mut self, strike: &Strike, license: Option<&str>, everyone: bool) {
        let deed = &strike.deed;
        if deed.world == World::default() && (deed.acts.is_empty() || !everyone) {
            return;
        }
        let due = strike.due;
        let pending = Pending { due, deed: deed.clone(), everyone, license: license.map(str::to_string) };
        if !strike.is_late() || self.pending.len() >= WAITING {
            self.happen(pending);
        } else {
            let at = self.pending.partition_point(|waiting| waiting.due <= due);
            self.pending.insert(at, pending);
        }
    }

    fn happen(&mut self, pending: Pending) {
        let now = self.clock.now();
        let Pending { deed, everyone, license, .. } = pending;
        let world = deed.world;
        match world.tokens {
            None => {}
            Some(TokenFate::Expire) => self.tokens.expire(now),
            Some(TokenFate::Refuse) => self.tokens.refused = true,
            Some(TokenFate::Accept) => self.tokens.refused = false,
        }
        let status = world.licenses.map(|fate| match fate {
            LicenseFate::Expire => LicenseStatus::Expired,
            LicenseFate::End => LicenseStatus::Revoked,
            LicenseFate::Forget => LicenseStatus::Forgotten,
        });
        if let Some(status) = status {
            let finished = self.licenses.finish(license.as_deref(), status);
            self.finished(finished, status);
        }
        for act in deed.acts.iter().filter(|_| everyone) {
            self.tell_everyone(&act.clone().begun(now));
        }
        if let Some(time) = world.refuse {
            self.closed_until = Some(now.saturating_add(time));
        }
        if let Some(by) = world.clock {
            self.clock.advance(by);
            self.steered(format!("clock +{} s", by.as_secs_f64()));
        }
    }

    /// Records licences that came to an end, and tells their users as `expiry` says.
    pub(crate) fn finished(&mut self, licenses: Vec<String>, status: LicenseStatus) {
        let (change, notice) = match status {
            LicenseStatus::Revoked => (LicenseChange::Revoked, Some(expired_notice())),
            // Who forgot a licence has nothing to tell until somebody asks for it.
            LicenseStatus::Forgotten => (LicenseChange::Forgotten, None),
            _ => (LicenseChange::Expired, Some(expired_notice())),
        };
        for license_id in licenses {
            self.note(Event::License { license_id: license_id.clone(), change });
            if let Some(notice) = notice.as_ref().filter(|_| self.config.expiry != Expiry::Lazy) {
                self.tell(&license_id, notice);
            }
        }
    }

    /// Carries out what is due. True if there was anything.
    pub(crate) fn carry_out(&mut self) -> bool {
        let now = self.clock.now();
        let due = self.pending.partition_point(|pending| pending.due <= now);
        let due: Vec<_> = self.pending.drain(..due).collect();
        let any = !due.is_empty();
        due.into_iter().for_each(|pending| self.happen(pending));
        any
    }

    /// When something has to happen by itself.
    pub(crate) fn next_effect(&self) -> Option<Duration> {
        let pending = self.pending.first().map(|pending| pending.due);
        [pending, self.licenses.next_expiry()].into_iter().flatten().min()
    }

    /// Holds an answer back; false if there are too many.
    pub(crate) fn hold(&mut self, held: Held) -> bool {
        let there: usize = self.held.iter().map(|held| held.acts.len()).sum();
        let room = there + held.acts.len() <= HELD;
        if room {
            self.held.push(held);
        }
        room
    }

    /// Answers that waited for this one on its socket.
    pub(crate) fn released(&mut self, socket: u64) -> Vec<Outgoing> {
        let mut acts = Vec::new();
        self.held.retain_mut(|held| {
            let Some(after) = held.after.as_mut().filter(|_| held.socket == socket) else { return true };
            *after -= 1;
            if *after > 0 {
                return true;
            }
            acts.append(&mut held.acts);
            false
        });
        acts
    }

    /// Answers that waited for this user's next socket.
    pub(crate) fn reunited(&mut self, user: &str) -> Vec<Outgoing> {
        let mut acts = Vec::new();
        self.held.retain_mut(|held| {
            let waiting = held.after.is_some() || held.user != user;
            if !waiting {
                acts.append(&mut held.acts);
            }
            waiting
        });
        acts
    }

    /// Forgets answers that wait for others on a socket that is gone; returns how many.
    pub(crate) fn orphaned(&mut self, socket: u64) -> usize {
        let before = self.held.len();
        self.held.retain(|held| held.after.is_none() || held.socket != socket);
        before - self.held.len()
    }
}

/// What a client is told about a licence the service does not know (our choice).
pub(crate) fn notice_of(status: LicenseStatus) -> Value {
    if status == LicenseStatus::Forgotten { forgotten_notice() } else { expired_notice() }
}

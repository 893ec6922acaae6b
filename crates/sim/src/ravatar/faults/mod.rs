//! Faults (RAVATAR dossier 16.4): the rules in force, and whether one strikes at a point the
//! simulator passes. Owned by the `State`, used under its lock; what a strike does to the state is
//! in `effects`.
//!
//! A rule is read once (`rule`, `named`, `place`, `deed`, `response`, `raw`) and from then on only
//! counted.

mod change;
mod deed;
mod keys;
mod named;
mod named_rest;
mod named_socket;
mod place;
mod raw;
mod response;
mod rule;

pub(crate) use change::merge;
pub(crate) use deed::{Deed, Hold, LicenseFate, TokenFate, Twist, World};
pub use keys::RuleError;
pub(crate) use named_rest::BUSY;
pub(crate) use place::{Place, Point};
pub(crate) use rule::MOST_RULES;
pub use rule::{Rule, Rules};

use super::ids::Ids;
use super::outgoing::Outgoing;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// A rule in force and what it did so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultStatus {
    /// Its number, from 1 since the start or the last reset.
    pub number: u64,
    /// The rule.
    pub rule: Rule,
    /// How often its place was passed.
    pub seen: u64,
    /// How often it struck.
    pub struck: u64,
}

/// One strike.
#[derive(Clone, Debug)]
pub(crate) struct Strike {
    pub(crate) rule: u64,
    pub(crate) deed: Arc<Deed>,
    /// A random number for what is random in it.
    pub(crate) draw: u64,
    /// When it happens, on the simulator's clock. Fixed under the lock: who waits for the entry in
    /// the log and then moves the clock can rely on it.
    pub(crate) due: Duration,
    /// The state of the rules it belongs to, see [`Faults::epoch`].
    pub(crate) epoch: u64,
}

impl Strike {
    fn new(number: u64, rule: &Rule, draw: u64, now: Duration, epoch: u64) -> Self {
        let deed = rule.deed.clone();
        Self { rule: number, due: now.saturating_add(deed.delay), deed, draw, epoch }
    }

    /// What it does to a socket, from when it is due.
    pub(crate) fn acts(&self) -> impl Iterator<Item = Outgoing> {
        self.deed.acts.iter().map(|act| act.clone().begun(self.due))
    }

    /// Whether there is something to wait for.
    pub(crate) fn is_late(&self) -> bool {
        !self.deed.delay.is_zero()
    }
}

#[derive(Debug)]
struct Active {
    status: FaultStatus,
    ids: Ids,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    rules: Vec<Active>,
    last: u64,
    /// Goes up whenever the rules are cleared; calls that hang are let go then.
    pub(crate) epoch: u64,
}

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, rules: Vec::new(), last: 0, epoch: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Adds a rule; returns its number, and the strike of one that happens at once.
    pub(crate) fn add(&mut self, rule: Rule, now: Duration) -> (u64, Option<Strike>) {
        self.last += 1;
        let number = self.last;
        let seed = rule.seed.unwrap_or(self.seed);
        let mut ids = Ids::named(seed, &format!("fault {number}"));
        let at_once = rule.place == Place::Now;
        let draw = ids.next();
        let strike = at_once.then(|| Strike::new(number, &rule, draw, now, self.epoch));
        let times = u64::from(at_once);
        self.rules.push(Active { status: FaultStatus { number, rule, seen: times, struck: times }, ids });
        (number, strike)
    }

    pub(crate) fn remove(&mut self, number: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|active| active.status.number != number);
        self.rules.len() < before
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
        self.epoch += 1;
    }

    pub(crate) fn list(&self) -> Vec<FaultStatus> {
        self.rules.iter().map(|active| active.status.clone()).collect()
    }

    /// Passes a point. Every rule for it counts; the first that is due strikes, the others keep
    /// their strikes for later.
    pub(crate) fn pass(&mut self, point: Point, now: Duration) -> Option<Strike> {
        let mut strike = None;
        for active in self.rules.iter_mut().filter(|active| active.status.rule.place.is(point)) {
            let status = &mut active.status;
            status.seen += 1;
            let over = status.rule.count.is_some_and(|count| status.struck >= count);
            if status.seen < status.rule.nth || over {
                continue;
            }
            // Drawn even if another rule strikes, so that rules do not change each other's luck.
            let (luck, draw) = (active.ids.unit(), active.ids.next());
            if strike.is_none() && luck < status.rule.probability {
                status.struck += 1;
                strike = Some(Strike::new(status.number, &status.rule, draw, now, self.epoch));
            }
        }
        strike
    }

    /// The rule of that number.
    pub(crate) fn get(&self, number: u64) -> Option<&Rule> {
        let found = self.rules.iter().find(|active| active.status.number == number);
        found.map(|active| &active.status.rule)
    }
}

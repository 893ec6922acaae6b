//! Fault rules in force, and whether one strikes at a point the simulator passes. Owned by a
//! simulator's state, used under its lock. What a strike does is the service's affair.

use super::ids::Ids;
use super::rule::{Grammar, Rule};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// A rule in force and what it did so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(bound = "")]
pub struct FaultStatus<G: Grammar> {
    /// Its number, from 1 since the start or the last reset.
    pub number: u64,
    /// The rule.
    pub rule: Rule<G>,
    /// How often its place was passed.
    pub seen: u64,
    /// How often it struck.
    pub struck: u64,
}

/// One strike.
#[derive(Clone, Debug)]
pub(crate) struct Strike<G: Grammar> {
    pub(crate) rule: u64,
    pub(crate) deed: Arc<G::Deed>,
    /// A random number for what is random in it.
    pub(crate) draw: u64,
    /// When it happens, on the simulator's clock. Fixed under the lock: who waits for the entry in
    /// the log and then moves the clock can rely on it.
    pub(crate) due: Duration,
    /// The state of the rules it belongs to, see [`Faults::epoch`].
    pub(crate) epoch: u64,
}

impl<G: Grammar> Strike<G> {
    fn new(number: u64, rule: &Rule<G>, draw: u64, now: Duration, epoch: u64) -> Self {
        let deed = rule.deed.clone();
        Self { rule: number, due: now.saturating_add(G::delay(&deed)), deed, draw, epoch }
    }

    /// Whether there is something to wait for.
    pub(crate) fn is_late(&self) -> bool {
        !G::delay(&self.deed).is_zero()
    }
}

#[derive(Debug)]
struct Active<G: Grammar> {
    status: FaultStatus<G>,
    ids: Ids,
}

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Faults<G: Grammar> {
    seed: u64,
    rules: Vec<Active<G>>,
    last: u64,
    /// Goes up whenever the rules are cleared; calls that hang are let go then.
    pub(crate) epoch: u64,
}

impl<G: Grammar> Faults<G> {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, rules: Vec::new(), last: 0, epoch: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Adds a rule; returns its number, and the strike of one that happens at once.
    pub(crate) fn add(&mut self, rule: Rule<G>, now: Duration) -> (u64, Option<Strike<G>>) {
        self.last += 1;
        let number = self.last;
        let seed = rule.seed.unwrap_or(self.seed);
        let mut ids = Ids::named(seed, &format!("fault {number}"));
        let at_once = G::at_once(rule.place);
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

    pub(crate) fn list(&self) -> Vec<FaultStatus<G>> {
        self.rules.iter().map(|active| active.status.clone()).collect()
    }

    /// Passes a point. Every rule for it counts; the first that is due strikes, the others keep
    /// their strikes for later.
    pub(crate) fn pass(&mut self, point: G::Point, now: Duration) -> Option<Strike<G>> {
        let mut strike = None;
        for active in self.rules.iter_mut().filter(|active| G::is(active.status.rule.place, point)) {
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
    pub(crate) fn get(&self, number: u64) -> Option<&Rule<G>> {
        let found = self.rules.iter().find(|active| active.status.number == number);
        found.map(|active| &active.status.rule)
    }
}

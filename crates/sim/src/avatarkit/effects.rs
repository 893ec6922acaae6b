//! What strikes do to the state, and what happens by itself as time goes by. Runs under the
//! `State`'s lock, on the simulator's thread or a handle's.

use super::faults::{AvatarKit, Deed, Faults, Point, Rule, Strike, TokenFate, World};
use super::findings::Code;
use super::log::{Event, Log};
use super::state::{Stage, State};
use crate::common::control::Steered;
use crate::common::words::summarise;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Effects that may wait at once; more happen at once.
const WAITING: usize = 4096;

/// An effect that is not due yet.
#[derive(Debug)]
pub(crate) struct Pending {
    due: Duration,
    deed: Arc<Deed>,
}

impl Steered for State {
    type Faults = AvatarKit;
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
            let connections: Vec<u64> = self.live.keys().copied().collect();
            for connection in connections {
                strike.acts().for_each(|act| self.plan(connection, strike.due, act));
            }
            self.schedule(&strike);
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
    /// Passes a point where a fault may strike. Effects on the world are taken care of; what is done
    /// to the client at hand is the caller's.
    pub(crate) fn strike(&mut self, point: Point) -> Option<Strike> {
        let strike = self.faults.pass(point, self.clock.now())?;
        self.struck(&strike);
        self.schedule(&strike);
        Some(strike)
    }

    fn struck(&mut self, strike: &Strike) {
        let rule = self.faults.get(strike.rule);
        let fault = rule.and_then(Rule::fault).map(str::to_string);
        let written = rule.map_or(Value::Null, |rule| summarise(rule.written()));
        self.note(Event::Fault { rule: strike.rule, fault, written });
    }

    fn schedule(&mut self, strike: &Strike) {
        if strike.deed.world == World::default() {
            return;
        }
        let pending = Pending { due: strike.due, deed: strike.deed.clone() };
        if !strike.is_late() || self.pending.len() >= WAITING {
            self.happen(&pending.deed);
        } else {
            let at = self.pending.partition_point(|waiting| waiting.due <= pending.due);
            self.pending.insert(at, pending);
        }
    }

    fn happen(&mut self, deed: &Deed) {
        let now = self.clock.now();
        match deed.world.tokens {
            None => {}
            Some(TokenFate::Expire) => self.tokens.expire(self.clock.unix_ms()),
            Some(TokenFate::Refuse) => self.tokens.refused = true,
            Some(TokenFate::Accept) => self.tokens.refused = false,
        }
        if let Some(time) = deed.world.refuse {
            self.closed_until = Some(now.saturating_add(time));
        }
        if let Some(by) = deed.world.clock {
            self.clock.advance(by);
            self.steered(format!("clock +{} s", by.as_secs_f64()));
        }
    }

    /// Carries out what is due. True if there was anything.
    pub(crate) fn carry_on(&mut self) -> bool {
        let mut changed = false;
        loop {
            let now = self.clock.now();
            let due = self.pending.partition_point(|pending| pending.due <= now);
            let due: Vec<_> = self.pending.drain(..due).collect();
            let mut any = !due.is_empty();
            due.iter().for_each(|pending| self.happen(&pending.deed));
            let connections: Vec<u64> = self.live.keys().copied().collect();
            for connection in connections {
                any |= self.play(connection) || self.expire(connection);
            }
            // A fault may move the clock, and so make more things due.
            if !any {
                return changed;
            }
            changed = true;
        }
    }

    /// When something has to happen by itself.
    pub(crate) fn next_effect(&self) -> Option<Duration> {
        let pending = self.pending.first().map(|pending| pending.due);
        let ends = self.live.keys().filter_map(|&number| self.end_of(number)).map(|end| end.due);
        let playing = self.live.values().filter_map(|live| live.playback.as_ref()?.next_due());
        pending.into_iter().chain(ends).chain(playing).min()
    }

    /// Ends a session whose time is over.
    fn expire(&mut self, number: u64) -> bool {
        let now = self.clock.now();
        let Some(end) = self.end_of(number).filter(|end| end.due <= now) else { return false };
        self.end_session(number, end.code, end.close, &end.words);
        true
    }

    /// How a session will end by itself, whichever comes first.
    fn end_of(&self, number: u64) -> Option<End> {
        let live = self.live.get(&number)?;
        match live.stage {
            Stage::Waiting(due) => {
                return Some(End { due, code: 0, close: 1000, words: "failed to unmarshal initial message".into() });
            }
            Stage::Stuck | Stage::Closing => return None,
            Stage::Confirmed(_) => {}
        }
        let (idle, words) = live.idle;
        let words =
            if words.is_empty() { format!("no audio input for {} seconds", idle.as_secs()) } else { words.into() };
        let idle = End { due: live.heard.saturating_add(idle), code: 0, close: 1000, words };
        let opened = self.connections[&number].opened;
        let limit = self.config.session_limit.map(|limit| End {
            due: opened.saturating_add(limit),
            code: 4002,
            close: 4002,
            words: "session time limit reached".into(),
        });
        let expiry = self.config.expiry_closes.then(|| {
            let left = live.expires.saturating_sub(self.clock.unix_ms());
            // The clock goes on while this is worked out: what is over must not be due a moment later.
            let due =
                if left == 0 { Duration::ZERO } else { self.clock.now().saturating_add(Duration::from_millis(left)) };
            End { due, code: 4010, close: 4010, words: "session token expired".into() }
        });
        [Some(idle), limit, expiry].into_iter().flatten().min_by_key(|end| end.due)
    }
}

/// The end of a session.
struct End {
    due: Duration,
    code: i32,
    close: u16,
    words: String,
}

//! The record of a run: what came in, what went out, what was wrong with it. Owned by a simulator's
//! state, written under its lock; a clone is a consistent snapshot for any thread. What can happen
//! is the service's affair.

use super::words::seconds;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// Everything recorded since the start or the last reset, oldest first.
#[derive(Clone, Debug, Serialize)]
pub struct Log<E, C> {
    /// The entries that were kept.
    pub entries: VecDeque<Entry<E>>,
    /// How many older entries were dropped to stay within `max_log_entries`.
    pub cut: u64,
    /// Violations and notes, also of entries that were dropped, up to the same limit.
    pub findings: VecDeque<Violation<C>>,
    /// How many older findings were dropped.
    pub findings_cut: u64,
    #[serde(skip)]
    most: usize,
    #[serde(skip)]
    next: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry<E> {
    /// Number of the entry, from 1, without gaps.
    pub n: u64,
    /// When, on the simulator's clock; seconds in JSON.
    #[serde(serialize_with = "seconds")]
    pub t: Duration,
    /// What.
    #[serde(flatten)]
    pub event: E,
}

impl<E, C: Copy> Log<E, C> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            cut: 0,
            findings: VecDeque::new(),
            findings_cut: 0,
            most: most.max(1),
            next: 0,
        }
    }

    /// Records one event and what was wrong with it; returns the entry's number.
    pub(crate) fn add(&mut self, t: Duration, event: E) -> u64 {
        self.next += 1;
        if self.entries.len() == self.most {
            self.entries.pop_front();
            self.cut += 1;
        }
        self.entries.push_back(Entry { n: self.next, t, event });
        self.next
    }

    /// Number of the newest entry; 0 before there is one.
    pub(crate) fn last(&self) -> u64 {
        self.next
    }

    /// Records the findings of entry `entry`.
    pub(crate) fn blame(&mut self, entry: u64, t: Duration, place: &str, findings: Findings<C>) {
        for finding in findings.into_list() {
            if self.findings.len() == self.most {
                self.findings.pop_front();
                self.findings_cut += 1;
            }
            self.findings.push_back(Violation {
                entry,
                t,
                code: finding.code,
                severity: finding.severity,
                detail: finding.detail,
                place: place.into(),
            });
        }
    }

    /// Broken rules, without notes.
    pub fn violations(&self) -> impl Iterator<Item = &Violation<C>> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Violation)
    }

    /// Notes: things worth knowing that break no rule.
    pub fn notes(&self) -> impl Iterator<Item = &Violation<C>> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Note)
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// A rule was broken; `strict` refuses it.
    Violation,
    /// Worth knowing; never refused.
    Note,
}

/// A finding as recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation<C> {
    /// Number of the log entry it belongs to.
    pub entry: u64,
    /// When, on the simulator's clock.
    #[serde(serialize_with = "super::words::seconds")]
    pub t: Duration,
    /// The rule.
    pub code: C,
    /// How bad.
    pub severity: Severity,
    /// What exactly, in words; never contains a token.
    pub detail: String,
    /// `POST /jwt`, or `socket 3`.
    pub place: String,
}

/// One finding before it is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Finding<C> {
    pub(crate) code: C,
    pub(crate) severity: Severity,
    pub(crate) detail: String,
}

/// The findings of one request or message.
#[derive(Clone, Debug)]
pub(crate) struct Findings<C> {
    list: Vec<Finding<C>>,
}

impl<C> Default for Findings<C> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<C: Copy> Findings<C> {
    /// Enough to explain any message; a client that sends ten thousand unknown fields must not
    /// fill the log with one frame.
    const MOST: usize = 32;

    pub(crate) fn violation(&mut self, code: C, detail: impl Into<String>) {
        self.add(code, Severity::Violation, detail.into());
    }

    pub(crate) fn note(&mut self, code: C, detail: impl Into<String>) {
        self.add(code, Severity::Note, detail.into());
    }

    fn add(&mut self, code: C, severity: Severity, detail: String) {
        if self.list.len() < Self::MOST {
            let detail = super::words::shorten(&detail);
            self.list.push(Finding { code, severity, detail });
        }
    }

    /// The first violation; notes do not count.
    pub(crate) fn worst(&self) -> Option<&Finding<C>> {
        self.list.iter().find(|finding| finding.severity == Severity::Violation)
    }

    pub(crate) fn codes(&self) -> Vec<C> {
        self.list.iter().map(|finding| finding.code).collect()
    }

    pub(crate) fn into_list(self) -> Vec<Finding<C>> {
        self.list
    }
}

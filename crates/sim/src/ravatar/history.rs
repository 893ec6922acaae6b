//! The records behind `GET /chat`, and pages of them. Owned by the `State`, used under its lock.

use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};

/// Records kept over all users, oldest dropped first; at 64 KiB of text each at the very most.
const KEPT: usize = 5_000;
/// Users whose past is remembered to have been given.
const USERS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct History {
    records: VecDeque<Record>,
    /// Users who were given their past already.
    seeded: HashSet<String>,
    count: u64,
}

#[derive(Debug)]
struct Record {
    user: String,
    date: u64,
    value: Value,
}

/// Which page of the history; page 1 holds the newest records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) number: usize,
    pub(crate) size: usize,
    pub(crate) sorted: bool,
}

/// Both sides of one turn (RAVATAR dossier 4.3).
#[derive(Clone, Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) user: &'a str,
    pub(crate) avatar_id: &'a str,
    pub(crate) avatar_name: Option<&'a str>,
    pub(crate) language: &'a str,
    pub(crate) chat_type: &'a str,
    pub(crate) request: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) file_url: Option<&'a str>,
    pub(crate) asked_ms: u64,
    pub(crate) answered_ms: u64,
}

impl History {
    /// Adds both records of a turn; returns the id of the answer's.
    pub(crate) fn add(&mut self, turn: &Exchange<'_>) -> String {
        let mut asked = self.record(turn, "outgoing", turn.asked_ms);
        asked["request"] = turn.request.into();
        self.push(turn.user, turn.asked_ms, asked);
        let mut answered = self.record(turn, "incoming", turn.answered_ms);
        // The service repeats the request here; clients must not show it twice.
        answered["request"] = turn.request.into();
        answered["answer"] = turn.answer.into();
        if let Some(url) = turn.file_url {
            answered["fileUrl"] = url.into();
        }
        let id = format!("m-{}", self.count);
        self.push(turn.user, turn.answered_ms, answered);
        id
    }

    fn record(&mut self, turn: &Exchange<'_>, direction: &str, date: u64) -> Value {
        self.count += 1;
        let mut record = json!({
            "_id": format!("m-{}", self.count), "direction": direction, "user_id": turn.user,
            "avatar_id": turn.avatar_id, "date": date, "chat_type": turn.chat_type,
            "language_code": turn.language,
        });
        if let Some(name) = turn.avatar_name {
            record["avatar_name"] = name.into();
        }
        record
    }

    fn push(&mut self, user: &str, date: u64, value: Value) {
        if self.records.len() == KEPT {
            self.records.pop_front();
        }
        self.records.push_back(Record { user: user.into(), date, value });
    }

    /// Gives a user `turns` old turns, one a minute before `now_ms`, once.
    pub(crate) fn seed(&mut self, user: &str, turns: u32, avatar_id: &str, now_ms: u64) {
        if turns == 0 || self.seeded.len() >= USERS || !self.seeded.insert(user.into()) {
            return;
        }
        for n in 0..turns {
            let date = now_ms.saturating_sub(u64::from(turns - n) * 60_000);
            self.add(&Exchange {
                user,
                avatar_id,
                avatar_name: None,
                language: "en",
                chat_type: "text",
                request: &format!("Old question {}", n + 1),
                answer: &format!("Old answer {}", n + 1),
                file_url: None,
                asked_ms: date,
                answered_ms: date + 1000,
            });
        }
    }

    /// One page of a user's records, and whether older ones follow. Within a page the order is
    /// mixed unless `sorted`. Answers that are still due are not history yet.
    pub(crate) fn page(&self, user: &str, page: Page, now_ms: u64) -> (Vec<Value>, bool) {
        let skip = page.number.saturating_sub(1).saturating_mul(page.size);
        let mine = |record: &&Record| record.user == user && record.date <= now_ms;
        let newest = self.records.iter().rev().filter(mine);
        let mut newest: Vec<_> = newest.skip(skip).take(page.size + 1).collect();
        let more = newest.len() > page.size;
        newest.truncate(page.size);
        let values = || newest.iter().map(|record| record.value.clone());
        if page.sorted {
            return (values().rev().collect(), more);
        }
        let odd = values().skip(1).step_by(2);
        (odd.chain(values().step_by(2)).collect(), more)
    }
}

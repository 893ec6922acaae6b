//! What a judged message does: its licence is looked up, its audio kept, its answer planned.
//! Runs on the simulator's thread under the `State`'s lock.

use super::answer::{self, Heard, Parts, Words};
use super::check::{Checked, Kind, Payload};
use super::config::Config;
use super::effects::notice_of;
use super::faults::{Point, Strike};
use super::findings::Code;
use super::history::Exchange;
use super::licenses::LicenseStatus;
use super::log::{Event, Message, Pcm, SessionUse};
use super::outgoing::Outgoing;
use super::speech::{RATE, Turn};
use super::state::{Blob, State};
use super::turn;
use super::{audio::Level, socket::Who};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Something for the socket to do, and when on the simulator's clock.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) due: Duration,
    pub(crate) acts: VecDeque<Outgoing>,
}

impl Planned {
    pub(crate) fn new(due: Duration, acts: impl IntoIterator<Item = Outgoing>) -> Self {
        Self { due, acts: acts.into_iter().collect() }
    }

    /// Whether a client is to hear something.
    pub(crate) fn speaks(&self) -> bool {
        self.acts.iter().any(|act| matches!(act, Outgoing::Say(_)))
    }
}

/// Whether a message may act, as far as its licence goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Chat mode, or an active licence of this user.
    Good,
    /// The client has to be told what became of the licence.
    Tell(LicenseStatus),
    /// No effect and nothing to say.
    Bad,
}

/// The frame a message came in.
#[derive(Clone, Copy)]
pub(crate) struct Frame {
    pub(crate) bytes: usize,
    /// When it had been read from the socket.
    pub(crate) arrived: Duration,
}

/// Lets a message act. Returns what to send.
pub(crate) fn take(state: &mut State, who: &Who, frame: Frame, checked: Checked) -> Vec<Planned> {
    let config = state.config.clone();
    let mut intake = Intake { state, who, config: &config, checked, planned: Vec::new() };
    intake.judge_and_act(frame);
    intake.planned
}

struct Intake<'a> {
    state: &'a mut State,
    who: &'a Who,
    config: &'a Config,
    checked: Checked,
    planned: Vec<Planned>,
}

impl Intake<'_> {
    fn judge_and_act(&mut self, frame: Frame) {
        let strike = self.state.strike(Point::Message(self.checked.kind), None);
        let ignored = strike.as_ref().is_some_and(|strike| strike.deed.ignore);
        let standing = self.standing();
        let session = self.session();
        self.pace(standing);
        let refusal = self.refusal();
        let effective = standing == Standing::Good && refusal.is_none() && !ignored;
        let payload = std::mem::replace(&mut self.checked.payload, Payload::None);
        let mut message = self.message(frame, session, &payload);
        // Logged before it acts, so that what it causes comes after it.
        let first = if effective { self.state.licenses.samples(&self.checked.license_id) } else { 0 };
        message.accepted = effective && !matches!(payload, Payload::None);
        if let Some(pcm) = message.pcm.as_mut().filter(|_| effective) {
            pcm.first = Some(first);
        }
        self.record(message);
        match standing {
            Standing::Tell(status) if !ignored => self.say_now(notice_of(status)),
            _ => {}
        }
        if let Some(notice) = refusal.filter(|_| !ignored) {
            self.say_now(notice);
        }
        if let Some(strike) = strike {
            self.spoil(&strike);
        }
        if effective {
            self.act(payload);
        }
    }

    /// Looks the licence up and records what is wrong with it.
    fn standing(&mut self) -> Standing {
        if !matches!(self.checked.kind, Kind::LiveText | Kind::LiveBlob | Kind::LivePcm) {
            return Standing::Good;
        }
        // Its absence was recorded when the message was judged.
        let Some(id) = &self.checked.license_id else { return Standing::Bad };
        let now = self.state.clock.now();
        let grace = self.config.license_grace;
        let findings = &mut self.checked.findings;
        let Some(session) = self.state.licenses.get_mut(id) else {
            findings.violation(Code::UnknownLicense, "the licence was never given out");
            return Standing::Bad;
        };
        if session.facts.user_id != self.who.user {
            findings.violation(Code::ForeignLicense, "the licence belongs to another user");
            return Standing::Bad;
        }
        // Messages that were on the wire when the client was told break no rule.
        let crossing = session.told.is_none_or(|told| now.saturating_sub(told) <= grace);
        let (code, detail) = match session.facts.status {
            LicenseStatus::Active => {
                if session.facts.avatar_id != self.checked.avatar_id {
                    let detail = format!("the licence is for avatar `{}`", session.facts.avatar_id);
                    findings.violation(Code::LicenseAvatar, detail);
                }
                return Standing::Good;
            }
            LicenseStatus::Ended => (Code::EndedLicense, "the licence was ended"),
            LicenseStatus::Revoked => (Code::EndedLicense, "the licence was ended by the operator"),
            LicenseStatus::Forgotten => (Code::UnknownLicense, "the licence was forgotten"),
            LicenseStatus::Expired => (Code::ExpiredLicense, "the licence expired"),
        };
        if crossing {
            findings.note(code, detail);
        } else {
            findings.violation(code, detail);
        }
        let untold = session.told.is_none();
        let status = session.facts.status;
        if status != LicenseStatus::Ended && (untold || !crossing) {
            session.told.get_or_insert(now);
            return Standing::Tell(status);
        }
        Standing::Bad
    }

    fn session(&mut self) -> SessionUse {
        let Some(session) = &self.checked.session else { return SessionUse::Absent };
        if self.state.session_of(&self.who.user).as_ref() == Some(session) {
            return SessionUse::Same;
        }
        if !session.is_empty() {
            let detail = "`session` is not the one of `GET /connection`";
            self.checked.findings.note(Code::UnknownSession, detail);
        }
        SessionUse::Other
    }

    /// Records PCM that comes too fast.
    fn pace(&mut self, standing: Standing) {
        let (Payload::Pcm(pcm), Standing::Good) = (&self.checked.payload, standing) else { return };
        let Some(id) = &self.checked.license_id else { return };
        let now = self.state.clock.now();
        let Some(session) = self.state.licenses.get_mut(id) else { return };
        if session.pace.too_fast(now, pcm.len()) {
            let detail = format!("faster than {} times real time", self.config.pace_limit);
            self.checked.findings.violation(Code::PcmTooFast, detail);
        }
    }

    /// What a client is told in `strict` mode about a message that breaks a rule.
    fn refusal(&self) -> Option<Value> {
        let worst = self.checked.findings.worst().filter(|_| self.config.strict())?;
        Some(json!({
            "type": "system", "status": 400, "error": worst.code.name(),
            "content": format!("Refused: {}", worst.detail),
        }))
    }

    fn message(&mut self, frame: Frame, session: SessionUse, payload: &Payload) -> Message {
        Message {
            socket: self.who.number,
            arrived: frame.arrived,
            kind: self.checked.kind,
            bytes: frame.bytes,
            fields: std::mem::take(&mut self.checked.fields),
            session,
            license_id: self.checked.license_id.as_deref().map(super::log::shorten),
            pcm: match payload {
                Payload::Pcm(samples) => {
                    let level = Level::of(samples);
                    Some(Pcm { first: None, samples: samples.len(), level })
                }
                _ => None,
            },
            blob: match payload {
                Payload::Blob(_, facts) => Some(facts.clone()),
                _ => None,
            },
            accepted: false,
            findings: self.checked.findings.codes(),
        }
    }

    fn record(&mut self, message: Message) {
        let now = self.state.clock.now();
        let findings = std::mem::take(&mut self.checked.findings);
        let entry = self.state.log.add(now, Event::Message(Box::new(message)));
        let place = format!("socket {}", self.who.number);
        self.state.log.blame(entry, now, &place, findings);
    }

    fn say_now(&mut self, message: Value) {
        let due = self.state.clock.now();
        self.planned.push(Planned::new(due, [Outgoing::Say(message)]));
    }

    /// Plans what a fault does to the socket.
    fn spoil(&mut self, strike: &Strike) {
        if !strike.deed.acts.is_empty() {
            self.planned.push(Planned::new(strike.due, strike.acts()));
        }
    }

    fn act(&mut self, payload: Payload) {
        match payload {
            Payload::None => {}
            Payload::Text(text) => {
                let words = self.state.script.typed(self.config, &text);
                self.answer(&words);
            }
            Payload::Blob(bytes, facts) => {
                let heard = Heard { samples: facts.samples, seconds: facts.seconds };
                self.state.keep(Blob {
                    socket: self.who.number,
                    user_id: self.who.user.clone(),
                    license_id: self.checked.license_id.clone(),
                    facts,
                    bytes: Arc::from(bytes),
                });
                self.answer_voice(heard);
            }
            Payload::Pcm(samples) => self.append(&samples),
        }
    }

    fn append(&mut self, samples: &[i16]) {
        let Some(id) = self.checked.license_id.clone() else { return };
        let turns = self.state.licenses.append(&id, samples, self.config.max_pcm_samples);
        for turn in turns {
            self.answer_voice(heard(turn));
        }
    }

    fn answer_voice(&mut self, heard: Heard) {
        let words = self.state.script.spoken(self.config, heard);
        self.answer(&words);
    }

    /// Plans the notices and the answer, and writes both sides into the history.
    fn answer(&mut self, words: &Words) {
        let kind = self.checked.kind;
        let asked_ms = self.state.clock.unix_ms();
        // Never the same millisecond as the question: clients sort by date.
        let delay_ms = (self.config.reply_delay.as_millis() as u64).max(1);
        let answered_ms = asked_ms.saturating_add(delay_ms);
        let avatar = self.config.avatar(&self.checked.avatar_id);
        let avatar_name = avatar.map(|avatar| avatar.name.as_str());
        let id = self.state.history.add(&Exchange {
            user: &self.who.user,
            avatar_id: &self.checked.avatar_id,
            avatar_name,
            language: &self.checked.language,
            chat_type: kind.chat_type(),
            request: &words.request,
            answer: &words.answer,
            file_url: self.config.file_url.as_deref(),
            asked_ms,
            answered_ms,
        });
        let parts = Parts {
            id: &id,
            user: &self.who.user,
            avatar_id: &self.checked.avatar_id,
            avatar_name,
            language: &self.checked.language,
            chat_type: kind.chat_type(),
            request_type: kind.request_type(),
            words,
            unix_ms: answered_ms,
        };
        let message = answer::message(self.config, &parts);
        let planned = turn::plan(self.state, self.who, kind, message);
        self.planned.push(planned);
    }
}

fn heard(turn: Turn) -> Heard {
    let samples = turn.samples();
    Heard { samples: Some(samples), seconds: Some(samples as f64 / RATE as f64) }
}

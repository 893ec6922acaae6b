//! What holds in every round, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};

use glottis_core::SinkEvent;
use glottis_sim::ravatar::Code;

use crate::log::MARK;
use crate::play::Play;
use crate::rig::{CHUNK, Ended, until};

/// What the rounds consisted of.
#[derive(Debug, Default)]
pub struct Tally {
    pub rounds: u64,
    pub opened: u64,
    pub reconnected: u64,
    pub chunks_said: u64,
    pub chunks_heard: u64,
    pub turns_heard: u64,
    pub texts_heard: u64,
    pub faults: u64,
    /// Rounds whose live session must be gone at the end, with no excuse.
    pub strict: u64,
    pub errors: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.rounds += other.rounds;
        self.opened += other.opened;
        self.reconnected += other.reconnected;
        self.chunks_said += other.chunks_said;
        self.chunks_heard += other.chunks_heard;
        self.turns_heard += other.turns_heard;
        self.texts_heard += other.texts_heard;
        self.faults += other.faults;
        self.strict += other.strict;
        for (code, count) in &other.errors {
            *self.errors.entry(code).or_default() += count;
        }
    }

    /// The rounds were neither all well nor all lost.
    pub fn was_chaos(&self, rounds: u64) {
        assert_eq!(self.rounds, rounds);
        assert!(self.opened > rounds / 2, "most sinks get through to their service");
        assert!(self.strict > rounds / 2, "most sessions can be ended");
        assert!(self.faults > rounds && self.reconnected > rounds / 10 && self.errors.len() >= 8);
        assert!(self.chunks_heard > rounds && self.turns_heard > rounds / 20 && self.texts_heard > rounds / 20);
    }
}

/// Holds a round to the laws.
pub async fn hold(play: &Play<'_>, ended: &Ended) -> Tally {
    let events = play.rig.events();
    ledger_is_balanced(ended);
    let chunks_heard = audio_is_heard_in_order_and_once(play, ended);
    let (turns_heard, texts_heard) = (play.simulator.blobs().len() as u64, texts_are_heard_once(play, &events));
    every_command_is_answered_once(play, &events);
    events_come_in_pairs(&events, ended);
    let codes = codes(&events);
    a_source_that_waits_loses_nothing(play, ended, &codes);
    let strict = no_session_is_left(play, &codes).await;
    the_service_has_no_complaints(play);
    no_secret_is_told(play, &events);
    let log = play.simulator.log();
    let opened = events.iter().filter(|event| **event == SinkEvent::State("open")).count() as u64;
    Tally {
        rounds: 1,
        opened: opened.min(1),
        reconnected: opened.saturating_sub(1),
        chunks_said: play.said.len() as u64,
        chunks_heard,
        turns_heard,
        texts_heard,
        faults: log.faults().count() as u64,
        strict: u64::from(strict),
        errors: codes,
    }
}

fn codes(events: &[SinkEvent]) -> BTreeMap<&'static str, u64> {
    let mut codes = BTreeMap::new();
    for event in events {
        if let SinkEvent::Error { error, .. } = event {
            *codes.entry(error.code).or_default() += 1;
        }
    }
    codes
}

/// Captured is delivered, gated, and dropped by name.
fn ledger_is_balanced(ended: &Ended) {
    assert!(ended.ledger.balanced(), "the ledger: {:?}", ended.ledger);
}

/// Every chunk that was heard is one that was said, bit for bit, once, and after all that were heard
/// before it. Only a network that holds one connection back while the next goes on may change the
/// order between the two.
fn audio_is_heard_in_order_and_once(play: &Play<'_>, ended: &Ended) -> u64 {
    let mut heard = Vec::new();
    for license in play.simulator.licenses() {
        heard.extend(play.simulator.pcm(&license.id));
    }
    for blob in play.simulator.blobs() {
        heard.extend(blob.samples().expect("a whole WAV"));
    }
    let mut numbers = Vec::new();
    for chunk in heard.chunks(CHUNK).filter(|chunk| chunk.iter().any(|sample| *sample != 0)) {
        let number = usize::try_from(chunk[0]).unwrap_or_default();
        let said = number.checked_sub(1).and_then(|at| play.said.get(at));
        assert!(said.is_some_and(|said| said == chunk), "chunk {number} was heard differently");
        numbers.push(number);
    }
    let once: BTreeSet<usize> = numbers.iter().copied().collect();
    assert_eq!(once.len(), numbers.len(), "a chunk was heard twice: {numbers:?}");
    assert!(play.plan.holds_back() || numbers.is_sorted(), "chunks were heard out of order: {numbers:?}");
    let (count, delivered) = (numbers.len() as u64, ended.ledger.delivered);
    assert!(count * CHUNK as u64 <= delivered, "{count} chunks were heard, {delivered} frames delivered");
    count
}

/// Unless the run was stopped, or its session was over and with it what waited for it.
fn a_source_that_waits_loses_nothing(play: &Play<'_>, ended: &Ended, codes: &BTreeMap<&'static str, u64>) {
    let stopped = play.plan.halt || play.cut_short || ended.result.is_err();
    let over = ["SessionExpired", "StreamError", "Busy"].iter().any(|code| codes.contains_key(code));
    if play.plan.waits && !stopped && !over {
        assert_eq!(ended.ledger.dropped_total(), 0, "a source that waits loses nothing: {:?}", ended.ledger);
    }
}

/// Texts come in order and once, and none that was refused.
fn texts_are_heard_once(play: &Play<'_>, events: &[SinkEvent]) -> u64 {
    let log = play.simulator.log();
    let heard: Vec<&str> = log.messages().filter_map(|message| message.fields.get("request")?.as_str()).collect();
    let place = |text: &&str| play.typed.iter().position(|(_, typed)| typed == text).expect("a text of ours");
    let places: Vec<usize> = heard.iter().map(place).collect();
    let once: BTreeSet<usize> = places.iter().copied().collect();
    assert_eq!(once.len(), places.len(), "a text was heard twice: {heard:?}");
    assert!(play.plan.holds_back() || places.is_sorted(), "texts were heard out of order: {heard:?}");
    for (text, at) in heard.iter().zip(places) {
        let id = &play.typed[at].0;
        let refused = events
            .iter()
            .any(|event| matches!(event, SinkEvent::Answer(answer) if answer.id == *id && answer.result.is_err()));
        assert!(!refused, "{text:?} was refused, and heard");
    }
    heard.len() as u64
}

fn every_command_is_answered_once(play: &Play<'_>, events: &[SinkEvent]) {
    let answers = |id| events.iter().filter(move |event| matches!(event, SinkEvent::Answer(answer) if answer.id == id));
    for id in 1..=play.commands {
        assert_eq!(answers(id).count(), 1, "answers to command {id}");
    }
}

/// Every socket opened is one lost or closed, every session begun is one over, every end is told.
fn events_come_in_pairs(events: &[SinkEvent], ended: &Ended) {
    let (mut sockets, mut live) = (0, None);
    for event in events {
        match event {
            SinkEvent::Connected { .. } => sockets += 1,
            SinkEvent::Disconnected { .. } => sockets -= 1,
            SinkEvent::Session(session) if session.streaming_url.is_none() => {
                // A stalled page is asked to reload by telling its session once more.
                let again = live.is_some() && live == session.license_id;
                assert!(again || live.is_some() != session.live, "a session in a session: {events:#?}");
                live = session.license_id.clone();
            }
            _ => {}
        }
        assert!((0..=1).contains(&sockets), "{sockets} sockets at once");
    }
    assert_eq!((sockets, live), (0, None), "what is left at the end");
    let fatal = events.iter().filter(|event| matches!(event, SinkEvent::Error { fatal: true, .. })).count();
    assert_eq!(fatal, usize::from(ended.result.is_err()), "errors that end the sink");
}

/// The service has no live session left, or somebody was told why one may be. Says if there was no
/// excuse.
async fn no_session_is_left(play: &Play<'_>, codes: &BTreeMap<&'static str, u64>) -> bool {
    // A session that is given up because the service says so is not ended by us, and one whose start
    // was answered without a licence cannot be.
    let excuses = ["PossibleLeak", "SessionExpired", "AuthFailed", "Protocol"];
    let excused = excuses.iter().any(|code| codes.contains_key(code));
    if !excused {
        assert_eq!(play.simulator.active_sessions(), 0, "live sessions left behind; errors: {codes:?}");
    }
    let sleepy = play.plan.service.faults != glottis_sim::ravatar::Rules::default();
    if !sleepy {
        until(play.simulator, |state| state.open_sockets() == 0).await;
    }
    !excused
}

/// Nothing was sent that breaks a rule; a licence may die while a message that carries it is on its
/// way.
fn the_service_has_no_complaints(play: &Play<'_>) {
    let dead = [Code::EndedLicense, Code::ExpiredLicense, Code::UnknownLicense];
    let complaints = play.simulator.violations();
    let complaint = complaints.iter().find(|complaint| !dead.contains(&complaint.code));
    assert!(complaint.is_none(), "{complaint:?}");
}

fn no_secret_is_told(play: &Play<'_>, events: &[SinkEvent]) {
    let secrets = play.proxy.secrets();
    for event in events {
        if matches!(event, SinkEvent::Session(session) if session.streaming_url.is_some()) {
            continue;
        }
        let mut told = format!("{event:?}");
        if let SinkEvent::Error { error, .. } = event {
            told.push_str(&format!("{error} {:?} {:?}", error.server_detail, error.server_code));
        }
        assert!(!told.contains(MARK), "an event holds a token: {told}");
        assert!(!secrets.iter().any(|secret| secret.len() > 4 && told.contains(secret)), "a secret is in {told}");
    }
}

//! The border between continuous time and speech: from where to where. Pipeline thread; allocates
//! when made, never after.
//!
//! Before the segmenter there are blocks and marks, behind it segments. It keeps the last frames in
//! a history, because an onset is known only once it has passed, and decides each frame exactly
//! once: sent in a segment, or gated. No frame is sent twice: a pre-roll reaches back to the end of
//! the segment before, never into it.

use glottis_core::{Mark, MarkKind, Rate, Reason, Span, TurnMode};

use crate::history::History;
use crate::turn::{Turn, TurnFrames};

/// What becomes of the stream. Called in the order of positions.
pub(crate) trait Cut {
    /// A segment begins at `at`.
    fn begin(&mut self, at: i64);
    /// The next frames of the segment; `counted` of them were really captured.
    fn audio(&mut self, at: i64, frames: &[f32], counted: u32);
    /// The segment ends before `at`; the last voice in it ended before `voice_end`.
    fn end(&mut self, at: i64, reason: Reason, voice_end: i64);
    /// The segment is given up at `at`.
    fn abort(&mut self, at: i64, reason: Reason);
    /// `frames` captured frames are in no segment.
    fn gate(&mut self, frames: u64);
    /// `frames` captured frames would have been in a segment that was given up for `reason`.
    fn skip(&mut self, frames: u64, reason: Reason);
    /// Voice too short to be speech.
    fn misfire(&mut self);
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    /// Nothing is going on.
    Idle,
    /// Something began at `onset`, and it is not yet sure that it is a segment.
    Onset { onset: i64, voiced: i64 },
    /// In a segment. `base` is where its longest length is counted from.
    Open { base: i64 },
    /// The segment was given up, or committed while the key is held: the rest of what would have been
    /// in it is not sent.
    Skip { reason: Reason },
    /// Nothing may be sent.
    Closed,
}

/// Decides which frames are in a segment. See the module.
pub struct Segmenter {
    turn: TurnFrames,
    history: History,
    state: State,
    /// Frames before this are sent or gated.
    decided: i64,
    /// Whether the detector hears voice, since when, and until when it last did.
    voice: bool,
    voice_start: i64,
    voice_end: i64,
    /// Push-to-talk: the key is down; where it was let go.
    held: bool,
    released: Option<i64>,
}

impl Segmenter {
    /// A segmenter for an edge of `rate`. Allocates its history.
    pub fn new(turn: &Turn, rate: Rate) -> Segmenter {
        let turn = turn.frames(rate);
        Segmenter {
            turn,
            history: History::new(turn.history(), rate.block()),
            state: State::Idle,
            decided: 0,
            voice: false,
            voice_start: 0,
            voice_end: 0,
            held: false,
            released: None,
        }
    }

    /// Continues a stream whose next frame is `at`. Before the first frame.
    pub(crate) fn begin_at(&mut self, at: i64) {
        self.history.begin_at(at);
        self.decided = at;
        (self.voice_start, self.voice_end) = (at, at);
    }

    /// Decides the mode of a segmenter that was built with [`TurnMode::Auto`].
    pub fn set_mode(&mut self, mode: TurnMode) {
        self.turn.mode = mode;
    }

    /// The mode.
    pub fn mode(&self) -> TurnMode {
        self.turn.mode
    }

    /// Whether a segment is open.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether nothing can begin before voice is heard.
    pub(crate) fn is_idle(&self) -> bool {
        self.turn.mode == TurnMode::Speech && self.state == State::Idle && !self.turn.begins_at_once()
    }

    /// Whether the frames arriving now would be wanted if they could be sent.
    pub fn wanted(&self) -> bool {
        match self.turn.mode {
            TurnMode::Always => true,
            TurnMode::Speech => self.voice || self.is_open(),
            TurnMode::PushToTalk => self.held || self.is_open(),
            TurnMode::Auto => false,
        }
    }

    /// The source lost the frames of `span`, which come next or later. Returns how many of the `next`
    /// frames are lost ones.
    pub(crate) fn lose(&mut self, span: Span, next: usize) -> u64 {
        self.history.lose(span);
        self.history.lost(self.now(), self.now() + next as i64)
    }

    /// Takes the next frames and the marks that came with them.
    pub(crate) fn take(&mut self, frames: &[f32], marks: &[Mark], cut: &mut impl Cut) {
        let excess = frames.len().saturating_sub(self.history.room());
        if excess > 0 {
            // Only a mode that keeps more than its history was made for could get here.
            debug_assert!(false, "history too short");
            self.gate(self.decided + excess as i64, cut);
        }
        self.history.push(frames);
        for mark in marks {
            // What the detector has not spoken of yet is decided as if it said nothing new.
            self.advance(mark.at.min(self.now()), cut);
            self.hear(mark);
        }
        self.advance(self.now(), cut);
    }

    fn now(&self) -> i64 {
        self.history.end()
    }

    fn hear(&mut self, mark: &Mark) {
        match mark.kind {
            MarkKind::SpeechStart { .. } => {
                self.voice = true;
                self.voice_start = mark.at;
                if self.turn.mode == TurnMode::Speech && self.state == State::Idle {
                    self.state = State::Onset { onset: mark.at.max(self.decided), voiced: 0 };
                }
            }
            MarkKind::SpeechEnd { .. } if self.voice => {
                self.voice = false;
                self.voice_end = mark.at.max(self.voice_start);
                if let State::Onset { voiced, .. } = &mut self.state {
                    *voiced += self.voice_end - self.voice_start;
                }
            }
            MarkKind::SpeechEnd { .. } | MarkKind::Gap { .. } => {}
        }
    }

    /// Decides all that can be decided when nothing happens before `horizon`.
    fn advance(&mut self, horizon: i64, cut: &mut impl Cut) {
        loop {
            let before = (self.state, self.decided);
            match self.state {
                State::Idle if self.turn.begins_at_once() => {
                    if self.decided >= horizon {
                        return;
                    }
                    self.open(self.decided, self.decided, cut);
                }
                State::Idle => return self.gate(self.now() - self.turn.pre_roll - self.turn.late, cut),
                State::Onset { onset, voiced } => self.judge_onset(onset, voiced, horizon, cut),
                State::Open { base } => self.run_open(base, horizon, cut),
                State::Skip { reason } => self.skip(reason, horizon, cut),
                State::Closed => return self.gate(self.now(), cut),
            }
            if before == (self.state, self.decided) {
                return;
            }
        }
    }

    fn judge_onset(&mut self, onset: i64, voiced: i64, horizon: i64, cut: &mut impl Cut) {
        if self.turn.mode == TurnMode::PushToTalk {
            self.gate(onset, cut);
            if horizon - onset >= self.turn.min_hold {
                self.open(onset, onset, cut);
            }
            return;
        }
        let last = onset + self.turn.longest_onset();
        let voiced = voiced + if self.voice { horizon.min(last) - self.voice_start } else { 0 };
        let paused = !self.voice && horizon - self.voice_end >= self.turn.pause;
        self.gate(onset - self.turn.pre_roll, cut);
        if voiced >= self.turn.min_speech {
            self.open(onset - self.turn.pre_roll, onset, cut);
        } else if paused || horizon > last {
            // Voice that is going on may still become speech: from its own beginning.
            let onset = self.voice_start.max(onset + 1);
            self.state = if self.voice { State::Onset { onset, voiced: 0 } } else { State::Idle };
            cut.misfire();
        }
    }

    fn open(&mut self, from: i64, base: i64, cut: &mut impl Cut) {
        self.gate(from, cut);
        self.state = State::Open { base };
        cut.begin(self.decided);
    }

    fn run_open(&mut self, base: i64, horizon: i64, cut: &mut impl Cut) {
        let (quiet, reason) = self.quiet_end(base);
        let longest = match self.turn.mode {
            TurnMode::Always => i64::MAX,
            _ => base.saturating_add(self.turn.max),
        };
        let stop = quiet.min(longest).max(self.decided);
        self.send(stop.min(horizon), cut);
        if stop > horizon {
            return;
        }
        if quiet <= longest {
            self.close(reason, cut);
        } else {
            let goes_on = quiet == i64::MAX;
            self.close(Reason::Max, cut);
            if goes_on {
                self.open(stop, stop, cut);
            }
        }
    }

    /// Where the segment ends if nothing more is heard, and why.
    fn quiet_end(&self, base: i64) -> (i64, Reason) {
        match self.turn.mode {
            // Begun without voice, and none has come.
            TurnMode::Speech if self.turn.at_once && !self.voice && self.voice_end <= base => {
                (i64::MAX, Reason::SpeechEnd)
            }
            TurnMode::Speech if !self.voice => (self.voice_end + self.turn.hangover, Reason::SpeechEnd),
            TurnMode::PushToTalk => match self.released {
                Some(at) => (at + self.turn.release_tail, Reason::Release),
                None => (i64::MAX, Reason::Release),
            },
            _ => (i64::MAX, Reason::Stop),
        }
    }

    fn skip(&mut self, reason: Reason, horizon: i64, cut: &mut impl Cut) {
        let frames = self.pass(horizon);
        if frames > 0 {
            cut.skip(frames, reason);
        }
        let over = match self.turn.mode {
            TurnMode::Speech => !self.voice && horizon - self.voice_end >= self.turn.hangover,
            TurnMode::PushToTalk => !self.held,
            TurnMode::Always | TurnMode::Auto => true,
        };
        if over {
            self.state = State::Idle;
        }
    }

    fn close(&mut self, reason: Reason, cut: &mut impl Cut) {
        let at = self.decided;
        let voice_end = match self.turn.mode {
            TurnMode::Speech if !self.voice => self.voice_end.min(at),
            TurnMode::PushToTalk => self.released.unwrap_or(at).min(at),
            _ => at,
        };
        self.state = State::Idle;
        self.released = None;
        cut.end(at, reason, voice_end);
    }

    /// Sends the frames up to `to`.
    fn send(&mut self, to: i64, cut: &mut impl Cut) {
        let (from, to) = (self.decided, to.min(self.now()));
        if to <= from {
            return;
        }
        let (head, tail) = self.history.get(from, to);
        let middle = from + head.len() as i64;
        for (at, piece) in [(from, head), (middle, tail)] {
            if !piece.is_empty() {
                let counted = self.history.real(at, at + piece.len() as i64);
                cut.audio(at, piece, counted as u32);
            }
        }
        self.decided = to;
        self.history.forget(to);
    }

    /// Gates the frames up to `to`.
    fn gate(&mut self, to: i64, cut: &mut impl Cut) {
        if to.min(self.now()) > self.decided {
            cut.gate(self.pass(to));
        }
    }

    /// Passes over the frames up to `to`. Returns how many of them were really captured.
    fn pass(&mut self, to: i64) -> u64 {
        let (from, to) = (self.decided, to.min(self.now()));
        if to <= from {
            return 0;
        }
        let frames = self.history.real(from, to);
        self.decided = to;
        self.history.forget(to);
        frames
    }

    /// The push-to-talk key went down or up. Ignored in other modes.
    pub(crate) fn talk(&mut self, on: bool, cut: &mut impl Cut) {
        if self.turn.mode != TurnMode::PushToTalk || on == self.held {
            return;
        }
        let now = self.now();
        self.held = on;
        match (self.state, on) {
            (State::Idle, true) => self.state = State::Onset { onset: now, voiced: 0 },
            (State::Open { .. }, true) => {
                // Pressed again within the release tail: the tail ends here.
                self.close(Reason::Release, cut);
                self.state = State::Onset { onset: now, voiced: 0 };
            }
            (State::Onset { onset, .. }, false) => {
                if now - onset >= self.turn.min_hold {
                    self.open(onset, onset, cut);
                    self.released = Some(now);
                } else {
                    self.state = State::Idle;
                    cut.misfire();
                    self.gate(now, cut);
                }
            }
            (State::Open { .. }, false) => self.released = Some(now),
            _ => {}
        }
        self.advance(now, cut);
    }

    /// Ends the running segment now and sends it; what goes on goes on in the next.
    pub(crate) fn commit(&mut self, cut: &mut impl Cut) {
        if !self.is_open() {
            return;
        }
        let goes_on = match self.turn.mode {
            TurnMode::Speech => self.voice,
            TurnMode::Always => true,
            TurnMode::PushToTalk | TurnMode::Auto => false,
        };
        self.close(Reason::Commit, cut);
        if goes_on && self.turn.mode == TurnMode::Speech {
            self.open(self.decided, self.decided, cut);
        } else if self.held {
            self.state = State::Skip { reason: Reason::Commit };
        }
    }

    /// Gives the running segment up, and what would have been the rest of it.
    pub(crate) fn abort(&mut self, reason: Reason, cut: &mut impl Cut) {
        match self.state {
            State::Open { .. } => {
                // An endless segment has no rest: the next one begins where this one ends.
                self.state = if self.turn.mode == TurnMode::Always { State::Idle } else { State::Skip { reason } };
                self.released = None;
                cut.abort(self.decided, reason);
            }
            State::Onset { .. } => self.state = State::Skip { reason },
            _ => {}
        }
    }

    /// Nothing may be sent from now on: what is open is given up for `reason`, all is gated.
    pub(crate) fn close_gate(&mut self, reason: Reason, cut: &mut impl Cut) {
        self.abort(reason, cut);
        self.state = State::Closed;
        self.gate(self.now(), cut);
    }

    /// Lets segments begin again, from the next frame on. Speech or a press that is going on begins
    /// one at once.
    pub(crate) fn open_gate(&mut self) {
        if self.state != State::Closed {
            return;
        }
        let now = self.now();
        let going_on = match self.turn.mode {
            TurnMode::Speech => self.voice,
            TurnMode::PushToTalk => self.held,
            TurnMode::Always | TurnMode::Auto => false,
        };
        self.voice_start = self.voice_start.max(now);
        self.state = if going_on { State::Onset { onset: now, voiced: 0 } } else { State::Idle };
    }

    /// The stream has ended: what is open ends, the rest is gated.
    pub(crate) fn stop(&mut self, cut: &mut impl Cut) {
        match self.state {
            State::Open { .. } => {
                self.send(self.now(), cut);
                self.close(Reason::Stop, cut);
            }
            State::Onset { .. } => cut.misfire(),
            _ => {}
        }
        self.state = State::Closed;
        self.gate(self.now(), cut);
    }
}

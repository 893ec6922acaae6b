//! What the server plays into a room when there is an egress (AvatarKit dossier 13 and 18.3): a
//! virtual player that follows the simulator's clock. Used under the `State`'s lock.

use super::act::Act;
use super::faults::{Kind, Point};
use super::proto::{Data, Message, PlaybackState, ServerPlaybackState, ServerResponseAnimation};
use super::state::State;
use std::sync::Arc;
use std::time::Duration;

/// What plays on a connection.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    /// Whether the client is told by playback states.
    pub(crate) states: bool,
    track: Option<Track>,
    pause_limit: Duration,
    /// The last one that played to its end, for questions about it.
    finished: Option<(String, Duration)>,
}

/// The request that plays.
#[derive(Debug)]
struct Track {
    req_id: String,
    played: Duration,
    /// Of its sound that arrived.
    available: Duration,
    /// Whether that is all of it.
    whole: bool,
    /// The player was last here.
    seen: Duration,
    /// When it was paused.
    paused: Option<Duration>,
}

/// What became of a track.
enum Turn {
    Ended,
    PausedTooLong,
}

impl Playback {
    pub(crate) fn new(states: bool, pause_limit: Duration) -> Self {
        Self { states, pause_limit, ..Self::default() }
    }

    /// When the track needs attention.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        let track = self.track.as_ref()?;
        match track.paused {
            Some(since) => Some(since.saturating_add(self.pause_limit)),
            None if track.whole => Some(track.seen.saturating_add(track.available.saturating_sub(track.played))),
            None => None,
        }
    }

    /// Plays on until `now`.
    fn advance(&mut self, now: Duration) -> Option<Turn> {
        let limit = self.pause_limit;
        let track = self.track.as_mut()?;
        if let Some(since) = track.paused {
            return (now >= since.saturating_add(limit)).then_some(Turn::PausedTooLong);
        }
        track.played = (track.played + now.saturating_sub(track.seen)).min(track.available);
        track.seen = now;
        (track.whole && track.played >= track.available).then_some(Turn::Ended)
    }

    fn is(&self, req_id: &str) -> bool {
        self.track.as_ref().is_some_and(|track| track.req_id == req_id)
    }
}

impl State {
    /// Lets a connection's player go on; true if something happened.
    pub(crate) fn play(&mut self, number: u64) -> bool {
        let now = self.clock.now();
        let Some(playback) = self.live.get_mut(&number).and_then(|live| live.playback.as_mut()) else { return false };
        let Some(turn) = playback.advance(now) else { return false };
        let Some(track) = playback.track.take() else { return false };
        match turn {
            Turn::Ended => {
                playback.finished = Some((track.req_id.clone(), track.played));
                self.tell_state(number, &track.req_id, PlaybackState::Ended, track.played, "");
                self.tell_signal(number, &track.req_id, true);
            }
            Turn::PausedTooLong => self.cut(number, &track, "pause_timeout"),
        }
        true
    }

    /// Sound arrived for a connection with an egress.
    pub(crate) fn queue(&mut self, number: u64, req_id: &str, available: Duration, whole: bool) {
        let now = self.clock.now();
        let Some(playback) = self.live.get_mut(&number).and_then(|live| live.playback.as_mut()) else { return };
        playback.advance(now);
        if let Some(track) = playback.track.as_mut().filter(|track| track.req_id == req_id) {
            track.available = available;
            track.whole = whole;
            return;
        }
        let before = playback.track.take();
        let req = req_id.to_string();
        playback.track = Some(Track { req_id: req, played: Duration::ZERO, available, whole, seen: now, paused: None });
        if let Some(before) = before {
            self.cut(number, &before, "preempted");
        }
        self.tell_state(number, req_id, PlaybackState::Playing, Duration::ZERO, "");
        self.tell_signal(number, req_id, false);
    }

    /// The client interrupts a request.
    pub(crate) fn stop_playing(&mut self, number: u64, req_id: &str) {
        let now = self.clock.now();
        let Some(playback) = self.live.get_mut(&number).and_then(|live| live.playback.as_mut()) else { return };
        playback.advance(now);
        if let Some(track) = playback.track.take_if(|track| track.req_id == req_id) {
            self.cut(number, &track, "explicit");
        }
    }

    /// The client pauses or resumes; exactly one state answers, whatever it was about.
    pub(crate) fn hold(&mut self, number: u64, req_id: &str, pause: bool) {
        let now = self.clock.now();
        let Some(playback) = self.live.get_mut(&number).and_then(|live| live.playback.as_mut()) else { return };
        playback.advance(now);
        if let Some(track) = playback.track.as_mut().filter(|track| track.req_id == req_id) {
            track.paused = if pause { track.paused.or(Some(now)) } else { None };
            track.seen = now;
        }
        let (state, played) = match (&playback.track, &playback.finished) {
            (Some(track), _) if track.paused.is_some() => (PlaybackState::Paused, track.played),
            (Some(track), _) => (PlaybackState::Playing, track.played),
            (None, Some((_, length))) => (PlaybackState::Ended, *length),
            (None, None) => (PlaybackState::Unspecified, Duration::ZERO),
        };
        self.tell_state(number, req_id, state, played, "");
    }

    /// Whether that request plays.
    pub(crate) fn is_playing(&self, number: u64, req_id: &str) -> bool {
        let playback = self.live.get(&number).and_then(|live| live.playback.as_ref());
        playback.is_some_and(|playback| playback.is(req_id))
    }

    fn cut(&mut self, number: u64, track: &Track, why: &'static str) {
        let speeches = self.connections.get_mut(&number).map(|connection| &mut connection.speeches);
        let speech = speeches.into_iter().flatten().find(|speech| speech.req_id == track.req_id);
        if let Some(speech) = speech {
            speech.interrupted.get_or_insert(why);
        }
        self.tell_state(number, &track.req_id, PlaybackState::Interrupted, track.played, why);
    }

    fn tell_state(&mut self, number: u64, req_id: &str, state: PlaybackState, played: Duration, why: &str) {
        let told = self.live.get(&number).and_then(|live| live.playback.as_ref()).is_some_and(|p| p.states);
        if !told {
            return;
        }
        let message = Message::of(Data::Playback(ServerPlaybackState {
            connection_id: self.connections[&number].connection_id.clone().unwrap_or_default(),
            req_id: req_id.into(),
            state: state.into(),
            played_ms: played.as_millis() as i64,
            reason: why.into(),
        }));
        self.answer(number, Kind::Playback, Act::Say(message));
    }

    /// A frame without animation: playback began, or has drained.
    fn tell_signal(&mut self, number: u64, req_id: &str, end: bool) {
        let connection = &self.connections[&number];
        let message = Message::of(Data::Animation(ServerResponseAnimation {
            connection_id: connection.connection_id.clone().unwrap_or_default(),
            req_id: req_id.into(),
            end,
            avatar_id: connection.upgrade.avatar_id.clone(),
            ..Default::default()
        }));
        self.answer(number, if end { Kind::Last } else { Kind::Animation }, Act::Say(message));
    }

    /// Sends something in answer to audio, or what a fault makes of it.
    pub(crate) fn answer(&mut self, number: u64, kind: Kind, act: Act) {
        let due = self.clock.now().saturating_add(self.config.answer_delay);
        let Some(strike) = self.strike(Point::Answer(kind)) else { return self.plan(number, due, act) };
        let due = due.max(strike.due);
        let times = if strike.deed.silent { 0 } else { strike.deed.repeat };
        for _ in 0..times {
            self.plan(number, due, act.clone());
        }
        strike.acts().for_each(|act| self.plan(number, due, act));
    }

    /// Animation frames for the sound that arrived.
    pub(crate) fn animate(&mut self, number: u64, req_id: &str) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let Some(speech) = connection.speeches.iter_mut().find(|speech| speech.req_id == req_id) else { return };
        let due = speech.frames_due();
        // One is held back, so that there is always a last one to mark.
        let wanted = if speech.ended { due.max(speech.frames + 1) } else { due.saturating_sub(1) };
        let more = wanted.saturating_sub(speech.frames);
        speech.frames = speech.frames.max(wanted);
        let last = speech.ended;
        let req_id: Arc<str> = req_id.into();
        let plain = if last { more - 1 } else { more };
        if plain > 0 {
            self.answer(number, Kind::Animation, Act::Frames { req_id: req_id.clone(), count: plain, end: false });
        }
        if last {
            self.answer(number, Kind::Last, Act::Frames { req_id, count: 1, end: true });
        }
    }
}

//! What the service says while the session is up.

use bytes::Bytes;
use glottis_core::event::Playback;
use glottis_core::{Cause, Settled, SinkError, SinkEvent};
use tokio::time::Instant;

use super::{Grave, HELD, Work};
use crate::animation::Frame;
use crate::classify::Phase;
use crate::code::Code;
use crate::trouble;
use crate::wire::{self, Data, PlaybackState, ServerError, ServerPlaybackState, ServerResponseAnimation};

/// What the service has told of its playback.
#[derive(Default)]
pub(super) struct Playing {
    /// Anything at all: then more is to be expected.
    pub(super) told: bool,
    paused: bool,
    /// The request whose pause lasted too long.
    timed_out: Option<String>,
}

impl Playing {
    /// Whether the service gave this request up because its pause lasted too long.
    pub(super) fn timed_out(&self, id: &str) -> bool {
        self.timed_out.as_deref() == Some(id)
    }
}

impl Work<'_> {
    /// Takes a message in.
    pub(super) fn hear(&mut self, bytes: Bytes) {
        match wire::decode(bytes.clone()) {
            Err(_) => {
                let message = format!("{} sent {} bytes that are no message", self.with.host, bytes.len());
                self.tell(trouble::error(Code::ProtocolError, Phase::Runtime, message));
            }
            Ok((_, Some(Data::ServerError(said)))) => self.server_error(said),
            Ok((_, Some(Data::ServerResponseAnimation(said)))) => self.animation(said, bytes),
            Ok((_, Some(Data::ServerPlaybackState(said)))) => self.playback_state(said),
            // Of another version, for another ear, or said before.
            Ok((number, _)) => tracing::debug!(number, "a message was ignored"),
        }
    }

    /// Tells of an error that does not end the connection.
    pub(super) fn tell(&mut self, error: SinkError) {
        self.told.extend(error.server_code.clone());
        self.with.inlet.warn(error);
    }

    fn server_error(&mut self, said: ServerError) {
        let req_id = said.req_id.clone();
        let (code, mut error) = trouble::server(self.with.config.dialect, Phase::Runtime, said, self.with.veil);
        error.connection_id.get_or_insert_with(|| self.with.confirmed.connection_id.clone());
        if self.open.as_ref().is_some_and(|open| open.id == req_id) {
            // What was not said of it goes on in another request.
            self.open = None;
        }
        if let Some(request) = self.requests.meant(&req_id).filter(|_| !req_id.is_empty()) {
            request.over = true;
        }
        let announces_close = error.server_code.as_deref().is_some_and(|code| code.len() == 4 && code.starts_with('4'));
        if self.grave.is_none() && (announces_close || is_final(code)) {
            self.grave = Some(Grave { error, told: false, until: Instant::now() + HELD });
        } else {
            self.tell(error);
        }
    }

    fn animation(&mut self, said: ServerResponseAnimation, bytes: Bytes) {
        let direct = self.with.config.egress.is_none();
        let request = self.requests.meant(&said.req_id);
        if said.req_id.is_empty() {
            tracing::debug!(taken_for = request.as_ref().map(|r| r.id.as_str()), "an animation names no request");
        }
        if request.as_ref().is_some_and(|request| request.interrupted) {
            return;
        }
        let mut playback = None;
        if let Some(request) = request {
            let (begins, ends) = (!request.begun && !request.over, said.end && !request.over);
            request.begun = true;
            request.over |= said.end;
            let state = |state: &str, end| Playback {
                req_id: request.id.clone(),
                state: state.to_owned(),
                end,
                ..Playback::default()
            };
            playback = match (begins, ends) {
                (_, true) => Some(state("ended", true)),
                (true, false) => Some(state("playing", false)),
                (false, false) => None,
            };
        }
        self.playback.told = true;
        if direct {
            self.with.inlet.animated();
            self.show(said, bytes);
        }
        if let Some(playback) = playback {
            self.with.inlet.emit(SinkEvent::Playback(playback));
        }
    }

    fn show(&mut self, said: ServerResponseAnimation, bytes: Bytes) {
        let Some(gallery) = &mut self.with.gallery else { return };
        let has_animation = !said.animation.is_empty();
        let ServerResponseAnimation { connection_id, req_id, end, avatar_id, .. } = said;
        let sink = self.with.config.name.clone();
        if !gallery.put(Frame { sink, bytes, req_id, end, connection_id, avatar_id, has_animation }) {
            let words = "animation frames are being lost: the callback is too slow";
            self.with.inlet.emit(SinkEvent::Notice(words.to_owned()));
        }
    }

    fn playback_state(&mut self, said: ServerPlaybackState) {
        let ServerPlaybackState { req_id, state, played_ms, reason, .. } = said;
        let state = PlaybackState::try_from(state).unwrap_or(PlaybackState::Unspecified);
        let interrupted = state == PlaybackState::Interrupted;
        let mut end = false;
        if let Some(request) = self.requests.meant(&req_id).filter(|_| interrupted) {
            end = !std::mem::replace(&mut request.over, true);
            request.interrupted = true;
        }
        if interrupted && reason == "pause_timeout" {
            self.playback.timed_out = Some(req_id.clone());
        }
        if interrupted && self.open.as_ref().is_some_and(|open| open.id == req_id) {
            self.drop_request(Settled::Dropped(Cause::Interrupted));
            self.with.speech.skipping = true;
        }
        self.playback.told = true;
        self.follow(state);
        let reason = Some(self.with.veil.scrub(&reason)).filter(|reason| !reason.is_empty());
        let played_ms = u64::try_from(played_ms).unwrap_or(0);
        let state = name(state).to_owned();
        self.with.inlet.emit(SinkEvent::Playback(Playback { req_id, state, played_ms, end, reason }));
    }

    /// The sink's own state follows the service's pause.
    fn follow(&mut self, state: PlaybackState) {
        let paused = state == PlaybackState::Paused;
        if std::mem::replace(&mut self.playback.paused, paused) != paused {
            self.with.inlet.emit(SinkEvent::State(if paused { "paused" } else { "open" }));
        }
    }
}

fn name(state: PlaybackState) -> &'static str {
    match state {
        PlaybackState::Unspecified => "unspecified",
        PlaybackState::Playing => "playing",
        PlaybackState::Paused => "paused",
        PlaybackState::Ended => "ended",
        PlaybackState::Interrupted => "interrupted",
    }
}

/// Whether the service has no use for this session any more, whatever becomes of the connection.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::SessionTokenExpired
            | Code::SessionTokenInvalid
            | Code::AppIdUnrecognized
            | Code::AppIdMismatch
            | Code::AvatarNotFound
            | Code::BillingRequired
            | Code::CreditsExhausted
            | Code::SessionDurationExceeded
            | Code::ConcurrencyLimit
            | Code::UnsupportedSampleRate
            | Code::InvalidEgressConfig
            | Code::EgressUnavailable
    )
}

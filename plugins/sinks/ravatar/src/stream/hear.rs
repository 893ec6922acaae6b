//! What the service says while the live session is up, and what it obliges to.

use glottis_core::SinkEvent;
use glottis_core::event::{Media, Reply};
use glottis_net::socket::Lost;

use super::Work;
use crate::incoming::{self, Answer, Incoming, Trouble, TroubleKind};
use crate::sink::End;
use crate::trouble::{self, Said, StreamText};

impl Work<'_> {
    /// Takes a message in; says if it ends the session.
    pub(super) fn hear(&mut self, text: &str) -> Option<End> {
        let Some(heard) = incoming::read(text).filter(|heard| *heard != Incoming::default()) else {
            tracing::debug!(bytes = text.len(), "a message without meaning was ignored");
            self.with.inlet.ignored();
            return None;
        };
        let Incoming { answer, notice, answers, trouble } = heard;
        if answers {
            self.owed.settled();
            self.with.stalls.well();
        }
        if let Some(answer) = answer {
            self.with.inlet.emit(SinkEvent::Reply(self.reply(answer)));
        }
        if let Some(words) = notice {
            self.with.inlet.emit(SinkEvent::Notice(self.with.veil.scrub(&words)));
        }
        trouble.and_then(|trouble| self.react(trouble))
    }

    /// The answer as it may be told: without secrets, also where the service repeats them.
    fn reply(&self, Answer { text, transcript, raw, media, time_ms }: Answer) -> Reply {
        let scrub = |text: String| self.with.veil.scrub(&text);
        let media = media.map(|media| Media { url: media.url.map(scrub), ..media });
        Reply { text: scrub(text), transcript: transcript.map(scrub), raw: scrub(raw), media, time_ms }
    }

    fn react(&mut self, Trouble { kind, mut said }: Trouble) -> Option<End> {
        said.words = self.with.veil.scrub(&said.words);
        let what = format!("the session at {}", self.with.config.server.socket_host);
        match kind {
            // Without a live session there is none that could have failed: it is the service's notice.
            TroubleKind::Stream(_) if self.with.live.is_none() && said.status.is_none() => None,
            TroubleKind::Stream(_) | TroubleKind::Status if self.with.live.is_none() => {
                self.with.inlet.warn(trouble::unanswered(&said));
                None
            }
            TroubleKind::Stream(StreamText::Expired) => Some(End::over(trouble::expired())),
            TroubleKind::Stream(StreamText::Busy) => Some(End::failed(trouble::busy("stream", &what, &said))),
            TroubleKind::Payment => Some(End::failed(trouble::payment("stream", &what, &said))),
            TroubleKind::Token => {
                let why = format!("the service refuses the token{}", said.tail());
                Some(End::Rejected(Lost { why, ..Lost::default() }))
            }
            TroubleKind::Stream(StreamText::Timeout) => self.stalled(&said),
            TroubleKind::Stream(StreamText::Failed) | TroubleKind::Status => Some(End::failed(trouble::stream(&said))),
        }
    }

    fn stalled(&mut self, said: &Said) -> Option<End> {
        let Some((attempt, wait)) = self.with.stalls.stall() else {
            return Some(End::failed(trouble::stream(said)));
        };
        let error = trouble::stalled(said);
        let why = error.code;
        self.with.inlet.warn(error);
        self.with.inlet.emit(SinkEvent::Retry { attempt, in_ms: wait.as_millis() as u64, why });
        None
    }

    /// What can be done about a stall from here: whoever shows the streaming page is told to load it
    /// again. The session and the socket are as they were.
    pub(super) fn ask_for_reload(&mut self) {
        if let Some(live) = self.with.live {
            self.with.inlet.emit(SinkEvent::Session(live.public()));
        }
        self.with.inlet.emit(SinkEvent::Notice("the avatar's stream stalls: reload the streaming page".to_owned()));
    }
}

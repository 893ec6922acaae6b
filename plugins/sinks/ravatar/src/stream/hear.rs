//! What the service says while the live session is up, and what it obliges to.

use glottis_core::SinkEvent;
use glottis_core::event::{Media, Reply};

use super::Work;
use crate::incoming::{self, Answer, Incoming, Trouble, TroubleKind};
use crate::sink::End;
use crate::socket::Lost;
use crate::trouble::{self, StreamText};

/// `Connection timeout` notices in a row that are waited out.
const TIMEOUTS: u32 = 3;

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
            self.owed = self.owed.saturating_sub(1);
            self.timeouts = 0;
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
        let what = format!("the session at {}", self.with.socket.host());
        match kind {
            TroubleKind::Stream(StreamText::Expired) => Some(End::over(trouble::expired())),
            TroubleKind::Stream(StreamText::Busy) => Some(End::failed(trouble::busy("stream", &what, &said))),
            TroubleKind::Payment => Some(End::failed(trouble::payment("stream", &what, &said))),
            TroubleKind::Token => {
                let why = format!("the service refuses the token{}", said.tail());
                Some(End::Rejected(Lost { why, ..Lost::default() }))
            }
            TroubleKind::Stream(StreamText::Timeout) if self.timeouts < TIMEOUTS => {
                self.timeouts += 1;
                self.with.inlet.warn(trouble::stalled(&said));
                None
            }
            TroubleKind::Stream(StreamText::Timeout | StreamText::Failed) | TroubleKind::Status => {
                Some(End::failed(trouble::stream(&said)))
            }
        }
    }
}

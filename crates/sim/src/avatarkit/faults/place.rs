//! Where a fault can strike: the places a rule names with `on`, and the points that the simulator
//! passes. Plain values, any thread.

use crate::common::keys::Flaw;

/// A point the simulator passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A connection was accepted, nothing is read yet.
    Connect,
    /// A token was asked for.
    Token,
    /// A region service was asked.
    Region,
    /// A socket was asked for, nothing is judged yet.
    Upgrade,
    /// The first frame of a connection arrived; nothing is confirmed yet.
    Handshake,
    /// A later frame arrived, before it has any effect.
    Message(Kind),
    /// Something is about to be sent in answer to audio or by playback.
    Answer(Kind),
}

/// Kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Audio.
    Audio,
    /// Audio that ends its request.
    End,
    Interrupt,
    Pause,
    Resume,
    Other,
    /// Animation frames, or the signals in their place.
    Animation,
    /// The last of them.
    Last,
    /// A playback state.
    Playback,
}

impl Kind {
    /// Whether something of kind `other` is one of these.
    fn covers(self, other: Self) -> bool {
        self == other || (self == Self::Audio && other == Self::End)
    }
}

/// What a rule's `on` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At once, when the rule is added.
    Now,
    Connect,
    Token,
    Region,
    Upgrade,
    Handshake,
    Message(Option<Kind>),
    Answer(Option<Kind>),
}

const PLACES: [(&str, Place); 17] = [
    ("now", Place::Now),
    ("connect", Place::Connect),
    ("token", Place::Token),
    ("region", Place::Region),
    ("upgrade", Place::Upgrade),
    ("handshake", Place::Handshake),
    ("message", Place::Message(None)),
    ("message audio", Place::Message(Some(Kind::Audio))),
    ("message end", Place::Message(Some(Kind::End))),
    ("message interrupt", Place::Message(Some(Kind::Interrupt))),
    ("message pause", Place::Message(Some(Kind::Pause))),
    ("message resume", Place::Message(Some(Kind::Resume))),
    ("message other", Place::Message(Some(Kind::Other))),
    ("answer", Place::Answer(None)),
    ("answer animation", Place::Answer(Some(Kind::Animation))),
    ("answer last", Place::Answer(Some(Kind::Last))),
    ("answer playback", Place::Answer(Some(Kind::Playback))),
];

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Self, Flaw> {
        let found = PLACES.iter().find(|(name, _)| *name == text).map(|(_, place)| *place);
        found.ok_or_else(|| {
            let names: Vec<_> = PLACES.iter().map(|(name, _)| *name).collect();
            let remedy = format!("use one of {}", crate::common::keys::listed(&names));
            Flaw::new("on", format!("`{text}` is no place for a fault"), remedy)
        })
    }

    /// Whether a point is this place.
    pub(crate) fn is(self, point: Point) -> bool {
        match (self, point) {
            (Self::Message(wanted), Point::Message(kind)) | (Self::Answer(wanted), Point::Answer(kind)) => {
                wanted.is_none_or(|wanted| wanted.covers(kind))
            }
            (Self::Connect, Point::Connect) => true,
            (Self::Token, Point::Token) => true,
            (Self::Region, Point::Region) => true,
            (Self::Upgrade, Point::Upgrade) => true,
            (Self::Handshake, Point::Handshake) => true,
            _ => false,
        }
    }

    /// Whether what is done there is done to one connection, or to all of them.
    pub(crate) fn has_socket(self) -> bool {
        matches!(self, Self::Now | Self::Handshake | Self::Message(_) | Self::Answer(_))
    }
}

//! Where a fault can strike: the places a rule names with `on`, and the points that the simulator
//! passes. Plain values, any thread.

use super::super::check::Kind;
use super::super::visit::ENDPOINTS;
use super::keys::Flaw;

/// A point the simulator passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A connection was accepted, nothing is read yet.
    Connect,
    /// A REST call, before it has any effect: method and known path, `POST /jwt`.
    Call(&'static str),
    /// A socket's handshake, before the token is looked at.
    Handshake,
    /// A socket was admitted; `again` if its user had one before.
    Open { again: bool },
    /// A message arrived, before it has any effect.
    Message(Kind),
    /// The answer to a message of that kind is about to be planned.
    Answer(Kind),
    /// A licence was given out.
    License,
}

/// What a rule's `on` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At once, when the rule is added.
    Now,
    Connect,
    /// One REST endpoint, or `None` for any.
    Call(Option<&'static str>),
    Handshake,
    Open,
    Reconnect,
    Message(Option<Kind>),
    Answer(Option<Kind>),
    License,
}

const KINDS: [(&str, Kind); 6] = [
    ("chat_text", Kind::ChatText),
    ("chat_blob", Kind::ChatBlob),
    ("live_text", Kind::LiveText),
    ("live_blob", Kind::LiveBlob),
    ("live_pcm", Kind::LivePcm),
    ("other", Kind::Other),
];

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Self, Flaw> {
        let place = match text {
            "now" => Some(Self::Now),
            "connect" => Some(Self::Connect),
            "any" => Some(Self::Call(None)),
            "handshake" | "GET /ws/chat" => Some(Self::Handshake),
            "open" => Some(Self::Open),
            "reconnect" => Some(Self::Reconnect),
            "license" => Some(Self::License),
            "message" => Some(Self::Message(None)),
            "answer" => Some(Self::Answer(None)),
            _ => Self::endpoint(text).or_else(|| Self::kind(text)),
        };
        place.ok_or_else(|| Flaw::new("on", format!("`{text}` is no place for a fault"), remedy()))
    }

    fn endpoint(text: &str) -> Option<Self> {
        let text = if text == "GET /stream/{id}" { "GET /stream/" } else { text };
        let found = ENDPOINTS.iter().find(|(name, _)| *name == text);
        found.map(|(name, _)| Self::Call(Some(name)))
    }

    fn kind(text: &str) -> Option<Self> {
        let (word, kind) = text.split_once(' ')?;
        let kind = KINDS.iter().find(|(name, _)| *name == kind)?.1;
        match word {
            "message" => Some(Self::Message(Some(kind))),
            "answer" => Some(Self::Answer(Some(kind))),
            _ => None,
        }
    }

    /// Whether a point is this place.
    pub(crate) fn is(self, point: Point) -> bool {
        match (self, point) {
            (Self::Call(wanted), Point::Call(name)) => wanted.is_none_or(|wanted| wanted == name),
            (Self::Message(wanted), Point::Message(kind)) | (Self::Answer(wanted), Point::Answer(kind)) => {
                wanted.is_none_or(|wanted| wanted == kind)
            }
            (Self::Reconnect, Point::Open { again }) => again,
            (Self::Open, Point::Open { .. }) => true,
            (Self::Connect, Point::Connect) => true,
            (Self::Handshake, Point::Handshake) => true,
            (Self::License, Point::License) => true,
            _ => false,
        }
    }

    /// Whether what is done there is done to one socket.
    pub(crate) fn has_socket(self) -> bool {
        matches!(self, Self::Open | Self::Reconnect | Self::Message(_) | Self::Answer(_))
    }
}

fn remedy() -> String {
    let endpoints: Vec<_> = ENDPOINTS.iter().map(|(name, _)| format!("`{name}`")).collect();
    let kinds: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
    format!(
        "use `now`, `connect`, `any`, {}, `handshake`, `open`, `reconnect`, `license`, `message`, `answer`, \
         or the last two with a kind ({}), as in `message live_pcm`",
        endpoints.join(", "),
        kinds.join(", ")
    )
}

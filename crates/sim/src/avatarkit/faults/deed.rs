//! What a rule does, its `do`: read from its keys, each only where it has a meaning. Plain values,
//! any thread.

use super::super::act::Act;
use super::frames;
use super::place::Place;
use crate::common::gate::Reading;
use crate::common::keys::{Flaw, Keys};
use crate::common::response::{Alter, Response, Scope};
use crate::common::wire::Kept;
use std::time::Duration;

/// Everything one strike of a rule does.
#[derive(Debug)]
pub struct Deed {
    /// All of it happens that much later, on the simulator's clock.
    pub(crate) delay: Duration,
    pub(crate) world: World,
    /// To the connection at hand, or to all of them where there is none.
    pub(crate) acts: Vec<Act>,
    /// What happens to the response of a call, an upgrade or a connection.
    pub(crate) response: Option<Response>,
    /// The upgrade is accepted with a wrong key.
    pub(crate) wrong_accept: bool,
    /// What a token is worth that is issued here.
    pub(crate) issue: Option<Issue>,
    /// The message has no effect; at the handshake nothing is confirmed.
    pub(crate) ignore: bool,
    /// What the confirmation is like.
    pub(crate) confirmation: Confirmation,
    /// The answer is not sent.
    pub(crate) silent: bool,
    /// How often it is sent.
    pub(crate) repeat: usize,
}

/// Effects beyond the client at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) tokens: Option<TokenFate>,
    /// The clock jumps.
    pub(crate) clock: Option<Duration>,
    /// The port is closed for that long.
    pub(crate) refuse: Option<Duration>,
}

/// What becomes of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFate {
    Expire,
    /// All are refused from now on, new ones too.
    Refuse,
    Accept,
}

/// What a new token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issue {
    Expired,
    OtherApp,
    Revoked,
}

/// Changes to a confirmation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    pub(crate) capabilities: Option<Vec<String>>,
    pub(crate) connection_id: Option<String>,
    /// WebSocket fragments it comes in.
    pub(crate) fragments: Option<usize>,
    /// Bytes of each of its TCP segments.
    pub(crate) pieces: Option<usize>,
}

/// A time beyond any test, and far from overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Deed {
    pub(crate) fn parse(keys: &mut Keys, place: Place) -> Result<Self, Flaw> {
        let scope = match place {
            Place::Token | Place::Region => Some(Scope::Call),
            Place::Upgrade => Some(Scope::Upgrade),
            Place::Connect => Some(Scope::Connect),
            _ => None,
        };
        let answer = matches!(place, Place::Answer(_));
        let deed = Self {
            delay: keys.span("delay")?.unwrap_or_default().min(LONGEST),
            world: World::parse(keys)?,
            acts: if place.has_socket() { acts(keys)? } else { Vec::new() },
            response: scope.map(|scope| Response::parse(keys, scope, no_change)).transpose()?.flatten(),
            wrong_accept: place == Place::Upgrade && keys.has("accept") && accept(keys)?,
            issue: if place == Place::Token { issue(keys)? } else { None },
            ignore: matches!(place, Place::Handshake | Place::Message(_)) && keys.flag("ignore")?,
            confirmation: if place == Place::Handshake { confirmation(keys)? } else { Confirmation::default() },
            silent: answer && keys.flag("silent")?,
            repeat: if answer { keys.number("repeat", 1, 100)?.unwrap_or(1) as usize } else { 1 },
        };
        if keys.is_empty() && deed.is_nothing(place) {
            return Err(Flaw::new("do", "does nothing", "name at least one thing to do"));
        }
        Ok(deed)
    }

    fn is_nothing(&self, place: Place) -> bool {
        // A late answer is a fault of its own; with `now` there is nothing to be late.
        (self.delay.is_zero() || place == Place::Now)
            && self.world == World::default()
            && self.acts.is_empty()
            && self.response.is_none()
            && !self.wrong_accept
            && self.issue.is_none()
            && !self.ignore
            && self.confirmation == Confirmation::default()
            && !self.silent
            && self.repeat == 1
    }
}

/// No change of a body has a name here; `merge` says them all.
fn no_change(_: &mut Keys) -> Result<Option<Box<dyn Alter>>, Flaw> {
    Ok(None)
}

impl World {
    fn parse(keys: &mut Keys) -> Result<Self, Flaw> {
        let mut world = Self::default();
        if keys.has("tokens") {
            world.tokens = Some(match keys.choice("tokens", &["expire", "refuse", "accept"], None)? {
                "expire" => TokenFate::Expire,
                "refuse" => TokenFate::Refuse,
                _ => TokenFate::Accept,
            });
        }
        world.clock = keys.span("clock")?;
        world.refuse = keys.span("refuse")?;
        keys.mention(&["tokens"]);
        Ok(world)
    }
}

fn accept(keys: &mut Keys) -> Result<bool, Flaw> {
    keys.choice("accept", &["wrong"], None).map(|_| true)
}

fn issue(keys: &mut Keys) -> Result<Option<Issue>, Flaw> {
    if !keys.has("issue") {
        keys.mention(&["issue"]);
        return Ok(None);
    }
    Ok(Some(match keys.choice("issue", &["expired", "other-app", "revoked"], None)? {
        "expired" => Issue::Expired,
        "other-app" => Issue::OtherApp,
        _ => Issue::Revoked,
    }))
}

fn confirmation(keys: &mut Keys) -> Result<Confirmation, Flaw> {
    let capabilities =
        keys.value("capabilities").map(|value| frames::words(keys, "capabilities", value)).transpose()?;
    Ok(Confirmation {
        capabilities,
        connection_id: keys.text("connection_id")?,
        fragments: keys.number("fragments", 2, 64)?.map(|count| count as usize),
        pieces: keys.number("pieces", 1, 1 << 20)?.map(|bytes| bytes as usize),
    })
}

/// What is done to connections, in the order it happens.
fn acts(keys: &mut Keys) -> Result<Vec<Act>, Flaw> {
    let mut acts = Vec::new();
    habits(keys, &mut acts)?;
    acts.extend(frames::sent(keys)?);
    let code = keys.number("close", 1000, 4999)?.map(|code| code as u16);
    let reason = keys.text("reason")?.unwrap_or_default();
    if reason.len() > 123 {
        return Err(keys.flaw("reason", "is too long for a close frame", "write at most 123 bytes"));
    }
    if let Some(code @ (1004 | 1005 | 1006 | 1015)) = code {
        let remedy = "use `close_empty`, or `drop` to break the connection, which clients report as 1006";
        return Err(keys.flaw("close", format!("{code} cannot be sent"), remedy));
    }
    if code.is_some() || keys.flag("close_empty")? {
        acts.push(Act::Close(code, reason.into()));
    }
    if keys.has("drop") {
        let reset = keys.choice("drop", &["true", "reset"], None)? == "reset";
        acts.push(Act::Drop { reset });
    }
    keys.mention(&["drop", "close_empty"]);
    Ok(acts)
}

fn habits(keys: &mut Keys, acts: &mut Vec<Act>) -> Result<(), Flaw> {
    for (key, kind) in [("pongs", Kept::Pongs), ("goodbye", Kept::Closes)] {
        if keys.has(key) {
            acts.push(Act::Keep { kind, withhold: !keys.flag(key)? });
        }
    }
    if let Some(every) = keys.span("ping")? {
        if every < Duration::from_millis(1) {
            return Err(keys.flaw("ping", "is too often", "write at least \"1ms\""));
        }
        acts.push(Act::PingEvery { every, since: Duration::ZERO });
    }
    let stall = keys.span("stall")?.map(|time| Reading::Stall { time: time.min(LONGEST), since: Duration::ZERO });
    let rate = keys.number("read_rate", 1, 1 << 40)?.map(Reading::Rate);
    let until = keys.size("drop_after")?.map(|bytes| Reading::Until(bytes as u64));
    acts.extend([stall, rate, until].into_iter().flatten().map(Act::Read));
    keys.mention(&["pongs", "goodbye"]);
    Ok(())
}

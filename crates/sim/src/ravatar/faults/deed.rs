//! What a rule does, its `do`: read from its keys, each only where it has a meaning. Plain values,
//! any thread.

use super::super::gate::Reading;
use super::super::outgoing::Outgoing;
use super::keys::{Flaw, Keys};
use super::place::Place;
use super::{change, raw};
use crate::common::response::{Response, Scope};
use serde_json::Value;
use std::time::Duration;

/// Everything one strike of a rule does.
#[derive(Debug)]
pub struct Deed {
    /// All of it happens that much later, on the simulator's clock.
    pub(crate) delay: Duration,
    pub(crate) world: World,
    /// To the socket at hand, or to all of them where there is none.
    pub(crate) acts: Vec<Outgoing>,
    /// What happens to the response of a call, a handshake or a connection.
    pub(crate) response: Option<Response>,
    /// The message has no effect.
    pub(crate) ignore: bool,
    /// What happens to an answer.
    pub(crate) twist: Option<Twist>,
}

/// Effects beyond the client at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) tokens: Option<TokenFate>,
    pub(crate) licenses: Option<LicenseFate>,
    /// The clock jumps.
    pub(crate) clock: Option<Duration>,
    /// The port is closed for that long.
    pub(crate) refuse: Option<Duration>,
}

/// What becomes of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFate {
    /// Those issued so far expire.
    Expire,
    /// All are refused from now on, new ones too.
    Refuse,
    /// The end of that.
    Accept,
}

/// What becomes of active licences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LicenseFate {
    Expire,
    /// Ended by the operator.
    End,
    /// Unknown from now on.
    Forget,
}

/// What happens to an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Twist {
    pub(crate) silent: bool,
    /// How often it is sent.
    pub(crate) repeat: usize,
    pub(crate) hold: Option<Hold>,
    /// Its words.
    pub(crate) text: Option<String>,
    /// A JSON merge patch.
    pub(crate) merge: Option<Value>,
    /// The field that gets a sound.
    pub(crate) audio: Option<&'static str>,
}

/// What an answer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// So many more answers on its socket.
    Answers(u64),
    /// The next socket of its user.
    Reconnect,
}

/// A day beyond any test, and far from overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Deed {
    pub(crate) fn parse(keys: &mut Keys, place: Place) -> Result<Self, Flaw> {
        let delay = keys.span("delay")?.unwrap_or_default().min(LONGEST);
        let world = World::parse(keys)?;
        let acts = acts(keys, place)?;
        let scope = match place {
            Place::Call(_) => Some(Scope::Call),
            Place::Handshake => Some(Scope::Upgrade),
            Place::Connect => Some(Scope::Connect),
            _ => None,
        };
        let response = scope.map(|scope| Response::parse(keys, scope, change::parse)).transpose()?.flatten();
        let ignore = matches!(place, Place::Message(_)) && keys.flag("ignore")?;
        let twist = if matches!(place, Place::Answer(_)) { Twist::parse(keys)? } else { None };
        let deed = Self { delay, world, acts, response, ignore, twist };
        if keys.is_empty() && deed.is_nothing(place) {
            return Err(Flaw::new("do", "does nothing", "name at least one thing to do"));
        }
        Ok(deed)
    }

    fn is_nothing(&self, place: Place) -> bool {
        // A late answer or reply is a fault of its own; elsewhere there is nothing to be late.
        let late = matches!(place, Place::Call(_) | Place::Handshake | Place::Connect | Place::Answer(_));
        let idle = self.delay.is_zero() || !late;
        idle && self.world == World::default()
            && self.acts.is_empty()
            && self.response.is_none()
            && !self.ignore
            && self.twist.is_none()
    }
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
        if keys.has("licenses") {
            world.licenses = Some(match keys.choice("licenses", &["expire", "end", "forget"], None)? {
                "expire" => LicenseFate::Expire,
                "end" => LicenseFate::End,
                _ => LicenseFate::Forget,
            });
        }
        world.clock = keys.span("clock")?;
        world.refuse = keys.span("refuse")?;
        // So that an error about another key lists them.
        keys.mention(&["tokens", "licenses"]);
        Ok(world)
    }
}

/// What is done to sockets, in the order it happens.
fn acts(keys: &mut Keys, place: Place) -> Result<Vec<Outgoing>, Flaw> {
    let mut acts = Vec::new();
    if place == Place::Connect {
        return Ok(acts);
    }
    let all = place.has_socket() || matches!(place, Place::Now | Place::License);
    if all {
        habits(keys, &mut acts)?;
    }
    if place != Place::Handshake {
        acts.extend(raw::sent(keys)?);
    }
    let code = keys.number("close", 1000, 4999)?;
    let reason = keys.text("reason")?.unwrap_or_default();
    if reason.len() > 123 {
        return Err(keys.flaw("reason", "is too long for a close frame", "write at most 123 bytes"));
    }
    if let Some(code) = code {
        let code = code as u16;
        if [1004, 1005, 1006, 1015].contains(&code) {
            let remedy = "use `drop` to break the connection, which clients report as 1006";
            return Err(keys.flaw("close", format!("{code} cannot be sent"), remedy));
        }
        acts.push(Outgoing::Close(code, reason.into()));
    }
    if all && keys.has("drop") {
        let reset = keys.choice("drop", &["true", "reset"], None)? == "reset";
        acts.push(Outgoing::Drop { reset });
    }
    keys.mention(&["drop"]);
    Ok(acts)
}

fn habits(keys: &mut Keys, acts: &mut Vec<Outgoing>) -> Result<(), Flaw> {
    if keys.has("pongs") {
        acts.push(Outgoing::Pongs(keys.flag("pongs")?));
    }
    if let Some(every) = keys.span("ping")? {
        if every < Duration::from_millis(1) {
            return Err(keys.flaw("ping", "is too often", "write at least \"1ms\""));
        }
        acts.push(Outgoing::PingEvery { every, since: Duration::ZERO });
    }
    let stall = keys.span("stall")?.map(|time| Reading::Stall { time: time.min(LONGEST), since: Duration::ZERO });
    let rate = keys.number("read_rate", 1, 1 << 40)?.map(Reading::Rate);
    let until = keys.size("drop_after")?.map(|bytes| Reading::Until(bytes as u64));
    acts.extend([stall, rate, until].into_iter().flatten().map(Outgoing::Read));
    keys.mention(&["pongs"]);
    Ok(())
}

impl Twist {
    fn parse(keys: &mut Keys) -> Result<Option<Self>, Flaw> {
        let mut twist = Self {
            silent: keys.flag("silent")?,
            repeat: keys.number("repeat", 1, 100)?.unwrap_or(1) as usize,
            hold: None,
            text: keys.text("text")?,
            merge: keys.value("merge"),
            audio: None,
        };
        twist.hold = match keys.value("hold") {
            None => None,
            Some(Value::String(word)) if word == "reconnect" => Some(Hold::Reconnect),
            Some(number) => match number.as_u64().filter(|number| (1..=256).contains(number)) {
                Some(number) => Some(Hold::Answers(number)),
                None => {
                    let remedy = "write for how many more answers it waits (1 to 256), or \"reconnect\"";
                    return Err(keys.flaw("hold", format!("{number} is not possible"), remedy));
                }
            },
        };
        if keys.has("audio") {
            twist.audio = Some(keys.choice("audio", &["file_base64_data", "audio_base64"], None)?);
        }
        keys.mention(&["audio"]);
        let nothing = Self { silent: false, repeat: 1, hold: None, text: None, merge: None, audio: None };
        Ok(if twist == nothing { None } else { Some(twist) })
    }
}

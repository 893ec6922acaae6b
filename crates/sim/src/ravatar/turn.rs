//! When and how an answer leaves: as planned, or as a fault wants it. Runs on the simulator's
//! thread under the `State`'s lock.

use super::answer;
use super::check::Kind;
use super::effects::Held;
use super::faults::{Hold, Point, Twist, merge};
use super::intake::Planned;
use super::log::Event;
use super::outgoing::Outgoing;
use super::socket::Who;
use super::state::State;
use serde_json::Value;

/// Plans the answer to a message of that kind, and everything that goes with it.
pub(crate) fn plan(state: &mut State, who: &Who, kind: Kind, message: Value) -> Planned {
    let config = state.config.clone();
    let strike = state.strike(Point::Answer(kind), None);
    let deed = strike.as_ref().map(|strike| strike.deed.as_ref());
    let delay = deed.map(|deed| deed.delay).unwrap_or_default();
    let due = state.clock.now().saturating_add(config.reply_delay).saturating_add(delay);
    let acts = strike.as_ref().map(|strike| strike.deed.acts.iter().map(|act| act.clone().begun(due)));
    let mut acts: Vec<_> = acts.into_iter().flatten().collect();
    let mut answer: Vec<_> = config.notices.iter().cloned().map(Outgoing::Say).collect();
    let Some(twist) = deed.and_then(|deed| deed.twist.as_ref()) else {
        answer.push(Outgoing::Say(message));
        acts.append(&mut answer);
        acts.extend(state.released(who.number));
        return Planned::new(due, acts);
    };
    if !twist.silent {
        let message = Outgoing::Say(twisted(message, twist));
        answer.extend(std::iter::repeat_n(message, twist.repeat));
    } else {
        answer.clear();
    }
    // Those that waited already go before this one starts to wait.
    let released = state.released(who.number);
    match twist.hold {
        None => acts.append(&mut answer),
        Some(hold) => keep(state, who, hold, answer),
    }
    acts.extend(released);
    Planned::new(due, acts)
}

fn keep(state: &mut State, who: &Who, hold: Hold, acts: Vec<Outgoing>) {
    let after = match hold {
        Hold::Answers(after) => Some(after),
        Hold::Reconnect => None,
    };
    if acts.is_empty() {
        return;
    }
    if !state.hold(Held { user: who.user.clone(), socket: who.number, after, acts }) {
        state.note(Event::Undelivered { socket: who.number });
    }
}

fn twisted(mut message: Value, twist: &Twist) -> Value {
    if let Some(text) = &twist.text {
        let field = if message.get("answer").is_some() { "answer" } else { "content" };
        message[field] = text.as_str().into();
    }
    if let Some(field) = twist.audio {
        message[field] = answer::beep().into();
    }
    if let Some(patch) = &twist.merge {
        merge(&mut message, patch);
    }
    message
}

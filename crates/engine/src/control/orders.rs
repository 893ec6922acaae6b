//! Commands: who carries them out, and how they are answered.

use std::collections::HashMap;

use glottis_core::param::{Kind, nearest};
use glottis_core::sink::{Answer, SinkAction, SinkCommand};
use ringbuf::traits::Producer;

use super::Control;
use crate::command::Command;
use crate::event::{ErrorFacts, EventKind};
use crate::runner::{Action, Order};

/// Why a command comes too late.
const ENDED: &str = "the pipeline takes no commands any more";

/// Commands whose answers are still to come.
#[derive(Default)]
pub(super) struct Pending {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    name: &'static str,
    sink: Option<String>,
    /// The pipeline has an order of it.
    ordered: bool,
    /// Answers still to come, and whether one of them was good.
    waiting: usize,
    done: bool,
    refusal: String,
    /// The state to tell when it is done.
    state: Option<(Option<usize>, &'static str)>,
}

impl Control {
    pub(super) fn obey(&mut self, command: Command) {
        let name = command.name();
        let sink = match command.sink().map(|wanted| self.find_sink(wanted)) {
            None => None,
            Some(Ok(index)) => Some(index),
            Some(Err(message)) => return self.refuse(name, command.sink().map(str::to_owned), message),
        };
        match command {
            Command::Talk { on, .. } => self.order(name, sink, Action::Talk(on), None),
            Command::Mute { on, .. } => {
                let state = if on { "muted" } else { "open" };
                self.order(name, sink, Action::Mute(on), Some((sink, state)));
            }
            Command::Commit { .. } => self.order(name, sink, Action::Commit, None),
            Command::Cancel { .. } => self.order(name, sink, Action::Cancel, None),
            Command::Pause { on, sink: None } => self.pause_source(on),
            Command::Pause { on, sink: Some(_) } => self.ask_sinks(name, sink, SinkAction::Pause(on)),
            Command::Interrupt { .. } => self.interrupt(name, sink),
            Command::Text { text, .. } => self.ask_sinks(name, sink, SinkAction::Text(text)),
            Command::StreamingUrl { .. } => self.ask_sinks(name, sink, SinkAction::StreamingUrl),
            Command::Set { node, param, value } => match self.find_param(&node, &param, value) {
                Ok((node, param)) => {
                    self.nodes[usize::from(node)].info.keep(param, value);
                    self.order(name, None, Action::Set { node, param, value }, None);
                }
                Err(message) => self.refuse(name, None, message),
            },
            Command::Swap { node, plugin } => {
                if let Err(message) = self.swap(node.as_deref(), plugin.as_deref()) {
                    self.refuse(name, None, message);
                }
            }
            Command::Stats => {
                let report = self.report();
                self.tell(EventKind::Stats(Box::new(report)));
                self.done(name);
            }
            Command::Stop => {
                self.done(name);
                self.stop();
            }
        }
    }

    fn find_sink(&self, wanted: &str) -> Result<usize, String> {
        let names = || self.sinks.iter().map(|s| s.name.as_str());
        if let Some(index) = names().position(|name| name == wanted) {
            return Ok(index);
        }
        Err(match nearest(wanted, names()) {
            Some(near) => format!("there is no sink \"{wanted}\": did you mean \"{near}\"?"),
            None => format!("there is no sink \"{wanted}\": there are {}", names().collect::<Vec<_>>().join(", ")),
        })
    }

    pub(super) fn find_node(&self, wanted: &str) -> Result<usize, String> {
        let names = || self.nodes.iter().map(|n| n.info.name.as_str());
        names().position(|name| name == wanted).ok_or_else(|| match nearest(wanted, names()) {
            Some(near) => format!("there is no node \"{wanted}\": did you mean \"{near}\"?"),
            None => format!("there is no node \"{wanted}\""),
        })
    }

    fn find_param(&self, node: &str, param: &str, value: f64) -> Result<(u16, &'static str), String> {
        let index = self.find_node(node)?;
        let live = || self.nodes[index].info.params.iter().filter(|p| p.live);
        let Some(found) = live().find(|p| p.name == param) else {
            let can: Vec<&str> = live().map(|p| p.name).collect();
            let can = if can.is_empty() { "none".to_owned() } else { can.join(", ") };
            return Err(format!("node \"{node}\" has no parameter \"{param}\" that can be set while it runs: {can}"));
        };
        let (min, max) = match found.kind {
            Kind::Int(min, max) => (min as f64, max as f64),
            Kind::Float(min, max) => (min, max),
            _ => (0.0, 1.0),
        };
        if !(min..=max).contains(&value) {
            return Err(format!("\"{param}\" is from {min} to {max} {}", found.unit).trim_end().to_owned());
        }
        Ok((index as u16, found.name))
    }

    fn pause_source(&mut self, on: bool) {
        let state = if on { "paused" } else { "open" };
        if self.capture.as_mut().is_some_and(|capture| capture.pause(on)) {
            self.source_state(state);
            return self.done("pause");
        }
        self.order("pause", None, Action::Pause(on), Some((None, state)));
    }

    pub(super) fn open(
        &mut self,
        name: &'static str,
        sink: Option<usize>,
        waiting: usize,
        state: Option<(Option<usize>, &'static str)>,
    ) -> u64 {
        self.pending.next += 1;
        let sink = sink.map(|index| self.sinks[index].name.clone());
        let open = Open { name, sink, ordered: false, waiting, done: false, refusal: String::new(), state };
        self.pending.open.insert(self.pending.next, open);
        self.pending.next
    }

    fn order(
        &mut self,
        name: &'static str,
        sink: Option<usize>,
        action: Action,
        state: Option<(Option<usize>, &'static str)>,
    ) {
        let id = self.open(name, sink, 1, state);
        self.send(Order { id, sink: sink.map(|index| index as u16), action });
    }

    /// Hands an order to the pipeline thread. False: it takes none any more, and the command has been
    /// answered so.
    pub(super) fn send(&mut self, order: Order) -> bool {
        let id = order.id;
        let pushed = self.push_order(order);
        if !pushed {
            self.settle(id, Err(ENDED.to_owned()));
        }
        pushed
    }

    /// The turns in progress end where the device was lost. Nobody asked, so nobody is answered.
    pub(super) fn lose_turns(&mut self) {
        self.push_order(Order { id: 0, sink: None, action: Action::Lose });
    }

    /// Hands the pipeline an order. False: it takes none any more.
    fn push_order(&mut self, order: Order) -> bool {
        let id = order.id;
        let pushed = self.ended.is_none() && self.orders.try_push(order).is_ok();
        if let Some(open) = self.pending.open.get_mut(&id) {
            open.ordered = pushed;
        }
        if pushed {
            self.wake_runner();
        }
        pushed
    }

    /// First the pipeline cuts the segment, then the sinks are asked: so that a sink which hears of the
    /// interrupt finds the cut in its queue, and knows what in it comes from before.
    fn interrupt(&mut self, name: &'static str, sink: Option<usize>) {
        let waiting = self.addressed(sink).len();
        let id = self.open(name, sink, waiting, None);
        let order = Order { id, sink: sink.map(|index| index as u16), action: Action::Interrupt };
        if !self.push_order(order) {
            self.ask(id, sink, &SinkAction::Interrupt);
        }
    }

    fn ask_sinks(&mut self, name: &'static str, sink: Option<usize>, action: SinkAction) {
        let waiting = self.addressed(sink).len();
        let id = self.open(name, sink, waiting, None);
        self.ask(id, sink, &action);
    }

    /// The sinks a command is for.
    fn addressed(&self, sink: Option<usize>) -> std::ops::Range<usize> {
        sink.map_or(0..self.sinks.len(), |index| index..index + 1)
    }

    fn ask(&mut self, id: u64, sink: Option<usize>, action: &SinkAction) {
        for index in self.addressed(sink) {
            let command = SinkCommand { id, action: action.clone() };
            let seat = &self.sinks[index];
            if seat.outcome.is_some() || seat.control.command(command).is_err() {
                self.settle(id, Err("the sink has ended".to_owned()));
            }
        }
    }

    pub(super) fn applied(&mut self, id: u64, ok: bool) {
        let Some(open) = self.pending.open.get_mut(&id) else { return };
        open.ordered = false;
        let refusal = match open.name {
            "interrupt" => {
                let sink = open.sink.as_ref().and_then(|name| self.sinks.iter().position(|s| s.name == *name));
                return self.ask(id, sink, &SinkAction::Interrupt);
            }
            "talk" => "no sink here is in push-to-talk mode",
            "cancel" => "in `always` mode there is no turn to cancel: use `mute` or `stop`",
            _ => "it was refused",
        };
        self.settle(id, if ok { Ok(()) } else { Err(refusal.to_owned()) });
    }

    /// The pipeline has ended: what it was still to be told goes on without it, or is refused.
    pub(super) fn pipeline_ended(&mut self) {
        let left = self.pending.open.iter().filter(|(_, open)| open.ordered);
        let mut left: Vec<(u64, &str)> = left.map(|(id, open)| (*id, open.name)).collect();
        left.sort_unstable();
        for (id, name) in left {
            match name {
                "interrupt" => self.applied(id, false),
                _ => self.settle(id, Err(ENDED.to_owned())),
            }
        }
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        self.settle(answer.id, answer.result);
    }

    /// Takes one answer to a command; the last one answers the command.
    fn settle(&mut self, id: u64, result: Result<(), String>) {
        let Some(open) = self.pending.open.get_mut(&id) else { return };
        open.waiting -= 1;
        match result {
            Ok(()) => open.done = true,
            Err(refusal) => open.refusal = refusal,
        }
        if open.waiting > 0 {
            return;
        }
        let Some(open) = self.pending.open.remove(&id) else { return };
        if !open.done {
            return self.refuse(open.name, open.sink, open.refusal);
        }
        match open.state {
            Some((Some(sink), state)) => self.sink_state(sink, state),
            Some((None, state)) => self.source_state(state),
            None => {}
        }
        self.done(open.name);
    }

    fn done(&mut self, name: &str) {
        self.tell(EventKind::Done { command: name.to_owned() });
    }

    pub(super) fn refuse(&mut self, name: &str, sink: Option<String>, message: String) {
        self.tell(EventKind::Error(Box::new(ErrorFacts::bad_command(Some(name.to_owned()), sink, message))));
    }
}

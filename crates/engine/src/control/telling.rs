//! From signals and sink events to the events of the public interface.

use std::sync::atomic::Ordering;

use glottis_core::source::SourceEvent;
use glottis_core::{SinkEvent, clock};
use glottis_graph::{Failed, Second, Signal};

use super::Control;
use crate::event::{ErrorFacts, Event, EventKind, dbfs};

impl Control {
    pub(super) fn tell(&mut self, kind: EventKind) {
        // Whole microseconds: more digits would only look exact.
        let t = (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        self.last_t = self.last_t.max(t);
        (self.on_event)(&Event { kind, t: self.last_t });
    }

    pub(super) fn source_state(&mut self, state: &'static str) {
        self.device_state(state, None);
    }

    fn device_state(&mut self, state: &'static str, device: Option<String>) {
        let source = Some(self.source_type.clone());
        self.tell(EventKind::State { source, node: None, sink: None, state, device });
    }

    /// What a source says while it goes on.
    pub(super) fn source_event(&mut self, event: SourceEvent) {
        let source = Some(self.source_type.clone());
        match event {
            SourceEvent::State { state, device } => {
                match state {
                    "open" => self.held = false,
                    "lost" => {
                        self.watch.forget();
                        self.lose_turns();
                    }
                    // The next device has a clock and a signal of its own.
                    "searching" => self.watch.forget(),
                    _ => {}
                }
                self.device_state(state, device);
            }
            SourceEvent::Error { error, retryable } => {
                let facts = ErrorFacts::of_living_source(&self.source_type, &error, retryable);
                self.tell(EventKind::Error(Box::new(facts)));
            }
            SourceEvent::Retry { attempt, in_ms, why } => {
                self.tell(EventKind::Retry { source, sink: None, attempt, in_ms, why });
            }
            SourceEvent::Notice { code, text, advice } => {
                self.tell(EventKind::notice(&self.source_type, code, text, &advice));
            }
        }
    }

    pub(super) fn sink_state(&mut self, index: usize, state: &'static str) {
        let sink = Some(self.sinks[index].name.clone());
        self.tell(EventKind::State { source: None, node: None, sink, state, device: None });
    }

    fn node_state(&self, index: u16, state: &'static str) -> EventKind {
        let node = Some(self.nodes[usize::from(index)].info.name.clone());
        EventKind::State { source: None, node, sink: None, state, device: None }
    }

    pub(super) fn drain_signals(&mut self) {
        while let Some(signal) = self.signals.take() {
            self.signal(signal);
        }
    }

    fn signal(&mut self, signal: Signal) {
        let position = |at: i64| at.max(0) as u64;
        let kind = match signal {
            Signal::SpeechStart { at, probability } => EventKind::SpeechStart { at: position(at), probability },
            Signal::MaybeEnd { at, probability } => EventKind::MaybeEnd { at: position(at), probability },
            Signal::SpeechEnd { at, probability } => EventKind::SpeechEnd { at: position(at), probability },
            Signal::SegmentBegin { sink, segment, at } => {
                let sink = self.sinks[usize::from(sink)].name.clone();
                EventKind::SegmentBegin { sink, segment, at: position(at) }
            }
            Signal::SegmentEnd { sink, segment, at, frames, reason } => {
                let sink = self.sinks[usize::from(sink)].name.clone();
                EventKind::SegmentEnd { sink, segment, at: position(at), frames, reason }
            }
            Signal::Gap { at, frames } => {
                self.gaps += 1;
                let overrun = self.feed_stats.overrun.load(Ordering::Relaxed);
                let cause = if overrun > self.seen_overrun { "overrun" } else { "device" };
                self.seen_overrun = overrun;
                EventKind::Gap { at: position(at), frames, cause }
            }
            Signal::Level { at, rms, peak } => {
                EventKind::Level { at: position(at), rms_dbfs: dbfs(rms), peak_dbfs: dbfs(peak) }
            }
            Signal::Second(second) => return self.second(second),
            Signal::Fault { component, code } => self.fault(component, code),
            Signal::Bypassed { node } => self.node_state(node, "bypassed"),
            Signal::Rearmed { node } => self.node_state(node, "active"),
            Signal::Swapped { node, at } => self.swapped(node, position(at)),
            Signal::Applied { id, ok } => return self.applied(id, ok),
        };
        self.tell(kind);
    }

    /// A second of a live source: is something wrong with it?
    fn second(&mut self, second: Second) {
        let stats = self.feed_stats.clone();
        for finding in self.watch.take(clock::now(), second, &stats) {
            self.tell(EventKind::notice(&self.source_type, finding.code, finding.text, finding.advice));
        }
    }

    fn fault(&self, component: Failed, code: glottis_core::FaultCode) -> EventKind {
        let (node, sink) = match component {
            Failed::Node(index) => (Some(self.nodes[usize::from(index)].info.name.clone()), None),
            Failed::Encoder(index) => (None, Some(self.sinks[usize::from(index)].name.clone())),
        };
        EventKind::Error(Box::new(ErrorFacts {
            node,
            sink,
            code: code.name().to_owned(),
            phase: "pipeline".to_owned(),
            message: "a component failed while audio flowed".to_owned(),
            advice: code.advice().to_owned(),
            ..ErrorFacts::default()
        }))
    }

    pub(super) fn sink_event(&mut self, index: usize, event: SinkEvent) {
        let sink = self.sinks[index].name.clone();
        let kind = match event {
            // Told by the engine, once all is settled.
            SinkEvent::State("done" | "gave_up") if self.sinks[index].outcome.is_some() => return,
            SinkEvent::State("done") => return,
            SinkEvent::State(state) => {
                EventKind::State { source: None, node: None, sink: Some(sink), state, device: None }
            }
            SinkEvent::Connected { connection_id, capabilities } => {
                EventKind::Connected { sink, connection_id, capabilities }
            }
            SinkEvent::Disconnected { close_code, close_reason } => {
                EventKind::Disconnected { sink, close_code, close_reason }
            }
            SinkEvent::Retry { attempt, in_ms, why } => {
                EventKind::Retry { source: None, sink: Some(sink), attempt, in_ms, why }
            }
            SinkEvent::Session(session) => EventKind::Session { sink, session: session.into() },
            SinkEvent::Reply(reply) => EventKind::Reply {
                sink,
                text: reply.text,
                transcript: reply.transcript,
                raw: reply.raw,
                media: reply.media,
                time_ms: reply.time_ms,
                received: (self.started.elapsed().as_secs_f64() * 1e6).round() / 1e6,
            },
            SinkEvent::Notice(text) => {
                EventKind::Notice { source: None, sink: Some(sink), code: None, text, advice: String::new() }
            }
            SinkEvent::Playback(playback) => EventKind::playback(sink, playback),
            SinkEvent::Error { error, fatal } => {
                *self.sinks[index].errors.entry(error.code.to_owned()).or_default() += 1;
                EventKind::Error(Box::new(ErrorFacts::of_sink(&sink, *error, fatal)))
            }
            SinkEvent::Answer(answer) => return self.answered(answer),
        };
        self.tell(kind);
    }
}

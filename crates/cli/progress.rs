//! What a person sees while a pipeline runs: one line that moves on a terminal, plain lines
//! elsewhere. Called on the control thread with every event.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use glottis::{Event, EventKind};
use indicatif::{ProgressBar, ProgressStyle};

/// Width of the level bar, in characters.
const BAR: usize = 20;

/// The quietest level the bar shows, in dB of full scale.
const FLOOR: f32 = -60.0;

/// Shows how a run goes.
pub struct Progress {
    line: Option<ProgressBar>,
    level: f32,
    speaking: bool,
    segments: u64,
    states: BTreeMap<String, &'static str>,
}

impl Progress {
    /// A moving line if stderr is a terminal.
    pub fn new() -> Progress {
        let line = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        Progress { line, level: FLOOR, speaking: false, segments: 0, states: BTreeMap::new() }
    }

    /// Takes note of an event.
    pub fn show(&mut self, event: &Event) {
        self.note(&event.kind);
        if let Some(text) = plain(&event.kind) {
            self.print(&format!("{:8.2}s  {text}", event.t));
        }
        if let Some(line) = &self.line {
            if matches!(event.kind, EventKind::Report(_)) {
                line.finish_and_clear();
            } else {
                line.set_message(self.moving(event.t));
                line.tick();
            }
        }
    }

    fn print(&self, text: &str) {
        match &self.line {
            Some(line) => line.println(text),
            None => eprintln!("{text}"),
        }
    }

    fn note(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Level { rms_dbfs, .. } => self.level = *rms_dbfs,
            EventKind::SpeechStart { .. } => self.speaking = true,
            EventKind::SpeechEnd { .. } => self.speaking = false,
            EventKind::SegmentEnd { .. } => self.segments += 1,
            EventKind::State { source, node, sink, state, .. } => {
                let who = source.as_ref().map(|_| "source".to_owned()).or(node.clone()).or(sink.clone());
                let who = who.unwrap_or_default();
                self.states.insert(who, state);
            }
            _ => {}
        }
    }

    fn moving(&self, t: f64) -> String {
        let filled = (((self.level - FLOOR) / -FLOOR).clamp(0.0, 1.0) * BAR as f32).round() as usize;
        let bar: String = (0..BAR).map(|i| if i < filled { '█' } else { '·' }).collect();
        let states: Vec<String> = self.states.iter().map(|(who, state)| format!("{who} {state}")).collect();
        let voice = if self.speaking { "● speech" } else { "○ quiet " };
        format!("{t:7.1}s  {bar} {:6.1} dB  {voice}  {} segments  {}", self.level, self.segments, states.join(", "))
    }
}

/// The events worth a line of their own.
fn plain(kind: &EventKind) -> Option<String> {
    let text = match kind {
        EventKind::Ready { source, sinks, .. } => {
            let names: Vec<&str> = sinks.iter().map(|s| s.name.as_str()).collect();
            let rate = source.rate.map_or(String::new(), |rate| format!(" at {rate} Hz"));
            format!("{} {}{rate} → {}", source.kind, source.device, names.join(", "))
        }
        EventKind::State { source, node, sink, state, device } => {
            let device = device.as_ref().map_or(String::new(), |device| format!(" ({device})"));
            let node = node.as_ref().map(|name| format!("node {name}"));
            format!("{}: {state}{device}", node.unwrap_or_else(|| who(source, sink)))
        }
        EventKind::Swapped { node, plugin, .. } => format!("node {node}: a new version from {plugin}"),
        EventKind::SegmentBegin { sink, segment, .. } => format!("{sink}: segment {segment} begins"),
        EventKind::SegmentEnd { sink, segment, frames, reason, .. } => {
            format!("{sink}: segment {segment} ends, {frames} frames ({})", reason.name())
        }
        EventKind::Gap { frames, cause, .. } => format!("{frames} frames lost ({cause}): silence stands in for them"),
        EventKind::Disconnected { sink, close_code, .. } => {
            let code = close_code.map_or(String::new(), |code| format!(" ({code})"));
            format!("{sink}: disconnected{code}")
        }
        EventKind::Session { sink, session } => match &session.license_id {
            Some(id) if session.live => format!("{sink}: live session {id}"),
            _ => format!("{sink}: no live session"),
        },
        EventKind::Retry { source, sink, attempt, in_ms, why } => {
            let who = who(source, sink);
            format!("{who}: attempt {attempt} in {:.1} s ({why})", *in_ms as f64 / 1000.0)
        }
        EventKind::Reply { sink, text, transcript, .. } => match transcript {
            Some(heard) => format!("{sink}: heard “{heard}”, answers “{text}”"),
            None => format!("{sink}: “{text}”"),
        },
        EventKind::Notice { source, sink, code, text, advice } => {
            let code = code.map_or(String::new(), |code| format!("{code}: "));
            format!("{}: {code}{text}{}", who(source, sink), remedy(advice))
        }
        EventKind::Error(error) => {
            let source = error.source.as_ref().map(|kind| format!("source {kind}"));
            let who = error.sink.clone().or(source).or(error.node.clone());
            let who = who.map_or(String::new(), |who| format!("{who}: "));
            format!("{who}error {}: {}{}", error.code, error.message, remedy(&error.advice))
        }
        _ => return None,
    };
    Some(text)
}

/// Whom an event is about.
fn who(source: &Option<String>, sink: &Option<String>) -> String {
    source.as_ref().map(|kind| format!("source {kind}")).or(sink.clone()).unwrap_or_default()
}

fn remedy(advice: &str) -> String {
    if advice.is_empty() { String::new() } else { format!(": {advice}") }
}

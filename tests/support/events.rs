//! The events of a run, and the laws they keep.

use std::collections::BTreeMap;

use serde_json::Value;

/// All events of a run.
#[derive(Clone, Debug)]
pub struct Events(pub Vec<Value>);

impl Events {
    /// Reads the events of a run that ended with `code`, and holds them to what is promised of every
    /// run.
    #[track_caller]
    pub fn parse(stdout: &str, code: i32) -> Events {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let events = Events(stdout.lines().map(parse).collect());
        events.begin_and_end(code);
        events.go_forward();
        events.pair_segments();
        events
    }

    #[track_caller]
    fn begin_and_end(&self, code: i32) {
        let names: Vec<&str> = self.0.iter().map(|event| event["event"].as_str().expect("a name")).collect();
        assert_eq!(names.first(), Some(&"ready"));
        assert_eq!(names.last(), Some(&"report"));
        assert_eq!(names.iter().filter(|name| ["ready", "report"].contains(name)).count(), 2, "one of each");
        assert_eq!(self.report()["exit"], code);
    }

    #[track_caller]
    fn go_forward(&self) {
        let mut last = 0.0;
        for event in &self.0 {
            let t = event["t"].as_f64().unwrap_or_else(|| panic!("no t: {event}"));
            assert!(t >= last, "time goes back from {last}: {event}");
            last = t;
        }
    }

    /// Exactly one end for each begin, in turn, with numbers that count up.
    #[track_caller]
    fn pair_segments(&self) {
        let mut open: BTreeMap<&str, u64> = BTreeMap::new();
        let mut next: BTreeMap<&str, u64> = BTreeMap::new();
        for event in &self.0 {
            let sink = event["sink"].as_str().unwrap_or_default();
            match event["event"].as_str().unwrap_or_default() {
                "segment_begin" => {
                    let segment = event["segment"].as_u64().expect("a number");
                    assert_eq!(std::mem::replace(next.entry(sink).or_default(), segment + 1), segment, "{event}");
                    assert_eq!(open.insert(sink, segment), None, "begun inside another: {event}");
                }
                "segment_end" => assert_eq!(open.remove(sink), event["segment"].as_u64(), "{event}"),
                _ => {}
            }
        }
        assert_eq!(open, BTreeMap::new(), "segments without an end");
        for sink in self.report()["sinks"].as_array().expect("sinks") {
            let begun = next.get(sink["name"].as_str().unwrap()).copied().unwrap_or(0);
            assert_eq!(sink["segments"]["begun"], begun, "{sink}");
            assert_eq!(sink["segments"]["ended"], begun, "{sink}");
        }
    }

    #[track_caller]
    pub fn report(&self) -> &Value {
        self.0.last().expect("a report")
    }

    /// The report's account of a sink.
    #[track_caller]
    pub fn sink(&self, name: &str) -> &Value {
        sink_of(self.report(), name)
    }

    /// The events of this name.
    pub fn named<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let name = name.to_owned();
        self.0.iter().filter(move |event| event["event"] == name)
    }

    /// The only event of this name.
    #[track_caller]
    pub fn only(&self, name: &str) -> &Value {
        let found: Vec<&Value> = self.named(name).collect();
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        found[0]
    }

    /// The reasons for which a sink's segments ended.
    pub fn reasons(&self, sink: &str) -> Vec<&str> {
        self.named("segment_end").filter(|e| e["sink"] == sink).map(|e| e["reason"].as_str().unwrap()).collect()
    }

    /// What reached the graph of what was played: where the machine was so late that frames were lost,
    /// silence stands in for them. Only in real time, and told by name.
    pub fn patched(&self, played: &[i16]) -> Vec<i16> {
        let mut patched = played.to_vec();
        for (at, frames) in self.gaps() {
            patched[at..at + frames].fill(0);
        }
        patched
    }

    /// What was recorded, without the silence that stands in for lost frames.
    pub fn without_gaps(&self, recorded: &[i16]) -> Vec<i16> {
        let gaps: Vec<_> = self.gaps().map(|(at, frames)| at..at + frames).collect();
        let lost = |n: &usize| gaps.iter().any(|gap| gap.contains(n));
        (0..recorded.len()).filter(|n| !lost(n)).map(|n| recorded[n]).collect()
    }

    /// Frames lost within a stretch.
    pub fn lost_in(&self, (at, frames): (usize, usize)) -> usize {
        let end = at + frames;
        self.gaps().map(|(gap, lost)| (gap + lost).min(end).saturating_sub(gap.max(at))).sum()
    }

    /// Where each hole in the timeline lies: its first frame and its length.
    pub fn gaps(&self) -> impl Iterator<Item = (usize, usize)> {
        let number = |event: &Value, key: &str| event[key].as_u64().unwrap() as usize;
        self.named("gap").map(move |event| (number(event, "at"), number(event, "frames")))
    }

    /// Where each segment of a sink lies: its first frame and its length.
    pub fn spans(&self, sink: &str) -> Vec<(usize, usize)> {
        let of_sink = |name: &'static str| self.named(name).filter(|e| e["sink"] == sink);
        let number = |event: &Value, key: &str| event[key].as_u64().unwrap() as usize;
        let ends = of_sink("segment_end").map(|event| number(event, "frames"));
        of_sink("segment_begin").map(|event| number(event, "at")).zip(ends).collect()
    }
}

/// A sink's account in a report.
#[track_caller]
pub fn sink_of<'a>(report: &'a Value, name: &str) -> &'a Value {
    let sinks = report["sinks"].as_array().expect("sinks");
    sinks.iter().find(|sink| sink["name"] == name).unwrap_or_else(|| panic!("no sink {name}: {report}"))
}

/// Without what differs from run to run: times and what was measured.
pub fn without_times(mut event: Value) -> Value {
    const MEASURED: [&str; 10] = [
        "t",
        "received",
        "time_ms",
        "latency_us",
        "mean_ns",
        "max_ns",
        "cpu_s",
        "peak_rss_bytes",
        "callback_max_us",
        "cycle_max_us",
    ];
    match &mut event {
        Value::Object(fields) => {
            for name in MEASURED {
                fields.remove(name);
            }
            for value in fields.values_mut() {
                *value = without_times(value.take());
            }
        }
        Value::Array(values) => {
            for value in values {
                *value = without_times(value.take());
            }
        }
        _ => {}
    }
    event
}

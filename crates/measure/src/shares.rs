//! From stamps to shares: where the time of each burst went. Pure arithmetic in whole nanoseconds, so that the
//! parts of a burst add up to its total exactly.

use glottis_core::packet::Passage;
use serde::Serialize;

use crate::edges::{NodeDelay, Way, median, ns};
use crate::far::Heard;

/// The stages of processing and transport, in the order they are passed; those of the nodes come after the
/// first.
const INPUT: &str = "input";
const AFTER_NODES: [&str; 9] = ["doors", "fill", "block", "source", "take", "process", "queue", "write", "network"];
const REST: &str = "rest";

/// Where a burst was put in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PutIn {
    /// One past its last frame, in seconds of the source's count of frames.
    pub(crate) end: f64,
    /// When that frame was at the source, if somebody knows: in clock nanoseconds.
    pub(crate) at_source: Option<u64>,
    /// When the source captured it; else the packets' stamps tell.
    pub(crate) captured: Option<u64>,
}

/// How long the bursts took to one sink.
#[derive(Clone, Debug, Serialize)]
pub struct SinkLatency {
    /// The sink's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Rate of its edge, in Hz.
    pub hz: u32,
    /// Where the clock stops: `received` by the service, or `written` to the file.
    pub until: &'static str,
    /// Bursts found in what it wrote.
    pub found: usize,
    /// Bursts that did not arrive: gated, or no longer like themselves.
    pub lost: usize,
    /// What the sound is delayed by filters: in frames, exact, the same in every run.
    pub algorithmic: Algorithmic,
    /// From source to far end, in microseconds.
    pub total_us: Quantiles,
    /// The same by stage. The shares add up to 1.
    pub stages: Vec<Stage>,
    /// Every chunk, bursts or not: from the source's push of its last block to the far end.
    pub added_us: Quantiles,
    /// What the machine takes by itself for the same way: a thread that has slept hands over to a second one, that
    /// to a third, which writes a message as long as the sink's to a loopback socket, and a fourth reads it.
    /// Absent where nothing goes over a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bare_us: Option<Quantiles>,
    /// Every end of a segment that left something to send: from the decision to the last byte written.
    pub end_us: Quantiles,
    /// Each burst that was found.
    pub bursts: Vec<BurstLatency>,
}

/// The delay of filters on the way to a sink.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Algorithmic {
    /// All of it, in frames at the rate of the sink's edge.
    pub frames: f64,
    /// The same in microseconds.
    pub us: f64,
    /// By node.
    pub nodes: Vec<NodeDelay>,
    /// What was found in the written sound beyond the nodes: rate converters at the doors of source and sink,
    /// and a codec that does not say what it delays. In frames at the rate of the sink's edge. Only with
    /// `turn.mode = "always"`, where what is written has the run's time; else 0.
    pub doors: f64,
}

/// A stage and its share.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How long it took, in microseconds.
    pub us: Quantiles,
    /// Its part of the sum of all totals.
    pub share: f64,
}

/// One burst.
#[derive(Clone, Debug, Serialize)]
pub struct BurstLatency {
    /// Its number, from 0.
    pub number: usize,
    /// From source to far end, in nanoseconds.
    pub total_ns: i64,
    /// The same by stage, in the order of [`SinkLatency::stages`]; the sum is `total_ns`.
    pub stages_ns: Vec<i64>,
}

/// Quantiles, in microseconds, by nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many there were.
    pub n: usize,
    /// Half were at most this.
    pub p50: f64,
    /// Nine in ten were at most this.
    pub p90: f64,
    /// 99 in 100 were at most this.
    pub p99: f64,
    /// The most.
    pub max: f64,
}

impl Quantiles {
    pub(crate) fn of(mut all: Vec<i64>) -> Quantiles {
        all.sort_unstable();
        let at = |q: f64| {
            let rank = (all.len() as f64 * q).ceil() as usize;
            all.get(rank.max(1) - 1).map_or(0.0, |&ns| ns as f64 / 1000.0)
        };
        Quantiles { n: all.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}

/// All that is known of a sink's run.
pub(crate) struct Account<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    /// Whether what it wrote has the run's time.
    pub(crate) always: bool,
    pub(crate) way: &'a Way,
    pub(crate) heard: &'a Heard,
    /// What it delivered, in order.
    pub(crate) passages: &'a [Passage],
    pub(crate) put_in: &'a [PutIn],
    /// Where each burst's end was found in what it wrote, in seconds of that.
    pub(crate) found: &'a [Option<f64>],
}

impl Account<'_> {
    pub(crate) fn latency(&self) -> SinkLatency {
        let doors = self.doors();
        let bursts: Vec<BurstLatency> = (0..self.put_in.len()).filter_map(|number| self.burst(number, doors)).collect();
        let names = self.names();
        let sum: i64 = bursts.iter().map(|burst| burst.total_ns).sum();
        let stage = |(i, name): (usize, String)| {
            let all: Vec<i64> = bursts.iter().map(|burst| burst.stages_ns[i]).collect();
            let share = if sum == 0 { 0.0 } else { all.iter().sum::<i64>() as f64 / sum as f64 };
            Stage { name, us: Quantiles::of(all), share }
        };
        let nodes = self.way.nodes.clone();
        let frames = nodes.iter().map(|n| n.us).sum::<f64>() * f64::from(self.way.hz) / 1e6 + doors;
        SinkLatency {
            name: self.name.to_owned(),
            kind: self.kind.to_owned(),
            hz: self.way.hz,
            until: if self.heard.arrivals.is_empty() { "written" } else { "received" },
            found: bursts.len(),
            lost: self.put_in.len() - bursts.len(),
            algorithmic: Algorithmic { frames, us: frames * 1e6 / f64::from(self.way.hz), nodes, doors },
            total_us: Quantiles::of(bursts.iter().map(|burst| burst.total_ns).collect()),
            stages: names.into_iter().enumerate().map(stage).collect(),
            added_us: Quantiles::of(self.chunks().filter_map(|passage| self.added(passage)).collect()),
            bare_us: None,
            end_us: Quantiles::of(self.ends()),
            bursts,
        }
    }

    fn names(&self) -> Vec<String> {
        let nodes = self.way.nodes.iter().map(|node| format!("node {}", node.name));
        let rest = AFTER_NODES.iter().chain(&[REST]).map(|&name| name.to_owned());
        std::iter::once(INPUT.to_owned()).chain(nodes).chain(rest).collect()
    }

    fn chunks(&self) -> impl Iterator<Item = &Passage> {
        self.passages.iter().filter(|passage| passage.ended.is_none())
    }

    /// The position of the first frame it wrote.
    fn begin(&self) -> i64 {
        self.chunks().next().map_or(0, |passage| passage.at)
    }

    /// What was found in the written sound beyond the nodes, in frames of the edge.
    fn doors(&self) -> f64 {
        if !self.always {
            return 0.0;
        }
        let hz = f64::from(self.way.hz);
        let heard = self.put_in.iter().zip(self.found).filter(|(put_in, _)| put_in.end.is_finite());
        let beyond = heard.filter_map(|(put_in, found)| {
            let position = self.begin() as f64 + (*found)? * hz;
            Some(position - (put_in.end + self.way.beyond()) * hz)
        });
        median(beyond.collect()).unwrap_or(0.0)
    }

    fn burst(&self, number: usize, doors: f64) -> Option<BurstLatency> {
        let hz = self.way.hz;
        let put_in = self.put_in[number];
        let found = self.found[number]?;
        // One past its last frame at the sink's edge: without, and with, what delays it unannounced.
        let plain = put_in.end * f64::from(hz);
        let end = plain + self.way.beyond() * f64::from(hz) + doors;
        let last = end.round() as i64 - 1;
        let passage = self.chunks().find(|passage| passage.at <= last && last < passage.end)?;
        let stamps = passage.stamps;
        let captured =
            put_in.captured.map_or(stamps.captured as i64 - ns(passage.end as f64 - plain, hz), |ns| ns as i64);
        let began = put_in.at_source.map_or(captured, |ns| ns as i64);
        let index = (found * f64::from(self.heard.hz)).round() as usize;
        let (written, over) = self.over(passage, index.saturating_sub(1))?;
        let block = self.block(passage);

        let mut stages = vec![captured - began];
        stages.extend(self.way.nodes.iter().map(|node| ns(node.frames, node.hz)));
        stages.push(ns(doors, hz));
        stages.push(ns(passage.end as f64 - end, hz));
        stages.push(block);
        stages.push(stamps.pushed as i64 - stamps.captured as i64 - block - self.way.declared_ns());
        stages.push(stamps.taken as i64 - stamps.pushed as i64);
        stages.push(stamps.encoded as i64 - stamps.taken as i64);
        stages.push(stamps.popped as i64 - stamps.encoded as i64);
        stages.push(written - stamps.popped as i64);
        stages.push(over - written);
        let total_ns = over - began;
        stages.push(total_ns - stages.iter().sum::<i64>());
        Some(BurstLatency { number, total_ns, stages_ns: stages })
    }

    /// When a packet was written, and when sample `index` of what was written was at the far end. A message
    /// that was received before its sink had taken note of it was written by then.
    fn over(&self, passage: &Passage, index: usize) -> Option<(i64, i64)> {
        let written = passage.written as i64;
        if self.heard.arrivals.is_empty() {
            return Some((written, written));
        }
        let received = self.heard.arrival(index)? as i64;
        Some((written.min(received), received))
    }

    /// From a packet's last frame to the end of the block it came in.
    fn block(&self, passage: &Passage) -> i64 {
        let size = i64::from(self.way.hz / 100);
        ns((self.way.phase - passage.end).rem_euclid(size) as f64, self.way.hz)
    }

    /// What a chunk took from the moment the source handed over the last of it.
    fn added(&self, passage: &Passage) -> Option<i64> {
        let over = match self.always {
            true => {
                let index = (passage.end - self.begin()) as f64 * f64::from(self.heard.hz) / f64::from(self.way.hz);
                self.over(passage, (index.round() as usize).saturating_sub(1))?.1
            }
            false => passage.written as i64,
        };
        Some(over - passage.stamps.pushed as i64)
    }

    /// Of each segment that still had frames to send when its end was decided.
    fn ends(&self) -> Vec<i64> {
        let mut all = Vec::new();
        let mut since = i64::MIN;
        for end in self.passages.iter().filter(|passage| passage.ended.is_some()) {
            let flushed =
                |chunk: &&Passage| chunk.end > since && chunk.end <= end.at && chunk.stamps.taken == end.stamps.taken;
            if let Some(last) = self.chunks().filter(flushed).map(|chunk| chunk.written).max() {
                all.push(last as i64 - end.stamps.taken as i64);
            }
            since = end.at;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glottis_core::packet::Stamps;

    const MS: u64 = 1_000_000;

    fn way() -> Way {
        let node = |name: &str, declared: u32, beyond: f64| NodeDelay {
            name: name.to_owned(),
            hz: 16_000,
            declared,
            beyond,
            frames: f64::from(declared) + beyond,
            us: (f64::from(declared) + beyond) / 0.016,
        };
        Way { nodes: vec![node("a", 32, 0.0), node("b", 0, 16.0)], hz: 16_000, phase: -32 }
    }

    /// A chunk of 20 ms from position 0 on, whose last frame was captured at 120 ms: with the 2 ms that a node
    /// declares its block was whole at 130 ms, half a millisecond before the source pushed it.
    fn passage() -> Passage {
        let stamps = Stamps {
            captured: 120 * MS,
            pushed: 130 * MS + MS / 2,
            taken: 131 * MS,
            encoded: 132 * MS,
            popped: 134 * MS,
        };
        Passage { at: 0, end: 320, ended: None, stamps, written: 137 * MS }
    }

    fn latency(arrivals: Vec<(usize, u64)>) -> SinkLatency {
        let heard = Heard { hz: 16_000, samples: Vec::new(), arrivals };
        // It ends 8 ms into the stream, and 9 ms into what was written: a node delays it unannounced.
        let put_in = [PutIn { end: 0.008, at_source: Some(107 * MS), captured: None }];
        let account = Account {
            name: "out",
            kind: "file",
            always: true,
            way: &way(),
            heard: &heard,
            passages: &[passage()],
            put_in: &put_in,
            found: &[Some(0.009)],
        };
        account.latency()
    }

    #[test]
    fn the_parts_are_told_apart_and_add_up() {
        let found = latency(vec![(320, 140 * MS)]);
        let ms: Vec<f64> = found.bursts[0].stages_ns.iter().map(|&ns| ns as f64 / 1e6).collect();
        // input, a, b, doors, fill, block, source, take, process, queue, write, network, rest
        assert_eq!(ms, [1.0, 2.0, 1.0, 0.0, 11.0, 8.0, 0.5, 0.5, 1.0, 2.0, 3.0, 3.0, 0.0]);
        assert_eq!(found.bursts[0].total_ns, 33 * MS as i64);
        assert_eq!(found.until, "received");
        assert!((found.stages.iter().map(|stage| stage.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((found.algorithmic.frames - 48.0).abs() < 1e-9, "{:?}", found.algorithmic);
        assert_eq!(found.added_us.p50, 9_500.0, "from the push on");
    }

    /// Received before the sink's task went on: then the network took nothing, and not less.
    #[test]
    fn no_stage_is_negative_because_a_task_was_slow_to_note_what_it_did() {
        let found = latency(vec![(320, 136 * MS)]);
        let [.., write, network, rest] = found.bursts[0].stages_ns[..] else { panic!() };
        assert_eq!([write, network, rest], [2 * MS as i64, 0, 0]);
        assert_eq!(found.bursts[0].total_ns, 29 * MS as i64);
    }

    #[test]
    fn a_file_is_over_when_it_is_written() {
        let found = latency(Vec::new());
        assert_eq!((found.until, found.bursts[0].total_ns), ("written", 30 * MS as i64));
    }
}

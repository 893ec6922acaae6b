//! A sink that keeps what an edge of the tree carries, in memory. On the async runtime.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use glottis_core::sink::{BoxFuture, Edge, Sink, Wants};
use glottis_core::{Inlet, Item, Problem, Registry, SinkError};

/// The name of the component.
pub(crate) const TYPE: &str = "latency-tap";

/// What came by at an edge.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tape {
    pub(crate) hz: u32,
    /// Position of the first sample.
    pub(crate) begin: i64,
    pub(crate) samples: Vec<f32>,
    /// Counts of samples, and when the last of them was captured.
    captured: Vec<(usize, u64)>,
}

impl Tape {
    /// When the first `at` samples had been captured, in clock nanoseconds.
    pub(crate) fn captured_at(&self, at: f64) -> Option<u64> {
        let next = self.captured.partition_point(|(end, _)| (*end as f64) < at);
        let (end, ns) = self.captured.get(next)?;
        Some(ns.saturating_sub(((*end as f64 - at) * 1e9 / f64::from(self.hz.max(1))).round() as u64))
    }
}

/// What the taps of a run keep, by name.
#[derive(Clone, Default)]
pub(crate) struct Tapes(Arc<Mutex<BTreeMap<String, Tape>>>);

impl Tapes {
    /// A registry that also knows the taps.
    pub(crate) fn known_to(&self, registry: &Registry) -> Registry {
        let mut registry = registry.clone();
        let tapes = self.clone();
        registry.add_sink(TYPE, "keeps what an edge carries", &[], move |_, context, _| {
            Ok(Tap { tapes: tapes.clone(), name: context.name.clone(), hz: 0 })
        });
        registry
    }

    /// What the tap of that name kept.
    pub(crate) fn take(&self, name: &str) -> Tape {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name).unwrap_or_default()
    }
}

struct Tap {
    tapes: Tapes,
    name: String,
    hz: u32,
}

impl Sink for Tap {
    fn wants(&self) -> Wants {
        // Seldom, so that in a run that is timed nobody is woken for it more often than must be.
        Wants { encoder: "f32", chunk_frames: 8192, ..Wants::default() }
    }

    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        self.hz = edge.rate.hz();
        Ok(())
    }

    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            inlet.open();
            loop {
                match inlet.recv().await {
                    Item::Packet(packet) => {
                        let mut tapes = self.tapes.0.lock().unwrap_or_else(PoisonError::into_inner);
                        let tape = tapes.entry(self.name.clone()).or_default();
                        tape.hz = self.hz;
                        if tape.samples.is_empty() {
                            tape.begin = packet.at;
                        }
                        let samples = packet.body.chunks_exact(4);
                        tape.samples.extend(samples.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
                        if packet.frames() > 0 {
                            tape.captured.push((tape.samples.len(), packet.stamps.captured));
                        }
                        drop(tapes);
                        inlet.delivered(packet);
                    }
                    Item::Command(command) => inlet.answer(&command, Err("a tap takes no commands".to_owned())),
                    Item::Halt | Item::Closed => return Ok(()),
                }
            }
        })
    }
}

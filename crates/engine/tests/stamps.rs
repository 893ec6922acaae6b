//! The times a packet collects on its way: each after the one before, and the report made of them.

mod support;

use std::sync::{Arc, Mutex};

use glottis_core::packet::Passage;
use glottis_core::param::Table;
use support::*;

#[test]
fn a_packet_is_captured_then_pushed_then_ours() {
    for latency in ["normal", "lowest"] {
        let passages: Arc<Mutex<Vec<Passage>>> = Arc::default();
        let kept = passages.clone();
        let tree = tree(table("waits", false).with("frames", 8_000), vec![Table::default()]);
        let started = |pipeline: glottis_engine::Pipeline, told| {
            pipeline.watch(Arc::new(move |_, passage| kept.lock().unwrap().push(*passage))).start(told).unwrap()
        };
        let report = run(tree.with("latency", latency), |_| {}, started).running.wait();
        assert_eq!(report.exit, Some(0));
        let passages = passages.lock().unwrap();
        assert!(passages.len() > 1, "{latency}: {passages:?}");
        for passage in passages.iter() {
            let s = passage.stamps;
            let times = [s.captured, s.pushed, s.taken, s.encoded, s.popped, passage.written];
            assert!(s.captured > 0 && times.is_sorted(), "{latency}: {passage:?}");
        }
        let latency = &report.sinks[0].latency_us;
        assert_eq!(latency.added.n, latency.total.n, "{latency:?}");
        assert!(latency.added.n > 0 && latency.added.max <= latency.total.max, "{latency:?}");
    }
}

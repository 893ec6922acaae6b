//! Numbers in events: whole, however long a run has been on.

use glottis_core::Reason;
use glottis_engine::{Event, EventKind};

#[test]
fn positions_and_segments_are_told_to_the_last_digit() {
    for border in [1_u64 << 31, 1 << 32, 1 << 53, (1 << 53) + 1] {
        let gap = EventKind::Gap { at: border - 1, frames: border, cause: "device" };
        let end = EventKind::SegmentEnd {
            sink: "a".into(),
            segment: border,
            at: border + 1,
            frames: border - 1,
            reason: Reason::Stop,
        };
        let line = |kind| Event { kind, t: 1e7 }.to_json();
        let told = line(gap);
        assert!(told.contains(&format!("\"at\":{},", border - 1)), "{told}");
        assert!(told.contains(&format!("\"frames\":{border},")), "{told}");
        let told = line(end);
        for number in [format!("\"segment\":{border},"), format!("\"at\":{},", border + 1)] {
            assert!(told.contains(&number), "{told}");
        }
        // And read back by a reader that keeps whole numbers.
        let read: serde_json::Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!(read["frames"].as_u64(), Some(border - 1));
    }
}

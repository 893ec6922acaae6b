//! The way back for nodes that were replaced: from the pipeline thread, which must not free them, to the
//! control thread, which does. Control counts what is under way, so there is always room.

use glottis_core::Node;
use glottis_core::sync::ring::{Consumer, HeapCons, HeapProd, HeapRb, Producer, Split};

/// Makes both ends, for `most` nodes under way at a time.
pub fn returns(most: usize) -> (Returns, Retired) {
    let (input, output) = HeapRb::new(most.max(1)).split();
    (Returns { ring: input }, Retired { ring: output, under_way: 0, most: most.max(1) })
}

/// The pipeline thread's end.
pub struct Returns {
    ring: HeapProd<Box<dyn Node>>,
}

impl Returns {
    /// Sends a node back to be freed: for every new node one, whichever was not needed. Real-time safe.
    pub fn send(&mut self, node: Box<dyn Node>) {
        if let Err(node) = self.ring.try_push(node) {
            // Better lost than freed on this thread.
            std::mem::forget(node);
            debug_assert!(false, "more swaps under way than there is room for");
        }
    }
}

/// The control thread's end.
pub struct Retired {
    ring: HeapCons<Box<dyn Node>>,
    /// Nodes that went to the pipeline thread and for which none has come back.
    under_way: usize,
    most: usize,
}

impl Retired {
    /// Whether so many new nodes may go to the pipeline thread now.
    pub fn has_room_for(&self, nodes: usize) -> bool {
        self.under_way + nodes <= self.most
    }

    /// A new node went to the pipeline thread.
    pub fn expect(&mut self) {
        self.under_way += 1;
    }

    /// Frees the nodes that came back.
    pub fn free(&mut self) {
        while let Some(node) = self.ring.try_pop() {
            drop(node);
            self.under_way = self.under_way.saturating_sub(1);
        }
    }
}

//! What a processing stage must be able to do.

use crate::audio::{Block, Rate};
use crate::fault::Fault;
use crate::problem::Problem;

/// A stage of the graph: one block in, one block out, every 10 ms.
///
/// The engine owns both blocks. Life of a node:
///
/// 1. built from its settings, on the control thread;
/// 2. [`prepare`](Node::prepare), on the control thread: the only place to allocate;
/// 3. [`process`](Node::process), on the pipeline thread, once per block, in order;
/// 4. [`set`](Node::set) and [`reset`](Node::reset), on the pipeline thread, between blocks;
/// 5. dropped, on the control thread.
pub trait Node: Send {
    /// Learns the rate of its input and answers with the rate of its output. May allocate.
    ///
    /// # Errors
    /// The node cannot work at this rate. The problem's message completes "node X, fed by Y: …" and
    /// its help says what to change; place and path are filled in by the caller.
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem>;

    /// Turns `input` into `output`.
    ///
    /// `output` arrives with its rate, position, capture time and marks already carried over from
    /// `input`; its samples are those of an older block. The node writes all of them, and may add
    /// marks.
    ///
    /// Must not allocate, free, lock, block, log, format or make a system call.
    ///
    /// # Errors
    /// The node failed on this block. It is then bypassed if its output has the rate of its input,
    /// else the pipeline stops.
    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault>;

    /// Sets the live parameter `param` (its name in the component's table) to `value`; booleans are
    /// 0 and 1. Same rules as [`process`](Node::process).
    ///
    /// # Errors
    /// [`crate::FaultCode::BadParameter`]: the node has no such live parameter.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        let _ = (param, value);
        Err(Fault::new(crate::FaultCode::BadParameter))
    }

    /// Forgets all it heard, as after a long gap. Same rules as [`process`](Node::process).
    fn reset(&mut self) {}

    /// Whether the node marks where speech begins and ends.
    fn hears_voice(&self) -> bool {
        false
    }

    /// Frames of input it needs, at least, before it can mark anything: so that, while nobody speaks, nobody
    /// wakes up for less. Asked between blocks; same rules as [`process`](Node::process). 1, the default: the
    /// next block may matter. Of no meaning where the node does not [hear voice](Node::hears_voice).
    fn needs(&self) -> usize {
        1
    }

    /// Frames, at the rate of its output, by which the sound leaves later than it came in. Constant
    /// after [`prepare`](Node::prepare).
    fn latency(&self) -> u32 {
        0
    }
}

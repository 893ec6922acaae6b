//! One JSON message per chunk and line. The sink's task.

use std::sync::Arc;

use glottis_core::Packet;

use crate::message::{Line, Message};
use crate::output::Output;
use crate::track::Track;

/// Messages, each assembled where it will be written from.
pub(crate) struct Lines {
    message: Arc<Message>,
    rate: u32,
    /// Number of the next chunk in its segment.
    seq: u64,
    frames: u64,
}

impl Lines {
    pub(crate) fn new(message: Arc<Message>, rate: u32) -> Lines {
        Lines { message, rate, seq: 0, frames: 0 }
    }
}

impl Track for Lines {
    fn start(&mut self, _: &mut Output) {}

    fn segment(&mut self) {
        self.seq = 0;
    }

    fn chunk(&mut self, packet: &Packet, out: &mut Output) -> Result<u64, String> {
        let line = Line {
            audio: &packet.body,
            seq: self.seq,
            segment: packet.segment,
            at: packet.at,
            rate: self.rate,
            frames: packet.frames(),
        };
        let space = out.space(self.message.max_len(line.audio.len()) + 1);
        let len = self.message.write(&line, space).ok_or("the message is longer than its longest")?;
        space[len] = b'\n';
        out.commit(len + 1);
        self.seq += 1;
        self.frames += u64::from(line.frames);
        Ok(u64::from(line.frames))
    }

    fn silence(&mut self, _: usize, _: &mut Output) -> Result<(), String> {
        Ok(())
    }

    /// A message tells its own position: a hole needs no filling.
    fn keeps_time(&self) -> bool {
        false
    }

    fn frames(&self) -> u64 {
        self.frames
    }
}

//! One file from its first frame to its last: what is put, what is on disk, and which packets that
//! settles. The sink's task.
//!
//! A packet counts as delivered once the file on disk holds it whole and the header says so. At
//! every moment, a kill included, a reader finds a valid file: data is written first, the header
//! after it.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use glottis_core::packet::Receipt;
use glottis_core::{Cause, Inlet, Packet, PacketKind, Settled, SinkError, SinkEvent};
use tokio::time::Instant;

use crate::config::Config;
use crate::error::cannot;
use crate::output::Output;
use crate::track::{Track, track};

/// How long what is put may wait for the disk.
const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Frames of silence put at a time, so that the task gives way in between.
const PIECE: u64 = 16_384;

/// Zeros from which on a hole in the file is cheaper than writing them.
const HOLE_BYTES: u64 = 1 << 20;

/// Seconds of silence that are believed. A longer hole is a mistake somewhere, not a pause.
const LONGEST_HOLE: u64 = 86_400;

/// A place in the file where nothing is cut in two.
#[derive(Clone, Copy)]
struct Bound {
    bytes: u64,
    frames: u64,
}

/// A file being recorded.
pub(crate) struct Recording {
    out: Output,
    track: Box<dyn Track>,
    rate: u32,
    /// Where the frame after the last one put belongs; `None` before the first segment.
    next: Option<i64>,
    /// Frames put in all.
    put: u64,
    /// Data packets put and not yet settled, each with `put` after it.
    pending: VecDeque<(u64, Receipt)>,
    /// Bounds put and not yet kept.
    bounds: Vec<Bound>,
    /// What a reader finds, now and after a kill.
    kept: Bound,
    /// Bytes counted by the inlet.
    counted: u64,
    flushed: Instant,
    finished: bool,
    header: Vec<u8>,
}

impl Recording {
    /// Opens `path` and writes what comes before the first frame. Also says how many bytes of an
    /// older file this replaced.
    ///
    /// # Errors
    /// The file cannot be opened or written.
    pub(crate) fn open(
        path: PathBuf,
        config: &Config,
        rate: u32,
        inlet: &mut Inlet,
    ) -> Result<(Recording, u64), SinkError> {
        let (out, replaced) = Output::open(path, config.overwrite)?;
        let track = track(config, rate, out.is_regular()).map_err(|why| broken(out.path(), &why))?;
        let mut recording = Recording {
            out,
            track,
            rate,
            next: None,
            put: 0,
            pending: VecDeque::new(),
            bounds: Vec::new(),
            kept: Bound { bytes: 0, frames: 0 },
            counted: 0,
            flushed: Instant::now(),
            finished: false,
            header: Vec::new(),
        };
        recording.track.start(&mut recording.out);
        recording.bound();
        recording.flush(inlet)?;
        Ok((recording, replaced))
    }

    /// The file's name.
    pub(crate) fn path(&self) -> &Path {
        self.out.path()
    }

    /// What the file holds now, for people.
    pub(crate) fn holds(&self) -> String {
        let frames = self.kept.frames;
        format!("{frames} frames ({:.2} s)", frames as f64 / f64::from(self.rate))
    }

    /// A segment begins at `at`. Where it `continues` the recording, what lies between the last
    /// segment and this one will be silence in the file.
    pub(crate) fn begin(&mut self, at: i64, continues: bool) {
        self.track.segment();
        if !continues || self.next.is_none() {
            self.next = Some(at);
        }
    }

    /// Puts some of the silence that is missing before `at`. True while more is missing.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn fill(&mut self, at: i64, inlet: &mut Inlet) -> Result<bool, SinkError> {
        let next = self.next.unwrap_or(at);
        let hole = u64::try_from(at.saturating_sub(next)).unwrap_or(0);
        if hole == 0 || !self.track.keeps_time() {
            return Ok(false);
        }
        if hole > u64::from(self.rate) * LONGEST_HOLE {
            self.next = Some(at);
            inlet.emit(SinkEvent::Notice(format!(
                "{}: {hole} frames are missing; that is more than a day and is not filled with silence",
                self.path().display()
            )));
            return Ok(false);
        }
        let frames = match self.track.zeros() {
            Some(size) if self.out.is_regular() && hole * size >= HOLE_BYTES => {
                self.flush(inlet)?;
                self.out.skip(hole * size).map_err(|error| self.failed(self.kept, &error, inlet))?;
                self.track.skipped(hole);
                hole
            }
            _ => {
                let frames = hole.min(PIECE);
                let result = self.track.silence(frames as usize, &mut self.out);
                result.map_err(|why| self.broken(&why, inlet))?;
                frames
            }
        };
        inlet.padded(frames);
        self.next = Some(next + frames as i64);
        self.moved(frames, inlet)?;
        Ok(frames < hole)
    }

    /// Puts a data packet, to be settled once it is kept.
    ///
    /// # Errors
    /// The file cannot be written. The packet is settled.
    pub(crate) fn data(&mut self, packet: Packet, inlet: &mut Inlet) -> Result<(), SinkError> {
        let frames = match self.track.chunk(&packet, &mut self.out) {
            Ok(frames) => frames,
            Err(why) => {
                inlet.dropped(packet, Cause::Fault);
                return Err(self.broken(&why, inlet));
            }
        };
        let padded = match packet.kind {
            PacketKind::Data { padded, .. } => u64::from(padded),
            _ => 0,
        };
        self.next = Some(packet.at.saturating_add(frames.saturating_sub(padded) as i64));
        self.pending.push_back((self.put + frames, inlet.hold(packet)));
        self.moved(frames, inlet)
    }

    /// When what is put has to be written; `None` if all is.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.bounds.is_empty()).then(|| self.flushed + FLUSH_EVERY)
    }

    /// Writes what is put, data first, then the header, and settles what is kept by that.
    ///
    /// # Errors
    /// The file cannot be written. What was put since the last good write is settled as dropped.
    pub(crate) fn flush(&mut self, inlet: &mut Inlet) -> Result<(), SinkError> {
        let written = self.out.flush();
        let reached = self.reached();
        if let Err(error) = written.and_then(|()| self.patch(reached)) {
            return Err(self.failed(reached, &error, inlet));
        }
        self.kept = reached;
        self.flushed = Instant::now();
        self.settle(inlet);
        Ok(())
    }

    /// Writes what comes after the last frame, and the header for good. Says what the file holds.
    ///
    /// # Errors
    /// The file cannot be written. Every packet is settled.
    pub(crate) fn finish(mut self, inlet: &mut Inlet) -> Result<String, SinkError> {
        if let Err(why) = self.track.finish(&mut self.out) {
            return Err(self.broken(&why, inlet));
        }
        self.finished = true;
        self.bound();
        self.flush(inlet)?;
        Ok(self.holds())
    }

    /// `frames` frames were put.
    fn moved(&mut self, frames: u64, inlet: &mut Inlet) -> Result<(), SinkError> {
        self.put += frames;
        self.bound();
        if self.out.is_full() { self.flush(inlet) } else { Ok(()) }
    }

    fn bound(&mut self) {
        if self.bounds.last().unwrap_or(&self.kept).bytes < self.out.len() {
            self.bounds.push(Bound { bytes: self.out.len(), frames: self.track.frames() });
        }
    }

    /// The last bound on disk.
    fn reached(&mut self) -> Bound {
        let disk = self.out.on_disk();
        let whole = self.bounds.partition_point(|bound| bound.bytes <= disk);
        self.bounds.drain(..whole).next_back().unwrap_or(self.kept)
    }

    /// Makes the header tell of everything up to `bound`.
    fn patch(&mut self, bound: Bound) -> io::Result<()> {
        if !self.out.is_regular() || (bound.frames == self.kept.frames && !self.finished) {
            return Ok(());
        }
        self.track.header(bound.frames, &mut self.header);
        if self.header.is_empty() { Ok(()) } else { self.out.patch(&self.header) }
    }

    /// Counts what is kept.
    fn settle(&mut self, inlet: &mut Inlet) {
        let mut chunks = 0;
        while self.pending.front().is_some_and(|(end, _)| *end <= self.kept.frames) {
            if let Some((_, receipt)) = self.pending.pop_front() {
                inlet.settle(receipt, Settled::Delivered);
                chunks += 1;
            }
        }
        inlet.wrote(chunks, self.kept.bytes - self.counted);
        self.counted = self.kept.bytes;
    }

    /// The disk refused: keeps what reached it, as far as `reached`, and gives up the rest.
    fn failed(&mut self, reached: Bound, error: &io::Error, inlet: &mut Inlet) -> SinkError {
        self.out.cut(reached.bytes);
        if self.patch(reached).is_ok() {
            self.kept = reached;
        }
        self.settle(inlet);
        self.give_up(Cause::GaveUp, inlet);
        let mut failure = cannot("write", "write", self.out.path(), error);
        failure.message += &format!("; the file is valid and holds {}", self.holds());
        failure
    }

    /// The encoder refused: keeps what was encoded, as far as it can be written.
    fn broken(&mut self, why: &str, inlet: &mut Inlet) -> SinkError {
        let flushed = self.flush(inlet);
        self.give_up(Cause::Fault, inlet);
        let mut failure = broken(self.out.path(), why);
        failure.message += &format!("; the file holds {}", self.holds());
        flushed.err().unwrap_or(failure)
    }

    fn give_up(&mut self, cause: Cause, inlet: &mut Inlet) {
        self.bounds.clear();
        for (_, receipt) in self.pending.drain(..) {
            inlet.settle(receipt, Settled::Dropped(cause));
        }
    }
}

fn broken(path: &Path, why: &str) -> SinkError {
    SinkError::fatal("File", "encode", format!("cannot encode {}: {why}", path.display()))
        .advice("this is a bug in the file sink; another `format` may help")
}

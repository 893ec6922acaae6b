//! The sink itself: its loop, and which segment goes to which file. One task on the async runtime;
//! it writes to local files directly, a buffer at a time.

use std::path::{Path, PathBuf};

use glottis_core::packet::Reason;
use glottis_core::registry::Context;
use glottis_core::sink::{BoxFuture, Edge, SinkCommand, Wants};
use glottis_core::{Cause, Inlet, Item, Packet, PacketKind, Place, Problem, Sink, SinkError, SinkEvent, TurnMode};

use crate::config::{Config, Format};
use crate::error::cannot;
use crate::opus;
use crate::path::Names;
use crate::recording::Recording;
use tokio::time::{Instant, timeout_at};

/// Packets after which the task gives way, however many more are queued.
const TURN: usize = 32;

/// Writes what it is given to files.
pub(crate) struct FileSink {
    config: Config,
    names: Names,
    turn: TurnMode,
    /// Whether the user has been told that older files are replaced.
    told: bool,
}

impl FileSink {
    /// A sink with these keys, in the run of `context`. Opens nothing.
    pub(crate) fn new(config: Config, context: &Context) -> FileSink {
        let names = Names { sink: context.name.clone(), started: context.started, rate: 0 };
        FileSink { config, names, turn: TurnMode::Always, told: false }
    }

    /// Segments without files of their own follow each other in one.
    fn is_one_file(&self) -> bool {
        !self.config.path.per_segment()
    }

    /// Whether the file's time is the run's time, so that what lies between segments is silence.
    fn keeps_clock(&self) -> bool {
        self.is_one_file() && self.turn == TurnMode::Always
    }

    fn open(&mut self, segment: u64, inlet: &mut Inlet) -> Result<Recording, SinkError> {
        let path = self.config.base.join(self.config.path.expand(&self.names, segment));
        let (recording, replaced) = Recording::open(path, &self.config, self.names.rate, inlet)?;
        if replaced > 0 && !std::mem::replace(&mut self.told, true) {
            let others = if self.is_one_file() { "" } else { "; so do the next segments" };
            inlet.emit(SinkEvent::Notice(format!(
                "{} replaces an older file of {replaced} bytes (overwrite = true){others}",
                recording.path().display()
            )));
        }
        Ok(recording)
    }

    /// Files will come later: sees now whether they can.
    fn try_folder(&self) -> Result<(), SinkError> {
        let folder = self.config.base.join(self.config.path.folder(&self.names));
        let failed = |error| cannot("open", "write to the folder", &folder, &error);
        // An empty path is the current folder.
        let real = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.clone() };
        std::fs::create_dir_all(&real).map_err(failed)?;
        // Permissions do not tell what a mount or a quota refuses: only trying does.
        let trial = real.join(format!(".glottis-{}-{:p}", std::process::id(), self));
        std::fs::File::create_new(&trial).map_err(failed)?;
        std::fs::remove_file(&trial).map_err(failed)
    }

    async fn record(&mut self, inlet: &mut Inlet) -> Result<(), SinkError> {
        if self.names.rate == 0 {
            return Err(SinkError::fatal("File", "open", "the sink was run before it was prepared"));
        }
        let mut file = None;
        if self.is_one_file() {
            file = Some(self.open(0, inlet)?);
        } else {
            self.try_folder()?;
        }
        inlet.open();
        inlet.emit(SinkEvent::State("open"));
        let mut segment_open = false;
        let mut taken = 0;
        loop {
            match next(&mut file, inlet).await? {
                Item::Packet(packet) => {
                    segment_open = !Inlet::ends_segment(&packet);
                    self.take(packet, &mut file, inlet).await?;
                }
                Item::Command(command) => refuse(&command, inlet),
                Item::Halt => {
                    inlet.discard(Cause::Stopped);
                    break;
                }
                Item::Closed => break,
            }
            taken += 1;
            if taken % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
        let incomplete = segment_open && self.turn != TurnMode::Always;
        finish(file, incomplete.then_some(Reason::Stop), inlet)
    }

    async fn take(&mut self, packet: Packet, file: &mut Option<Recording>, inlet: &mut Inlet) -> Result<(), SinkError> {
        let result = match packet.kind {
            PacketKind::Begin => self.begin(&packet, file, inlet),
            PacketKind::Data { .. } => return self.data(packet, file, inlet).await,
            PacketKind::End { .. } => match file {
                Some(recording) => fill(recording, packet.at, inlet).await.and_then(|()| self.end(file, None, inlet)),
                None => Ok(()),
            },
            PacketKind::Abort { reason } => self.end(file, Some(reason), inlet),
        };
        // Only data packets have frames to be counted.
        inlet.delivered(packet);
        result
    }

    fn begin(&mut self, packet: &Packet, file: &mut Option<Recording>, inlet: &mut Inlet) -> Result<(), SinkError> {
        if !self.is_one_file() {
            finish(file.take(), Some(Reason::Overflow), inlet)?;
        }
        let recording = match file {
            Some(recording) => recording,
            None => file.insert(self.open(packet.segment, inlet)?),
        };
        recording.begin(packet.at, self.keeps_clock());
        Ok(())
    }

    async fn data(&mut self, packet: Packet, file: &mut Option<Recording>, inlet: &mut Inlet) -> Result<(), SinkError> {
        let ready = match file {
            Some(recording) => fill(recording, packet.at, inlet).await,
            // The packet that begins the segment never came; its frames are as good.
            None => self.begin(&packet, file, inlet),
        };
        match (ready, file) {
            (Ok(()), Some(recording)) => recording.data(packet, inlet),
            (ready, _) => {
                inlet.dropped(packet, Cause::GaveUp);
                ready
            }
        }
    }

    /// A segment is over; `given_up` says why where it is not whole.
    fn end(&self, file: &mut Option<Recording>, given_up: Option<Reason>, inlet: &mut Inlet) -> Result<(), SinkError> {
        if !self.is_one_file() {
            return finish(file.take(), given_up, inlet);
        }
        let Some(recording) = file else { return Ok(()) };
        recording.flush(inlet)?;
        // A recording that keeps the clock goes on, with silence while it is muted; a stop is its
        // natural end.
        let expected = |reason: &Reason| self.keeps_clock() && matches!(reason, Reason::Cancel | Reason::Stop);
        if let Some(reason) = given_up.filter(|reason| !expected(reason)) {
            inlet.emit(incomplete(recording.path(), &recording.holds(), reason));
        }
        Ok(())
    }
}

/// The next thing to do. Writes what has waited long enough while there is nothing.
async fn next(file: &mut Option<Recording>, inlet: &mut Inlet) -> Result<Item, SinkError> {
    while let Some((recording, due)) = file.as_mut().and_then(|recording| recording.due().map(|due| (recording, due))) {
        if inlet.queued() > 0 {
            break;
        }
        if Instant::now() >= due {
            recording.flush(inlet)?;
        } else if let Ok(item) = timeout_at(due, inlet.recv()).await {
            return Ok(item);
        }
    }
    Ok(inlet.recv().await)
}

/// Puts the silence that is missing before `at`, giving way in between.
async fn fill(recording: &mut Recording, at: i64, inlet: &mut Inlet) -> Result<(), SinkError> {
    while !inlet.is_halted() && recording.fill(at, inlet)? {
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn finish(file: Option<Recording>, given_up: Option<Reason>, inlet: &mut Inlet) -> Result<(), SinkError> {
    let Some(recording) = file else { return Ok(()) };
    let path = recording.path().to_owned();
    let holds = recording.finish(inlet)?;
    if let Some(reason) = given_up {
        inlet.emit(incomplete(&path, &holds, reason));
    }
    Ok(())
}

fn incomplete(path: &Path, holds: &str, reason: Reason) -> SinkEvent {
    SinkEvent::Notice(format!(
        "{}: the segment was given up ({}); what came before is kept: {holds} so far",
        path.display(),
        reason.name()
    ))
}

fn refuse(command: &SinkCommand, inlet: &Inlet) {
    inlet.answer(command, Err(format!("a file has no `{}`", command.action.name())));
}

impl Sink for FileSink {
    fn wants(&self) -> Wants {
        self.config.wants()
    }

    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        if self.config.format == Format::Opus && !opus::takes(edge.rate.hz()) {
            let message = format!("there is no Opus at {}", edge.rate);
            let help =
                "insert a [[node]] with type = \"resample\" and rate = 48000 before it, or use format = \"flac\"";
            return Err(Problem::new(Place::None, "", message).help(help));
        }
        self.names.rate = edge.rate.hz();
        self.turn = edge.turn;
        Ok(())
    }

    fn run<'a>(&'a mut self, inlet: &'a mut Inlet) -> BoxFuture<'a, Result<(), SinkError>> {
        Box::pin(self.record(inlet))
    }
}

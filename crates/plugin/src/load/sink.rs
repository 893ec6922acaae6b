//! A loaded sink: three blocking calls, on the thread that [`Threaded`] gives it.

use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use glottis_core::packet::PacketKind;
use glottis_core::registry::Make;
use glottis_core::sink::{BlockingSink, Edge, Overflow, Wants, three_tries};
use glottis_core::{Packet, Problem, Sink, SinkError, SinkErrorKind, TurnMode};
use serde_json::Value;

use super::describe::{empty, optional};
use super::instance::{Instance, Origin};
use super::params::forever;
use super::source::code;
use crate::{Threaded, abi, json};

/// How the sinks of a component are made.
pub(super) fn make(origin: Arc<Origin>, calls: &'static abi::SinkCalls) -> Make {
    Make::Sink(Arc::new(move |settings, context, registry| {
        let instance = origin.create(calls.create, calls.destroy, settings, context, registry)?;
        let sink = Loaded { instance, calls, origin: origin.clone() };
        Ok(Box::new(Threaded::new(sink)) as Box<dyn Sink>)
    }))
}

/// A sink behind the C ABI.
struct Loaded {
    instance: Instance,
    calls: &'static abi::SinkCalls,
    origin: Arc<Origin>,
}

impl Loaded {
    fn told(&self, call: &str, phase: &'static str, status: i32, error: &abi::Error) -> Result<(), Box<SinkError>> {
        if status == abi::GLOTTIS_OK {
            return Ok(());
        }
        let kind = match error.advice {
            abi::GLOTTIS_RETRY => SinkErrorKind::Retry,
            abi::GLOTTIS_REJECTED => SinkErrorKind::Rejected,
            _ => SinkErrorKind::Fatal,
        };
        let problem = self.origin.problem(call, status, error);
        Err(SinkError::new(kind, code(error), phase, problem.message).advice(problem.help).into())
    }
}

impl BlockingSink for Loaded {
    fn wants(&self) -> Wants {
        let default = Wants::default();
        let size = size_of::<abi::Wants>() as u32;
        let encoder = CString::new(default.encoder).unwrap_or_default();
        let mut wants = abi::Wants {
            size,
            chunk_frames: default.chunk_frames,
            encoder: encoder.as_ptr(),
            encoder_settings: std::ptr::null(),
            pad: u32::from(default.pad),
            turn: abi::GLOTTIS_TURN_ALWAYS,
            overflow_gap: 0,
            reserved: 0,
        };
        let Some(call) = self.calls.wants else { return default };
        // SAFETY: our instance, before its thread has started; the structure is there while the call
        // runs, and what the library puts into it stays until its next call.
        if unsafe { call(self.instance.pointer(), &mut wants) } != abi::GLOTTIS_OK {
            return default;
        }
        let encoder = optional(wants.encoder).ok().flatten().map_or(default.encoder, forever);
        let settings = optional(wants.encoder_settings).ok().flatten();
        let settings = settings.and_then(|text| serde_json::from_str::<Value>(text).ok());
        Wants {
            encoder,
            encoder_settings: settings.as_ref().and_then(Value::as_object).map(json::to_table).unwrap_or_default(),
            chunk_frames: wants.chunk_frames.clamp(1, 96_000),
            pad: wants.pad != 0,
            turn: match wants.turn {
                abi::GLOTTIS_TURN_SPEECH => TurnMode::Speech,
                abi::GLOTTIS_TURN_PUSH_TO_TALK => TurnMode::PushToTalk,
                _ => TurnMode::Always,
            },
            overflow: if wants.overflow_gap != 0 { Overflow::Gap } else { Overflow::Shed },
            ..default
        }
    }

    fn prepare(&mut self, edge: &Edge) -> Result<(), Problem> {
        let Some(prepare) = self.calls.prepare else { return Ok(()) };
        let edge = abi::Edge {
            size: size_of::<abi::Edge>() as u32,
            rate_hz: edge.rate.hz(),
            chunk_frames: edge.chunk_frames,
            pad: u32::from(edge.pad),
            turn: match edge.turn {
                TurnMode::Auto => 0,
                TurnMode::Always => abi::GLOTTIS_TURN_ALWAYS,
                TurnMode::Speech => abi::GLOTTIS_TURN_SPEECH,
                TurnMode::PushToTalk => abi::GLOTTIS_TURN_PUSH_TO_TALK,
            },
            voice: u32::from(edge.voice),
            waits: u32::from(edge.waits),
            reserved: 0,
        };
        let mut error = empty();
        // SAFETY: our instance, before its thread has started; the structures are there while the call
        // runs.
        match unsafe { prepare(self.instance.pointer(), &edge, &mut error) } {
            abi::GLOTTIS_OK => Ok(()),
            status => Err(self.origin.problem("prepare", status, &error)),
        }
    }

    fn open(&mut self) -> Result<(), Box<SinkError>> {
        let Some(open) = self.calls.open else { return Ok(()) };
        let mut error = empty();
        // SAFETY: our instance, on its own thread.
        let status = unsafe { open(self.instance.pointer(), &mut error) };
        self.told("open", "connect", status, &error)
    }

    fn write(&mut self, packet: &Packet) -> Result<(), Box<SinkError>> {
        let Some(write) = self.calls.write else { return Ok(()) };
        let mut sent = abi::Packet {
            size: size_of::<abi::Packet>() as u32,
            kind: abi::GLOTTIS_BEGIN,
            segment: packet.segment,
            seq: packet.seq,
            at: packet.at,
            frames: 0,
            padded: 0,
            reason: c"".as_ptr(),
            segment_frames: 0,
            voice_end: 0,
            bytes: packet.body.as_ptr(),
            length: packet.body.len() as u64,
        };
        let reason;
        match packet.kind {
            PacketKind::Begin => {}
            PacketKind::Data { frames, padded } => {
                (sent.kind, sent.frames, sent.padded) = (abi::GLOTTIS_DATA, frames, padded);
            }
            PacketKind::End { reason: why, frames, voice_end } => {
                reason = CString::new(why.name()).unwrap_or_default();
                (sent.kind, sent.reason) = (abi::GLOTTIS_END, reason.as_ptr());
                (sent.segment_frames, sent.voice_end) = (frames, voice_end);
            }
            PacketKind::Abort { reason: why } => {
                reason = CString::new(why.name()).unwrap_or_default();
                (sent.kind, sent.reason) = (abi::GLOTTIS_ABORT, reason.as_ptr());
            }
        }
        let mut error = empty();
        // SAFETY: our instance, on its own thread; packet, bytes and texts are there while the call runs.
        let status = unsafe { write(self.instance.pointer(), &sent, &mut error) };
        self.told("write", "stream", status, &error)
    }

    fn close(&mut self) -> Result<(), Box<SinkError>> {
        let Some(close) = self.calls.close else { return Ok(()) };
        let mut error = empty();
        // SAFETY: our instance, on its own thread.
        let status = unsafe { close(self.instance.pointer(), &mut error) };
        self.told("close", "close", status, &error)
    }

    fn backoff(&self, attempt: u32, opened: bool) -> Option<Duration> {
        let Some(backoff) = self.calls.backoff else { return three_tries(attempt) };
        // SAFETY: our instance; its thread is between two calls, since whoever asks holds its lock.
        let wait = unsafe { backoff(self.instance.pointer(), attempt, u32::from(opened)) };
        u64::try_from(wait).ok().map(Duration::from_millis)
    }
}

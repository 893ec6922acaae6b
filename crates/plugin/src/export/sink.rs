//! A sink behind the border. `create`, `wants` and `prepare` on the control side, the rest on the
//! sink's own thread.

use std::ffi::{CString, c_void};

use glottis_core::packet::{Body, Packet, PacketKind, Reason, Stamps};
use glottis_core::sink::{BlockingSink, Edge, Overflow};
use glottis_core::{Problem, Rate, SinkError, SinkErrorKind, TurnMode};

use super::caught::{caught, quiet};
use super::create::{create, destroy, seat, tell};
use crate::{abi, json, text};

struct Seat {
    sink: Box<dyn BlockingSink>,
    /// What `wants` points to.
    encoder: CString,
    encoder_settings: CString,
}

pub(super) static CALLS: abi::SinkCalls = abi::SinkCalls {
    size: size_of::<abi::SinkCalls>() as u32,
    reserved: 0,
    create: Some(make),
    wants: Some(wants),
    prepare: Some(prepare),
    open: Some(open),
    write: Some(write),
    close: Some(close),
    backoff: Some(backoff),
    destroy: Some(destroy::<Seat>),
};

unsafe extern "C" fn make(
    component: *const abi::Component,
    settings: *const abi::Settings,
    instance: *mut *mut c_void,
    error: *mut abi::Error,
) -> i32 {
    // SAFETY: the host calls as the ABI says, with a descriptor of this library.
    unsafe {
        create(component, settings, instance, error, |exported, settings, context| {
            let sink = exported.registry.sink(exported.component.name, settings, context)?;
            let sink = sink.blocking().ok_or_else(|| {
                let what = "this sink runs on an async runtime, which does not reach into a loaded library";
                vec![Problem::new(Default::default(), "", what).help("link its crate, or write a `BlockingSink`")]
            })?;
            Ok(Seat { sink, encoder: CString::default(), encoder_settings: CString::default() })
        })
    }
}

unsafe extern "C" fn wants(instance: *mut c_void, wants: *mut abi::Wants) -> i32 {
    // SAFETY: the host passes an instance of `make`, and a structure that is there while this runs.
    let (seat, out) = unsafe { (seat::<Seat>(instance), &mut *wants) };
    quiet(|| {
        let wants = seat.sink.wants();
        seat.encoder = CString::new(wants.encoder).unwrap_or_default();
        seat.encoder_settings = CString::new(json::from_table(&wants.encoder_settings).to_string()).unwrap_or_default();
        out.encoder = seat.encoder.as_ptr();
        out.encoder_settings = seat.encoder_settings.as_ptr();
        out.chunk_frames = wants.chunk_frames;
        out.pad = u32::from(wants.pad);
        out.overflow_gap = u32::from(wants.overflow == Overflow::Gap);
        out.turn = match wants.turn {
            TurnMode::Speech => abi::GLOTTIS_TURN_SPEECH,
            TurnMode::PushToTalk => abi::GLOTTIS_TURN_PUSH_TO_TALK,
            TurnMode::Always | TurnMode::Auto => abi::GLOTTIS_TURN_ALWAYS,
        };
        abi::GLOTTIS_OK
    })
}

unsafe extern "C" fn prepare(instance: *mut c_void, edge: *const abi::Edge, error: *mut abi::Error) -> i32 {
    // SAFETY: the host passes an instance of `make`, and structures that are there while this runs.
    let (seat, edge, error) = unsafe { (seat::<Seat>(instance), &*edge, error.as_mut()) };
    caught(error, |error| {
        let Some(rate) = Rate::new(edge.rate_hz) else { return abi::GLOTTIS_FAILED };
        let edge = Edge {
            rate,
            chunk_frames: edge.chunk_frames,
            pad: edge.pad != 0,
            turn: match edge.turn {
                abi::GLOTTIS_TURN_ALWAYS => TurnMode::Always,
                abi::GLOTTIS_TURN_SPEECH => TurnMode::Speech,
                abi::GLOTTIS_TURN_PUSH_TO_TALK => TurnMode::PushToTalk,
                _ => TurnMode::Auto,
            },
            voice: edge.voice != 0,
            waits: edge.waits != 0,
        };
        match seat.sink.prepare(&edge) {
            Ok(()) => abi::GLOTTIS_OK,
            Err(problem) => {
                tell(error, &[problem]);
                abi::GLOTTIS_FAILED
            }
        }
    })
}

/// The status of a result, and its error in the host's.
fn told(error: Option<&mut abi::Error>, result: Result<(), Box<SinkError>>) -> i32 {
    let Err(wrong) = result else { return abi::GLOTTIS_OK };
    if let Some(error) = error {
        error.advice = match wrong.kind {
            SinkErrorKind::Retry => abi::GLOTTIS_RETRY,
            SinkErrorKind::Rejected => abi::GLOTTIS_REJECTED,
            SinkErrorKind::Fatal => abi::GLOTTIS_FATAL,
        };
        text::put(&mut error.code, wrong.code);
        text::put(&mut error.message, &wrong.message);
        text::put(&mut error.help, &wrong.advice);
    }
    abi::GLOTTIS_FAILED
}

unsafe extern "C" fn open(instance: *mut c_void, error: *mut abi::Error) -> i32 {
    // SAFETY: the host passes an instance of `make`.
    let (seat, error) = unsafe { (seat::<Seat>(instance), error.as_mut()) };
    caught(error, |error| told(error, seat.sink.open()))
}

unsafe extern "C" fn write(instance: *mut c_void, packet: *const abi::Packet, error: *mut abi::Error) -> i32 {
    // SAFETY: the host passes an instance of `make`, and a packet with as many bytes as it says.
    let (seat, packet, error) = unsafe { (seat::<Seat>(instance), &*packet, error.as_mut()) };
    caught(error, |error| {
        // SAFETY: as above.
        let Some(packet) = (unsafe { received(packet) }) else { return abi::GLOTTIS_FAILED };
        told(error, seat.sink.write(&packet))
    })
}

/// The host's packet as one of this side.
///
/// # Safety
/// The packet has as many bytes as it says.
unsafe fn received(from: &abi::Packet) -> Option<Packet> {
    // SAFETY: a text of the host's.
    let name = unsafe { text::read(from.reason) }.unwrap_or_default();
    let reason = Reason::ALL.into_iter().find(|r| r.name() == name).unwrap_or(Reason::Stop);
    let mut body = Body::with_capacity(from.length as usize);
    if from.length > 0 {
        // SAFETY: as the caller promises.
        body.extend(unsafe { std::slice::from_raw_parts(from.bytes, from.length as usize) }).ok()?;
    }
    Some(Packet {
        kind: match from.kind {
            abi::GLOTTIS_BEGIN => PacketKind::Begin,
            abi::GLOTTIS_DATA => PacketKind::Data { frames: from.frames, padded: from.padded },
            abi::GLOTTIS_END => PacketKind::End { reason, frames: from.segment_frames, voice_end: from.voice_end },
            abi::GLOTTIS_ABORT => PacketKind::Abort { reason },
            _ => return None,
        },
        segment: from.segment,
        seq: from.seq,
        at: from.at,
        // The host keeps the ledger.
        counted: 0,
        stamps: Stamps::default(),
        body,
    })
}

unsafe extern "C" fn close(instance: *mut c_void, error: *mut abi::Error) -> i32 {
    // SAFETY: the host passes an instance of `make`.
    let (seat, error) = unsafe { (seat::<Seat>(instance), error.as_mut()) };
    caught(error, |error| told(error, seat.sink.close()))
}

unsafe extern "C" fn backoff(instance: *mut c_void, attempt: u32, opened: u32) -> i64 {
    // SAFETY: the host passes an instance of `make`.
    let seat = unsafe { seat::<Seat>(instance) };
    let mut wait = -1;
    quiet(|| {
        let backoff = seat.sink.backoff(attempt, opened != 0);
        wait = backoff.map_or(-1, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        abi::GLOTTIS_OK
    });
    wait
}

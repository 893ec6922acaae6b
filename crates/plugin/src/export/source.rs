//! A source behind the border. Control side, and one thread that carries its blocks across.
//!
//! The source fills a ring of this side, as it would in a program it is linked into; a thread takes the
//! blocks out and pushes them into the host's feed. So a capture callback never calls across.

use std::ffi::c_void;
use std::thread::JoinHandle;
use std::time::Duration;

use glottis_core::feed::{Taken, capture_ring};
use glottis_core::source::{Capture, SourceFormat};
use glottis_core::{Block, Feed, Intake, Source, SourceError, clock};

use super::caught::{caught, quiet};
use super::create::{create, destroy, seat};
use crate::{abi, text};

/// Half a second of blocks, as in the engine.
const BLOCKS: usize = 50;

struct Seat {
    source: Box<dyn Source>,
    format: Option<SourceFormat>,
    playing: Option<Playing>,
}

struct Playing {
    capture: Box<dyn Capture>,
    carrier: JoinHandle<()>,
}

pub(super) static CALLS: abi::SourceCalls = abi::SourceCalls {
    size: size_of::<abi::SourceCalls>() as u32,
    reserved: 0,
    create: Some(make),
    format: Some(format),
    start: Some(start),
    poll: Some(poll),
    pause: Some(pause),
    stop: Some(stop),
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
            let source = exported.registry.source(exported.component.name, settings, context)?;
            Ok(Seat { source, format: None, playing: None })
        })
    }
}

/// The status of a result, and its error in the host's.
fn told<T>(error: Option<&mut abi::Error>, result: Result<T, SourceError>) -> i32 {
    let Err(wrong) = result else { return abi::GLOTTIS_OK };
    if let Some(error) = error {
        text::put(&mut error.code, wrong.code);
        text::put(&mut error.message, &wrong.message);
        text::put(&mut error.help, &wrong.advice);
    }
    abi::GLOTTIS_FAILED
}

unsafe extern "C" fn format(
    instance: *mut c_void,
    look: u32,
    format: *mut abi::SourceFormat,
    error: *mut abi::Error,
) -> i32 {
    // SAFETY: the host passes an instance of `make`, and structures that are there while this runs.
    let (seat, out, error) = unsafe { (seat::<Seat>(instance), &mut *format, error.as_mut()) };
    caught(error, |error| {
        out.live = u32::from(seat.source.live());
        text::put(&mut out.device, &seat.source.device());
        match seat.source.format(look != 0) {
            Ok(None) => out.rate_hz = 0,
            Ok(Some(known)) => {
                out.rate_hz = known.rate.hz();
                out.native_hz = known.native_hz;
                out.channels = u32::from(known.channels);
                out.waits = u32::from(known.waits);
                seat.format = Some(known);
                // The name may be known only now.
                text::put(&mut out.device, &seat.source.device());
            }
            Err(wrong) => return told(error, Err::<(), _>(wrong)),
        }
        abi::GLOTTIS_OK
    })
}

unsafe extern "C" fn start(instance: *mut c_void, feed: *const abi::Feed, error: *mut abi::Error) -> i32 {
    // SAFETY: the host passes an instance of `make`; its feed is there until `stop` has returned.
    let (seat, error) = unsafe { (seat::<Seat>(instance), error.as_mut()) };
    let feed = HostFeed(feed);
    caught(error, |error| told(error, seat.start(feed)))
}

impl Seat {
    fn start(&mut self, host: HostFeed) -> Result<(), SourceError> {
        clock::start();
        let format = match self.format {
            Some(format) => format,
            None => self.source.format(true)?.ok_or_else(|| SourceError::new("Format", "no format", ""))?,
        };
        let (feed, intake): (Feed, Intake) = capture_ring(format.rate, BLOCKS, format.waits);
        let carrier =
            std::thread::Builder::new().name("glottis-carrier".to_owned()).spawn(move || carry(intake, &host));
        let carrier = carrier.map_err(|e| SourceError::new("Internal", format!("cannot start a thread: {e}"), ""))?;
        match self.source.start(feed) {
            Ok(capture) => self.playing = Some(Playing { capture, carrier }),
            // The feed is gone, so the carrier ends by itself.
            Err(error) => {
                let _ = carrier.join();
                return Err(error);
            }
        }
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(playing) = self.playing.take() {
            // Ends the feed; what is in the ring still gets across.
            drop(playing.capture);
            let _ = playing.carrier.join();
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The host's feed, on the carrier's thread.
struct HostFeed(*const abi::Feed);

// SAFETY: the host lets one thread call it, and that is the carrier's; it is there until `stop` has
// returned, which joins that thread.
unsafe impl Send for HostFeed {}

impl HostFeed {
    fn push(&self, samples: &[f32], age_ns: u64) -> bool {
        // SAFETY: the feed is there, and the samples while the call runs.
        unsafe {
            (*self.0)
                .push
                .is_some_and(|push| push(self.0, samples.as_ptr(), samples.len() as u32, age_ns) == abi::GLOTTIS_OK)
        }
    }

    fn gap(&self, frames: u64) {
        // SAFETY: the feed is there.
        let call = unsafe { (*self.0).gap };
        if frames > 0
            && let Some(gap) = call
        {
            // SAFETY: as above.
            unsafe { gap(self.0, frames) };
        }
    }

    /// Hands over the sound of a block, and says what of it was lost. False: the pipeline has gone.
    fn pass_on(&self, block: &Block) -> bool {
        let samples = &block.samples()[..usize::from(block.valid)];
        let place = |at: i64| (at - block.at).clamp(0, samples.len() as i64) as usize;
        let (from, to) = (place(block.lost.from), place(block.lost.to));
        let heard = |end: usize| block.captured + block.rate().ns(end as u64);
        let push = |from: usize, to: usize| {
            from == to || self.push(&samples[from..to], clock::now().saturating_sub(heard(to)))
        };
        if from == to {
            return push(0, samples.len());
        }
        let there = push(0, from);
        self.gap((to - from) as u64);
        there && push(to, samples.len())
    }

    fn finish(&self) {
        // SAFETY: the feed is there.
        if let Some(finish) = unsafe { (*self.0).finish } {
            // SAFETY: as above.
            unsafe { finish(self.0) };
        }
    }
}

/// Carries blocks across until the source ends or the host's pipeline has gone.
fn carry(mut intake: Intake, host: &HostFeed) {
    let mut block = Block::new(intake.rate());
    let mut next = 0_i64;
    loop {
        match intake.take(&mut block) {
            Taken::Block => {
                host.gap((block.at - next).max(0) as u64);
                next = block.at + i64::from(block.valid);
                if !host.pass_on(&block) {
                    return;
                }
            }
            Taken::Empty if intake.waits() => intake.wait(Duration::from_millis(2)),
            // A live source wakes nobody.
            Taken::Empty => std::thread::park_timeout(Duration::from_millis(1)),
            Taken::Ended => {
                host.gap((intake.total() as i64 - next).max(0) as u64);
                host.finish();
                return;
            }
        }
    }
}

unsafe extern "C" fn poll(instance: *mut c_void, error: *mut abi::Error) -> i32 {
    // SAFETY: the host passes an instance of `make`.
    let (seat, error) = unsafe { (seat::<Seat>(instance), error.as_mut()) };
    caught(error, |error| match &mut seat.playing {
        Some(playing) => told(error, playing.capture.poll()),
        None => abi::GLOTTIS_OK,
    })
}

unsafe extern "C" fn pause(instance: *mut c_void, on: u32) -> i32 {
    // SAFETY: the host passes an instance of `make`.
    let seat = unsafe { seat::<Seat>(instance) };
    quiet(|| {
        let can = seat.playing.as_mut().is_some_and(|playing| playing.capture.pause(on != 0));
        if can { abi::GLOTTIS_OK } else { abi::GLOTTIS_FAILED }
    })
}

unsafe extern "C" fn stop(instance: *mut c_void) {
    // SAFETY: the host passes an instance of `make`.
    let seat = unsafe { seat::<Seat>(instance) };
    quiet(|| {
        seat.stop();
        abi::GLOTTIS_OK
    });
}

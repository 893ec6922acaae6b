//! Animation frames on their way to an integrator's callback: a thread of their own, so that a slow or
//! broken callback holds up neither audio nor the socket.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use tokio::sync::oneshot;

/// Frames that may wait for the callback: 40 s of animation.
const FRAMES: usize = 1024;

/// Bytes of frames that may wait.
const BYTES: usize = 64 << 20;

/// How long the callback may take at the end of a run for what still waits.
const FAREWELL: Duration = Duration::from_secs(1);

/// A frame of animation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Name of the sink it came to.
    pub sink: Arc<str>,
    /// The whole message as it came, fields unknown to us included: what a vendor's player takes.
    pub bytes: Bytes,
    /// The request it animates; empty if the service does not say.
    pub req_id: String,
    /// Whether it is the request's last.
    pub end: bool,
    /// The connection it came by.
    pub connection_id: String,
    /// The avatar; empty if the service does not say.
    pub avatar_id: String,
    /// Whether it carries animation at all.
    pub has_animation: bool,
}

/// Takes frames, in the order they came. Called on a thread of its own, never on an audio thread; may
/// block, and lose frames by it; may panic, and miss that frame by it.
pub type OnFrame = Arc<dyn Fn(&Frame) + Send + Sync>;

/// The way to the callback. Owned by the sink's task.
pub(crate) struct Gallery {
    frames: Sender<Frame>,
    waiting: Arc<AtomicUsize>,
    gone: oneshot::Receiver<()>,
    lost: u64,
}

impl Gallery {
    /// Starts the callback's thread. `None` if the system gives none.
    pub(crate) fn open(on_frame: OnFrame) -> Option<Gallery> {
        let (frames, queue) = crossbeam_channel::bounded(FRAMES);
        let (going, gone) = oneshot::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let shown = waiting.clone();
        let body = move || {
            show(&queue, &shown, &on_frame);
            let _ = going.send(());
        };
        let thread = std::thread::Builder::new().name("glottis-animation".to_owned()).spawn(body);
        thread.map(|_| Gallery { frames, waiting, gone, lost: 0 }).ok()
    }

    /// Hands a frame on, or loses it if too many wait. Never blocks. False: it was the first lost.
    pub(crate) fn put(&mut self, frame: Frame) -> bool {
        let bytes = frame.bytes.len();
        let fits = self.waiting.load(Ordering::Relaxed) + bytes <= BYTES;
        if fits {
            self.waiting.fetch_add(bytes, Ordering::Relaxed);
            if self.frames.try_send(frame).is_ok() {
                return true;
            }
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.lost += 1;
        self.lost > 1
    }

    /// Waits for the callback to take what waits, for a moment. Returns how many frames were lost.
    pub(crate) async fn close(self) -> u64 {
        drop(self.frames);
        let _ = tokio::time::timeout(FAREWELL, self.gone).await;
        self.lost
    }
}

fn show(queue: &Receiver<Frame>, waiting: &AtomicUsize, on_frame: &OnFrame) {
    for frame in queue {
        waiting.fetch_sub(frame.bytes.len(), Ordering::Relaxed);
        if std::panic::catch_unwind(AssertUnwindSafe(|| on_frame(&frame))).is_err() {
            tracing::error!(req_id = frame.req_id, "the animation callback panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn frame(number: u8, size: usize) -> Frame {
        let mut bytes = vec![0; size];
        bytes[0] = number;
        Frame {
            sink: "avatar".into(),
            bytes: bytes.into(),
            req_id: String::new(),
            end: false,
            connection_id: String::new(),
            avatar_id: String::new(),
            has_animation: true,
        }
    }

    #[tokio::test]
    async fn frames_come_in_order_and_a_panic_costs_one() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shown = seen.clone();
        let mut gallery = Gallery::open(Arc::new(move |frame: &Frame| {
            assert_ne!(frame.bytes[0], 3, "as the test wants it");
            shown.lock().unwrap().push(frame.bytes[0]);
        }))
        .unwrap();
        for number in 0..6 {
            assert!(gallery.put(frame(number, 8)));
        }
        assert_eq!(gallery.close().await, 0);
        assert_eq!(*seen.lock().unwrap(), [0, 1, 2, 4, 5]);
    }

    /// A callback that never returns costs frames, counted, and holds nothing up.
    #[tokio::test(start_paused = true)]
    async fn a_stuck_callback_loses_frames_by_number_and_by_size() {
        let (_hold, stuck) = crossbeam_channel::bounded::<()>(0);
        let stuck = Arc::new(move |_: &Frame| _ = stuck.recv());
        let mut gallery = Gallery::open(stuck.clone()).unwrap();
        let lost = (0..FRAMES + 10).filter(|_| !gallery.put(frame(1, 8))).count();
        assert_eq!(lost, 1, "told once");
        assert!((9..=10).contains(&gallery.close().await));
        let mut gallery = Gallery::open(stuck).unwrap();
        (0..10).for_each(|_| _ = gallery.put(frame(1, 8 << 20)));
        assert!((1..=2).contains(&gallery.close().await), "64 MiB wait, and one frame is being shown");
    }
}

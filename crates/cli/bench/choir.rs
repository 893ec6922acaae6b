//! Many voices from one thread: silence or recorded speech for any number of pipelines at once, 10 ms at a
//! time, in real time, as so many microphones would deliver it, none at the same moment as the next. Its own
//! thread feeds them all, so that what is measured is the pipelines and not as many file readers.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use glottis::core::source::{Capture, SourceFormat};
use glottis::core::{clock, convert};
use glottis::{Feed, Rate, Registry, Source, SourceError};

/// 48 kHz, so that each pipeline has something to resample.
const HZ: u32 = 48_000;
const BLOCK: usize = 480;

/// A choir whose members come in one after the other: in each of these pieces of 10 ms, a tenth of them.
const TURNS: usize = 10;

/// What is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Song {
    /// No samples at all: the pipelines wait.
    Nothing,
    /// Zeros.
    Silence,
    /// Recorded speech.
    Speech,
}

/// A pipeline's feed, and where in the recording its speaker is.
struct Voice {
    feed: Feed,
    at: usize,
    stopped: Arc<AtomicBool>,
}

type Voices = Arc<Mutex<Vec<Voice>>>;

/// The thread that feeds, until it is dropped.
pub struct Choir {
    voices: Voices,
    song: Arc<AtomicU8>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Choir {
    /// Speech at 16 kHz, spoken by every pipeline whose source is `choir`, each from another place on.
    pub fn start(speech: &[i16], registry: &mut Registry) -> std::io::Result<Choir> {
        let speech: Vec<f32> = speech.iter().flat_map(|&x| [convert::i16_to_f32(x); 3]).collect();
        let voices = Voices::default();
        let (stop, song) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU8::new(Song::Nothing as u8)));
        let (ours, theirs, seen, heard) = (voices.clone(), voices.clone(), stop.clone(), song.clone());
        registry.add_source("choir", "recorded speech, one thread for all", &[], move |_, _, _| {
            Ok(Singer { voices: theirs.clone() })
        });
        let thread = std::thread::Builder::new().name("bench-choir".to_owned()).spawn(move || {
            let (mut due, mut turn) = (Instant::now(), 0);
            while !seen.load(Ordering::Acquire) {
                due += Duration::from_millis(10) / TURNS as u32;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                turn = (turn + 1) % TURNS;
                match heard.load(Ordering::Acquire) {
                    song if song == Song::Speech as u8 => sing(&mut lock(&ours), turn, &speech),
                    song if song == Song::Silence as u8 => sing(&mut lock(&ours), turn, &[0.0; BLOCK]),
                    _ => {}
                }
            }
        })?;
        Ok(Choir { voices, song, stop, thread: Some(thread) })
    }

    /// From now on this is heard.
    pub fn sing(&self, song: Song) {
        self.song.store(song as u8, Ordering::Release);
    }
}

impl Drop for Choir {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
        lock(&self.voices).clear();
    }
}

fn lock(voices: &Voices) -> MutexGuard<'_, Vec<Voice>> {
    voices.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ten milliseconds of each whose turn it is.
fn sing(voices: &mut Vec<Voice>, turn: usize, song: &[f32]) {
    voices.retain(|voice| !voice.stopped.load(Ordering::Acquire));
    for voice in voices.iter_mut().skip(turn).step_by(TURNS) {
        let begin = if voice.at < song.len() { voice.at } else { 0 };
        let end = (begin + BLOCK).min(song.len());
        voice.feed.push_mono(&song[begin..end], clock::now());
        voice.at = if end == song.len() { 0 } else { end };
    }
}

/// One pipeline's source.
struct Singer {
    voices: Voices,
}

impl Source for Singer {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        let rate = Rate::for_source(HZ);
        Ok(Some(SourceFormat { rate, native_hz: HZ, channels: 1, waits: false }))
    }

    fn device(&self) -> String {
        "choir".to_owned()
    }

    fn live(&self) -> bool {
        true
    }

    fn start(&mut self, feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let stopped = Arc::new(AtomicBool::new(false));
        let mut voices = lock(&self.voices);
        // So that not all speak, and pause, at the same time: 0.73 s apart.
        let at = voices.len() * 35_040 % (20 * HZ as usize);
        voices.push(Voice { feed, at, stopped: stopped.clone() });
        Ok(Box::new(Singing { stopped }))
    }
}

struct Singing {
    stopped: Arc<AtomicBool>,
}

impl Capture for Singing {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

impl Drop for Singing {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
    }
}

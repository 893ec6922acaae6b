//! A program that gives an avatar its voice: it pushes speech into the pipeline, ends each sentence,
//! stops the avatar when the user begins to speak, and takes the animation.
//!
//! `cargo run --example avatarkit_feed` talks to a simulated service in the same process. For the real one
//! set AVATARKIT_API_KEY, and write app id, avatar id and region instead of the endpoints.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glottis::core::clock;
use glottis::core::source::{Capture, SourceFormat};
use glottis::sim::avatarkit::{self as service, Simulator};
use glottis::{Command, Config, EventKind, Feed, Pipeline, Rate, Source, SourceError, Table};

const RATE: u32 = 16_000;

/// A source that is the program itself: it hands its feed out. It waits where the pipeline does, so that
/// nothing is lost however fast speech is made.
struct Program {
    feeds: Arc<Mutex<Sender<Feed>>>,
}

impl Source for Program {
    fn format(&mut self, _look: bool) -> Result<Option<SourceFormat>, SourceError> {
        let rate = Rate::for_source(RATE);
        Ok(Some(SourceFormat { rate, native_hz: RATE, channels: 1, waits: true }))
    }

    fn device(&self) -> String {
        "this program".to_owned()
    }

    fn live(&self) -> bool {
        false
    }

    fn start(&mut self, feed: Feed) -> Result<Box<dyn Capture>, SourceError> {
        let gone = |_| SourceError::new("Input", "nobody speaks", "keep the receiver of the feed");
        self.feeds.lock().map_err(|_| gone(()))?.send(feed).map_err(|_| gone(()))?;
        Ok(Box::new(Speaking))
    }
}

/// The stream ends when the program drops its feed.
struct Speaking;

impl Capture for Speaking {
    fn poll(&mut self) -> Result<(), SourceError> {
        Ok(())
    }
}

/// Stands in for a speech synthesiser: a second of something.
fn sentence(pitch: f32) -> Vec<f32> {
    (0..RATE).map(|n| (n as f32 * pitch / RATE as f32 * std::f32::consts::TAU).sin() * 0.3).collect()
}

/// Pushes speech and waits until the pipeline has it, so that a command comes behind it.
fn say(feed: &mut Feed, speech: &[f32]) {
    feed.push_mono(speech, clock::now());
    while !feed.is_taken() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A pipeline from this program to the avatar at `service`, with its API key in the file `key`.
fn pipeline(service: &Simulator, key: &str, on_frame: Arc<AtomicUsize>) -> (Receiver<Feed>, Config, glottis::Registry) {
    let mut registry = glottis::components();
    let (feeds, feed) = channel();
    let feeds = Arc::new(Mutex::new(feeds));
    registry.add_source("program", "speech of this program", &[], move |_, _, _| Ok(Program { feeds: feeds.clone() }));
    // A player would take `frame.bytes`; here they are counted.
    glottis::avatarkit::register_with(&mut registry, move |frame| {
        on_frame.fetch_add(usize::from(frame.has_animation), Ordering::Relaxed);
    });
    let avatar = Table::default()
        .with("name", "avatar")
        .with("type", "avatarkit")
        .with("app_id", "demo-app")
        .with("avatar_id", "demo-avatar")
        .with("api_key_file", key)
        .with("console_endpoint", service.console_url())
        .with("ingress_endpoint", service.ingress_url());
    let table = Table::default().with("source", Table::default().with("type", "program")).with("sink", vec![avatar]);
    (feed, Config::new(table, "".as_ref()), registry)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let service = Simulator::start(service::Config::default())?;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("key");
    std::fs::write(&key, "demo-key")?;

    let frames = Arc::new(AtomicUsize::new(0));
    let (feed, config, registry) = pipeline(&service, &key.to_string_lossy(), frames.clone());
    let (told, heard) = channel();
    let running = Pipeline::new(&config, &registry)?.start(move |event| match &event.kind {
        EventKind::Playback { state, .. } => {
            println!("the avatar: {state}");
            // Nobody listens any more once the program has heard enough.
            let _ = told.send(state.clone());
        }
        EventKind::Done { command } => _ = told.send(command.clone()),
        EventKind::SegmentEnd { frames, reason, .. } => println!("a sentence of {frames} frames: {}", reason.name()),
        EventKind::Error(error) => println!("{}: {} ({})", error.code, error.message, error.advice),
        _ => {}
    })?;
    let mut feed = feed.recv()?;
    let wait_for = |what: &str| loop {
        match heard.recv_timeout(Duration::from_secs(20)) {
            Ok(heard) if heard == what => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error),
        }
    };

    // A whole sentence: `commit` says where it ends.
    say(&mut feed, &sentence(220.0));
    running.command(Command::Commit { sink: None });
    wait_for("ended")?;

    // The user speaks while the avatar does: it is silenced, and what it had still to say is dropped. Only
    // then comes what shall be heard.
    say(&mut feed, &sentence(330.0));
    running.command(Command::Interrupt { sink: None });
    wait_for("interrupt")?;

    // The answer.
    say(&mut feed, &sentence(440.0));
    drop(feed);
    let report = running.wait();
    let sink = &report.sinks[0];
    println!("{} frames of animation, {} messages", frames.load(Ordering::Relaxed), sink.messages);
    println!("balanced: {}, delivered {} of {}", report.balanced, sink.ledger.delivered, sink.ledger.captured);
    Ok(())
}

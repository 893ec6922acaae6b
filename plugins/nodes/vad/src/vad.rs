//! The `vad` node. Built on the control thread, runs on the pipeline thread.

use glottis_core::{Block, Detector, Fault, Mark, MarkKind, Node, Problem, Rate};

/// From this probability on a window counts as speech.
const SPEECH: f32 = 0.5;

/// Marks where speech starts and ends, and passes the samples on unchanged.
///
/// It cuts the stream into its detector's windows, whatever their length, without overlap. The first
/// window of speech puts a `SpeechStart` at the window's first frame, the first window after it without
/// speech a `SpeechEnd` at *its* first frame, which is one past the last frame of speech. Nothing is
/// smoothed and nothing is held: pre-roll, hangover and shortest length belong to the segmenter of each
/// sink. A mark is put on the block that completes the window; it lies up to a window in the past.
///
/// The detector never sees a sample that is not finite; it sees silence instead. Windows from before the
/// start of the stream (filters upstream warming up) are judged too; a mark there is put at 0.
///
/// Real-time safe after [`prepare`](Node::prepare), if the detector is.
pub struct Vad {
    detector: Box<dyn Detector>,
    window: Vec<f32>,
    filled: usize,
    /// Position of the frame that comes next.
    next: i64,
    /// What the marks have said last.
    speaking: bool,
}

impl Vad {
    /// A node that asks `detector`.
    pub fn new(detector: Box<dyn Detector>) -> Vad {
        Vad { detector, window: Vec::new(), filled: 0, next: 0, speaking: false }
    }

    /// Judges the full window that ends at position `end`.
    fn judge(&mut self, end: i64, output: &mut Block) -> Result<(), Fault> {
        let probability = self.detector.judge(&self.window)?;
        let speech = probability >= SPEECH;
        if speech == self.speaking {
            return Ok(());
        }
        let at = (end - self.window.len() as i64).max(0);
        let kind = if speech { MarkKind::SpeechStart { probability } } else { MarkKind::SpeechEnd { probability } };
        if !output.mark(Mark { at, kind }) {
            // `speaking` stays as it is, so the next window tries again.
            return Err(Fault::too_many_marks());
        }
        self.speaking = speech;
        Ok(())
    }
}

impl Node for Vad {
    fn prepare(&mut self, input: Rate) -> Result<Rate, Problem> {
        let frames = self.detector.prepare(input)?;
        let second = input.hz() as usize;
        if !(1..=second).contains(&frames) {
            return Err(Problem::new(
                Default::default(),
                "",
                format!("the detector asks for windows of {frames} frames; from 1 to {second} are possible"),
            )
            .help("that is a mistake in the detector: use another one"));
        }
        self.window = vec![0.0; frames];
        self.filled = 0;
        self.speaking = false;
        Ok(input)
    }

    fn process(&mut self, input: &Block, output: &mut Block) -> Result<(), Fault> {
        output.samples_mut().copy_from_slice(input.samples());
        if self.window.is_empty() {
            return Err(Fault::failed());
        }
        if input.at != self.next {
            // Bypassed for a while: what the window holds is no neighbour of what comes now.
            self.filled = 0;
        }
        self.next = input.end();
        let mut rest = input.samples();
        while !rest.is_empty() {
            let room = &mut self.window[self.filled..];
            let (now, later) = rest.split_at(room.len().min(rest.len()));
            for (slot, &sample) in room.iter_mut().zip(now) {
                *slot = if sample.is_finite() { sample } else { 0.0 };
            }
            self.filled += now.len();
            rest = later;
            if self.filled == self.window.len() {
                self.filled = 0;
                self.judge(input.end() - rest.len() as i64, output)?;
            }
        }
        Ok(())
    }

    fn hears_voice(&self) -> bool {
        true
    }

    /// The rest of the window.
    fn needs(&self) -> usize {
        self.window.len() - self.filled
    }

    /// The detector's live parameters.
    fn set(&mut self, param: &'static str, value: f64) -> Result<(), Fault> {
        self.detector.set(param, value)
    }

    /// Forgets the sound, but not what the marks have said: a `SpeechStart` without its `SpeechEnd`
    /// would leave every segment behind it open.
    fn reset(&mut self) {
        self.filled = 0;
        self.detector.reset();
    }
}

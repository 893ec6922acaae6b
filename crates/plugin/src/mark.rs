//! Marks on both sides of the border. Plain values, real-time safe.

use glottis_core::{Mark, MarkKind};

use crate::abi;

impl From<&Mark> for abi::Mark {
    fn from(mark: &Mark) -> abi::Mark {
        let (kind, probability, frames) = match mark.kind {
            MarkKind::SpeechStart { probability } => (abi::GLOTTIS_SPEECH_START, probability, 0),
            MarkKind::SpeechEnd { probability } => (abi::GLOTTIS_SPEECH_END, probability, 0),
            MarkKind::Gap { frames } => (abi::GLOTTIS_GAP, 0.0, frames),
        };
        abi::Mark { at: mark.at, kind, probability, frames, reserved: 0 }
    }
}

impl abi::Mark {
    /// The mark it stands for; `None` if its kind is none of this version's.
    pub(crate) fn read(&self) -> Option<Mark> {
        let kind = match self.kind {
            abi::GLOTTIS_SPEECH_START => MarkKind::SpeechStart { probability: self.probability },
            abi::GLOTTIS_SPEECH_END => MarkKind::SpeechEnd { probability: self.probability },
            abi::GLOTTIS_GAP => MarkKind::Gap { frames: self.frames },
            _ => return None,
        };
        Some(Mark { at: self.at, kind })
    }
}

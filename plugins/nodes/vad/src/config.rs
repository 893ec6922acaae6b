//! The keys of the `vad` node and of its detectors. Control thread only.

use glottis_core::param::{Kind, Param, Settings};
use glottis_core::registry::{ComponentKind, Context};
use glottis_core::{Problem, Registry};

use crate::energy::{MAX_HYSTERESIS, MIN_THRESHOLD};
use crate::{Energy, Frame, Vad, Webrtc};

/// The keys of the node; those of the detector stand beside them.
pub(crate) const VAD: &[Param] =
    &[Param::new("detector", Kind::Component(ComponentKind::Detector), "What judges whether there is speech.")
        .default("\"webrtc\"")];

/// The keys of the `webrtc` detector.
pub(crate) const WEBRTC: &[Param] = &[
    Param::new(
        "aggressiveness",
        Kind::Int(0, 3),
        "0 takes nearly everything for speech, 3 only what surely is: less noise let through, more speech missed.",
    )
    .default("2")
    .live(),
    Param::new("frame", Kind::Choice(FRAMES), "The length of audio judged at once.").default("\"20ms\""),
];

const FRAMES: &[&str] = &["10ms", "20ms", "30ms"];

/// The keys of the `energy` detector.
pub(crate) const ENERGY: &[Param] = &[
    Param::new(
        "threshold_dbfs",
        Kind::Float(MIN_THRESHOLD, 0.0),
        "Speech is at least this loud (RMS; 0 is full scale).",
    )
    .unit("dBFS")
    .default("-34")
    .live(),
    Param::new(
        "hysteresis_db",
        Kind::Float(0.0, MAX_HYSTERESIS),
        "Speech goes on until it is this much softer than the threshold.",
    )
    .unit("dB")
    .default("6")
    .live(),
    Param::new(
        "preset",
        Kind::Choice(&["ravatar-demo"]),
        "ravatar-demo: an RMS of exactly 0.02 and no hysteresis, whatever the other two keys say.",
    ),
];

pub(crate) fn vad(settings: &Settings, context: &Context, registry: &Registry) -> Result<Vad, Vec<Problem>> {
    registry.detector(settings.text("detector"), settings, context).map(Vad::new)
}

pub(crate) fn webrtc(settings: &Settings) -> Webrtc {
    let frame = match settings.text("frame") {
        "10ms" => Frame::Ms10,
        "30ms" => Frame::Ms30,
        _ => Frame::Ms20,
    };
    Webrtc::new(settings.int("aggressiveness").clamp(0, 3) as u8, frame)
}

pub(crate) fn energy(settings: &Settings) -> Energy {
    match settings.opt_text("preset") {
        Some(_) => Energy::ravatar_demo(),
        None => Energy::new(settings.float("threshold_dbfs"), settings.float("hysteresis_db")),
    }
}

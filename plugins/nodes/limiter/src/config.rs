//! The keys of the `limiter` node. Control thread only.

use glottis_core::param::{self, Kind, Param};

use crate::{Level, Settings};

/// The range of the fixed gain, in dB.
pub(crate) const GAIN_DB: (f64, f64) = (-40.0, 40.0);

/// The keys a configuration may set.
pub(crate) const PARAMS: &[Param] = &[
    Param::new("ceiling_dbfs", Kind::Float(-40.0, 0.0), "No sample that leaves is louder.").unit("dBFS").default("-1"),
    Param::new(
        "gain_db",
        Kind::Float(GAIN_DB.0, GAIN_DB.1),
        "How much louder everything is made before it is limited.",
    )
    .unit("dB")
    .default("0")
    .live(),
    Param::new(
        "attack",
        Kind::Duration(1, 20),
        "How long before a peak the sound begins to get softer, and how late it leaves.",
    )
    .default("\"2ms\""),
    Param::new("release", Kind::Duration(5, 5_000), "How long after a peak most of the loudness is back.")
        .default("\"100ms\""),
    Param::new(
        "target_dbfs",
        Kind::Float(-60.0, -6.0),
        "Without it the gain is fixed. With it the gain follows the speaker, to bring speech to this level (RMS).",
    )
    .unit("dBFS"),
    Param::new("max_gain_db", Kind::Float(0.0, 60.0), "The automatic gain makes nothing louder or softer by more.")
        .unit("dB")
        .default("30"),
    Param::new("gate_dbfs", Kind::Float(-100.0, 0.0), "What is softer (RMS) is a pause: the automatic gain waits.")
        .unit("dBFS")
        .default("-50"),
];

/// The checked keys.
pub(crate) fn read(settings: &param::Settings) -> Settings {
    Settings {
        ceiling_dbfs: settings.float("ceiling_dbfs"),
        gain_db: settings.float("gain_db"),
        attack: settings.duration("attack"),
        release: settings.duration("release"),
        level: settings.opt_float("target_dbfs").map(|target_dbfs| Level {
            target_dbfs,
            max_gain_db: settings.float("max_gain_db"),
            gate_dbfs: settings.float("gate_dbfs"),
        }),
    }
}

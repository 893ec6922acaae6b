//! What a browser makes of both containers: skipped, and said so, where none is installed.

mod common;

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::tone;
use glottis_encoder_opus::{OpusSettings, ogg_opus, webm_opus};

const BROWSERS: [&str; 5] = ["chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "chrome"];

/// Decodes a file and loads it into a player, then shows: samples at 48 kHz, the player's seconds, and
/// which part of the energy is the tone of 440 Hz.
const PAGE: &str = r#"<body>waiting<script>
const url = "data:TYPE;base64,DATA";
const player = new Audio(url);
const seconds = new Promise((done, failed) => {
    player.onloadedmetadata = () => done(player.duration);
    player.onerror = () => failed(player.error.message);
});
const sound = fetch(url).then(it => it.arrayBuffer())
    .then(it => new OfflineAudioContext(1, 48000, 48000).decodeAudioData(it));
Promise.all([sound, seconds]).then(([sound, seconds]) => {
    let sine = 0, cosine = 0, all = 0;
    sound.getChannelData(0).forEach((sample, i) => {
        const angle = 2 * Math.PI * 440 * i / 48000;
        sine += sample * Math.sin(angle);
        cosine += sample * Math.cos(angle);
        all += sample * sample;
    });
    const part = 2 * (sine * sine + cosine * cosine) / sound.length / all;
    document.body.textContent = [sound.length, seconds, part].join(" ");
}).catch(error => document.body.textContent = "failed: " + error);
</script>"#;

/// What the browser shows for `bytes`; `None` where there is no browser.
fn show(kind: &str, bytes: &[u8]) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page.html");
    std::fs::write(&page, PAGE.replace("TYPE", kind).replace("DATA", &STANDARD.encode(bytes))).unwrap();
    for browser in BROWSERS {
        let profile = format!("--user-data-dir={}", dir.path().join("profile").display());
        let options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", "--dump-dom"];
        let output = Command::new(browser).args(options).arg(profile).arg(&page).output();
        if let Ok(output) = output {
            let shown = String::from_utf8_lossy(&output.stdout).into_owned();
            let body = shown.split_once("<body>").and_then(|(_, rest)| rest.split_once("</body>"));
            let (body, _) = body.unwrap_or_else(|| panic!("{browser} shows {shown:?}"));
            return Some(body.trim().to_owned());
        }
    }
    eprintln!("skipped: none of {} is installed", BROWSERS.join(", "));
    None
}

#[test]
fn a_browser_plays_both_containers() {
    for (rate, length) in [(16_000, 16_007), (48_000, 100_000)] {
        let sound = tone(440.0, rate, length);
        let settings = OpusSettings::default();
        for (kind, bytes) in [
            ("audio/ogg", ogg_opus(&sound, rate, &settings).unwrap()),
            ("audio/webm", webm_opus(&sound, rate, &settings).unwrap()),
        ] {
            let Some(shown) = show(kind, &bytes) else { return };
            let values: Vec<f64> =
                shown.split(' ').map(|it| it.parse().unwrap_or_else(|_| panic!("{shown}"))).collect();
            // Chromium takes the codec's delay in WebM to whole milliseconds, 7 for 6.5, and counts the
            // pre-skip of an Ogg stream as part of its length, though it does not play it.
            let (lost, counted) = if kind == "audio/webm" { (24, 0.0) } else { (0, 312.0 / 48_000.0) };
            assert_eq!(values[0] as usize, length * (48_000 / rate) as usize - lost, "{kind}: samples");
            let seconds = length as f64 / f64::from(rate) + counted;
            assert!((values[1] - seconds).abs() < 0.001, "{kind}: {} s, not {seconds}", values[1]);
            assert!(values[2] > 0.99, "{kind}: {} of the energy", values[2]);
        }
    }
}

//! What each sink wrote is read back, whatever its format.

use glottis_measure::Latency;

use crate::rig::{few, measure, stage};

const SOURCE: &str = "[source]\ntype = \"file\"\npath = \"in.wav\"\n[[node]]\ntype = \"resample\"\nrate = 16000\n";

/// Opus is no sound of 8 kHz and less than the band of the burst at its best, and still found.
fn sink(keys: &str) -> glottis_measure::SinkLatency {
    measure(few(), 48_000, &format!("{SOURCE}[[sink]]\n{keys}"))
}

#[test]
fn every_format_of_a_file() {
    for (format, more) in [
        ("wav", ""),
        ("wav", "sample = \"f32\"\n"),
        ("raw", ""),
        ("raw", "sample = \"f32\"\n"),
        ("flac", ""),
        ("opus", ""),
        ("ndjson", "message = '{\"n\":{seq},\"a\":{\"pcm\":\"{audio}\"}}'\n"),
    ] {
        let found = sink(&format!("type = \"file\"\npath = \"out.{format}\"\nformat = \"{format}\"\n{more}"));
        assert_eq!((found.until, found.bare_us), ("written", None), "{format}");
        assert!(found.algorithmic.doors.abs() < 1.0, "{format}: {:?}", found.algorithmic);
        assert_eq!(stage(&found, "network").us.max, 0.0);
    }
}

/// The folder of the user's recording is left as it is.
#[test]
fn no_file_of_the_users_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let take = folder.path().join("take.wav");
    std::fs::write(&take, "precious").expect("a file");
    sink(&format!("type = \"file\"\npath = \"{}\"\n", take.display()));
    assert_eq!(std::fs::read(&take).expect("still there"), b"precious");
}

#[test]
fn live_pcm_to_the_ravatar_simulator() {
    let found = sink(
        "type = \"ravatar\"\nproject_id = \"p-1\"\nendpoint = \"https://chat.example\"\n\
         turn = { mode = \"always\" }\n",
    );
    assert_eq!(found.until, "received");
    assert!(found.algorithmic.doors.abs() < 0.1, "{:?}", found.algorithmic);
    // A chunk is 256 ms: the wait for it is the largest part by far.
    assert!(stage(&found, "fill").us.max > 100_000.0, "{found:?}");
    assert!(found.added_us.n > 5, "{:?}", found.added_us);
    // What the machine takes by itself, a hundred times.
    assert!(found.bare_us.is_some_and(|bare| bare.n == 100 && bare.p50 > 0.0), "{:?}", found.bare_us);
}

/// A turn is a blob, and whatever it is wrapped in is unwrapped.
#[test]
fn blobs_of_every_kind_to_the_ravatar_simulator() {
    let vad = "[[node]]\ntype = \"vad\"\n";
    for blob in ["wav", "webm-opus", "ogg-opus"] {
        let keys = format!("type = \"ravatar\"\nproject_id = \"p-1\"\naudio = \"blob\"\nblob = \"{blob}\"\n");
        let text = format!("{SOURCE}{vad}[[sink]]\n{keys}turn = {{ mode = \"speech\", hangover = \"400ms\" }}\n");
        let found = measure(Latency { bursts: 2, ..few() }, 48_000, &text);
        assert_eq!(found.until, "received", "{blob}");
        // The burst waits for the turn to end.
        assert!(found.total_us.p50 > 300_000.0, "{blob}: {found:?}");
    }
}

#[test]
fn pcm_and_opus_to_the_avatarkit_simulator() {
    for (dialect, audio) in [("spatius", "pcm"), ("spatius", "ogg-opus"), ("spatialreal", "pcm")] {
        let found = sink(&format!(
            "type = \"avatarkit\"\ndialect = \"{dialect}\"\napp_id = \"a\"\navatar_id = \"b\"\n\
             api_key_env = \"NOT_SET_ANYWHERE\"\naudio = \"{audio}\"\nturn = {{ mode = \"always\" }}\n"
        ));
        assert_eq!(found.until, "received", "{dialect} {audio}");
        assert!(found.algorithmic.doors.abs() < 1.0, "{audio}: {:?}", found.algorithmic);
    }
}

/// A rate that no edge has is converted at the sink's door, which is no node.
#[test]
fn a_door_at_the_sink_is_seen() {
    let found = sink(
        "type = \"avatarkit\"\napp_id = \"a\"\navatar_id = \"b\"\napi_key_env = \"NOT_SET_ANYWHERE\"\n\
         sample_rate = 22050\nturn = { mode = \"always\" }\n",
    );
    assert!(found.algorithmic.doors.abs() < 400.0, "{:?}", found.algorithmic);
}

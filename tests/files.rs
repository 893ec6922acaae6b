//! Recordings: what the file sink holds at the end of a run of the program, and at any moment before.

mod support;

use std::io::Write;

use support::events::sink_of;
use support::{Project, Run, sound};

const FILE: &str = "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n";

/// A pipeline that plays `in.wav` at once into these sinks.
fn fast(sinks: &str) -> Project {
    Project::new(&format!("{FILE}{sinks}"))
}

fn sink(path: &str, keys: &str) -> String {
    format!("[[sink]]\ntype = \"file\"\npath = \"{path}\"\n{keys}\n")
}

#[test]
fn every_format_holds_what_was_played() {
    let sent = sound::noise(16_000 + 77, 1);
    let sinks = [
        sink("a.wav", "name = \"wav\""),
        sink("b.raw", "name = \"raw\"\nformat = \"raw\""),
        sink("c.wav", "name = \"float\"\nsample = \"f32\""),
        sink("d.flac", "name = \"flac\"\nformat = \"flac\""),
    ];
    let project = fast(&sinks.concat()).with("in.wav", sound::wav(16_000, 1, &sent));
    let report = project.run(&["--json"]).exits(0).report();
    sound::is_equal(&sound::read_mono(&project.path("a.wav")), &sent);
    assert_eq!(project.read("b.raw"), sound::bytes(&sent));
    let float = sound::read_wav(&project.path("c.wav"));
    assert_eq!((float.rate, float.channels, float.bits), (16_000, 1, 32));
    let floats: Vec<f32> = float.data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert!(floats.iter().copied().eq(sent.iter().map(|s| f32::from(*s) / 32_768.0)));
    for name in ["wav", "raw", "float", "flac"] {
        let ledger = &sink_of(&report, name)["ledger"];
        assert_eq!((&ledger["captured"], &ledger["delivered"]), (&sent.len().into(), &sent.len().into()), "{name}");
    }
    // The FLAC file, read back by the source of another run.
    let again = FILE.replace("in.wav", "d.flac") + &sink("e.raw", "format = \"raw\"");
    project.write("pipeline.toml", again);
    project.run(&[]).exits(0);
    assert_eq!(project.read("e.raw"), sound::bytes(&sent));
}

#[test]
fn a_message_per_chunk_carries_the_sound_and_its_place() {
    let sent = sound::noise(3 * 4096 + 100, 2);
    let keys = "format = \"ndjson\"\nchunk = { frames = 4096, flush = \"pad\" }\n\
                message = '{\"n\":{seq},\"s\":{segment},\"at\":{at},\"r\":{rate},\"f\":{frames},\"a\":\"{audio}\"}'";
    let project = fast(&sink("m.ndjson", keys)).with("in.wav", sound::wav(16_000, 1, &sent));
    project.run(&[]).exits(0);
    let text = String::from_utf8(project.read("m.ndjson")).expect("text");
    let mut heard = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let message: serde_json::Value = serde_json::from_str(line).expect("a JSON message");
        let place = ["n", "s", "at", "r", "f"].map(|key| message[key].as_u64().unwrap());
        assert_eq!(place, [n as u64, 0, 4096 * n as u64, 16_000, 4096]);
        heard.extend(sound::samples(&base64(message["a"].as_str().unwrap())));
    }
    sound::is_equal(&heard, &sound::padded(&sent, 4096));
}

/// Base64 by the book (RFC 4648), so that nothing of ours is compared with itself.
fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0, "padded");
    let mut bytes = Vec::new();
    for four in text.as_bytes().chunks(4) {
        let digits: Vec<u32> = four
            .iter()
            .filter(|c| **c != b'=')
            .map(|c| ALPHABET.iter().position(|a| a == c).expect("of the alphabet") as u32)
            .collect();
        let bits = digits.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - digits.len()));
        bytes.extend(&bits.to_be_bytes()[1..digits.len()]);
    }
    bytes
}

/// The tree: one source, and every sink gets the edge it names.
#[test]
fn sinks_take_what_their_input_says() {
    let sent = sound::noise(8_000, 3);
    let nodes = "[[node]]\nname = \"half\"\ntype = \"gain\"\ndb = -6\n[[node]]\ntype = \"gain\"\ninput = \"source\"\n";
    let sinks = sink("whole.raw", "name = \"whole\"\ninput = \"source\"\nformat = \"raw\"")
        + &sink("half.raw", "name = \"quiet\"\ninput = \"half\"\nformat = \"raw\"")
        + &sink("last.raw", "name = \"last\"\nformat = \"raw\"");
    let project = fast(&format!("{nodes}{sinks}")).with("in.wav", sound::wav(16_000, 1, &sent));
    project.run(&[]).exits(0);
    assert_eq!(project.read("whole.raw"), sound::bytes(&sent));
    assert_eq!(project.read("last.raw"), sound::bytes(&sent), "0 dB passes bit for bit");
    let factor = 10_f64.powf(-6.0 / 20.0);
    let half = sound::samples(&project.read("half.raw"));
    assert_eq!(half.len(), sent.len());
    assert!(half.iter().zip(&sent).all(|(h, s)| (f64::from(*h) - f64::from(*s) * factor).abs() <= 0.51));
}

#[test]
fn each_segment_gets_a_file_of_its_own() {
    let mut sent = Vec::new();
    for seed in [4, 5, 6] {
        sent.extend(vec![0; 16_000]);
        sent.extend(sound::noise(8_000, seed));
    }
    sent.extend(vec![0; 16_000]);
    let node = "[[node]]\ntype = \"vad\"\ndetector = \"energy\"\n";
    let keys = "name = \"takes\"\nturn = { mode = \"speech\", hangover = \"300ms\", pre_roll = \"100ms\" }";
    let project = fast(&format!("{node}{}", sink("takes/{sink}-{segment:03}.wav", keys)));
    project.write("in.wav", sound::wav(16_000, 1, &sent));
    let ended = project.run(&["--events", "-"]);
    let events = ended.exits(0).events();
    assert_eq!(events.reasons("takes"), ["speech_end"; 3]);
    for (n, (at, frames)) in events.spans("takes").into_iter().enumerate() {
        let take = sound::read_mono(&project.path(&format!("takes/takes-{n:03}.wav")));
        sound::is_equal(&take, &sent[at..at + frames]);
    }
    let speech: Vec<u64> = events.named("speech_start").map(|event| event["at"].as_u64().unwrap()).collect();
    assert_eq!(speech, [16_000, 40_000, 64_000]);
    assert_eq!(events.named("speech_end").count(), 3);
}

#[test]
fn what_is_no_number_becomes_silence() {
    let odd = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5, -1.0, 1.0, 2.0, -2.0, 1e-40];
    let mut samples = vec![0.25_f32; 480];
    samples[..odd.len()].copy_from_slice(&odd);
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let header = sound::Header { tag: 3, channels: 1, rate: 16_000, bits: 32, data: data.len() as u32 };
    let project = fast(&sink("out.wav", "")).with("in.wav", sound::wav_with(header, &data));
    project.run(&[]).exits(0);
    let out = sound::read_mono(&project.path("out.wav"));
    let (max, min) = (i16::MAX, i16::MIN);
    assert_eq!(out[..odd.len()], [0, 0, max, min, 16_384, min, max, max, min, 0]);
    assert!(out[odd.len()..].iter().all(|sample| *sample == 8_192), "and spoils nothing around it");
    // A filter has a memory: what is no number must not stay in it.
    let node = "[[node]]\ntype = \"resample\"\nrate = 8000\n[[node]]\ntype = \"high-pass\"\ncutoff = 80\n\
                [[node]]\ntype = \"vad\"\n";
    let mut long = data.clone();
    (0..16_000).for_each(|i| long.extend(((i as f32 * 0.3).sin() * 0.5).to_le_bytes()));
    let header = sound::Header { data: long.len() as u32, ..header };
    project.write("in.wav", sound::wav_with(header, &long));
    project.write("pipeline.toml", format!("{FILE}{node}{}", sink("out.wav", "")));
    project.run(&[]).exits(0);
    let out = sound::read_mono(&project.path("out.wav"));
    assert_eq!(out.len(), 8_240);
    let loudness = |part: &[i16]| part.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / part.len() as f64;
    assert!(loudness(&out[4_000..]).sqrt() > 8_000.0, "the tone is heard: {}", loudness(&out[4_000..]).sqrt());
}

/// The recording of a run that was killed is whole up to that moment.
#[test]
fn a_run_that_is_killed_leaves_a_valid_file() {
    let sent = sound::noise(60 * 16_000, 7);
    let pipeline =
        FILE.replace("fast", "realtime") + &sink("out.wav", "") + &sink("two.wav", "name = \"two\"\nsample = \"f32\"");
    let project = Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &sent));
    let mut run = project.start(&[]);
    // What the ledger counts as delivered is in the file, and its header tells of it.
    let delivered = loop {
        run.say(r#"{"do":"stats"}"#);
        let stats = run.wait_for_event("stats");
        let delivered = ["file", "two"].map(|name| sink_of(&stats, name)["ledger"]["delivered"].as_u64().unwrap());
        if delivered.iter().all(|frames| *frames >= 8_000) {
            break delivered.map(|frames| frames as usize);
        }
        run.wait_for_event("level");
    };
    let events = run.kill();
    let recorded = sound::read_mono(&project.path("out.wav"));
    assert!(recorded.len() >= delivered[0], "{} of {delivered:?}", recorded.len());
    sound::is_equal(&recorded, &events.patched(&sent)[..recorded.len()]);
    assert!(sound::read_wav(&project.path("two.wav")).data.len() >= 4 * delivered[1]);
}

/// The memory of a run does not grow with its length.
#[test]
fn ten_minutes_take_no_more_memory_than_one() {
    let pipeline = "version = 1\n[source]\ntype = \"stdin\"\nformat = \"s16le\"\nrate = 48000\nchannels = 2\n\
                    [[node]]\ntype = \"resample\"\nrate = 16000\n[[node]]\ntype = \"vad\"\n";
    let project = Project::new(&(pipeline.to_owned() + &sink("out.raw", "format = \"raw\"")));
    let peak = |minutes: usize| {
        let mut run = Run::start("run", &project, &["--json"]);
        let mut pipe = run.take_stdin();
        let second = sound::bytes(&sound::noise(2 * 48_000, 8));
        let writer = std::thread::spawn(move || (0..60 * minutes).all(|_| pipe.write_all(&second).is_ok()));
        let ended = run.finish();
        assert!(writer.join().expect("a writer"));
        let report = ended.exits(0).report();
        let frames = 60 * minutes as u64 * 16_000;
        assert_eq!(sink_of(&report, "file")["ledger"]["delivered"], frames);
        assert_eq!(report["balanced"], true);
        assert_eq!(project.path("out.raw").metadata().expect("a file").len(), 2 * frames);
        report["peak_rss_bytes"].as_u64().expect("a number")
    };
    let (short, long) = (peak(1), peak(10));
    assert!(short > 0, "the system tells");
    // Forty bytes for each block, if there were a leak; a few hundred KiB are the allocator's own.
    assert!(long < short + (2 << 20), "{short} bytes after a minute, {long} after ten");
}

#[test]
fn the_report_is_written_where_it_was_asked_for() {
    let sent = sound::noise(5_000, 9);
    let project = fast(&sink("out.wav", "")).with("in.wav", sound::wav(16_000, 1, &sent));
    let (report, events) = (project.path("report.json"), project.path("events.ndjson"));
    let more = ["--report", report.to_str().unwrap(), "--events", events.to_str().unwrap(), "--json"];
    let ended = project.run(&more);
    let printed = ended.exits(0).report();
    let written: serde_json::Value = serde_json::from_slice(&project.read("report.json")).expect("JSON");
    assert_eq!(written, printed);
    let told = support::events::Events::parse(std::str::from_utf8(&project.read("events.ndjson")).unwrap(), 0);
    assert_eq!(support::events::without_times(told.report().clone()), support::events::without_times(printed));
    assert!(ended.stderr.contains("balanced after"), "the table for people: {}", ended.stderr);
}

#[test]
fn a_live_parameter_changes_while_audio_flows() {
    let sent = vec![10_000; 60 * 16_000];
    let node = "[[node]]\nname = \"volume\"\ntype = \"gain\"\n";
    let pipeline = FILE.replace("fast", "realtime") + node + &sink("out.raw", "format = \"raw\"");
    let project = Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &sent));
    let mut run = project.start(&[]);
    run.wait_for_event("level");
    assert_eq!(run.ask(r#"{"do":"set","node":"volume","param":"db","value":-20}"#)["do"], "set");
    run.wait_for_event("level");
    run.wait_for_event("level");
    for (line, part) in [
        (r#"{"do":"set","node":"volume","param":"db","value":600}"#, "from -60 to 60 dB"),
        (r#"{"do":"set","node":"volume","param":"pan","value":1}"#, "db"),
        (r#"{"do":"set","node":"volum","param":"db","value":1}"#, "did you mean \"volume\"?"),
        (r#"{"do":"set","node":"volume","param":"db","value":"x"}"#, "value"),
    ] {
        let error = run.ask(line);
        assert_eq!((&error["code"], &error["do"]), (&"BadCommand".into(), &"set".into()), "{error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    }
    run.close_stdin();
    let ended = run.finish();
    let out = ended.exits(0).events().without_gaps(&sound::samples(&project.read("out.raw")));
    let change = out.iter().position(|sample| *sample != 10_000).expect("it became quieter");
    assert!(change > 0 && change % 160 == 0, "at a block's edge: {change}");
    let ramp = &out[change..change + 160];
    assert!(ramp.windows(2).all(|pair| pair[1] <= pair[0]), "no click");
    assert!(out[change + 160..].iter().all(|sample| *sample == 1_000), "a tenth of it");
}

//! Messages: each line is JSON and holds the sound it was given.

mod common;

use std::io::{BufRead, BufReader};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Rig, is_open, keys, problem, s16le, sound};
use glottis_core::TurnMode;
use glottis_core::param::Table;
use glottis_sink_file::{Line, Message};
use proptest::prelude::*;
use serde_json::{Value, json};

fn ndjson(message: &str) -> Table {
    keys("out/messages.ndjson").with("format", "ndjson").with("message", message)
}

#[test]
fn a_line_per_chunk_as_the_service_would_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let message = r#"{"isLive":true,"n":{seq},"audio_base64_pcm":"{audio}"}"#;
    let mut rig = Rig::start(ndjson(message), dir.path(), TurnMode::Always);
    let samples = sound(10_000);
    rig.begin(0);
    samples.chunks(4096).for_each(|chunk| rig.s16(chunk));
    rig.end();
    let outcome = rig.finish();
    let path = dir.path().join("out/messages.ndjson");
    outcome.is_clean(&[&path]);
    assert_eq!(outcome.messages, 3);
    let text = std::fs::read_to_string(path).unwrap();
    let want: String = samples
        .chunks(4096)
        .enumerate()
        .map(|(n, chunk)| {
            let audio = STANDARD.encode(s16le(chunk));
            format!("{{\"isLive\":true,\"n\":{n},\"audio_base64_pcm\":\"{audio}\"}}\n")
        })
        .collect();
    assert_eq!(text, want);
}

#[test]
fn every_number_is_filled_in_and_holes_show_by_their_position() {
    let dir = tempfile::tempdir().unwrap();
    let message =
        "{\"q\":{seq},\"s\":{segment},\n \"at\":{at},\"r\":{rate},\"f\":{frames},\"a\":[\"{audio}\",\"{audio}\"]}";
    let mut rig = Rig::at_rate(ndjson(message), dir.path(), TurnMode::Speech, 48_000);
    rig.begin(480);
    rig.s16(&[1, 2]);
    rig.skip(1000);
    rig.s16(&[3]);
    rig.end();
    rig.begin(9600);
    rig.s16(&[4]);
    rig.end();
    let outcome = rig.finish();
    let path = dir.path().join("out/messages.ndjson");
    outcome.is_clean(&[&path]);
    assert_eq!((outcome.ledger.delivered, outcome.ledger.padded), (4, 0));
    let lines: Vec<Value> =
        std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines,
        [
            json!({"q":0,"s":0,"at":480,"r":48000,"f":2,"a":["AQACAA==","AQACAA=="]}),
            json!({"q":1,"s":0,"at":1482,"r":48000,"f":1,"a":["AwA=","AwA="]}),
            json!({"q":0,"s":1,"at":9600,"r":48000,"f":1,"a":["BAA=","BAA="]}),
        ]
    );
}

#[test]
fn who_follows_the_file_sees_each_message_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(ndjson(r#"["{audio}"]"#), dir.path(), TurnMode::Always);
    rig.event(is_open);
    let mut reader = BufReader::new(std::fs::File::open(dir.path().join("out/messages.ndjson")).unwrap());
    rig.begin(0);
    for n in 1..6 {
        rig.s16(&[n; 10]);
        rig.until(|rig| rig.delivered() == 10 * n as u64);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, format!("[\"{}\"]\n", STANDARD.encode(s16le(&[n; 10]))));
    }
    rig.finish().result.unwrap();
}

#[test]
fn float_samples_can_be_sent_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut rig = Rig::start(ndjson(r#""{audio}""#).with("sample", "f32"), dir.path(), TurnMode::Always);
    assert_eq!(rig.wants.encoder, "f32");
    rig.begin(0);
    rig.f32(&[0.5]);
    rig.end();
    rig.finish().result.unwrap();
    assert_eq!(std::fs::read_to_string(dir.path().join("out/messages.ndjson")).unwrap(), "\"AAAAPw==\"\n");
}

#[test]
fn mistakes_in_a_message_are_named() {
    for (message, words) in [
        (r#"{"a":"{audoi}"}"#, "did you mean {audio}?"),
        (r#"{"a":"{ Audio }"}"#, "did you mean {audio}?"),
        (r#"{"a":"{audio}","n":{sec}}"#, "did you mean {seq}?"),
        (r#"{"a":"{audio}","n":{seq:04}}"#, "write {seq}"),
        (r#"{"a":"x"}"#, "the message has no {audio}"),
        (r#"{"a":{audio}}"#, "with {audio} in quotes"),
        (r#"{"a":"{audio}""#, "the message is no JSON"),
        (r#"{"a":"{audio}"}}"#, "the message is no JSON"),
        (r#"{"a":"{audio}","n":0{seq}}"#, "the message is no JSON"),
        (r#"{"a":"{audio}","n":-{at}}"#, "the message is no JSON"),
        (r#"{"a":"{audio}"} {"b":1}"#, "the message is no JSON"),
        ("", "the message has no {audio}"),
    ] {
        let text = problem(ndjson(message));
        assert!(text.starts_with("sink[0].message: ") && text.contains(words), "{message}: {text}");
    }
}

#[test]
fn a_key_in_a_message_is_never_shown() {
    let text = problem(ndjson(r#"{"token":"s3cr3t","a":{audio}}"#));
    assert!(!text.contains("s3cr3t"), "{text}");
    let message = Message::parse(r#"{"token":"s3cr3t","a":"{audio}"}"#).unwrap();
    assert!(!format!("{message:?}").contains("s3cr3t"));
}

#[test]
fn other_braces_are_the_texts_own() {
    for message in [
        r#"{"a":"{audio}","t":"{greeting} {} { } {{x}}"}"#,
        r#"{"a":"{audio}","t":"\u007baudoi}"}"#,
        r#"{"o":{"p":{}},"a":"{audio}","list":[{"x":{seq}}]}"#,
    ] {
        let template = Message::parse(message).unwrap_or_else(|problem| panic!("{message}: {problem}"));
        let line = Line { audio: b"", seq: 5, segment: 0, at: 0, rate: 8000, frames: 0 };
        let mut out = vec![0; template.max_len(0)];
        let len = template.write(&line, &mut out).unwrap();
        assert_eq!(String::from_utf8_lossy(&out[..len]), message.replace("{audio}", "").replace("{seq}", "5"));
    }
}

#[test]
fn a_message_that_does_not_fit_is_not_cut() {
    let message = Message::parse(r#"["{audio}",{at}]"#).unwrap();
    let line = Line { audio: &[1; 100], seq: 0, segment: 0, at: i64::MIN, rate: 8000, frames: 50 };
    let mut out = vec![0; message.max_len(100)];
    let len = message.write(&line, &mut out).unwrap();
    assert!((0..len).all(|short| message.write(&line, &mut out[..short]).is_none()));
}

proptest! {
    #[test]
    fn every_line_is_json_and_decodes_to_its_sound(
        audio in proptest::collection::vec(any::<u8>(), 0..9000),
        (seq, segment, at) in (any::<u64>(), any::<u64>(), any::<i64>()),
        (rate, frames) in (any::<u32>(), any::<u32>()),
        (key, words) in ("[a-z \u{e4}\u{1F600}]{0,8}", "[^{}\\p{Cc}]{0,12}"),
        order in Just(vec!["audio", "seq", "segment", "at", "rate", "frames"]).prop_shuffle(),
    ) {
        let words = serde_json::to_string(&words).unwrap();
        let fields: Vec<String> = order
            .iter()
            .map(|name| if *name == "audio" { "\"audio\":\"{audio}\"".into() } else { format!("\"{name}\": {{{name}}}") })
            .collect();
        let text = format!("{{\"_{key}\":{{\"w\":{words}}},{}}}", fields.join(","));
        let message = Message::parse(&text).unwrap();
        let line = Line { audio: &audio, seq, segment, at, rate, frames };
        let mut out = vec![b'!'; message.max_len(audio.len())];
        let len = message.write(&line, &mut out).unwrap();
        let value: Value = serde_json::from_slice(&out[..len]).unwrap();
        prop_assert!(!out[..len].contains(&b'\n'));
        prop_assert_eq!(STANDARD.decode(value["audio"].as_str().unwrap()).unwrap(), audio);
        prop_assert_eq!(&value["seq"], &json!(seq));
        prop_assert_eq!(&value["segment"], &json!(segment));
        prop_assert_eq!(&value["at"], &json!(at));
        prop_assert_eq!(&value["rate"], &json!(rate));
        prop_assert_eq!(&value["frames"], &json!(frames));
    }

    #[test]
    fn no_text_makes_the_reader_of_messages_fail_badly(text in "[{}\":,\\[\\]a-z0-9é ]{0,40}(\\{audio\\})?[{}\" ]{0,5}") {
        let _ = Message::parse(&text);
    }
}

/// A stream that has run for years: positions and segments are told to the last digit, in messages and in
/// the names of files.
#[test]
fn numbers_go_on_beyond_31_and_32_and_53_bits() {
    for border in [1_i64 << 31, 1 << 32, 1 << 53] {
        let dir = tempfile::tempdir().unwrap();
        let keys = keys("{segment:04}.ndjson").with("format", "ndjson");
        let keys = keys.with("message", r#"{"s":{segment},"at":{at},"a":"{audio}"}"#);
        let mut rig = Rig::start(keys, dir.path(), TurnMode::Speech);
        rig.number_from(border as u64 - 1);
        for at in [border - 1, border + 1] {
            rig.begin(at);
            rig.s16(&[1, 2]);
            rig.end();
        }
        rig.finish().result.expect("the sink is content");
        for (segment, at) in [(border - 1, border - 1), (border, border + 1)] {
            let path = dir.path().join(format!("{segment:04}.ndjson"));
            let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{why}: {}", path.display()));
            assert_eq!(text, format!("{{\"s\":{segment},\"at\":{at},\"a\":\"AQACAA==\"}}\n"));
        }
    }
}

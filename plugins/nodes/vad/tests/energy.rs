//! The `energy` detector inside the `vad` node.

mod common;

use common::{build, detector, marks, marks_from, rate, sentence, silence, spans, tone};
use glottis_core::{FaultCode, Rate};

fn demo() -> glottis_core::param::Table {
    detector("energy").with("preset", "ravatar-demo")
}

/// With a hangover of 900 ms behind it, this is the turn of RAVATAR's demo page: it is sent 900 ms
/// after the tone, because the marks are where the tone is.
#[test]
fn the_demo_preset_marks_a_tone_to_the_block() {
    for hz in Rate::LIST {
        let samples = [silence(hz, 0.5), tone(hz, 1.0, 0.03), silence(hz, 0.5)].concat();
        let (start, end) = (i64::from(hz) / 2, i64::from(hz) * 3 / 2);
        assert_eq!(spans(&marks(&demo(), hz, &samples), 0), [(start, end)], "at {hz} Hz");
    }
}

#[test]
fn the_demo_preset_is_off_by_less_than_a_block_wherever_the_tone_lies() {
    let hz = 16_000;
    for shift in [1, 40, 80, 120, 159] {
        let samples = [vec![0.0; shift], tone(hz, 1.0, 0.03), silence(hz, 0.5)].concat();
        let spans = spans(&marks(&demo(), hz, &samples), 0);
        let [(start, end)] = spans[..] else { panic!("{spans:?}") };
        assert!((start - shift as i64).abs() < 160, "{start}");
        assert!((end - shift as i64 - 16_000).abs() < 160, "{end}");
    }
}

#[test]
fn the_demo_preset_hears_nothing_softer_than_two_hundredths() {
    assert!(marks(&demo(), 16_000, &tone(16_000, 2.0, 0.01)).is_empty());
    assert!(marks(&demo(), 16_000, &[0.019_99; 16_000]).is_empty());
    assert_eq!(marks(&demo(), 16_000, &[0.02; 16_000])[0].at, 0);
    // It has no hysteresis, and the other keys do not matter.
    let table = demo().with("threshold_dbfs", -10.0).with("hysteresis_db", 20);
    let samples = [vec![0.02; 1_600], vec![0.019_99; 1_600]].concat();
    assert_eq!(spans(&marks(&table, 16_000, &samples), 0), [(0, 1_600)]);
}

#[test]
fn hysteresis_keeps_speech_until_it_is_softer_by_that_much() {
    let level = |db: f32| 10_f32.powf(db / 20.0);
    let samples: Vec<f32> =
        [-30.0, -20.5, -19.5, -22.0, -25.5, -26.5, -22.0].iter().flat_map(|&db| vec![level(db); 1_600]).collect();
    let table = detector("energy").with("threshold_dbfs", -20);
    assert_eq!(spans(&marks(&table, 16_000, &samples), 0), [(3_200, 8_000)], "6 dB unless told");
    assert_eq!(spans(&marks(&table.clone().with("hysteresis_db", 0), 16_000, &samples), 0), [(3_200, 4_800)]);
    assert_eq!(spans(&marks(&table.with("hysteresis_db", 40), 16_000, &samples), 11_200), [(3_200, 11_200)]);
}

#[test]
fn the_threshold_is_minus_34_unless_told_and_can_change_while_audio_flows() {
    let level = |db: f32| 10_f32.powf(db / 20.0);
    assert!(marks(&detector("energy"), 48_000, &vec![level(-34.1); 4_800]).is_empty());
    assert_eq!(marks(&detector("energy"), 48_000, &vec![level(-33.9); 4_800]).len(), 1);

    let mut node = build(&detector("energy")).unwrap();
    node.prepare(rate(16_000)).unwrap();
    node.set("threshold_dbfs", -50.0).unwrap();
    assert_eq!(marks_from(node.as_mut(), 16_000, 0, &[level(-45.0); 160]).len(), 1);
    node.set("hysteresis_db", 0.0).unwrap();
    assert_eq!(marks_from(node.as_mut(), 16_000, 160, &[level(-51.0); 160]).len(), 1);
    for (param, value) in
        [("threshold_dbfs", 1.0), ("threshold_dbfs", f64::NAN), ("hysteresis_db", 41.0), ("preset", 0.0)]
    {
        assert_eq!(node.set(param, value).unwrap_err().code, FaultCode::BadParameter, "{param} {value}");
    }
}

#[test]
fn recorded_speech_is_found_between_silences() {
    let hz = 16_000;
    let speech = sentence("0880");
    let samples = [silence(hz, 1.0), speech.clone(), silence(hz, 1.0)].concat();
    let spans = spans(&marks(&detector("energy"), hz, &samples), 0);
    let speech = 16_000..16_000 + speech.len() as i64;
    assert!(!spans.is_empty());
    assert!(spans.iter().all(|(start, end)| speech.contains(start) && *end <= speech.end + 160), "{spans:?}");
    let voiced: i64 = spans.iter().map(|(start, end)| end - start).sum();
    let share = voiced as f64 / (speech.end - speech.start) as f64;
    assert!((0.4..0.95).contains(&share), "{share:.2} of the recording is speech");
}

#[test]
fn keys_out_of_range_are_named() {
    let words = |table| build(&table).err().unwrap()[0].to_string();
    assert!(
        words(detector("energy").with("threshold_dbfs", 3)).contains("node[0].threshold_dbfs: 3 dBFS is out of range")
    );
    assert!(words(detector("energy").with("hysteresis_db", -1)).contains("from 0 to 40 dB"));
    assert!(words(detector("energy").with("preset", "demo")).contains("ravatar-demo"));
}

//! What cannot be measured says why, and what to do.

use glottis_measure::{Latency, PlayCommand, Refused};

use crate::rig::{few, try_measure};

const SOURCE: &str = "[source]\ntype = \"file\"\npath = \"in.wav\"\n";
const SINK: &str = "[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";

#[track_caller]
fn refused(latency: Latency, text: &str) -> (&'static str, String) {
    let refused = try_measure(latency, 16_000, text).expect_err("nothing to measure");
    let kind = match refused {
        Refused::Config(_) => "config",
        Refused::Usage(_) => "usage",
        Refused::Source(_) => "source",
        Refused::Sink(_) => "sink",
        Refused::Failed(_) => "failed",
    };
    (kind, refused.to_string())
}

#[track_caller]
fn says(found: &(&str, String), kind: &str, words: &[&str]) {
    assert_eq!(found.0, kind, "{}", found.1);
    for word in words {
        assert!(found.1.contains(word), "no `{word}` in: {}", found.1);
    }
}

#[test]
fn a_configuration_that_is_wrong_names_the_place() {
    says(&refused(few(), &format!("{SOURCE}paht = 1\n{SINK}")), "config", &["paht", "pipeline.toml:4"]);
}

#[test]
fn a_missing_file_is_named() {
    let text = format!("[source]\ntype = \"file\"\npath = \"gone.wav\"\n{SINK}");
    says(&refused(few(), &text), "source", &["gone.wav", "check `path`"]);
}

#[test]
fn a_sink_that_cannot_be_read_back_is_refused_unless_it_is_left_out() {
    let mut registry = crate::rig::registry();
    registry.add_sink("pigeon", "flies", &[], |_, _, _| -> Result<Pigeon, _> { Ok(Pigeon) });
    let config = |text: &str| glottis_graph::Config::parse(text, "p.toml".as_ref()).expect("TOML");
    let text = format!("[source]\ntype = \"stdin\"\nrate = 16000\n{SINK}[[sink]]\ntype = \"pigeon\"\n");
    let error = few().measure(&config(&text), &registry).expect_err("a pigeon").to_string();
    assert!(error.contains("\"pigeon\"") && error.contains("--sink NAME"), "{error}");
    let alone = Latency { bursts: 1, sink: Some("file".to_owned()), ..few() };
    assert_eq!(alone.measure(&config(&text), &registry).expect("a file").sinks.len(), 1);
}

struct Pigeon;

impl glottis_core::Sink for Pigeon {
    fn wants(&self) -> glottis_core::sink::Wants {
        glottis_core::sink::Wants::default()
    }

    fn prepare(&mut self, _: &glottis_core::sink::Edge) -> Result<(), glottis_core::Problem> {
        Ok(())
    }

    fn run<'a>(
        &'a mut self,
        _: &'a mut glottis_core::Inlet,
    ) -> glottis_core::sink::BoxFuture<'a, Result<(), glottis_core::SinkError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[test]
fn a_sink_that_is_not_there_is_refused_with_those_that_are() {
    let latency = Latency { sink: Some("fiel".to_owned()), ..few() };
    says(&refused(latency, &format!("{SOURCE}{SINK}")), "usage", &["fiel", "there are: file"]);
}

#[test]
fn a_key_that_nobody_presses() {
    let text = format!("{SOURCE}{SINK}turn = {{ mode = \"push-to-talk\" }}\n");
    says(&refused(few(), &text), "usage", &["--set sink.file.turn.mode=always"]);
}

/// A burst that follows speech by 50 ms is behind a turn that ends after 20.
#[test]
fn a_detector_that_gates_every_burst() {
    let text = format!("{SOURCE}[[node]]\ntype = \"vad\"\n{SINK}turn = {{ mode = \"speech\", min_speech = \"5s\" }}\n");
    let latency = Latency { bursts: 1, ..few() };
    says(&refused(latency, &text), "usage", &["gates them", "turn.mode=always", "gated"]);
}

#[test]
fn a_node_that_lets_nothing_through_is_named() {
    let text = format!("{SOURCE}[[node]]\ntype = \"mute\"\n{SINK}");
    says(&refused(few(), &text), "usage", &["\"mute\"", "lets none"]);
}

#[test]
fn what_is_played_has_its_place_and_the_rest_its_own() {
    let played = || Latency { speaker: Some(Box::new(PlayCommand("true".to_owned()))), ..few() };
    says(&refused(played(), &format!("{SOURCE}{SINK}")), "usage", &["leave out --play"]);
    let none = format!("[source]\ntype = \"stdin\"\nformat = \"u8\"\nrate = 16000\nchannels = 1\n{SINK}");
    says(&refused(few(), &none), "usage", &["--set source.format=s16le"]);
}

#[test]
fn no_bursts_at_all_are_refused() {
    let latency = Latency { bursts: 0, ..few() };
    says(&refused(latency, &format!("{SOURCE}{SINK}")), "usage", &["at least one burst"]);
}

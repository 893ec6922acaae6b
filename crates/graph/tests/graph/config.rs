//! What a configuration says about itself when it is wrong: every problem at once, each with its
//! place, its key and what to do.

use std::path::Path;

use glottis_core::registry::ComponentKind;
use glottis_core::{Context, Place};
use glottis_graph::config::Problems;
use glottis_graph::{Config, Plan, plan, turn};

use crate::parts::registry;
use crate::rig::{SOURCE, build};

/// The messages of all problems of `text`, which must not be a valid configuration.
#[track_caller]
fn wrong(text: &str) -> Vec<String> {
    let problems = Config::parse(text, "dir/p.toml".as_ref())
        .and_then(|config| Plan::new(&config, &registry(&[]), &Context::default()).map(|_| ()))
        .expect_err("this is wrong");
    lines(&problems)
}

fn lines(problems: &Problems) -> Vec<String> {
    problems.to_string().lines().map(str::to_owned).collect()
}

/// What is wrong with `text` once the source turns out to be of 16 kHz.
#[track_caller]
fn wrong_tree(text: &str) -> Vec<String> {
    match build(text, 16_000, false, &[]) {
        Ok(_) => panic!("this is wrong"),
        Err(problems) => lines(&problems),
    }
}

#[test]
fn an_unknown_key_names_its_place_and_the_nearest() {
    let got = wrong("[source]\ntype = \"still\"\n\n[[sink]]\ntype = \"bin\"\nencodr = \"raw\"\n");
    assert_eq!(got, ["dir/p.toml:6:1: sink[0].encodr: unknown key \"encodr\" (did you mean `encoder`?)"]);
    let got = wrong("[source]\ntype = \"still\"\n[[sinc]]\ntype = \"bin\"\n");
    assert!(got[0].starts_with("dir/p.toml:3:3: sinc: unknown key \"sinc\" (did you mean `sink`?)"), "{got:?}");
    let got =
        wrong("[source]\ntype = \"still\"\n[[sink]]\ntype = \"bin\"\nturn = { mode = \"always\", hangovr = \"1s\" }\n");
    assert!(got[0].starts_with("dir/p.toml:5:27: sink[0].turn.hangovr: unknown key"), "{got:?}");
    assert!(got[0].contains("did you mean `hangover`?"), "{got:?}");
}

#[test]
fn an_unknown_component_or_word_names_the_nearest() {
    let got = wrong("[source]\ntype = \"stil\"\n[[sink]]\ntype = \"bin\"\n");
    assert_eq!(got, ["dir/p.toml:2:8: source.type: \"stil\" is not valid here (did you mean \"still\"?)"]);
    let got = wrong(&format!("{SOURCE}[[sink]]\ntype = \"bin\"\nturn.mode = \"allways\"\n"));
    assert_eq!(got, ["dir/p.toml:5:13: sink[0].turn.mode: \"allways\" is not valid here (did you mean \"always\"?)"]);
    let got = wrong(&format!("{SOURCE}[[sink]]\ntype = \"xyzzy\"\n"));
    assert!(got[0].ends_with("\"xyzzy\" is not valid here (one of: bin)"), "{got:?}");
}

#[test]
fn values_out_of_range_or_of_another_type_say_what_is_wanted() {
    let text = format!(
        "{SOURCE}[[sink]]\ntype = \"bin\"\nturn = {{ pre_roll = \"11s\", max = \"10ms\", hangover = 900 }}\n\
         chunk = {{ frames = 0, flush = true }}\noverflow = {{ queue = \"2 fortnights\" }}\n"
    );
    let got = wrong(&text);
    assert_eq!(got.len(), 6, "{got:?}");
    assert!(got[0].starts_with("dir/p.toml:5:21: sink[0].turn.pre_roll: \"11s\" is out of range (from 0s to 10s)"));
    assert!(got[1].contains("turn.max: \"10ms\" is out of range (from 100ms to 24h)"), "{got:?}");
    assert!(got[2].contains("turn.hangover: expected a duration"), "{got:?}");
    assert!(got[3].contains("chunk.frames: 0 frames is out of range (from 1 to 96000 frames)"), "{got:?}");
    assert!(got[4].contains("chunk.flush: expected one of pad, short, found a boolean"), "{got:?}");
    assert!(got[5].contains("overflow.queue: \"fortnights\" is no unit of time"), "{got:?}");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let text = "version = 2\nplugins = [1]\nnonsense = 1\n[source]\ntype = \"no\"\n[[node]]\ntype = \"no\"\n\
        [[node]]\ntype = \"delay\"\ninput = \"nowhere\"\n[[sink]]\ntype = \"no\"\n[[sink]]\n";
    let got = wrong(text);
    for want in [
        ":1:11: version: this version is not known (write `version = 1`)",
        ":2:1: plugins: expected a list of file names",
        ":3:1: nonsense: unknown key",
        ":5:8: source.type:",
        ":7:8: node[0].type:",
        ":8:1: node[1].frames: missing key \"frames\"",
        ":10:9: node[1].input: there is no node \"nowhere\" before this",
        ":12:8: sink[0].type:",
        ":13:1: sink[1].type: missing key \"type\"",
    ] {
        assert!(got.iter().any(|line| line.contains(want)), "{want} is not in {got:#?}");
    }
    assert_eq!(got.len(), 9, "{got:#?}");
}

#[test]
fn an_empty_configuration_asks_for_a_source_and_a_sink() {
    let got = wrong("");
    assert_eq!(got.len(), 2);
    assert!(got[0].contains("there is no source") && got[1].contains("there is no sink"), "{got:?}");
}

#[test]
fn sections_of_the_wrong_shape_say_how_to_write_them() {
    let got = wrong("[[source]]\ntype = \"still\"\n[node]\ntype = \"flip\"\n[sink]\ntype = \"bin\"\n");
    assert!(got.iter().any(|l| l.contains("write `[source]`")), "{got:?}");
    assert!(got.iter().any(|l| l.contains("write `[[node]]`")), "{got:?}");
    assert!(got.iter().any(|l| l.contains("write `[[sink]]`")), "{got:?}");
    for text in ["source = 1\nsink = 2\nnode = \"x\"\n", "sink = [1, 2]\n[source]\ntype = \"still\"\n"] {
        assert!(!wrong(text).is_empty());
    }
}

#[test]
fn the_latency_profile_is_one_of_two_words() {
    let text = |latency: &str| format!("{latency}[source]\ntype = \"still\"\n[[sink]]\ntype = \"bin\"\n");
    let profile = |latency: &str| {
        let config = Config::parse(&text(latency), "p.toml".as_ref()).unwrap();
        Plan::new(&config, &registry(&[]), &Context::default()).unwrap_or_else(|p| panic!("{p}")).latency
    };
    use plan::Latency::{Lowest, Normal};
    assert_eq!(
        (profile(""), profile("latency = \"normal\"\n"), profile("latency = \"lowest\"\n")),
        (Normal, Normal, Lowest)
    );
    for bad in ["latency = \"low\"\n", "latency = 1\n"] {
        let got = wrong(&text(bad));
        assert_eq!(got, ["dir/p.toml:1:11: latency: expected \"normal\" or \"lowest\""]);
    }
}

#[test]
fn grammar_errors_have_a_place_too() {
    let got = wrong("[source]\ntype = \n");
    assert!(got[0].starts_with("dir/p.toml:2:"), "{got:?}");
}

#[test]
fn inputs_must_be_declared_before_what_they_feed() {
    let two = "[[node]]\nname = \"first\"\ntype = \"flip\"\ninput = \"second\"\n[[node]]\nname = \"second\"\ntype = \"flip\"\n";
    let got = wrong(&format!("{SOURCE}{two}[[sink]]\ntype = \"bin\"\ninput = \"frist\"\n"));
    assert_eq!(
        got,
        [
            "dir/p.toml:6:9: node[0].input: there is no node \"second\" before this (an input must be declared before what it feeds: move it up)",
            "dir/p.toml:12:9: sink[0].input: there is no node \"frist\" before this (did you mean \"first\"?)",
        ]
    );
    let itself = "[[node]]\nname = \"a\"\ntype = \"flip\"\ninput = \"a\"\n";
    assert_eq!(wrong(&format!("{SOURCE}{itself}[[sink]]\ntype = \"bin\"\n")).len(), 1);
}

#[test]
fn names_are_the_type_numbered_or_what_was_written() {
    let text = format!(
        "{SOURCE}[[node]]\ntype = \"flip\"\n[[node]]\ntype = \"flip\"\n[[node]]\nname = \"last\"\ntype = \"flip\"\n\
         [[sink]]\ntype = \"bin\"\n[[sink]]\ntype = \"bin\"\ninput = \"flip-2\"\n"
    );
    let config = Config::parse(&text, "p.toml".as_ref()).unwrap();
    let plan = Plan::new(&config, &registry(&[]), &Context::default()).unwrap();
    assert_eq!(plan.nodes().map(|n| n.0).collect::<Vec<_>>(), ["flip", "flip-2", "last"]);
    assert_eq!(plan.sinks().collect::<Vec<_>>(), [("bin", "bin"), ("bin-2", "bin")]);
    let graph = build(text.strip_prefix(SOURCE).unwrap(), 16_000, false, &[]).unwrap();
    assert_eq!(graph.sinks.iter().map(|s| s.input.as_str()).collect::<Vec<_>>(), ["last", "flip-2"]);
    assert_eq!(graph.nodes.iter().map(|n| n.input.as_str()).collect::<Vec<_>>(), ["source", "flip", "flip-2"]);
}

#[test]
fn a_name_can_be_given_once_and_never_be_source() {
    let node = |name: &str| format!("[[node]]\nname = \"{name}\"\ntype = \"flip\"\n");
    let got = wrong(&format!("{SOURCE}{}{}{}[[sink]]\ntype = \"bin\"\n", node("a"), node("a"), node("source")));
    assert_eq!(
        got,
        [
            "dir/p.toml:7:8: node[1].name: the name \"a\" is taken (choose another)",
            "dir/p.toml:10:8: node[2].name: the name \"source\" is taken (choose another)",
        ]
    );
}

#[test]
fn speech_without_a_detector_is_refused() {
    let got =
        wrong_tree("[[node]]\ntype = \"flip\"\n[[sink]]\nname = \"out\"\ntype = \"bin\"\nturn.mode = \"speech\"\n");
    assert_eq!(got.len(), 1);
    assert!(got[0].starts_with("p.toml:8:13: sink[0].turn.mode:"), "{got:?}");
    assert!(got[0].contains("sink \"out\", fed by \"flip\" at 16000 Hz") && got[0].contains("\"vad\""), "{got:?}");
    let beside = "[[node]]\ntype = \"script\"\n[[sink]]\ntype = \"bin\"\ninput = \"source\"\nturn.mode = \"speech\"\n";
    assert_eq!(wrong_tree(beside).len(), 1, "a detector beside the path hears nothing for it");
}

#[test]
fn mismatches_of_rates_name_both_ends_and_are_said_once() {
    let got = wrong_tree(
        "[[node]]\nname = \"odd\"\ntype = \"refuses\"\n[[node]]\ntype = \"flip\"\n[[sink]]\ntype = \"bin\"\n\
         [[sink]]\nname = \"far\"\ntype = \"bin\"\ninput = \"source\"\nrate = 48000\n",
    );
    assert_eq!(
        got,
        [
            "p.toml:5:8: node[0]: node \"odd\", fed by \"source\" at 16000 Hz: needs 12345 Hz (insert a node before it)",
            "p.toml:12:8: sink[1]: sink \"far\", fed by \"source\" at 16000 Hz: needs 48000 Hz (insert a resampler)",
        ]
    );
}

#[test]
fn set_overrides_and_its_mistakes_are_named_as_typed() {
    let text = format!("{SOURCE}[[node]]\ntype = \"delay\"\nframes = 1\n[[sink]]\nname = \"out\"\ntype = \"bin\"\n");
    let mut config = Config::parse(&text, "p.toml".as_ref()).unwrap();
    config.set("sink.out.chunk.frames=77").unwrap();
    config.set("node.delay.frames=320").unwrap();
    config.set("node.0.name=late").unwrap();
    let registry = registry(&[]);
    let emit = |_| -> glottis_core::inlet::Emit { std::sync::Arc::new(|_| ()) };
    let rate = glottis_core::Rate::new(16_000).unwrap();
    let plan = Plan::new(&config, &registry, &Context::default()).unwrap();
    let (graph, _) = plan.build(rate, false, &registry, &emit).unwrap();
    assert_eq!(graph.sinks[0].edge.chunk_frames, 77);
    assert_eq!((graph.nodes[0].name.as_str(), graph.nodes[0].latency), ("late", 320));
    assert_eq!(graph.sinks[0].latency, std::time::Duration::from_millis(20));

    config.set("sink.out.chunk.frames=many").unwrap();
    config.set("sink.out.chunk.frame=1").unwrap();
    let problems = Plan::new(&config, &registry, &Context::default()).map(|_| ()).unwrap_err();
    let got = lines(&problems);
    assert_eq!(got.len(), 2, "{got:?}");
    assert!(got[0].starts_with("--set sink.out.chunk.frames=many: sink[0].chunk.frames: expected a whole number"));
    assert!(got[1].starts_with("--set sink.out.chunk.frame=1: sink[0].chunk.frame: unknown key"), "{got:?}");
    assert!(got[1].contains("did you mean `frames`?"), "{got:?}");
    assert!(matches!(problems.list[0].place, Place::Override(_)));

    let nowhere = config.set("sink.uot.chunk.frames=1").unwrap_err().to_string();
    assert!(nowhere.contains("did you mean `out`?"), "{nowhere}");
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_with_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("none.toml");
    let message = Config::read(&missing).unwrap_err().to_string();
    assert!(message.contains("none.toml") && message.contains("cannot read"), "{message}");
    let binary = dir.path().join("binary.toml");
    std::fs::write(&binary, [b'a', b'=', 0xFF, 0xFE]).unwrap();
    let message = Config::read(&binary).unwrap_err().to_string();
    assert!(message.contains("not UTF-8 from byte 2"), "{message}");
    let good = dir.path().join("good.toml");
    std::fs::write(&good, format!("plugins = [\"a.so\"]\n{SOURCE}")).unwrap();
    let config = Config::read(&good).unwrap();
    let files: Vec<_> = config.plugins().into_iter().map(|(file, _)| file).collect();
    assert_eq!(files, [dir.path().join("a.so")], "relative to the file");
    let here = Config::parse("plugins = [\"a.so\"]\n", "good.toml".as_ref()).unwrap();
    assert_eq!(here.plugins()[0].0, std::path::Path::new("./a.so"), "never a name that would be searched for");
}

#[test]
fn the_turn_of_a_sink_is_what_was_written_or_what_it_wants() {
    let text = "[[node]]\ntype = \"script\"\n\
        [[sink]]\ntype = \"bin\"\n\
        [[sink]]\ntype = \"bin\"\ndefault_turn = \"auto\"\n\
        [[sink]]\ntype = \"bin\"\nturn = { mode = \"speech\", hangover = \"1.5s\" }\n";
    let graph = build(text, 48_000, true, &[]).unwrap();
    let turns: Vec<_> = graph.sinks.iter().map(|s| s.turn).collect();
    use glottis_core::TurnMode::{Always, Auto, Speech};
    assert_eq!(turns.iter().map(|t| t.mode).collect::<Vec<_>>(), [Always, Auto, Speech]);
    assert_eq!(turns[2].hangover, std::time::Duration::from_millis(1500));
    assert_eq!(turns[2].pre_roll, std::time::Duration::from_millis(300));
    assert_eq!(turns[0], turn::Turn::with_mode(Always), "the defaults in code are those of the keys");
    assert!(graph.sinks.iter().all(|s| s.edge.waits && s.edge.voice && s.edge.rate.hz() == 48_000));
}

#[test]
fn every_key_is_documented() {
    for params in [plan::TOP, plan::SOURCE, plan::NODE, plan::SINK, turn::PARAMS] {
        for param in params {
            assert!(!param.doc.is_empty(), "{}", param.name);
        }
    }
    assert!(registry(&[]).get(ComponentKind::Sink, "bin").is_some());
    assert_eq!(Config::default().base(), Path::new(""));
}

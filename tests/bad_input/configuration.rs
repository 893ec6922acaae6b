//! Exit code 2: nothing was opened, everything that is wrong is said at once.

use crate::support::process::glottis_with;
use crate::support::{Ended, Project, sound};

const GOOD: &str = r#"version = 1
[source]
type = "file"
path = "in.wav"
pace = "fast"
[[sink]]
type = "file"
path = "out.wav"
"#;

fn project(pipeline: &str) -> Project {
    Project::new(pipeline).with("in.wav", sound::wav(16_000, 1, &sound::noise(1_600, 1)))
}

/// The run is refused with exit code 2, without events, and without a trace on disk.
#[track_caller]
fn refused(project: &Project, more: &[&str]) -> Ended {
    let ended = project.run(more);
    ended.exits(2);
    assert_eq!(ended.stdout, "", "no events");
    assert!(!project.path("out.wav").exists(), "nothing was opened");
    ended
}

#[test]
fn the_configuration_these_tests_break_is_good() {
    project(GOOD).run(&[]).exits(0);
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest() {
    let project = project(&GOOD.replace("pace =", "paec ="));
    let place = format!("{}:5:1", project.path("pipeline.toml").display());
    refused(&project, &[]).says(&[&place, "paec", "did you mean", "pace", "1 problem"]);
    for (from, to, line, key, nearest) in [
        ("[[sink]]", "[[snik]]", "6:3", "snik", "sink"),
        ("version = 1", "verison = 1", "1:1", "verison", "version"),
        ("type = \"file\"\npath = \"in.wav\"", "type = \"fiel\"\npath = \"in.wav\"", "3:8", "fiel", "file"),
        ("path = \"out.wav\"", "path = \"out.wav\"\nturn = { mdoe = \"always\" }", "9:10", "mdoe", "mode"),
        ("path = \"out.wav\"", "path = \"out.wav\"\nturn = { mode = \"alwys\" }", "9:17", "alwys", "always"),
    ] {
        let project = self::project(&GOOD.replace(from, to));
        refused(&project, &[]).says(&[&format!("pipeline.toml:{line}"), key, nearest]);
    }
}

/// A place that a terminal's width cuts in two cannot be clicked or searched for.
#[test]
fn a_long_file_name_is_not_broken_in_the_message() {
    let project = project(GOOD);
    let folder = "a-folder-with-quite-a-long-name-as-they-come/and-another-one-within-it/and-so-on";
    std::fs::create_dir_all(project.path(folder)).expect("a folder");
    let file = format!("{folder}/pipeline.toml");
    project.write(&file, GOOD.replace("pace =", "paec ="));
    let path = project.path(&file);
    let ended = glottis_with(&["check", path.to_str().unwrap()]);
    ended.exits(2).says(&[&format!("{}:5:1", path.display())]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let broken = GOOD
        .replace("pace = \"fast\"", "pace = \"quick\"")
        .replace("path = \"in.wav\"", "pth = \"in.wav\"")
        .replace("path = \"out.wav\"", "path = \"out.wav\"\nturn = { hangover = 900, max = \"3 parsecs\" }");
    let said = refused(&project(&broken), &[]);
    said.says(&["pth", "quick", "realtime", "hangover", "parsecs", "5 problems"]);
    said.says(&["pipeline.toml:4:1", "pipeline.toml:5:8", "pipeline.toml:9"]);
}

#[test]
fn what_is_not_toml_is_shown_where_it_ends_to_be() {
    refused(&project(&GOOD.replace("[[sink]]", "[[sink]")), &[]).says(&["pipeline.toml:6", "TOML"]);
    let project = project(GOOD);
    project.write("pipeline.toml", b"version = 1\n# \xff\xfe\n");
    refused(&project, &[]).says(&["pipeline.toml", "UTF-8"]);
    project.write("pipeline.toml", "");
    refused(&project, &[]).says(&["pipeline.toml", "source", "sink"]);
}

#[test]
fn a_missing_configuration_is_named() {
    for subcommand in ["run", "check"] {
        let ended = glottis_with(&[subcommand, "no/such/pipeline.toml"]);
        ended.exits(2).says(&["no/such/pipeline.toml", "No such file"]);
    }
    let project = project(GOOD);
    let folder = project.folder().to_str().unwrap().to_owned();
    glottis_with(&["run", &folder]).exits(2).says(&[&folder]);
}

#[test]
fn an_unset_variable_is_named_with_its_place() {
    let project = project(&GOOD.replace("out.wav", "${GLOTTIS_TEST_NOT_SET}/out.wav"));
    refused(&project, &[]).says(&["pipeline.toml:8:8", "GLOTTIS_TEST_NOT_SET", "not set"]);
}

#[test]
fn a_bad_override_is_shown_as_it_was_typed() {
    for (typed, parts) in [
        ("sink.file.pth=x", &["pth", "path"][..]),
        ("sink.fiel.path=x", &["fiel", "file"]),
        ("sink.3.path=x", &["3"]),
        ("source.pace=quick", &["quick", "realtime"]),
        ("nonsense", &["="]),
        ("source.pace.deeper=1", &["pace"]),
        ("=1", &["--set"]),
    ] {
        let ended = refused(&project(GOOD), &["--set", typed]);
        ended.says(&[&format!("--set {typed}")]).says(parts);
    }
}

#[test]
fn two_uses_of_stdout_or_stdin_exclude_each_other() {
    refused(&project(GOOD), &["--json", "--events", "-"]).says(&["--json", "--events -"]);
    let stdin = GOOD.replace("\"file\"\npath = \"in.wav\"", "\"stdin\"");
    refused(&project(&stdin), &["--control", "-"]).says(&["stdin", "--control -"]);
    // The same when the source comes from an override.
    let typed = ["--control", "-", "--set", "source={type=\"stdin\"}"];
    refused(&project(GOOD), &typed).says(&["stdin", "--control -"]);
}

#[test]
fn bad_usage_is_explained() {
    for (more, part) in [
        (&["--for", "30"][..], "unit"),
        (&["--for", "soon"], "soon"),
        (&["--control", "file"], "stdin"),
        (&["--events", "no/such/folder/events"], "no/such/folder/events"),
        (&["--report", "no/such/folder/report"], "no/such/folder/report"),
        (&["--nonsense"], "--nonsense"),
        (&["--log", "loud"], "trace"),
    ] {
        refused(&project(GOOD), more).says(&[part]);
    }
    glottis_with(&[]).exits(2);
    glottis_with(&["chek"]).exits(2).says(&["check"]);
}

#[test]
fn a_library_that_cannot_be_loaded_is_named() {
    refused(&project(GOOD), &["--plugin", "no/such/library.so"]).says(&["no/such/library.so"]);
    let listed = format!("plugins = [\"./no-such.so\"]\n{GOOD}");
    let project = project(&listed);
    refused(&project, &[]).says(&["no-such.so"]);
    glottis_with(&["components", "--plugin", "no/such/library.so"]).exits(2).says(&["no/such/library.so"]);
}

#[test]
fn a_turn_by_voice_needs_a_detector() {
    let speech = GOOD.to_owned() + "turn = { mode = \"speech\" }\n";
    refused(&project(&speech), &[]).says(&["pipeline.toml:", "vad", "speech"]);
    let above = speech.replace("[[sink]]", "[[node]]\ntype = \"vad\"\n[[sink]]\ninput = \"source\"");
    refused(&project(&above), &[]).says(&["vad"]);
}

#[test]
fn a_message_that_would_not_be_json_is_refused() {
    for (message, part) in [
        (r#"{"audio":"{audio}""#, "JSON"),
        (r#"{"audio":{audio}}"#, "JSON"),
        (r#"{"n":{seq}}"#, "{audio}"),
        (r#"{"audio":"{audoi}"}"#, "{audio}"),
        ("", "message"),
    ] {
        let keys = format!("format = \"ndjson\"\nmessage = '{message}'\n");
        let pipeline = GOOD.replace("path = \"out.wav\"\n", "path = \"out.ndjson\"\n") + &keys;
        refused(&project(&pipeline), &[]).says(&["message", part]);
    }
    let pipeline = GOOD.replace("path = \"out.wav\"\n", "path = \"out.ndjson\"\nformat = \"ndjson\"\n");
    refused(&project(&pipeline), &[]).says(&["message"]);
}

#[test]
fn a_tree_that_does_not_fit_is_explained_with_both_names() {
    let sink =
        "[[sink]]\nname = \"avatar\"\ntype = \"ravatar\"\nendpoint = \"http://127.0.0.1:9\"\nproject_id = \"p\"\n";
    let project = project(&GOOD.replace("[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n", sink));
    project.write("in.wav", sound::wav(48_000, 1, &sound::noise(4_800, 2)));
    // The rate is known only when the file is looked at.
    let ended = project.run(&[]);
    ended.exits(2).says(&["avatar", "48000", "16000", "resample"]);
    for (to, parts) in [
        ("[[node]]\ntype = \"gain\"\ninput = \"sorce\"\n[[sink]]", ["sorce", "source"]),
        (
            "[[node]]\ntype = \"gain\"\nname = \"a\"\n[[node]]\ntype = \"vad\"\nname = \"a\"\n[[sink]]",
            ["\"a\"", "name"],
        ),
        ("[[node]]\ntype = \"gain\"\ninput = \"gain\"\n[[sink]]", ["gain", "input"]),
    ] {
        refused(&self::project(&GOOD.replace("[[sink]]", to)), &[]).says(&parts);
    }
}

#[test]
fn a_sink_that_talks_in_the_clear_to_the_world_is_refused() {
    let sink = "type = \"ravatar\"\nendpoint = \"http://chat.example\"\nproject_id = \"p\"\n";
    let pipeline = GOOD.replace("type = \"file\"\npath = \"out.wav\"\n", sink);
    refused(&project(&pipeline), &[]).says(&["endpoint", "https", "allow_insecure"]);
}

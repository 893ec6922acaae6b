//! `--watch`: a changed file is swapped in by itself.

use crate::build::{compile, root};
use crate::support::{Project, sound};

#[test]
fn a_new_file_is_swapped_in_and_a_broken_one_is_told_and_left_out() {
    let text = "plugins = [\"liblowpass.so\"]\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n\
                [[node]]\ntype = \"lowpass\"\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let project = Project::new(text).with("in.wav", sound::wav(16_000, 1, &sound::noise(16_000 * 60, 1)));
    let library = project.path("liblowpass.so");
    let build = |sign: &str| compile(&root().join("tests/fixtures/plugins/lowpass.c"), &[sign], &library);
    build("SIGN=1");
    let mut run = project.start(&["--watch"]);
    run.wait_for_event("level");

    // As a linker does it: another file under the same name.
    build("SIGN=-1");
    assert_eq!(run.wait_for_event("swapped")["node"], "lowpass");

    // Cut short: the running version goes on, whatever happens to the file.
    let whole = std::fs::read(&library).unwrap();
    std::fs::write(&library, &whole[..whole.len() / 2]).unwrap();
    let error = run.wait_for_event("error");
    assert_eq!((&error["code"], &error["do"]), (&"BadCommand".into(), &"swap".into()));
    assert!(error["message"].as_str().unwrap().contains("Truncated"), "{error}");

    // Written into, as a copy does it.
    std::fs::write(&library, &whole).unwrap();
    run.wait_for_event("swapped");
    run.wait_for_event("level");
    run.say(r#"{"do":"stop"}"#);
    let events = run.finish().exits(0).events();
    assert_eq!(events.report()["nodes"][0]["swaps"], 2);
    assert_eq!(events.report()["nodes"][0]["faults"], 0);
    assert_eq!(events.sink("file")["ledger"]["balanced"], true);
}

//! LADSPA effects in the program: run, checked and listed. Those in C are compiled here; those installed are
//! tried where there are any.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::build::{compile, file_name, folder, root};
use crate::support::process::{Run, glottis};
use crate::support::{Ended, Project, sound};

/// A folder of its own with nothing but the effects in C.
fn effects(name: &str) -> PathBuf {
    let folder = folder().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    compile(&root().join("plugins/nodes/ladspa/tests/effects.c"), &[], &folder.join(file_name("effects")));
    folder
}

/// The program with this search path.
fn with_path(path: &Path, args: &[&str]) -> Ended {
    let mut command = glottis();
    command.args(args).env("LADSPA_PATH", path);
    Run::spawn(command).finish()
}

fn pipeline(node: &str) -> Project {
    let text = format!(
        "[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n[[node]]\ntype = \"ladspa\"\n{node}\n\
         [[sink]]\ntype = \"file\"\npath = \"out.wav\"\n"
    );
    Project::new(&text).with("in.wav", sound::wav(16_000, 1, &sound::noise(16_000, 7)))
}

fn run(project: &Project, path: &Path) -> Ended {
    let file = project.path("pipeline.toml");
    with_path(path, &["run", file.to_str().expect("UTF-8"), "--json"])
}

/// Halves and doubles are exact, so what is recorded is known to the bit.
#[test]
fn an_effect_in_c_found_by_its_name_runs_in_a_pipeline() {
    let stem = file_name("effects");
    let stem = stem.trim_end_matches(std::env::consts::DLL_SUFFIX);
    let project = pipeline(&format!("plugin = \"{stem}\"\nlabel = \"louder\"\ncontrols = {{ Gain = 0.5 }}"));
    let report = run(&project, &effects("by-name")).exits(0).report().clone();
    assert_eq!(report["sinks"][0]["ledger"]["delivered"], 16_000);
    let half = |x: &i16| glottis::core::convert::f32_to_i16(f32::from(*x) / 65_536.0);
    let wanted: Vec<i16> = sound::noise(16_000, 7).iter().map(half).collect();
    assert!(sound::samples(&project.read("out.wav")[44..]) == wanted);
}

#[test]
fn an_effect_is_named_by_a_file_beside_the_configuration_too() {
    let project = pipeline(&format!("plugin = \"./{}\"\nlabel = \"late\"", file_name("effects")));
    let library = effects("beside").join(file_name("effects"));
    project.write(&file_name("effects"), std::fs::read(library).expect("the library"));
    let report = run(&project, Path::new("/nowhere")).exits(0).report().clone();
    assert_eq!(report["sinks"][0]["ledger"]["delivered"], 16_000, "its delay takes nothing away");
    let heard = sound::samples(&project.read("out.wav")[44..]);
    assert!(heard[..96] == sound::noise(16_000, 7)[..96], "nor does it shift anything");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let folder = effects("wrong");
    let plugin = folder.join(file_name("effects"));
    let refused = |keys: &str, parts: &[&str]| {
        let project = pipeline(&format!("plugin = {plugin:?}\n{keys}"));
        run(&project, &folder).exits(2).says(parts);
    };
    refused("label = \"pair\"", &["pipeline.toml:8", "2 audio inputs and 2 audio outputs"]);
    refused("label = \"lat\"", &["pipeline.toml:8", "did you mean \"late\"?"]);
    refused("label = \"louder\"\ncontrols = { gain = 2 }", &["pipeline.toml:9", "did you mean \"Gain\"?"]);
    refused("label = \"louder\"\ncontrols = { Gain = 20 }", &["pipeline.toml:9", "out of range (-10..10)"]);
    refused("label = \"louder\"\ncontrols = { Gain = true }", &["pipeline.toml:9", "expected a number"]);
}

#[test]
fn an_effect_that_breaks_is_bypassed() {
    let folder = effects("breaks");
    let plugin = folder.join(file_name("effects"));
    let project = pipeline(&format!("plugin = {plugin:?}\nlabel = \"broken\"\ncontrols = {{ \"Not a number\" = 1 }}"));
    let report = run(&project, &folder).exits(0).report().clone();
    assert_eq!((&report["balanced"], &report["sinks"][0]["ledger"]["delivered"]), (&true.into(), &16_000.into()));
    assert!(sound::samples(&project.read("out.wav")[44..]) == sound::noise(16_000, 7), "the sound passes as it is");
}

#[test]
fn what_is_installed_is_listed_for_who_asks() {
    let folder = effects("listed");
    std::fs::write(folder.join(file_name("torn")), "no library").expect("a file");
    let text = with_path(&folder, &["components", "ladspa"]).exits(0).stdout.clone();
    for part in ["\n  ladspa ", "table of numbers", "\nLADSPA effects\n", "  louder ", "\"Poles\" 2..8, whole"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert!(text.contains("no library at all") && text.contains("4 can be used; 1 have other"), "{text}");
    assert!(!text.contains("  pair "), "{text}");

    let json = with_path(&folder, &["components", "ladspa", "--json"]).exits(0).stdout.clone();
    let listed: Value = serde_json::from_str(&json).expect("JSON");
    let files = listed[0]["installed"].as_array().expect("files");
    assert_eq!(files[0]["effects"][0]["label"], "louder");
    assert_eq!(files[0]["effects"][0]["controls"][0]["name"], "Gain");
    assert!(files[1]["error"].is_string(), "{}", files[1]);

    let all = with_path(&folder, &["components"]).exits(0).stdout.clone();
    assert!(!all.contains("Makes it louder"), "nothing is loaded for who does not ask");
}

#[test]
fn an_amplifier_of_swh_runs_in_a_pipeline() {
    if !Path::new("/usr/lib/ladspa/amp_1181.so").is_file() {
        return eprintln!("skipped: there is no /usr/lib/ladspa/amp_1181.so; install swh-plugins");
    }
    let project = pipeline("plugin = \"amp_1181\"\nlabel = \"amp\"\ncontrols = { \"Amps gain (dB)\" = -6.0 }");
    run(&project, Path::new("/usr/lib/ladspa")).exits(0);
    let heard = sound::samples(&project.read("out.wav")[44..]);
    let factor = 10_f64.powf(-0.3);
    let near = |(h, s): (&i16, &i16)| (f64::from(*h) - f64::from(*s) * factor).abs() <= 1.0;
    assert!(heard.len() == 16_000 && heard.iter().zip(&sound::noise(16_000, 7)).all(near));
}

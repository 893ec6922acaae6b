//! A plugin in the program: listed, described, checked and run like what is built in.

use serde_json::Value;

use crate::build::{of_c, of_crate};
use crate::support::process::glottis_with;
use crate::support::{Project, sound};

fn lowpass() -> String {
    of_c("lowpass", &[]).to_str().unwrap().to_owned()
}

#[test]
fn components_shows_the_keys_of_a_plugin_and_where_it_is_from() {
    let library = lowpass();
    let text = glottis_with(&["components", "lowpass", "--plugin", &library]);
    assert!(text.exits(0).stdout.contains(&library), "{}", text.stdout);
    assert!(text.stdout.contains("1..20000 Hz; default 1000, live. From here on"), "{}", text.stdout);
    let json = glottis_with(&["components", "lowpass", "--json", "--plugin", &library]);
    let listed: Value = serde_json::from_str(&json.exits(0).stdout).unwrap();
    assert_eq!(listed[0]["origin"], library.as_str());
    assert_eq!(listed[0]["params"][0]["range"], serde_json::json!([1.0, 20000.0]));
    assert_eq!(listed[0]["params"][0]["unit"], "Hz");
}

#[test]
fn the_schema_has_the_keys_of_a_plugin() {
    let schema = glottis_with(&["schema", "--plugin", &lowpass()]);
    let schema: Value = serde_json::from_str(&schema.exits(0).stdout).unwrap();
    let nodes = schema["properties"]["node"]["items"]["oneOf"].as_array().unwrap();
    let lowpass = nodes.iter().find(|node| node["title"] == "lowpass").expect("the plugin's node");
    assert_eq!(lowpass["properties"]["cutoff"]["maximum"], 20000.0);
}

fn pipeline(keys: &str) -> String {
    format!(
        "plugins = [{:?}]\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n\
         [[node]]\ntype = \"lowpass\"\n{keys}\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n",
        lowpass()
    )
}

#[test]
fn check_knows_the_keys_of_a_plugin() {
    let check = |keys: &str| {
        let project = Project::new(&pipeline(keys)).with("in.wav", sound::wav(16_000, 1, &[0; 1600]));
        glottis_with(&["check", project.path("pipeline.toml").to_str().unwrap()])
    };
    let good = check("cutoff = 300");
    assert!(good.exits(0).stdout.contains("lowpass"), "{}", good.stdout);
    check("cutof = 300").exits(2).says(&["pipeline.toml:8", "did you mean `cutoff`?"]);
    check("cutoff = 0.5").exits(2).says(&["node[0].cutoff", "from 1 to 20000 Hz"]);
    check("cutoff = 9000").exits(2).says(&["9000 Hz is above half", "choose a lower cutoff"]);
}

/// The plugin's arithmetic, in Rust: the same operations in the same order.
fn filtered(samples: &[i16], cutoff: f64) -> Vec<i16> {
    let share = (1.0 - (-std::f64::consts::TAU * cutoff / 16_000.0).exp()) as f32;
    let mut last = 0.0_f32;
    let filter = |&sample: &i16| {
        last += share * (f32::from(sample) / 32_768.0 - last);
        glottis::core::convert::f32_to_i16(last)
    };
    samples.iter().map(filter).collect()
}

#[test]
fn a_plugin_in_c_runs_in_a_pipeline() {
    let samples = sound::noise(48_000, 3);
    let project = Project::new(&pipeline("cutoff = 440\nlog = \"instances\""));
    project.write("in.wav", sound::wav(16_000, 1, &samples));
    let ended = project.run(&["--json"]);
    let report = ended.exits(0).report();
    assert_eq!(report["sinks"][0]["ledger"]["delivered"], 48_000);
    let heard = sound::samples(&project.read("out.wav")[44..]);
    let wanted = filtered(&samples, 440.0);
    // Compilers may fuse a multiplication and an addition; that is half a step at most.
    assert!(heard.len() == wanted.len() && heard.iter().zip(&wanted).all(|(a, b)| a.abs_diff(*b) <= 1));
    assert_eq!(project.read("instances"), b"cd", "made once, destroyed once");
}

/// A library of this workspace takes the place of what is built in, and is told as such.
#[test]
fn a_crate_of_the_workspace_runs_from_its_file() {
    let library = of_crate("glottis-node-gain");
    let pipeline = "[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"fast\"\n[[node]]\ntype = \"gain\"\ndb = -6\n\
                    [[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let out = |more: &[&str]| {
        let project = Project::new(pipeline).with("in.wav", sound::wav(44_100, 1, &sound::noise(44_100, 5)));
        project.run(more).exits(0);
        project.read("out.wav")
    };
    assert!(out(&["--plugin", library.to_str().unwrap()]) == out(&[]), "the same bytes");
    let listed = glottis_with(&["components", "gain", "--plugin", library.to_str().unwrap()]);
    assert!(listed.exits(0).stdout.contains("glottis_node_gain"), "{}", listed.stdout);
}

//! `components` and `devices`, for people and for programs.

use serde_json::Value;

use crate::support::process::glottis_with;

#[test]
fn every_component_is_listed_with_its_keys() {
    let ended = glottis_with(&["components", "--json"]);
    let listed: Value = serde_json::from_str(&ended.exits(0).stdout).expect("JSON");
    let listed: Vec<&Value> = listed.as_array().expect("a list").iter().collect();
    let people = glottis_with(&["components"]).stdout;
    let registry = glottis::components();
    assert_eq!(listed.len(), registry.iter().count());
    for component in registry.iter() {
        let kind = component.kind().name();
        let found = listed.iter().find(|c| c["name"] == component.name && c["kind"] == kind);
        let found = found.unwrap_or_else(|| panic!("{kind} {} is not listed", component.name));
        assert!(found["doc"].as_str().is_some_and(|doc| !doc.is_empty()), "{found}");
        let keys: Vec<&str> =
            found["params"].as_array().expect("keys").iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(keys, component.params.iter().map(|p| p.name).collect::<Vec<_>>(), "{found}");
        assert!(people.contains(&format!("\n  {:<14} ", component.name)), "{} in {people}", component.name);
    }
    for (kind, name) in [
        ("source", "microphone"),
        ("source", "file"),
        ("source", "stdin"),
        ("node", "resample"),
        ("node", "vad"),
        ("detector", "webrtc"),
        ("detector", "energy"),
        ("sink", "file"),
        ("sink", "ravatar"),
    ] {
        assert!(listed.iter().any(|c| c["kind"] == kind && c["name"] == name), "{kind} {name}");
    }
}

/// Units, ranges and defaults stand beside each key.
#[test]
fn a_component_is_explained_key_by_key() {
    let text = glottis_with(&["components", "ravatar"]);
    for part in ["project_id", "required", "\"1024ms\"", "1..1920 px", "4x | off"] {
        assert!(text.exits(0).stdout.contains(part), "no {part} in {}", text.stdout);
    }
    let gain = glottis_with(&["components", "gain"]).stdout;
    assert!(gain.contains("-60..60 dB") && gain.contains("live"), "{gain}");
    glottis_with(&["components", "ravatr"]).exits(2).says(&["ravatr", "did you mean \"ravatar\"?"]);
}

#[test]
fn devices_are_listed_for_programs() {
    let ended = glottis_with(&["devices", "--json"]);
    // Without a sound server there may be none, or no way to ask.
    if ended.code == 3 {
        return assert!(!ended.stderr.is_empty(), "it says why");
    }
    let devices: Value = serde_json::from_str(&ended.exits(0).stdout).expect("JSON");
    for device in devices.as_array().expect("a list") {
        assert!(
            device["id"].is_string() && device["name"].is_string() && device["is_default"].is_boolean(),
            "{device}"
        );
    }
    assert!(devices.as_array().unwrap().iter().filter(|device| device["is_default"] == true).count() <= 1);
}

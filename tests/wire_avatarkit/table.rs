//! The table of statements in the sink's README, and the tests it names.

use std::collections::BTreeMap;

const README: &str = include_str!("../../plugins/sinks/avatarkit/README.md");

const SOURCES: [&str; 8] = [
    include_str!("audio.rs"),
    include_str!("connect.rs"),
    include_str!("control.rs"),
    include_str!("errors.rs"),
    include_str!("opus.rs"),
    include_str!("receiving.rs"),
    include_str!("resilience.rs"),
    include_str!("token.rs"),
];

/// The statements each test says it shows, by the test's name.
fn tests() -> BTreeMap<String, Vec<String>> {
    let mut tests = BTreeMap::new();
    for source in SOURCES {
        let mut shown = Vec::new();
        for line in source.lines() {
            if let Some(doc) = line.strip_prefix("/// K") {
                let numbers = doc.split([':', '.']).next().unwrap_or_default();
                shown = format!("K{numbers}").split(", ").map(str::to_string).collect();
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| !shown.is_empty()) {
                let name = rest.split('(').next().unwrap_or_default();
                tests.insert(name.to_string(), std::mem::take(&mut shown));
            }
        }
    }
    tests
}

#[test]
fn the_readme_lists_a_test_for_every_statement() {
    let tests = tests();
    let section = README.split("## Conformance").nth(1).expect("a section");
    let rows: BTreeMap<_, Vec<_>> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| K")?.split_once(" | "))
        .map(|(number, names)| (format!("K{number}"), names.split('`').skip(1).step_by(2).collect()))
        .collect();
    for number in 1..=62 {
        let statement = format!("K{number}");
        let listed = rows.get(&statement).unwrap_or_else(|| panic!("{statement} is missing"));
        assert!(!listed.is_empty(), "{statement} has no test");
        for name in listed {
            let shown = tests.get(*name).unwrap_or_else(|| panic!("{statement}: there is no test {name}"));
            assert!(shown.contains(&statement), "{name} does not say that it shows {statement}");
        }
        let showing = tests.iter().filter(|(_, shown)| shown.contains(&statement)).count();
        assert_eq!(listed.len(), showing, "{statement} is shown by {showing} tests");
    }
    assert_eq!(rows.len(), 62);
}

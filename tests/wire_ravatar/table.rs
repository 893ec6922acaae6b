//! The table in the sink's README that maps each statement to its tests says what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Statements and their tests, each as `file: function`.
type Table = BTreeMap<u32, BTreeSet<String>>;

#[test]
fn every_statement_names_its_tests_and_every_test_its_statements() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("plugins/sinks/ravatar/README.md")).expect("a README");
    let written = written(&readme);
    let found = found(&root.join("tests"));
    for statement in 1..=70 {
        let tests = found.get(&statement).cloned().unwrap_or_default();
        assert!(!tests.is_empty(), "no test says that it covers C{statement}");
        assert_eq!(written.get(&statement), Some(&tests), "the row of C{statement}");
    }
    assert_eq!((written.len(), found.len()), (70, 70), "C1 to C70 and no others");
}

/// What the README says: rows of statement, `file.rs: test, test; other.rs: test`, remark.
fn written(readme: &str) -> Table {
    let mut table = Table::new();
    for row in readme.lines().filter(|line| line.starts_with("| C")) {
        let mut cells = row.trim_matches('|').split('|').map(str::trim);
        let (Some(statement), Some(tests)) = (cells.next().and_then(number), cells.next()) else { continue };
        let files = tests.split(';').filter_map(|file| file.trim().split_once(": "));
        let names = files.flat_map(|(file, tests)| {
            tests.split(", ").map(move |test| format!("{}: {}", file.trim_matches('`'), test.trim_matches('`')))
        });
        table.entry(statement).or_default().extend(names);
    }
    table
}

/// What the tests say: statements in the comment above each.
fn found(tests: &Path) -> Table {
    let mut table = Table::new();
    for file in files(tests).into_iter().filter(|file| file.to_string_lossy().contains("wire_ravatar")) {
        let name = file.strip_prefix(tests).expect("inside").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("text");
        let mut comment = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("///") {
                comment.push_str(words);
                continue;
            }
            if line.starts_with("#[") {
                continue;
            }
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some((function, _)) = function.and_then(|rest| rest.split_once('(')) {
                for statement in statements(&comment) {
                    table.entry(statement).or_default().insert(format!("{name}: {function}"));
                }
            }
            comment.clear();
        }
    }
    table
}

/// The statements a comment names: `C1`, or `C1 to C3`.
fn statements(comment: &str) -> BTreeSet<u32> {
    let words: Vec<&str> = comment.split_whitespace().collect();
    let mut statements = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let Some(first) = number(word) else { continue };
        let last =
            if words.get(at + 1) == Some(&"to") { words.get(at + 2).and_then(|word| number(word)) } else { None };
        statements.extend(first..=last.unwrap_or(first));
    }
    statements
}

fn number(word: &str) -> Option<u32> {
    word.trim_end_matches([',', '.', ':', ';']).strip_prefix('C')?.parse().ok()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

//! The service's own shapes, one file each in `tests/fixtures/ravatar`: what it sends becomes the
//! event its file names, what it is sent equals its file field by field.

use std::path::PathBuf;

use serde_json::Value;

use crate::incoming::told;

/// The files of a folder of fixtures, by name, in order.
pub fn fixtures(folder: &str) -> Vec<(String, Value)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ravatar").join(folder);
    let files = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.into_iter().map(|file| (name(&file), read(&file))).collect()
}

/// One fixture.
pub fn fixture(folder: &str, file: &str) -> Value {
    read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ravatar").join(folder).join(file))
}

fn name(file: &std::path::Path) -> String {
    file.file_name().expect("a name").to_string_lossy().into_owned()
}

fn read(file: &std::path::Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// C60 to C66: every shape of section 7.
#[tokio::test]
async fn every_message_of_the_service_becomes_the_event_its_fixture_names() {
    let files = fixtures("incoming");
    assert!(files.len() >= 35, "{} fixtures", files.len());
    for (name, file) in files {
        let told = told(&file["message"]).await;
        assert_eq!(Value::from(told), file["gives"], "{name}");
    }
}

/// C60: whatever differs between two spellings of one answer is nothing the user hears of.
#[tokio::test]
async fn the_spellings_of_one_answer_are_told_alike() {
    let shapes = ["shape-a.json", "shape-b.json", "shape-a-seconds-and-type.json"];
    let mut replies = Vec::new();
    for shape in shapes {
        let mut told = told(&fixture("incoming", shape)["message"]).await;
        // Seconds cannot hold what milliseconds do.
        let reply = told[0]["reply"].as_object_mut().expect("a reply");
        let time = reply["time_ms"].as_u64().expect("a time") / 1000;
        reply.insert("time_ms".into(), time.into());
        replies.push(told);
    }
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "{replies:#?}");
}

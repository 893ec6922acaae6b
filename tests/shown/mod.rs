//! The configurations we show to people: the files in `examples/pipelines/`, and what stands in the
//! READMEs. A new one is found by itself. Include it with `mod shown;`.

#![allow(dead_code)]

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A name for messages, and the text.
pub type Shown = (String, String);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below `folder` whose name ends so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        // Not into what was built, nor where others keep their things.
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every configuration in `examples/pipelines/`. What running them leaves beside them is none.
pub fn examples() -> Vec<Shown> {
    let read = |file: PathBuf| (file.display().to_string(), std::fs::read_to_string(&file).expect("text"));
    let examples: Vec<_> = files(&root().join("examples/pipelines"), ".toml").into_iter().map(read).collect();
    assert!(examples.len() >= 4, "{examples:?}");
    examples
}

/// Blocks of TOML in a README that are a pipeline, or a part of one that is completed here.
pub fn readmes() -> Vec<Shown> {
    let mut shown = Vec::new();
    for readme in files(root(), "README.md") {
        let text = std::fs::read_to_string(&readme).expect("text");
        for block in text.split("```toml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let name = format!("{}:\n{block}", readme.display());
            let table: toml::Table = toml::from_str(block).unwrap_or_else(|error| panic!("{name}{error}"));
            let has = |key: &str| table.contains_key(key);
            if ["source", "node", "sink"].into_iter().any(has) && !has("package") {
                shown.push((name, completed(block, &table)));
            }
        }
    }
    assert!(shown.len() >= 8, "only {}", shown.len());
    shown
}

/// The block with what it leaves out: a source, nodes where only a sink is shown, a sink.
fn completed(block: &str, table: &toml::Table) -> String {
    const SOURCE: &str = "[source]\ntype = \"stdin\"\nformat = \"s16le\"\nrate = 48000\nchannels = 1\n";
    const NODES: &str = "[[node]]\ntype = \"resample\"\nrate = 16000\n[[node]]\ntype = \"vad\"\n";
    const SINK: &str = "[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
    let missing = |key: &str, text: &'static str| if table.contains_key(key) { "" } else { text };
    // Keys before the first section are the pipeline's own and stay in front.
    let sections = block.find('[').unwrap_or(0);
    let nodes = if table.contains_key("source") { "" } else { missing("node", NODES) };
    let (front, back) = block.split_at(sections);
    format!("{front}{}{nodes}{back}\n{}", missing("source", SOURCE), missing("sink", SINK))
}

/// All of them.
pub fn all() -> Vec<Shown> {
    [examples(), readmes()].concat()
}

/// A folder for the configuration, where a sound file lies wherever it looks for one.
pub fn laid_out(pipeline: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let table: toml::Table = toml::from_str(pipeline).expect("TOML");
    let source = &table["source"];
    if let (Some("file"), Some(path)) = (source["type"].as_str(), source.get("path").and_then(|path| path.as_str())) {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(folder.path().join(path), spec).expect("a file in the folder");
        (0..9_600).for_each(|_| file.write_sample(0_i16).expect("a sample"));
        file.finalize().expect("a whole file");
    }
    folder
}

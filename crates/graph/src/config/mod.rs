//! A configuration as it was written: TOML with places, environment variables put in, `--set`
//! applied. Nothing is checked here but the grammar. Control side only.

mod overrides;
mod text;

use std::path::{Path, PathBuf};

use glottis_core::param::{Located, Table, Value};
use glottis_core::{Place, Problem};

/// A pipeline as somebody wrote it, in a file or in a program.
///
/// ```
/// use glottis_graph::Config;
///
/// let text = "[source]\ntype = \"file\"\npath = \"speech.wav\"\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n";
/// let config = Config::parse(text, "pipeline.toml".as_ref())?;
/// assert_eq!(config.section("sink").len(), 1);
/// # Ok::<(), glottis_graph::config::Problems>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub(crate) table: Table,
    /// The text and the name of the file it was read from, for messages.
    text: String,
    file: PathBuf,
    base: PathBuf,
}

/// Everything wrong with a configuration, with the text it stands in.
#[derive(Clone, Debug)]
pub struct Problems {
    /// The file's name, as given.
    pub file: PathBuf,
    /// The file's text; empty for a configuration made by a program.
    pub text: String,
    /// At least one.
    pub list: Vec<Problem>,
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            match &problem.place {
                Place::Span { start, .. } => {
                    let (line, column) = line_and_column(&self.text, *start);
                    write!(f, "{}:{line}:{column}: {problem}", self.file.display())?;
                }
                Place::Override(typed) => write!(f, "--set {typed}: {problem}")?,
                Place::None | Place::Default if self.file.as_os_str().is_empty() => write!(f, "{problem}")?,
                Place::None | Place::Default => write!(f, "{}: {problem}", self.file.display())?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Line and column, both from 1, of byte `at`; columns count characters.
pub fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

impl Config {
    /// Reads a configuration from `file`.
    ///
    /// # Errors
    /// The file cannot be read, is not UTF-8, or as for [`Config::parse`].
    pub fn read(file: &Path) -> Result<Config, Problems> {
        let failed = |message: String, help: &str| Problems {
            file: file.to_owned(),
            text: String::new(),
            list: vec![Problem::new(Place::None, "", message).help(help)],
        };
        let bytes = std::fs::read(file).map_err(|error| {
            failed(format!("cannot read the configuration: {error}"), "check the name and its permissions")
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            failed(format!("not UTF-8 from byte {} on", error.utf8_error().valid_up_to()), "save the file as UTF-8")
        })?;
        Config::parse(&text, file)
    }

    /// Takes a configuration from its text. `file` is its name for messages; relative paths in it
    /// start from that file's folder.
    ///
    /// # Errors
    /// The text is not TOML, or names an environment variable that is not set.
    pub fn parse(text: &str, file: &Path) -> Result<Config, Problems> {
        let problems = |list| Problems { file: file.to_owned(), text: text.to_owned(), list };
        let table = text::parse(text, &|name| std::env::var(name).ok()).map_err(problems)?;
        let base = file.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Config { table, text: text.to_owned(), file: file.to_owned(), base })
    }

    /// A configuration made by a program; relative paths in it start from `base`.
    pub fn new(table: Table, base: &Path) -> Config {
        Config { table, base: base.to_owned(), ..Config::default() }
    }

    /// Overrides a key: `PATH=VALUE`, where the path goes by keys, and by name or index into lists:
    /// `sink.avatar.user_id=kiosk-2`. A value that is no TOML is taken as text.
    ///
    /// # Errors
    /// The path leads nowhere.
    pub fn set(&mut self, assignment: &str) -> Result<(), Problems> {
        overrides::apply(&mut self.table, assignment).map_err(|problem| self.problems(vec![problem]))
    }

    /// All of it, as written: for a program that makes another configuration of it.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The entries of a list of tables, such as `sink`.
    pub fn section(&self, key: &str) -> Vec<&Table> {
        match self.table.get(key).map(|v| &v.value) {
            Some(Value::List(items)) => items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Table(table) => Some(table),
                    _ => None,
                })
                .collect(),
            Some(Value::Table(table)) => vec![table],
            _ => Vec::new(),
        }
    }

    /// The libraries named by `plugins`, relative ones taken from the configuration's folder, and where
    /// each is named.
    pub fn plugins(&self) -> Vec<(PathBuf, Place)> {
        // A configuration in the working directory has an empty folder; a name without a folder would be
        // searched for by the system.
        let folder = if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base };
        let Some(Value::List(items)) = self.table.get("plugins").map(|v| &v.value) else { return Vec::new() };
        let path = |item: &Located| match &item.value {
            Value::Text(text) => Some((folder.join(text), item.place.clone())),
            _ => None,
        };
        items.iter().filter_map(path).collect()
    }

    /// The folder relative paths start from.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// The name of the file, as given; empty for a configuration made by a program.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Wraps problems with the text they stand in.
    pub fn problems(&self, list: Vec<Problem>) -> Problems {
        Problems { file: self.file.clone(), text: self.text.clone(), list }
    }
}

//! The journal of live sessions: one file for each that is open, written when it starts and removed
//! when it has ended. What a crash leaves behind is found there, and ended, by the next start.
//!
//! A file is locked as long as the process that wrote it lives and owns the session; the system lets
//! go of the lock however the process ends. So nobody takes a session for a leftover that is still
//! in use, not even another sink of the same process. Small files on a local disk; called on the
//! async runtime.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs4::FileExt;
use serde::{Deserialize, Serialize};

/// The directory inside the state directory.
const DIRECTORY: &str = "ravatar-sessions";

/// An entry older than this is forgotten: no service keeps a session for so long.
const OLDEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the journal knows of a live session. No token: whoever ends it logs in anew.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) endpoint: String,
    pub(crate) user_id: String,
    pub(crate) project_id: String,
    /// The sink's name, for people.
    pub(crate) sink: String,
    pub(crate) license_id: String,
    /// For people, as the lock says who lives.
    pub(crate) process: u32,
    /// When it was started, in seconds since the Unix epoch.
    pub(crate) started: u64,
}

impl Entry {
    fn is_old(&self) -> bool {
        now().saturating_sub(self.started) > OLDEST.as_secs()
    }
}

/// Seconds since the Unix epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A page of the journal. Its lock is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Page {
    path: PathBuf,
    _locked: File,
}

impl Page {
    /// The session has ended: forgets it.
    pub(crate) fn strike(self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(file = %self.path.display(), %error, "an ended session stays in the journal");
        }
    }
}

/// The journal of one sink.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// `None` where there is no state directory: then nothing is journalled.
    directory: Option<PathBuf>,
    endpoint: String,
    user_id: String,
    project_id: String,
    sink: String,
}

impl Journal {
    pub(crate) fn new(state_dir: Option<&Path>, endpoint: &str, user_id: &str, project_id: &str, sink: &str) -> Self {
        Journal {
            directory: state_dir.map(|dir| dir.join(DIRECTORY)),
            endpoint: endpoint.to_owned(),
            user_id: user_id.to_owned(),
            project_id: project_id.to_owned(),
            sink: sink.to_owned(),
        }
    }

    /// Writes down that the session of `license` is open. `None` without a state directory.
    ///
    /// # Errors
    /// What the system said.
    pub(crate) fn write(&self, license: &str) -> io::Result<Option<Page>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let entry = Entry {
            endpoint: self.endpoint.clone(),
            user_id: self.user_id.clone(),
            project_id: self.project_id.clone(),
            sink: self.sink.clone(),
            license_id: license.to_owned(),
            process: std::process::id(),
            started: now(),
        };
        make_private(directory)?;
        let path = directory.join(format!("{:016x}.json", number(&entry)));
        // Written and locked aside, then moved into place: whoever finds it finds it whole and locked.
        let aside = path.with_extension("new");
        let mut file = private_file(&aside)?;
        // Where locks are not to be had the session is journalled all the same; others leave it alone.
        if let Err(error) = FileExt::try_lock(&file) {
            tracing::debug!(%error, "the journal cannot be locked");
        }
        serde_json::to_writer(&mut file, &entry)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&aside, &path)?;
        Ok(Some(Page { path, _locked: file }))
    }

    /// Sessions of this user at this service whose process is no more, of this project or, with
    /// `every_project`, of any. Their pages are locked: nobody else ends them meanwhile.
    pub(crate) fn leftovers(&self, every_project: bool) -> Vec<(Entry, Page)> {
        let mine = |entry: &Entry| {
            entry.endpoint == self.endpoint
                && entry.user_id == self.user_id
                && (every_project || entry.project_id == self.project_id)
        };
        let Some(files) = self.directory.as_ref().and_then(|directory| fs::read_dir(directory).ok()) else {
            return Vec::new();
        };
        let paths = files.flatten().map(|file| file.path());
        let found = paths.filter_map(|path| abandoned(&path));
        let (old, recent): (Vec<_>, Vec<_>) = found.partition(|(entry, _)| entry.is_old());
        old.into_iter().for_each(|(_, page)| page.strike());
        let mut leftovers: Vec<_> = recent.into_iter().filter(|(entry, _)| mine(entry)).collect();
        leftovers.sort_by(|(a, _), (b, _)| (a.started, &a.license_id).cmp(&(b.started, &b.license_id)));
        leftovers
    }
}

/// The session at `path`, unless somebody owns it. What cannot be read or locked is left alone.
fn abandoned(path: &Path) -> Option<(Entry, Page)> {
    if path.extension()? != "json" {
        return None;
    }
    let file = File::open(path).ok()?;
    FileExt::try_lock(&file).ok()?;
    let entry = serde_json::from_reader(&file).ok()?;
    // Another process may have ended it between the look and the lock.
    path.exists().then(|| (entry, Page { path: path.to_owned(), _locked: file }))
}

/// Tells files apart; nothing depends on its being the same tomorrow.
fn number(entry: &Entry) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&entry.endpoint, &entry.user_id, &entry.project_id, &entry.sink, &entry.license_id).hash(&mut hasher);
    hasher.finish()
}

fn make_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create(true).truncate(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(state: &Path, user: &str, project: &str) -> Journal {
        Journal::new(Some(state), "http://h", user, project, "avatar")
    }

    fn licenses(journal: &Journal, every_project: bool) -> Vec<String> {
        journal.leftovers(every_project).into_iter().map(|(entry, _)| entry.license_id).collect()
    }

    #[test]
    fn a_session_is_a_leftover_once_its_owner_is_gone_and_until_it_has_ended() {
        let state = tempfile::tempdir().unwrap();
        let journal = journal(&state.path().join("deep"), "u", "p");
        let page = journal.write("lic-1").unwrap().unwrap();
        assert_eq!(licenses(&journal, false), [""; 0], "its owner lives");
        drop(page);
        assert_eq!(licenses(&journal, false), ["lic-1"]);
        let leftovers = journal.leftovers(false);
        assert_eq!(licenses(&journal, false), [""; 0], "somebody is about to end it");
        for (_, page) in leftovers {
            page.strike();
        }
        assert_eq!(licenses(&journal, false), [""; 0]);
        assert_eq!(fs::read_dir(state.path().join("deep").join(DIRECTORY)).unwrap().count(), 0);
    }

    #[test]
    fn everybody_sees_only_what_is_theirs() {
        let state = tempfile::tempdir().unwrap();
        for (user, project, license) in [("u", "p", "1"), ("u", "q", "2"), ("v", "p", "3")] {
            journal(state.path(), user, project).write(license).unwrap();
        }
        let mine = journal(state.path(), "u", "p");
        assert_eq!(licenses(&mine, false), ["1"]);
        let mut all = licenses(&mine, true);
        all.sort();
        assert_eq!(all, ["1", "2"]);
        let elsewhere = Journal::new(Some(state.path()), "http://other", "u", "p", "avatar");
        assert_eq!(licenses(&elsewhere, true), [""; 0]);
    }

    #[test]
    fn spoilt_files_are_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let journal = journal(state.path(), "u", "p");
        journal.write("lic-1").unwrap();
        let directory = state.path().join(DIRECTORY);
        for (name, text) in [("a.json", ""), ("b.json", "{\"endpoint\":"), ("c.txt", "{}"), ("d.json", "[]")] {
            fs::write(directory.join(name), text).unwrap();
        }
        assert_eq!(licenses(&journal, false), ["lic-1"]);
        assert!(Journal::new(None, "e", "u", "p", "s").write("l").unwrap().is_none());
    }

    #[test]
    fn what_nobody_has_asked_for_in_a_month_is_forgotten() {
        let state = tempfile::tempdir().unwrap();
        let journal = journal(state.path(), "u", "p");
        let page = journal.write("lic-1").unwrap().unwrap();
        let path = page.path.clone();
        drop(page);
        let mut entry: Entry = serde_json::from_reader(File::open(&path).unwrap()).unwrap();
        entry.started -= OLDEST.as_secs() + 60;
        fs::write(&path, serde_json::to_vec(&entry).unwrap()).unwrap();
        assert_eq!(licenses(&journal, false), [""; 0]);
        assert!(!path.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_user_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        let page = journal(state.path(), "u", "p").write("lic-1").unwrap().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&page.path), mode(&state.path().join(DIRECTORY))), (0o600, 0o700));
    }
}

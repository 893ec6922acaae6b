//! CPU time of the program's threads by their names, as the kernel counts it. A watching thread of its
//! own: a thread that has ended leaves no figure behind, so they are read again and again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::process;

/// How often the threads are read: the last look misses at most so much of each, and a tick of the kernel's.
const LOOK: Duration = Duration::from_millis(2);

/// The watching thread, whose time is nobody's.
const WATCH: &str = "bench-watch";

/// Reads the threads until it is asked what they spent.
pub struct Threads {
    done: Arc<AtomicBool>,
    watch: JoinHandle<Accounts>,
}

/// Nanoseconds of CPU, without what watching them took.
#[derive(Default)]
pub struct Spent {
    /// Of the whole process since it began. What is missing in `threads` is the end of those that
    /// ended, after the last look at them.
    pub total: u64,
    /// By thread name.
    pub threads: BTreeMap<String, u64>,
}

/// A thread, by number, since names repeat.
struct Account {
    number: u32,
    /// As last read: a thread begins with the name of the one that started it.
    name: String,
    /// Its name, and the kernel's account of it; `None` once it has ended.
    open: Option<[File; 2]>,
    ns: u64,
}

/// Every thread that was seen.
#[derive(Default)]
pub struct Accounts(Vec<Account>);

impl Threads {
    /// Begins to watch. `None` where the system does not tell.
    pub fn watch() -> Option<Threads> {
        fs::metadata("/proc/self/task").ok()?;
        let done = Arc::new(AtomicBool::new(false));
        let seen = done.clone();
        let watch = std::thread::Builder::new().name(WATCH.to_owned()).spawn(move || {
            let mut accounts = Accounts::default();
            while !seen.load(Ordering::Acquire) {
                accounts.read();
                std::thread::sleep(LOOK);
            }
            accounts.read();
            accounts
        });
        Some(Threads { done, watch: watch.ok()? })
    }

    /// What was spent so far, and ends the watch.
    pub fn spent(self) -> Spent {
        self.done.store(true, Ordering::Release);
        let mut threads = self.watch.join().unwrap_or_default().sums();
        let watched = threads.remove(WATCH).unwrap_or(0);
        // After the last look, so that it is no less than they are together.
        let total = process::cpu().as_nanos() as u64;
        Spent { total: total - watched.min(total), threads }
    }
}

/// What the threads there are have spent so far.
pub fn now() -> Accounts {
    let mut accounts = Accounts::default();
    accounts.read();
    accounts
}

/// Nanoseconds of CPU since `before` by thread name, of the threads there still are.
pub fn since(before: &Accounts) -> BTreeMap<String, u64> {
    let mut accounts = now();
    for account in &mut accounts.0 {
        let before = before.0.iter().find(|before| before.number == account.number);
        account.ns -= before.map_or(0, |before| before.ns).min(account.ns);
    }
    accounts.sums()
}

impl Accounts {
    /// The latest figures of every thread there is.
    fn read(&mut self) {
        for entry in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let Some(number) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
            if self.0.iter().any(|account| account.number == number && account.open.is_some()) {
                continue;
            }
            let file = |name: &str| File::open(entry.path().join(name));
            let (Ok(name), Ok(figures)) = (file("comm"), file("schedstat")) else { continue };
            self.0.push(Account { number, name: String::new(), open: Some([name, figures]), ns: 0 });
        }
        self.0.iter_mut().for_each(Account::read);
    }

    fn sums(self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for account in self.0 {
            *sums.entry(account.name).or_insert(0) += account.ns;
        }
        sums
    }
}

impl Account {
    fn read(&mut self) {
        let Some([name, figures]) = &self.open else { return };
        let figures = text(figures);
        let ns = figures.as_deref().and_then(|figures| figures.split(' ').next()?.parse().ok());
        // Both, or what was read before.
        match (text(name), ns) {
            (Some(name), Some(ns)) => (self.name, self.ns) = (name.trim().to_owned(), ns),
            _ => self.open = None,
        }
    }
}

/// What stands in a small file now; `None` once the thread it tells of has ended.
fn text(file: &File) -> Option<String> {
    let mut bytes = [0; 64];
    let read = file.read_at(&mut bytes, 0).ok()?;
    String::from_utf8(bytes[..read].to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_thread_that_was_seen_before_it_had_its_name_is_found_under_that() {
        let (rename, told) = channel::<()>();
        let (renamed, done) = channel::<()>();
        let thread = std::thread::Builder::new().name("of another".to_owned()).spawn(move || {
            told.recv().expect("the test goes on");
            fs::write("/proc/thread-self/comm", "its own").expect("a thread may name itself");
            renamed.send(()).expect("the test waits");
            // Until it has been read again.
            let _ = told.recv();
        });
        let mut accounts = now();
        rename.send(()).expect("the thread waits");
        done.recv().expect("it has its name");
        accounts.read();
        drop(rename);
        thread.expect("a thread").join().expect("no panic");
        let sums = accounts.sums();
        assert!(sums.contains_key("its own") && !sums.contains_key("of another"), "{sums:?}");
    }
}

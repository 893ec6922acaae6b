//! CPU time of the program's threads by their names, as the kernel counts it. A watching thread of its
//! own: a thread that has ended leaves no figure behind, so they are read again and again.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the threads are read: what the last look misses is at most so much of each.
const LOOK: Duration = Duration::from_millis(10);

/// Reads the threads until it is asked for the sums.
pub struct Threads {
    done: Arc<AtomicBool>,
    watch: JoinHandle<Accounts>,
}

/// Name and nanoseconds of CPU, by number, since names repeat.
pub type Accounts = BTreeMap<u32, (String, u64)>;

impl Threads {
    /// Begins to watch. `None` where the system does not tell.
    pub fn watch() -> Option<Threads> {
        fs::metadata("/proc/self/task").ok()?;
        let done = Arc::new(AtomicBool::new(false));
        let seen = done.clone();
        let watch = std::thread::Builder::new().name("bench-watch".to_owned()).spawn(move || {
            let mut threads = Accounts::new();
            while !seen.load(Ordering::Acquire) {
                read(&mut threads);
                std::thread::sleep(LOOK);
            }
            threads
        });
        Some(Threads { done, watch: watch.ok()? })
    }

    /// Nanoseconds of CPU by thread name.
    pub fn sums(self) -> BTreeMap<String, u64> {
        self.done.store(true, Ordering::Release);
        sums(self.watch.join().unwrap_or_default())
    }
}

/// What the threads there are have spent so far.
pub fn now() -> Accounts {
    let mut accounts = Accounts::new();
    read(&mut accounts);
    accounts
}

/// Nanoseconds of CPU since `before` by thread name, of the threads there still are.
pub fn since(before: &Accounts) -> BTreeMap<String, u64> {
    let mut accounts = now();
    for (number, (_, ns)) in &mut accounts {
        *ns -= before.get(number).map_or(0, |(_, before)| *before).min(*ns);
    }
    sums(accounts)
}

fn sums(accounts: Accounts) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, ns) in accounts.into_values() {
        *sums.entry(name).or_insert(0) += ns;
    }
    sums
}

/// The latest figures of every thread there is.
fn read(threads: &mut Accounts) {
    for entry in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let Some(number) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let file = |name: &str| fs::read_to_string(entry.path().join(name));
        let (Ok(name), Ok(spent)) = (file("comm"), file("schedstat")) else { continue };
        let spent = spent.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        threads.insert(number, (name.trim().to_owned(), spent));
    }
}

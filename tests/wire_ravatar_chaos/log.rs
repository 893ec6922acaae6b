//! Everything that is logged, at the finest level, looked through for secrets as it is written.

use std::io::Write;
use std::sync::Mutex;

/// How every token of the simulator begins, and the long sessions too.
pub const MARK: &str = "eyJ";

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to listen.
pub fn listen() {
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(|| Lines).finish();
    tracing::subscriber::set_global_default(subscriber).expect("the first one");
}

/// Lines that held a secret.
pub fn secrets_seen() -> Vec<String> {
    SEEN.lock().unwrap().clone()
}

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.windows(MARK.len()).any(|part| part == MARK.as_bytes()) {
            SEEN.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

//! Libraries for these tests: crates of this workspace built as dynamic libraries, and sources in C
//! compiled with the system's compiler. Each is built once, in the folder for this test program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// One build at a time: two must not write the same file.
static BUILDING: Mutex<()> = Mutex::new(());

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder for what is built here.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins");
    std::fs::create_dir_all(&folder).expect("a folder for libraries");
    folder
}

/// The file name of a library on this system.
pub fn file_name(stem: &str) -> String {
    format!("{}{stem}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

/// The folder cargo builds libraries in. Not the one of this program: the file of a crate that is also a
/// dynamic library has the same name whatever its features, and doctests would find the wrong one.
pub fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("plugins")
}

/// A crate of this workspace as a plugin.
pub fn of_crate(package: &str) -> PathBuf {
    cargo(root(), package, &["-p", package, "--features", "export"])
}

/// `tests/fixtures/plugins/rusty`: panics, sources and sinks.
pub fn rusty() -> PathBuf {
    let folder = root().join("tests/fixtures/plugins/rusty");
    // With the versions that are there already.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).expect("a lock file");
    cargo(&folder, "rusty", &[])
}

fn cargo(folder: &Path, package: &str, more: &[&str]) -> PathBuf {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(folder).args(["build", "--quiet"]).args(more).arg("--target-dir").arg(target());
    succeeds(&mut cargo);
    target().join("debug").join(file_name(&package.replace('-', "_")))
}

/// `tests/fixtures/plugins/NAME.c`, compiled with these macros.
pub fn of_c(name: &str, macros: &[&str]) -> PathBuf {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let stem: String = [&[name], macros].concat().join("-").chars().map(plain).collect();
    let library = folder().join(file_name(&stem));
    compile(&root().join("tests/fixtures/plugins").join(format!("{name}.c")), macros, &library);
    library
}

/// Compiles a source in C to a library. It takes the place of an older one as a linker's does: by a new
/// file.
pub fn compile(source: &Path, macros: &[&str], library: &Path) {
    let new = library.with_extension(format!("{}.new", std::process::id()));
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O2", "-std=c11", "-Wall", "-Wextra", "-Werror"]);
    cc.args(macros.iter().map(|m| format!("-D{m}"))).arg("-I").arg(root().join("crates/plugin/include"));
    succeeds(cc.arg(source).arg("-o").arg(&new).arg("-lm"));
    std::fs::rename(&new, library).expect("the library in its place");
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&done.stderr));
}

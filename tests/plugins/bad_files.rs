//! Files that are no plugins: each is named with what is wrong with it, and none of its code runs.

use std::path::{Path, PathBuf};

use glottis::Registry;
use glottis::plugin::{LoadError, load};

use crate::build::of_c;
use crate::support::process::glottis_with;

/// What loading `file` gives.
#[track_caller]
fn refused(file: &Path) -> LoadError {
    let mut registry = Registry::new();
    let error = load(&mut registry, file).expect_err("a bad file");
    assert_eq!(registry.iter().count(), 0, "nothing of it is registered");
    assert_eq!(error.path, file);
    error
}

/// The name of the mistake, and parts of what is said of it.
#[track_caller]
fn is(error: &LoadError, name: &str, parts: &[&str]) {
    assert_eq!(format!("{:?}", error.wrong), name, "{error}");
    for part in parts {
        assert!(error.to_string().contains(part), "no {part:?} in: {error}");
    }
}

/// A library with this mistake, whose constructor would say that it ran.
fn nasty(mistake: &str) -> PathBuf {
    of_c("nasty", &["CONSTRUCTOR", mistake])
}

fn file(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("libbad.so");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn what_is_no_file_or_no_library() {
    is(&refused(Path::new("./libnowhere.so")), "Unreadable", &["libnowhere.so", "check the name"]);
    is(&refused(Path::new("/")), "NotALibrary", &["no file"]);
    let folder = tempfile::tempdir().unwrap();
    is(&refused(&file(&folder, b"")), "NotALibrary", &["empty"]);
    is(&refused(&file(&folder, b"#!/bin/sh\necho hello\n")), "NotALibrary", &["cargo build"]);
    is(&refused(&file(&folder, b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0")), "Truncated", &["cut short"]);
}

#[test]
fn a_name_without_a_folder_is_not_searched_for() {
    is(&refused(Path::new("libm.so.6")), "BareName", &["./libm.so.6"]);
}

#[test]
fn a_library_cut_short_anywhere_is_refused() {
    let whole = std::fs::read(of_c("lowpass", &[])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for part in 1..64 {
        let cut = whole.len() * part / 64;
        let error = refused(&file(&folder, &whole[..cut]));
        assert!(["Truncated", "NotALibrary"].contains(&format!("{:?}", error.wrong).as_str()), "{cut}: {error}");
    }
}

#[test]
fn a_damaged_library_never_crashes_the_host() {
    // Headers only: damage to code or pointers is beyond what any host can see.
    let whole = std::fs::read(of_c("lowpass", &[])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for byte in 4..64 {
        let mut bad = whole.clone();
        bad[byte] ^= 0xff;
        let path = file(&folder, &bad);
        let ended = glottis_with(&["components", "lowpass", "--plugin", path.to_str().unwrap()]);
        assert!([0, 2].contains(&ended.code), "byte {byte}: {}", ended.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_library_for_another_processor_or_system() {
    let mut elf = std::fs::read(of_c("lowpass", &[])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // `e_machine` of the ELF header: 183 is AArch64, 62 x86-64.
    let other: u16 = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    elf[18..20].copy_from_slice(&other.to_le_bytes());
    is(&refused(&file(&folder, &elf)), "Architecture", &[std::env::consts::ARCH]);
    // A Mach-O file: a header of 32 bytes, a dynamic library without commands.
    let mach = [0xFEED_FACF_u32, 0x0100_0007, 3, 6, 0, 0, 0, 0].map(u32::to_le_bytes).concat();
    is(&refused(&file(&folder, &mach)), "NotALibrary", &["MachO", "on this system"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_is_no_library() {
    let program = Path::new(env!("CARGO_BIN_EXE_glottis"));
    is(&refused(program), "MissingSymbol", &["glottis_plugin_v1"]);
}

#[test]
fn an_entry_that_is_missing_or_something_else() {
    is(&refused(&nasty("SYMBOL_FUNCTION")), "MissingSymbol", &["glottis_plugin_v1", "export!"]);
    is(&refused(&nasty("MAGIC=0x1122334455667788")), "WrongMagic", &["0x1122334455667788"]);
    is(&refused(&nasty("MAGIC=0")), "WrongMagic", &[]);
    is(&refused(&nasty("MAJOR=2")), "NewerAbi", &["ABI 2.0", "has 1.0", "update glottis"]);
    is(&refused(&nasty("MINOR=7")), "NewerAbi", &["ABI 1.7"]);
    is(&refused(&nasty("MAJOR=0")), "NewerAbi", &["build it again"]);
    is(&refused(&nasty("PLUGIN_SIZE=8")), "Descriptor", &["8 bytes"]);
    is(&refused(&nasty("PLUGIN_SIZE=4000000000u")), "Descriptor", &["4000000000 bytes"]);
}

#[test]
fn descriptors_with_garbage_in_them() {
    let garbage = |mistake: &str, parts: &[&str]| is(&refused(&of_c("nasty", &[mistake])), "Descriptor", parts);
    garbage("LIST_SIZE=3", &["3 bytes"]);
    garbage("COUNT=3000000000u", &["3000000000 components"]);
    garbage("COMPONENT_SIZE=7", &["7 bytes"]);
    garbage("KIND=99", &["unknown kind 99"]);
    garbage("NAME=\"No Name\"", &["No Name"]);
    garbage("NAME=0", &["without a name"]);
    garbage("PARAM_SIZE=12", &["12 bytes"]);
    garbage("PARAM_SIZE=90", &["90 bytes"]);
    garbage("PARAM_COUNT=4000000000u", &["4000000000 keys"]);
    garbage("PARAM_NAME=\"type\"", &["sections have themselves"]);
    garbage("PARAM_NAME=\"Amount!\"", &["is no name"]);
    garbage("DEFAULT=\"lots\"", &["lots", "no TOML"]);
    garbage("DEFAULT=\"7\"", &["out of range"]);
    garbage("DEFAULT=\"true\"", &["expected a number"]);
    garbage("MIN=2", &["impossible range"]);
    garbage("MIN=(0.0/0.0)", &["impossible range"]);
    garbage("CALLS_SIZE=16", &["16 bytes"]);
    garbage("NO_PREPARE", &["no `prepare`"]);
    is(&refused(&of_c("nasty", &["LIST_FAILS"])), "List", &["nothing in stock"]);
}

/// The program says the same, with exit code 2, and runs none of the library's code; a place in a
/// configuration is named.
#[test]
fn the_program_refuses_them_by_name_before_their_constructors_run() {
    let bad = nasty("MAGIC=0x1122334455667788");
    let ended = glottis_with(&["components", "--plugin", bad.to_str().unwrap()]);
    ended.exits(2).says(&["WrongMagic", bad.to_str().unwrap()]);
    assert!(!ended.stderr.contains("constructor"), "{}", ended.stderr);
    // It would have said so.
    let good = of_c("nasty", &["CONSTRUCTOR"]);
    glottis_with(&["components", "--plugin", good.to_str().unwrap()]).exits(0).says(&["the constructor ran"]);

    let project =
        crate::support::Project::new("version = 1\nplugins = [\"libnowhere.so\"]\n[source]\ntype = \"stdin\"\n");
    let ended = project.run(&[]);
    ended.exits(2).says(&["pipeline.toml:2:12", "plugins[0]", "Unreadable", "libnowhere.so"]);
}

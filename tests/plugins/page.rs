//! The page "Write a plugin in ten minutes" works: its steps are run as they stand, in one shell.

use std::path::Path;
use std::process::Command;

use crate::build::{root, target};

#[test]
fn the_steps_of_the_page_work() {
    let page = std::fs::read_to_string(root().join("crates/plugin/README.md")).expect("the page");
    let steps: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(steps.len(), 5, "every step has commands");

    let folder = tempfile::tempdir().expect("a folder");
    let program = Path::new(env!("CARGO_BIN_EXE_glottis")).parent().expect("its folder");
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::join_paths(std::iter::once(program.to_owned()).chain(std::env::split_paths(&paths))).unwrap();
    let done = Command::new("sh")
        .args(["-eux", "-c", &steps.concat()])
        .current_dir(folder.path())
        .env("GLOTTIS", root())
        .env("PATH", paths)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("a shell");
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{}\n{out}\n{err}", done.status);
    assert!(out.contains("Makes the loudness swing"), "{out}");
    assert!(err.matches("balanced").count() >= 2, "both runs: {err}");
}

//! A run under a service manager: it says when it has begun, that it is alive, and that it ends. And the
//! unit in `contrib`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::manager::Manager;
use crate::support::{Project, Run, sound};

const LIMIT: Duration = Duration::from_millis(200);

/// Three seconds of sound, at the pace of a microphone.
fn project(keys: &str) -> Project {
    let pipeline = format!(
        "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n{keys}\
         [[sink]]\ntype = \"file\"\npath = \"out.wav\"\n"
    );
    Project::new(&pipeline).with("in.wav", sound::wav(16_000, 1, &sound::noise(16_000, 3)))
}

#[test]
fn a_service_manager_is_told_how_it_goes() {
    let project = project("");
    let mut manager = Manager::new(&project);
    let run = Run::spawn(manager.run(LIMIT));
    manager.wait_for("STOPPING=1");
    run.finish().exits(0);
    assert_eq!(manager.hear(Duration::from_millis(1)), None, "the last word: {:?}", manager.told);
    assert_eq!(manager.count("READY=1"), 1, "{:?}", manager.told);
    assert_eq!(manager.count("STATUS=file: open"), 1, "{:?}", manager.told);
    let ready = manager.told.iter().position(|told| told == "READY=1");
    let open = manager.told.iter().position(|told| told == "STATUS=file: open");
    assert!(ready < open, "{:?}", manager.told);
    assert!(manager.count("WATCHDOG=1") > 2, "signs of life while sound goes through: {:?}", manager.told);
}

#[test]
fn a_service_that_is_stopped_says_so() {
    let project = project("loop = true\n");
    let mut manager = Manager::new(&project);
    let run = Run::spawn(manager.run(LIMIT));
    manager.wait_for("STATUS=file: open");
    manager.wait_for("WATCHDOG=1");
    run.signal("TERM");
    manager.wait_for("STOPPING=1");
    run.finish().exits(130);
    assert_eq!(manager.count("STOPPING=1"), 1);
}

/// The environment may be that of another process, a parent that is the service.
#[test]
fn signs_of_life_that_nobody_asked_of_this_process_are_not_given() {
    let project = project("");
    let mut manager = Manager::new(&project);
    let mut command = manager.run(LIMIT);
    command.env("WATCHDOG_PID", "1");
    let run = Run::spawn(command);
    manager.wait_for("STOPPING=1");
    run.finish().exits(0);
    assert_eq!((manager.count("READY=1"), manager.count("WATCHDOG=1")), (1, 0), "{:?}", manager.told);
}

/// systemd reads the unit without a complaint. Its checker wants the program to be there.
#[test]
fn the_unit_is_one_that_systemd_understands() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/glottis.service");
    let text = std::fs::read_to_string(unit).expect("the unit");
    assert!(text.contains("ExecStart=%h/.cargo/bin/glottis run"), "{text}");
    let there = text.replace("%h/.cargo/bin/glottis", env!("CARGO_BIN_EXE_glottis"));
    let folder = Project::new("").with("glottis.service", there);
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(folder.path("glottis.service"));
    let Ok(checked) = verify.output() else { return println!("skipped: there is no systemd-analyze") };
    let said = String::from_utf8_lossy(&checked.stderr);
    // It looks at what the unit refers to as well.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("glottis")).collect();
    assert_eq!(ours, [""; 0]);
}

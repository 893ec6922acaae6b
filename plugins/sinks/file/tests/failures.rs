//! What goes wrong is said, with the file's name and the remedy, and what came before is kept.

mod common;

use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Rig, build, is_open, keys, problem, read_wav, sound};
use glottis_core::param::Table;
use glottis_core::{Cause, SinkErrorKind, TurnMode};

const MESSAGE: &str = r#"{"n":{seq},"audio":"{audio}"}"#;

#[test]
fn mistakes_in_the_keys_are_named() {
    for (keys, words) in [
        (keys("a-{segmnt}.wav"), "did you mean {segment}?"),
        (keys("a-{x}.wav"), "one of {sink} {segment} {start} {date} {time} {rate}"),
        (keys("a-{segment.wav"), "a { without its }"),
        (keys("a-segment}.wav"), "a } without its {"),
        (keys("a-{segment:4}.wav"), "write {segment:04}"),
        (keys("a-{segment:099}.wav"), "up to {segment:020}"),
        (keys("a-{sink:04}.wav"), "write {sink}"),
        (keys(""), "names no file"),
        (keys("takes/"), "names no file"),
        (keys("a.flac"), "add `format = \"flac\"`"),
        (keys("a.wav").with("format", "flac"), "add `format = \"wav\"`"),
        (keys("a.flac").with("format", "flac").with("sample", "f32"), "use sample = \"s16\""),
        (keys("a.opus"), "add `format = \"opus\"`"),
        (keys("a.opus").with("format", "opus").with("sample", "f32"), "use sample = \"s16\""),
        (keys("a.ndjson").with("format", "ndjson"), "missing key \"message\""),
        (keys("a.wav").with("message", MESSAGE), "only format = \"ndjson\" has messages"),
        (keys("a.wav").with("format", "mp3"), "is not valid here"),
        (Table::default(), "missing key \"path\""),
    ] {
        let text = problem(keys);
        assert!(text.starts_with("sink[0].") && text.contains(words), "{text}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let keys = keys("{x}.raw").with("format", "ndjson").with("message", "{}");
    assert_eq!(build(keys, Path::new("")).err().unwrap().len(), 2);
}

#[test]
fn doubled_braces_are_braces_of_the_name() {
    let dir = tempfile::tempdir().unwrap();
    Rig::start(keys("{{x}}-{segment}.wav"), dir.path(), TurnMode::Always).finish().result.unwrap();
    let mut rig = Rig::start(keys("{{x}}-{start}.wav"), dir.path(), TurnMode::Always);
    rig.begin(0);
    rig.end();
    rig.finish().is_clean(&[&dir.path().join("{x}-2026-11-22T153705Z.wav")]);
}

/// Runs a sink that cannot open its file, and returns what it says.
fn refused(path: &str, base: &Path) -> String {
    let mut rig = Rig::start(keys(path), base, TurnMode::Speech);
    rig.begin(0);
    rig.s16(&[1, 2, 3]);
    rig.end();
    let outcome = rig.finish();
    let error = outcome.error();
    assert_eq!((error.kind, error.code, error.phase), (SinkErrorKind::Fatal, "File", "open"));
    assert!(!error.advice.is_empty());
    assert!(outcome.ledger.balanced() && outcome.ledger.dropped_by(Cause::GaveUp) == 3, "{:?}", outcome.ledger);
    error.to_string()
}

#[test]
fn a_path_that_cannot_be_written_is_fatal_before_any_sound() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("folder.wav")).unwrap();
    std::fs::write(dir.path().join("file"), "x").unwrap();
    for (path, words) in [
        ("folder.wav", "that is a folder"),
        ("file/a.wav", "make the folder"),
        ("file/{segment}.wav", "write to the folder"),
        #[cfg(target_os = "linux")]
        ("/proc/nothing/here/a.wav", "make the folder /proc/nothing/here"),
        #[cfg(target_os = "linux")]
        ("/proc/{segment}.wav", "write to the folder /proc/"),
        #[cfg(target_os = "linux")]
        ("/proc/a.wav", "cannot write /proc/a.wav"),
    ] {
        let text = refused(path, dir.path());
        assert!(text.contains(words), "{path}: {text}");
    }
    let long = "x".repeat(300) + ".wav";
    assert!(refused(&long, dir.path()).contains("takes no such name"));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.wav");
    let _socket = std::os::unix::net::UnixListener::bind(&pipe).unwrap();
    assert!(refused("pipe.wav", dir.path()).contains("it is a pipe, a socket or a disk"));
}

#[cfg(unix)]
#[test]
fn a_folder_of_somebody_else_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write anywhere: there is nothing to be seen then.
    if std::fs::write(dir.path().join("try"), "").is_err() {
        assert!(refused("a.wav", dir.path()).contains("let this user write"));
        assert!(refused("{segment}.wav", dir.path()).contains("let this user write"));
    }
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_older_file_is_replaced_with_a_notice_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.wav");
    std::fs::write(&path, [7; 5000]).unwrap();
    let error = refused_keeping(keys("a.wav").with("overwrite", false), dir.path());
    assert!(error.contains("overwrite = true") && error.contains("{start}"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), [7; 5000]);

    let mut rig = Rig::start(keys("a.wav"), dir.path(), TurnMode::Always);
    rig.begin(0);
    rig.s16(&[1, 2, 3]);
    rig.end();
    let outcome = rig.finish();
    outcome.is_clean(&[&path]);
    assert_eq!(read_wav(&path), [1, 2, 3]);
    let [notice] = outcome.notices()[..] else { panic!("{:?}", outcome.notices()) };
    assert!(notice.contains("a.wav replaces an older file of 5000 bytes"), "{notice}");
}

fn refused_keeping(keys: Table, base: &Path) -> String {
    Rig::start(keys, base, TurnMode::Always).finish().error().to_string()
}

#[test]
fn two_sinks_never_share_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Rig::start(keys("a.wav"), dir.path(), TurnMode::Always);
    first.event(is_open);
    let text = refused_keeping(keys("./nowhere/../a.wav"), dir.path());
    assert!(text.contains("another sink of this run is writing it"), "{text}");
    first.begin(0);
    first.s16(&[5]);
    first.finish().is_clean(&[&dir.path().join("a.wav")]);
    Rig::start(keys("a.wav"), dir.path(), TurnMode::Always).finish().result.unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named() {
    for keys in [
        keys("/dev/full").with("format", "raw"),
        keys("/dev/full").with("format", "ndjson").with("message", MESSAGE),
        keys("/dev/full"),
        keys("/dev/full").with("format", "flac"),
        keys("/dev/full").with("format", "opus"),
    ] {
        let mut rig = Rig::start(keys, Path::new(""), TurnMode::Always);
        rig.begin(0);
        sound(9000).chunks(1000).for_each(|chunk| rig.s16(chunk));
        rig.end();
        let outcome = rig.finish();
        let text = outcome.error().to_string();
        assert!(text.contains("/dev/full") && text.contains("free some space"), "{text}");
        assert!(outcome.ledger.balanced(), "{:?}", outcome.ledger);
        assert_eq!((outcome.ledger.delivered, outcome.bytes), (0, 0));
        assert_eq!(outcome.ledger.dropped_by(Cause::GaveUp), 9000);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_takes_a_stream() {
    let mut rig = Rig::start(keys("/dev/null").with("overwrite", false), Path::new(""), TurnMode::Always);
    rig.begin(0);
    rig.s16(&sound(1000));
    rig.skip(1_000_000);
    rig.end();
    let outcome = rig.finish();
    outcome.result.as_ref().unwrap();
    assert_eq!(outcome.bytes, 44 + 2 * 1_001_000);
}

// From here on a test is also a program of its own, started with the keys in its environment: one
// that is killed, and one whose files may not grow.

fn child(test: &str, keys: &[(&str, &str)], limit: Option<u32>) -> Command {
    let program = std::env::current_exe().unwrap();
    let mut command = match limit {
        None => Command::new(program),
        // Blocks of 512 bytes; the signal is ignored, so that the write fails as on a full disk.
        Some(blocks) => {
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(program);
            shell
        }
    };
    command.args(["--exact", test, "--nocapture"]).env("GLOTTIS_CHILD", "1").envs(keys.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn is_child() -> bool {
    std::env::var_os("GLOTTIS_CHILD").is_some()
}

fn keys_of_child() -> Table {
    let key = |name: &str| std::env::var(name).unwrap();
    let table = keys(&key("PATH_OF_FILE")).with("format", key("FORMAT"));
    if key("FORMAT") == "ndjson" { table.with("message", MESSAGE) } else { table }
}

#[test]
fn child_writes_until_it_is_killed() {
    if !is_child() {
        return;
    }
    let mut rig = Rig::start(keys_of_child(), Path::new(""), TurnMode::Always);
    let samples = sound(1 << 20);
    rig.begin(0);
    for chunk in samples.chunks(333) {
        rig.s16(chunk);
        println!("\ndelivered={}", rig.delivered());
        std::io::stdout().flush().unwrap();
    }
    // The sound is at its end before the killer came.
    rig.until(|rig| rig.delivered() == 1 << 20);
    println!("\ndelivered={}", rig.delivered());
    loop {
        std::thread::park();
    }
}

#[cfg(unix)]
#[test]
fn a_killed_run_leaves_a_valid_wav() {
    if is_child() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let samples = sound(1 << 20);
    for round in [1_u64, 70_000, 250_000, 600_001] {
        let path = dir.path().join(format!("{round}.wav"));
        let env = [("PATH_OF_FILE", path.to_str().unwrap()), ("FORMAT", "wav")];
        let mut process = child("child_writes_until_it_is_killed", &env, None).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let told = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("delivered=")?.parse::<u64>().ok())
            .find(|delivered| *delivered >= round)
            .expect("the child delivers");
        process.kill().unwrap();
        process.wait().unwrap();
        let kept = read_wav(&path);
        assert!(kept.len() as u64 >= told, "{} frames kept, {told} delivered", kept.len());
        assert_eq!(kept, samples[..kept.len()]);
    }
}

#[test]
fn child_runs_out_of_disk() {
    if !is_child() {
        return;
    }
    let mut rig = Rig::start(keys_of_child(), Path::new(""), TurnMode::Always);
    rig.begin(0);
    // Chunks that fill the buffer a little unevenly: the disk is full in the middle of one.
    sound(200_000).chunks(1234).for_each(|chunk| rig.s16(chunk));
    rig.end();
    let outcome = rig.finish();
    assert!(outcome.ledger.balanced(), "{:?}", outcome.ledger);
    let dropped = outcome.ledger.dropped_by(Cause::GaveUp);
    println!("\noutcome={} {} {}", outcome.ledger.delivered, dropped, outcome.bytes);
    println!("\nerror={}", outcome.error());
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_leaves_whole_messages_and_frames() {
    if is_child() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let samples = sound(200_000);
    for format in ["wav", "raw", "flac", "ndjson"] {
        let path: PathBuf = dir.path().join(format!("full.{format}"));
        let env = [("PATH_OF_FILE", path.to_str().unwrap()), ("FORMAT", format)];
        let output = child("child_runs_out_of_disk", &env, Some(333)).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let line =
            |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{text}"));
        let numbers: Vec<u64> = line("outcome=").split(' ').map(|n| n.parse().unwrap()).collect();
        let (delivered, dropped, bytes) = (numbers[0], numbers[1], numbers[2]);
        assert!(delivered > 20_000 && delivered + dropped == 200_000, "{format}: {delivered} {dropped}");
        let size = path.metadata().unwrap().len();
        assert!(size <= 333 * 512 && size == bytes, "{format}: {size} {bytes}");
        let error = line("error=");
        assert!(error.contains("full.") && error.contains("the file is valid and holds"), "{error}");
        let kept: Vec<i16> = match format {
            "wav" => read_wav(&path),
            "raw" => pairs(&std::fs::read(&path).unwrap()),
            "flac" => reference_decode(&path, delivered),
            _ => std::fs::read_to_string(&path).unwrap().lines().flat_map(sound_of).collect(),
        };
        assert!(kept.len() as u64 >= delivered && kept.len() as u64 <= delivered + 4096, "{format}: {}", kept.len());
        assert_eq!(kept, samples[..kept.len()], "{format}");
    }
}

fn pairs(bytes: &[u8]) -> Vec<i16> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    assert!(rest.is_empty(), "half a frame");
    pairs.iter().map(|&pair| i16::from_le_bytes(pair)).collect()
}

fn sound_of(line: &str) -> Vec<i16> {
    use base64::Engine as _;
    let value: serde_json::Value = serde_json::from_str(line).expect("a whole message");
    pairs(&base64::engine::general_purpose::STANDARD.decode(value["audio"].as_str().unwrap()).unwrap())
}

/// By the reference decoder, which is strict about frames cut short; what the books say without it.
fn reference_decode(path: &Path, frames: u64) -> Vec<i16> {
    let args = ["--decode", "--stdout", "--silent", "--force-raw-format", "--endian=little", "--sign=signed"];
    match Command::new("flac").args(args).arg(path).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            pairs(&output.stdout)
        }
        Err(_) => sound(frames as usize),
    }
}

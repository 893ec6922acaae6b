//! What a person finds who knows nothing yet.

use crate::support::process::glottis_with;

#[test]
fn the_version_is_that_of_the_package() {
    let ended = glottis_with(&["-V"]);
    assert_eq!(ended.exits(0).stdout, format!("glottis {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_names_every_command_and_every_exit_code() {
    let help = glottis_with(&["--help"]);
    for command in ["demo", "run", "check", "doctor", "devices", "components", "schema", "sim", "completions"] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command}: {}", help.stdout);
        let own = glottis_with(&[command, "--help"]);
        assert!(own.exits(0).stdout.starts_with(|c: char| c.is_uppercase()), "{command} says what it does");
    }
    let codes = help.exits(0).stdout.split_once("Exit codes:").expect("a list of exit codes").1;
    for code in ["0 ", "2 ", "3 ", "4 ", "5 ", "130 "] {
        assert!(codes.lines().any(|line| line.trim().starts_with(code)), "{code}in {codes}");
    }
    let run = glottis_with(&["run", "--help"]).stdout;
    for flag in ["--events", "--control", "--for", "--report", "--set", "--plugin", "--log", "--json"] {
        assert!(run.contains(flag), "{flag} in {run}");
    }
}

#[test]
fn completions_are_scripts_for_their_shell() {
    for (shell, part) in [("bash", "complete "), ("zsh", "#compdef glottis"), ("fish", "complete -c glottis")] {
        let script = glottis_with(&["completions", shell]);
        assert!(script.exits(0).stdout.contains(part), "{shell}");
        assert!(script.stdout.contains("events"), "{shell}");
    }
    let mut bash = std::process::Command::new("bash");
    bash.args(["-n", "/dev/stdin"]).stdin(std::process::Stdio::piped());
    let Ok(mut bash) = bash.spawn() else { return println!("skipped: there is no bash to read its script") };
    let script = glottis_with(&["completions", "bash"]).stdout;
    std::io::Write::write_all(&mut bash.stdin.take().expect("piped"), script.as_bytes()).expect("it reads");
    assert!(bash.wait().expect("it ends").success(), "bash cannot read its script");
}

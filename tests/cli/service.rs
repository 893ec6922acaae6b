//! A run under a service manager: it says when it has begun, that it is alive, and that it ends.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::support::process::glottis;
use crate::support::{Project, Run, TOO_LONG, sound};

#[test]
fn a_service_manager_is_told_how_it_goes() {
    let project = Project::new(
        "version = 1\n[source]\ntype = \"file\"\npath = \"in.wav\"\npace = \"realtime\"\n[[sink]]\ntype = \"file\"\npath = \"out.wav\"\n",
    )
    .with("in.wav", sound::wav(16_000, 1, &sound::noise(16_000, 3)));
    let path = project.path("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    manager.set_read_timeout(Some(TOO_LONG)).expect("a timeout");
    let mut command = glottis();
    command.arg("run").arg(project.path("pipeline.toml")).env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", Duration::from_millis(200).as_micros().to_string());
    let run = Run::spawn(command);
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "STOPPING=1") {
        let mut message = [0; 256];
        let n = manager.recv(&mut message).unwrap_or_else(|error| panic!("{error}: {told:?}"));
        told.push(String::from_utf8_lossy(&message[..n]).trim().to_owned());
    }
    run.finish().exits(0);
    assert!(told.contains(&"READY=1".to_owned()) && told.contains(&"STATUS=file: open".to_owned()), "{told:?}");
    let alive = told.iter().filter(|message| *message == "WATCHDOG=1").count();
    assert!(alive > 2, "signs of life while sound goes through: {told:?}");
}

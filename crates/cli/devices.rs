//! `glottis devices`.

use std::process::ExitCode;

use crate::args::Common;
use crate::explain;

/// Lists the capture devices.
pub fn devices(common: &Common) -> ExitCode {
    let devices = match glottis::devices() {
        Ok(devices) => devices,
        Err(error) => return explain::failure(&error.to_string(), explain::SOURCE),
    };
    if common.json {
        println!("{}", serde_json::to_string(&devices).unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    if devices.is_empty() {
        eprintln!("no capture device: plug one in, or check that the sound server is running");
    }
    for device in devices {
        let star = if device.is_default { "*" } else { " " };
        println!("{star} {}  {}", device.id, device.name);
    }
    ExitCode::SUCCESS
}

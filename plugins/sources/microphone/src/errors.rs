//! From what the host reports to the seven codes of capture errors, and what to do about each. Control
//! side only.

use cpal::{Error, ErrorKind};
use glottis_core::source::SourceError;

/// The system or the user does not let us listen.
pub const PERMISSION_DENIED: &str = "permission_denied";
/// There is no such device.
pub const NOT_FOUND: &str = "no_specified_media_found";
/// Somebody else has it.
pub const IN_USE: &str = "media_in_use";
/// The device does not do what is asked.
pub const CONSTRAINTS: &str = "invalid_media_constraints";
/// Nothing is asked for.
pub const NO_CONSTRAINTS: &str = "no_constraints";
/// It fails, or says nothing.
pub const RECORDER: &str = "recorder_error";
/// It went away while capturing.
pub const ABORTED: &str = "media_aborted";

/// An error with the remedy that belongs to its code.
pub fn error(code: &'static str, message: impl Into<String>) -> SourceError {
    let advice = match code {
        PERMISSION_DENIED => "allow this program the microphone; on Linux the user may have to be in the group `audio`",
        NOT_FOUND => "plug a microphone in and start the sound server; `glottis devices` lists what there is",
        IN_USE => "close the program that records from it, or name another `device`",
        CONSTRAINTS => "name another `device`, or leave `buffer` and `host` to \"auto\"",
        NO_CONSTRAINTS => {
            "name a `device`, or leave the key out for the default one; `glottis devices` lists what there is"
        }
        ABORTED => "plug it in again: it is waited for; several in `device` stand in for each other",
        _ => "plug the device out and in, or restart the sound server",
    };
    SourceError::new(code, message, advice)
}

/// Why `device` cannot be opened.
pub fn opening(device: &str, error: &Error) -> SourceError {
    let text = error.to_string();
    let code = match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated => NOT_FOUND,
        ErrorKind::PermissionDenied => PERMISSION_DENIED,
        ErrorKind::DeviceBusy => IN_USE,
        ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput | ErrorKind::UnsupportedOperation => CONSTRAINTS,
        // ALSA's plugin for sound servers: a server that has gone refuses the connection, and one whose
        // microphone is unplugged fails once the parameters are set. A device that fails to open is broken.
        ErrorKind::BackendError if text.contains("Connection refused") || text.contains("hw_params") => NOT_FOUND,
        _ => RECORDER,
    };
    self::error(code, format!("cannot open the microphone \"{device}\": {text}"))
}

/// What ended a capture from `device`. `there` says, if it must be asked, whether the device can still
/// be opened: ALSA reports an unplugged device and a failing one in the same words.
pub fn streaming(device: &str, error: &Error, there: impl FnOnce() -> bool) -> SourceError {
    let code = match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable => ABORTED,
        ErrorKind::PermissionDenied => PERMISSION_DENIED,
        ErrorKind::BackendError if !there() => ABORTED,
        _ => RECORDER,
    };
    let what = if code == ABORTED { "was lost" } else { "failed" };
    self::error(code, format!("the microphone \"{device}\" {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_code_when_opening() {
        for (kind, message, code) in [
            (ErrorKind::DeviceNotAvailable, "", NOT_FOUND),
            (ErrorKind::HostUnavailable, "PulseAudio is not available", NOT_FOUND),
            (ErrorKind::StreamInvalidated, "I/O error: Connection refused (os error 111)", NOT_FOUND),
            (ErrorKind::PermissionDenied, "", PERMISSION_DENIED),
            (ErrorKind::DeviceBusy, "", IN_USE),
            (ErrorKind::UnsupportedConfig, "", CONSTRAINTS),
            (ErrorKind::InvalidInput, "Invalid argument", CONSTRAINTS),
            (ErrorKind::BackendError, "'snd_pcm_hw_params' failed with error 'I/O error (5)'", NOT_FOUND),
            (ErrorKind::BackendError, "'snd_pcm_open' failed with error 'Connection refused (111)'", NOT_FOUND),
            (ErrorKind::BackendError, "'snd_pcm_open' failed with error 'I/O error (5)'", RECORDER),
        ] {
            let error = opening("mic", &Error::with_message(kind, message));
            assert_eq!(error.code, code, "{kind:?} {message}");
            assert!(error.message.contains("mic") && !error.advice.is_empty());
        }
    }

    #[test]
    fn a_failing_device_that_can_be_opened_again_is_not_lost() {
        let failed = Error::with_message(ErrorKind::BackendError, "I/O error");
        assert_eq!(streaming("mic", &failed, || true).code, RECORDER);
        assert_eq!(streaming("mic", &failed, || false).code, ABORTED);
        let gone = Error::new(ErrorKind::DeviceNotAvailable);
        assert_eq!(streaming("mic", &gone, || true).code, ABORTED);
    }
}

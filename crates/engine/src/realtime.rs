//! Raised priority for the pipeline thread. Called once, on that thread, before it begins; the only system
//! calls it makes besides waking others.
//!
//! Only with a live source: one that can wait lets this thread run without a pause, and that must not
//! stand before everything else. The thread that captures belongs to the sound system's library, which
//! raises it where the system has a way of its own (CoreAudio, WASAPI, AAudio). It is not raised from
//! here: an error that such a library reports a million times a second would then starve the machine.

/// Above everything that is not real time, below the sound server.
#[cfg(unix)]
const PRIORITY: u8 = 10;

/// The code of a refusal.
pub(crate) const REFUSED: &str = "RealtimeRefused";

/// What to do about a refusal.
pub(crate) const ADVICE: &str = if cfg!(target_os = "linux") {
    "sound may be lost while the machine is busy; let the user have it: `@audio - rtprio 95` in \
     /etc/security/limits.d/audio.conf, `LimitRTPRIO=20` in a systemd unit, `--cap-add SYS_NICE` for a container"
} else {
    "sound may be lost while the machine is busy; close other programs, or run this one with more rights"
};

/// Asks for real-time priority for this thread: round-robin scheduling, so that two pipelines on one core
/// take turns.
///
/// # Errors
/// The system refuses.
#[cfg(unix)]
pub(crate) fn ask() -> Result<(), String> {
    use thread_priority::unix::{
        RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    };
    use thread_priority::{ThreadPriority, ThreadPriorityValue};

    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let value = ThreadPriorityValue::try_from(PRIORITY).map_err(|why| why.to_string())?;
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy)
        .map_err(|error| format!("{error:?}"))
}

/// Asks for the highest priority a thread of an ordinary process can have.
///
/// # Errors
/// The system refuses.
#[cfg(not(unix))]
pub(crate) fn ask() -> Result<(), String> {
    use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

    set_current_thread_priority(ThreadPriority::Crossplatform(ThreadPriorityValue::MAX))
        .map_err(|error| format!("{error:?}"))
}

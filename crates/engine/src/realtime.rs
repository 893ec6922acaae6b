//! Raised priority for the pipeline thread. Called once, on that thread, before it begins.

use thread_priority::unix::{
    RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use thread_priority::{ThreadPriority, ThreadPriorityValue};

/// Above everything that is not real time, below the sound server.
const PRIORITY: u8 = 10;

/// The code of a refusal.
pub(crate) const REFUSED: &str = "RealtimeRefused";

/// What to do about a refusal.
pub(crate) const ADVICE: &str = "sound may be lost while the machine is busy; let the user have it: `@audio - rtprio 95` in \
    /etc/security/limits.d/audio.conf, `LimitRTPRIO=20` in a systemd unit, `--cap-add SYS_NICE` for a container";

/// Asks for real-time priority for this thread.
///
/// # Errors
/// The system refuses.
pub(crate) fn ask() -> Result<(), String> {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let value = ThreadPriorityValue::try_from(PRIORITY).map_err(|why| why.to_string())?;
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy)
        .map_err(|error| format!("{error:?}"))
}

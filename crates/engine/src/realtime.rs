//! Raised priority for the pipeline thread, and for the sinks' where the lowest latency is asked for. Called
//! once, on that thread, before it begins; with the choice of a CPU the only system calls the pipeline thread
//! makes besides waking others.
//!
//! Only with a source that does not wait: one that can wait lets this thread run without a pause, and that must not
//! stand before everything else. The thread that captures belongs to the sound system's library, which
//! raises it where the system has a way of its own (CoreAudio, WASAPI, AAudio). It is not raised from
//! here: an error that such a library reports a million times a second would then starve the machine.

/// Whose priority it is: above everything that is not real time, below the sound server.
#[derive(Clone, Copy)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "sinks are raised on Linux only"))]
pub(crate) enum Rank {
    /// A pipeline thread.
    Pipeline,
    /// A thread of sinks: after the pipeline, which has more to lose.
    Sinks,
}

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
pub(crate) fn ask(rank: Rank) -> Result<(), String> {
    use thread_priority::unix::{
        RealtimeThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    };
    use thread_priority::{ThreadPriority, ThreadPriorityValue};

    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    let priority: u8 = match rank {
        Rank::Pipeline => 10,
        Rank::Sinks => 9,
    };
    let value = ThreadPriorityValue::try_from(priority).map_err(|why| why.to_string())?;
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Crossplatform(value), policy)
        .map_err(|error| format!("{error:?}"))
}

/// Asks for the highest priority a thread of an ordinary process can have.
///
/// # Errors
/// The system refuses.
#[cfg(not(unix))]
pub(crate) fn ask(_: Rank) -> Result<(), String> {
    use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

    set_current_thread_priority(ThreadPriority::Crossplatform(ThreadPriorityValue::MAX))
        .map_err(|error| format!("{error:?}"))
}

/// Common priority again, as nice as the process is, for a thread that began as a copy of one that was raised.
#[cfg(target_os = "linux")]
pub(crate) fn give_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    use thread_priority::ThreadPriority;
    use thread_priority::unix::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
    };

    let nice = getpriority_process(None);
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
    // With the policy the crate sets how nice the thread is. Of all values this one can be taken back by
    // everyone who may set it; for all others it leaves things as they are.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Max, policy);
    if let Ok(nice) = nice {
        let _ = setpriority_process(None, nice);
    }
}

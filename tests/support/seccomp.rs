//! A thread that may make certain system calls and no other: what the tests of the real-time rule put
//! the audio threads under. Linux only.

use std::ffi::{c_int, c_ulong, c_ushort};

/// What a process run again says when the kernel gives it no filter.
pub const REFUSED: i32 = 77;

/// The signal of a process killed by its filter.
pub const SIGSYS: i32 = 31;

/// `struct sock_filter` of `linux/filter.h`: one instruction.
#[repr(C)]
struct Instruction {
    code: u16,
    jump_true: u8,
    jump_false: u8,
    k: u32,
}

/// `struct sock_fprog` of `linux/filter.h`.
#[repr(C)]
struct Program {
    length: c_ushort,
    instructions: *const Instruction,
}

unsafe extern "C" {
    /// The C library's own, which the standard library links.
    fn prctl(option: c_int, ...) -> c_int;
}

/// Leaves this thread only the system calls of these numbers; any other kills the process. False: refused.
pub fn allow_only(calls: &[u32]) -> bool {
    // The figures of `linux/prctl.h`, `linux/seccomp.h` and `linux/bpf_common.h`.
    const SET_NO_NEW_PRIVILEGES: c_int = 38;
    const SET_SECCOMP: c_int = 22;
    const MODE_FILTER: c_ulong = 2;
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const ALLOW: u32 = 0x7fff_0000;
    const KILL_PROCESS: u32 = 0x8000_0000;
    let plain = |code, k| Instruction { code, jump_true: 0, jump_false: 0, k };
    let mut program = vec![plain(LOAD_NUMBER, 0)];
    for (i, &number) in calls.iter().enumerate() {
        // To the last instruction if it is this, to the next if not.
        let jump_true = (calls.len() - i) as u8;
        program.push(Instruction { jump_true, ..plain(JUMP_IF_EQUAL, number) });
    }
    program.extend([plain(RETURN, KILL_PROCESS), plain(RETURN, ALLOW)]);
    let filter = Program { length: program.len() as c_ushort, instructions: program.as_ptr() };
    let (yes, none): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: the first call takes integers only. The second reads a program laid out as the kernel's
    // headers say, which outlives the call: the kernel copies it. Neither touches anything but this
    // thread's own rights.
    let restricted = unsafe {
        prctl(SET_NO_NEW_PRIVILEGES, yes, none, none, none) == 0
            && prctl(SET_SECCOMP, MODE_FILTER, &raw const filter) == 0
    };
    // Freeing it might be a system call.
    std::mem::forget(program);
    restricted
}

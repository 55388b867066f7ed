//! Handles of processes, for GetApplicationRestartSettings and GetProcessTimes: OpenProcess, GetCurrentProcess,
//! CloseHandle and what tells about one.
//!
//! A handle stands for the process that had the id when it was opened, by its start time. It holds nothing of the
//! kernel's, so that one that is never closed costs a few bytes.

#![allow(unsafe_code, reason = "writes where the caller points")]

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use reseat_restart_manager::UniqueProcess;

use crate::layout::{ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER, FILETIME, RM_UNIQUE_PROCESS};

/// A HANDLE: a number in the place of a pointer, as on Windows.
pub type Handle = usize;

/// What GetCurrentProcess gives, in every process.
const CURRENT: Handle = usize::MAX;

/// Handles are multiples of it, as on Windows.
const STEP: Handle = 4;

#[derive(Debug, Default)]
struct Table {
    last: Handle,
    processes: HashMap<Handle, UniqueProcess>,
}

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

thread_local! {
    static LAST_ERROR: Cell<u32> = const { Cell::new(0) };
}

fn with_table<T>(work: impl FnOnce(&mut Table) -> T) -> T {
    work(TABLE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Notes the error for GetLastError.
fn failed<T>(error: u32, value: T) -> T {
    LAST_ERROR.set(error);
    value
}

/// The process that a handle stands for, if it still runs.
pub(crate) fn process_of(handle: Handle) -> Option<UniqueProcess> {
    if handle == CURRENT {
        return UniqueProcess::current();
    }
    with_table(|table| table.processes.get(&handle).copied()).filter(|process| process.is_running())
}

/// A handle of a process (the page OpenProcess). Neither the access that is asked for nor the inheritance means
/// anything here: what the caller may do with the process says the kernel each time.
///
/// # Errors
/// A null handle, and 87 from GetLastError, without such a process.
#[unsafe(no_mangle)]
pub extern "C" fn OpenProcess(_access: u32, _inherit: i32, pid: u32) -> Handle {
    let Some(process) = UniqueProcess::of(pid) else { return failed(ERROR_INVALID_PARAMETER, 0) };
    with_table(|table| {
        table.last = table.last.wrapping_add(STEP).max(STEP);
        table.processes.insert(table.last, process);
        table.last
    })
}

/// The handle that stands for the calling process (the page GetCurrentProcess); it needs not be closed.
#[unsafe(no_mangle)]
pub extern "C" fn GetCurrentProcess() -> Handle {
    CURRENT
}

/// The id of the calling process (the page GetCurrentProcessId).
#[unsafe(no_mangle)]
pub extern "C" fn GetCurrentProcessId() -> u32 {
    std::process::id()
}

/// The id of the process of a handle (the page GetProcessId).
///
/// # Errors
/// 0, and 6 from GetLastError, for what is no handle of a process that runs.
#[unsafe(no_mangle)]
pub extern "C" fn GetProcessId(handle: Handle) -> u32 {
    process_of(handle).map_or_else(|| failed(ERROR_INVALID_HANDLE, 0), |process| process.pid)
}

/// Closes a handle (the page CloseHandle).
///
/// # Errors
/// FALSE, and 6 from GetLastError, for what is no handle.
#[unsafe(no_mangle)]
pub extern "C" fn CloseHandle(handle: Handle) -> i32 {
    let known = handle == CURRENT || with_table(|table| table.processes.remove(&handle).is_some());
    if known { 1 } else { failed(ERROR_INVALID_HANDLE, 0) }
}

/// When a process started, as [`RM_UNIQUE_PROCESS`] has it, and how long it has run (the page GetProcessTimes).
///
/// # Errors
/// FALSE, and from GetLastError 6 for what is no handle of a process that runs, 87 for a null pointer.
///
/// # Safety
/// Each pointer is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetProcessTimes(
    handle: Handle,
    creation: *mut FILETIME,
    exit: *mut FILETIME,
    kernel: *mut FILETIME,
    user: *mut FILETIME,
) -> i32 {
    if [creation, exit, kernel, user].iter().any(|it| it.is_null()) {
        return failed(ERROR_INVALID_PARAMETER, 0);
    }
    let Some(process) = process_of(handle) else { return failed(ERROR_INVALID_HANDLE, 0) };
    let (in_kernel, in_program) = run_times(process.pid).unwrap_or_default();
    // SAFETY: none is null, and the caller promises that they can be written to.
    unsafe {
        creation.write_unaligned(RM_UNIQUE_PROCESS::of(process).ProcessStartTime);
        exit.write_unaligned(FILETIME::default());
        kernel.write_unaligned(ticks(in_kernel));
        user.write_unaligned(ticks(in_program));
    }
    1
}

/// The error of the last function of this file that failed in this thread (the page GetLastError).
#[unsafe(no_mangle)]
pub extern "C" fn GetLastError() -> u32 {
    LAST_ERROR.get()
}

/// A number of the kernel's clock ticks as a FILETIME.
fn ticks(count: u64) -> FILETIME {
    RM_UNIQUE_PROCESS::of(UniqueProcess { pid: 0, start_time: count }).ProcessStartTime
}

/// The clock ticks that a process has run, in the kernel and itself: fields 15 and 14 of proc_pid_stat(5).
fn run_times(pid: u32) -> Option<(u64, u64)> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The name before them may hold anything.
    let rest = text.rsplit(|&byte| byte == b')').next()?;
    let mut fields = std::str::from_utf8(rest).ok()?.split_ascii_whitespace().skip(14 - 3);
    let user = fields.next()?.parse().ok()?;
    Some((fields.next()?.parse().ok()?, user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_stands_for_one_process_until_it_is_closed() {
        let pid = std::process::id();
        let handle = OpenProcess(0, 0, pid);
        assert!(handle != 0 && handle.is_multiple_of(STEP));
        assert_eq!((GetProcessId(handle), GetProcessId(GetCurrentProcess())), (pid, pid));
        assert_eq!((CloseHandle(handle), CloseHandle(handle), GetLastError()), (1, 0, 6));
        assert_eq!((GetProcessId(handle), OpenProcess(0, 0, u32::MAX), GetLastError()), (0, 0, 87));
    }

    #[test]
    fn the_times_that_a_process_has_run_are_behind_its_name() {
        // Some of it is the time of this test.
        let begun = std::time::Instant::now();
        while run_times(std::process::id()).is_some_and(|(kernel, user)| kernel + user == 0) {
            assert!(begun.elapsed() < std::time::Duration::from_secs(60), "no time passes");
        }
        assert_eq!(run_times(0), None);
    }
}

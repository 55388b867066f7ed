//! RegisterApplicationRestart and UnregisterApplicationRestart, and how to name a process.

#![allow(unsafe_code, reason = "reads and writes where the caller points")]

use reseat_restart_manager::{
    Error, RestartFlags, UniqueProcess, register_application_restart, unregister_application_restart,
};

use crate::layout::{ERROR_BAD_ARGUMENTS, ERROR_SUCCESS, RM_UNIQUE_PROCESS};
use crate::text;

const S_OK: u32 = 0;
const E_FAIL: u32 = 0x8000_4005;
const E_INVALIDARG: u32 = 0x8007_0057;

/// Registers the calling process for restart with this command line, which does not name the program (the
/// page RegisterApplicationRestart).
///
/// # Errors
/// E_INVALIDARG for more than 1,024 characters, for what is no text and for flags that are none; E_FAIL.
///
/// # Safety
/// `line` is null or a string with an end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RegisterApplicationRestart(line: *const u16, flags: u32) -> u32 {
    let arguments = if line.is_null() {
        Vec::new()
    } else {
        // SAFETY: as the caller promises.
        match unsafe { text::read(line) } {
            Some(line) => text::arguments(&line),
            None => return E_INVALIDARG,
        }
    };
    let register = || register_application_restart(&arguments, RestartFlags::from_bits(flags)?);
    result(register())
}

/// Withdraws that (the page UnregisterApplicationRestart).
///
/// # Errors
/// E_FAIL.
#[unsafe(no_mangle)]
pub extern "C" fn UnregisterApplicationRestart() -> u32 {
    result(unregister_application_restart())
}

fn result(result: Result<(), Error>) -> u32 {
    match result {
        Ok(()) => S_OK,
        Err(Error::CommandLineTooLong { .. } | Error::BadArguments { .. }) => E_INVALIDARG,
        Err(_) => E_FAIL,
    }
}

/// Tells a process from a later one with the same id, for [`crate::RmRegisterResources`]. This function is
/// not one of Windows, where GetProcessTimes gives the time.
///
/// # Errors
/// 160 for a null pointer, and without such a process.
///
/// # Safety
/// `process` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmGetUniqueProcess(pid: u32, process: *mut RM_UNIQUE_PROCESS) -> u32 {
    match UniqueProcess::of(pid) {
        Some(found) if !process.is_null() => {
            // SAFETY: not null, and the caller promises that it can be written to.
            unsafe { process.write_unaligned(RM_UNIQUE_PROCESS::of(found)) };
            ERROR_SUCCESS
        }
        _ => ERROR_BAD_ARGUMENTS,
    }
}

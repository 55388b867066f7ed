//! RegisterApplicationRestart, UnregisterApplicationRestart and GetApplicationRestartSettings, and how to name a
//! process.

#![allow(unsafe_code, reason = "reads and writes where the caller points")]

use reseat_restart_manager::{
    Error, RestartFlags, Store, UniqueProcess, register_application_restart, unregister_application_restart,
};

use crate::layout::{
    ERROR_BAD_ARGUMENTS, ERROR_INSUFFICIENT_BUFFER, ERROR_NOT_FOUND, ERROR_SUCCESS, RM_UNIQUE_PROCESS,
};
use crate::process::{Handle, process_of};
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

/// Reads back what a process has registered (the page GetApplicationRestartSettings). The size counts characters
/// and the zero at the end; with neither a buffer nor a size it is only told, which is no error. Of other processes
/// than the calling one, those of the same user can be asked about.
///
/// # Errors
/// E_INVALIDARG for what is no handle of a process that runs, without a size, and for a size without a buffer; 1168
/// as an HRESULT for a process that has not registered, 122 as one for a buffer that is too small, E_FAIL.
///
/// # Safety
/// `line` is null or has room for so many characters as `size` leads to; the others are null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn GetApplicationRestartSettings(
    process: Handle,
    line: *mut u16,
    size: *mut u32,
    flags: *mut u32,
) -> u32 {
    let Some(process) = process_of(process).filter(|_| !size.is_null()) else { return E_INVALIDARG };
    // SAFETY: not null, and the caller promises the rest.
    let room = unsafe { size.read_unaligned() };
    if line.is_null() && room != 0 {
        return E_INVALIDARG;
    }
    let registration = match Store::open().and_then(|store| store.registration(process)) {
        Ok(Some(registration)) => registration,
        Ok(None) => return of_number(ERROR_NOT_FOUND),
        Err(_) => return E_FAIL,
    };
    let text: Vec<u16> = registration.command_line().encode_utf16().chain([0]).collect();
    let Ok(length) = u32::try_from(text.len()) else { return E_FAIL };
    // SAFETY: not null, and the caller promises that it can be written to.
    unsafe { size.write_unaligned(length) };
    if !line.is_null() {
        if room < length {
            return of_number(ERROR_INSUFFICIENT_BUFFER);
        }
        for (at, unit) in text.iter().enumerate() {
            // SAFETY: within the room that the caller promises.
            unsafe { line.add(at).write_unaligned(*unit) };
        }
    }
    if !flags.is_null() {
        // SAFETY: not null, and the caller promises that it can be written to.
        unsafe { flags.write_unaligned(registration.flags.bits()) };
    }
    S_OK
}

/// HRESULT_FROM_WIN32.
fn of_number(error: u32) -> u32 {
    0x8007_0000 | error
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

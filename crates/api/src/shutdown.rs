//! RmShutdown, RmRestart and RmCancelCurrentTask.

#![allow(unsafe_code, reason = "calls the caller's function")]

use reseat_restart_manager::ShutdownOptions;

use crate::handle;
use crate::layout::{ERROR_BAD_ARGUMENTS, ERROR_SUCCESS, StatusCallback};

/// RmForceShutdown.
const FORCE: u32 = 0x1;
/// RmShutdownOnlyRegistered.
const ONLY_REGISTERED: u32 = 0x10;

/// Closes who uses the registered resources (the page RmShutdown).
///
/// # Errors
/// 6, 29, 121, 350, 351, 1223; 160 for flags that are none; 1219 for a secondary installer.
///
/// # Safety
/// `status` is null or a function of the documented form, which returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmShutdown(handle: u32, flags: u32, status: StatusCallback) -> u32 {
    let held = match handle::primary(handle) {
        Ok(held) => held,
        Err(number) => return number,
    };
    if flags & !(FORCE | ONLY_REGISTERED) != 0 {
        return ERROR_BAD_ARGUMENTS;
    }
    let options = ShutdownOptions {
        force: flags & FORCE != 0,
        only_registered: flags & ONLY_REGISTERED != 0,
        ..ShutdownOptions::default()
    };
    // SAFETY: as the caller promises.
    let mut report = unsafe { increasing(status) };
    held.operate(|primary| primary.shut_down(&options, &mut report))
}

/// Starts what was closed and had registered for that (the page RmRestart).
///
/// # Errors
/// 6, 29, 121, 352, 776, 1223; 160 for flags, which are reserved; 1219 for a secondary installer.
///
/// # Safety
/// As [`RmShutdown`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmRestart(handle: u32, flags: u32, status: StatusCallback) -> u32 {
    let held = match handle::primary(handle) {
        Ok(held) => held,
        Err(number) => return number,
    };
    if flags != 0 {
        return ERROR_BAD_ARGUMENTS;
    }
    // SAFETY: as the caller promises.
    let mut report = unsafe { increasing(status) };
    held.operate(|primary| primary.restart(&mut report).map(drop))
}

/// Cancels the shutdown or restart that another thread is in (the page RmCancelCurrentTask). Without one it
/// does nothing.
///
/// # Errors
/// 6; 1219 for a secondary installer.
#[unsafe(no_mangle)]
pub extern "C" fn RmCancelCurrentTask(handle: u32) -> u32 {
    match handle::primary(handle) {
        Ok(held) => {
            held.cancel();
            ERROR_SUCCESS
        }
        Err(number) => number,
    }
}

/// Tells the caller of each percentage once, as the page RM_WRITE_STATUS_CALLBACK says.
///
/// # Safety
/// As [`RmShutdown`].
unsafe fn increasing(status: StatusCallback) -> impl FnMut(u32) {
    let mut last = None;
    move |percent| {
        if let Some(status) = status.filter(|_| last.is_none_or(|last| percent > last)) {
            last = Some(percent);
            // SAFETY: as the caller promises.
            unsafe { status(percent) };
        }
    }
}

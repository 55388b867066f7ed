//! RmGetList.

#![allow(unsafe_code, reason = "writes to the caller's array")]

use crate::handle;
use crate::layout::{ERROR_BAD_ARGUMENTS, ERROR_MORE_DATA, RM_PROCESS_INFO, number};

/// Lists who uses the registered resources (the page RmGetList).
///
/// The number needed and the reasons for a reboot are written in any case. An array that is too small, or a
/// null pointer, is answered with 234 and nothing in the array; since processes come and go, the second call
/// may be answered so again.
///
/// # Errors
/// 6, 29, 234; 160 where a pointer other than the array's is null; 1219 for a secondary installer.
///
/// # Safety
/// The array is null or has as many elements as `count` leads to; the other pointers are null or can be
/// written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmGetList(
    handle: u32,
    needed: *mut u32,
    count: *mut u32,
    array: *mut RM_PROCESS_INFO,
    reboot_reasons: *mut u32,
) -> u32 {
    let list = || {
        let held = handle::primary(handle)?;
        if needed.is_null() || count.is_null() || reboot_reasons.is_null() {
            return Err(ERROR_BAD_ARGUMENTS);
        }
        let list = held.primary()?.list().map_err(|error| error.code())?;
        let infos: Vec<RM_PROCESS_INFO> = list.applications.iter().flat_map(RM_PROCESS_INFO::of).collect();
        let length = u32::try_from(infos.len()).unwrap_or(u32::MAX);
        // SAFETY: not null, and the caller promises that they can be written to.
        let room = unsafe {
            needed.write_unaligned(length);
            reboot_reasons.write_unaligned(list.reboot_reasons.bits());
            if array.is_null() { 0 } else { count.read_unaligned() }
        };
        let filled = if room < length { 0 } else { length };
        // SAFETY: as above.
        unsafe { count.write_unaligned(filled) };
        for (at, info) in infos.into_iter().enumerate().take(filled as usize) {
            // SAFETY: within the elements that the caller promises.
            unsafe { array.add(at).write_unaligned(info) };
        }
        if room < length { Err(ERROR_MORE_DATA) } else { Ok(()) }
    };
    number(list())
}

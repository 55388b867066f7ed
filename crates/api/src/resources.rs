//! RmRegisterResources.

#![allow(unsafe_code, reason = "reads the caller's arrays")]

use std::path::PathBuf;

use reseat_restart_manager::Resources;

use crate::handle;
use crate::layout::{ERROR_BAD_ARGUMENTS, RM_UNIQUE_PROCESS, number};
use crate::text;

/// Registers files by full path, processes and services (the page RmRegisterResources). For the primary and
/// the secondary installers.
///
/// # Errors
/// 6, 29, 121; 160 for an array that is null and should not be, and for a path that is not a full one.
///
/// # Safety
/// Each array is null or has as many elements as its number says; each string is null or has an end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmRegisterResources(
    handle: u32,
    file_count: u32,
    files: *const *const u16,
    process_count: u32,
    processes: *const RM_UNIQUE_PROCESS,
    service_count: u32,
    services: *const *const u16,
) -> u32 {
    let register = || {
        // SAFETY: as the caller promises.
        let (files, processes, services) = unsafe {
            (
                strings(file_count, files)?,
                elements(process_count, processes)?,
                strings(service_count, services)?,
            )
        };
        let resources = Resources {
            files: files.into_iter().map(PathBuf::from).collect(),
            processes: processes.into_iter().map(RM_UNIQUE_PROCESS::process).collect(),
            services,
            ..Resources::default()
        };
        match handle::register(handle, &resources) {
            0 => Ok(()),
            error => Err(error),
        }
    };
    number(register())
}

/// # Safety
/// The array is null or has so many elements.
unsafe fn elements<T: Copy>(count: u32, array: *const T) -> Result<Vec<T>, u32> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if array.is_null() {
        return Err(ERROR_BAD_ARGUMENTS);
    }
    // SAFETY: not null, and within what the caller promises.
    Ok((0..count as usize).map(|at| unsafe { array.add(at).read_unaligned() }).collect())
}

/// # Safety
/// As [`elements`], and each string is null or has an end.
unsafe fn strings(count: u32, array: *const *const u16) -> Result<Vec<String>, u32> {
    // SAFETY: as the caller promises.
    let pointers = unsafe { elements(count, array)? };
    // SAFETY: as the caller promises.
    pointers.into_iter().map(|it| unsafe { text::read(it) }.ok_or(ERROR_BAD_ARGUMENTS)).collect()
}

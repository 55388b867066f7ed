//! RmAddFilter, RmRemoveFilter and RmGetFilterList.

#![allow(unsafe_code, reason = "reads the caller's arguments and writes to the caller's buffer")]

use std::path::PathBuf;

use reseat_restart_manager::{Filter, FilterAction, FilterTrigger};

use crate::handle;
use crate::layout::{ERROR_BAD_ARGUMENTS, ERROR_MORE_DATA, RM_FILTER_INFO, RM_UNIQUE_PROCESS, number};
use crate::text;

/// RmFilterTriggerFile, RmFilterTriggerProcess and RmFilterTriggerService.
const FILE: u32 = 1;
const PROCESS: u32 = 2;
const SERVICE: u32 = 3;

/// Keeps an application from being shut down or restarted (the page RmAddFilter).
///
/// # Errors
/// 6, 29, 121; 160 unless exactly one of the three is given, and for an action that is none; 1219 for a
/// secondary installer.
///
/// # Safety
/// Each pointer is null or leads to what its type says; strings have an end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmAddFilter(
    handle: u32,
    program: *const u16,
    process: *const RM_UNIQUE_PROCESS,
    service: *const u16,
    action: u32,
) -> u32 {
    let add = || {
        let held = handle::primary(handle)?;
        // SAFETY: as the caller promises.
        let trigger = unsafe { trigger(program, process, service) }?;
        let actions = [FilterAction::NoRestart, FilterAction::NoShutdown];
        let action = actions.into_iter().find(|it| *it as u32 == action).ok_or(ERROR_BAD_ARGUMENTS)?;
        held.primary()?.add_filter(Filter { action, trigger }).map_err(|error| error.code())
    };
    number(add())
}

/// Removes the filter for an application (the page RmRemoveFilter).
///
/// # Errors
/// 2 without such a filter; else as [`RmAddFilter`].
///
/// # Safety
/// As [`RmAddFilter`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmRemoveFilter(
    handle: u32,
    program: *const u16,
    process: *const RM_UNIQUE_PROCESS,
    service: *const u16,
) -> u32 {
    let remove = || {
        let held = handle::primary(handle)?;
        // SAFETY: as the caller promises.
        let trigger = unsafe { trigger(program, process, service) }?;
        held.primary()?.remove_filter(&trigger).map_err(|error| error.code())
    };
    number(remove())
}

/// # Safety
/// As [`RmAddFilter`].
unsafe fn trigger(
    program: *const u16,
    process: *const RM_UNIQUE_PROCESS,
    service: *const u16,
) -> Result<FilterTrigger, u32> {
    // SAFETY: none that is used is null, and the caller promises the rest.
    let found = unsafe {
        match (program.is_null(), process.is_null(), service.is_null()) {
            (false, true, true) => text::read(program).map(|it| FilterTrigger::File(PathBuf::from(it))),
            (true, false, true) => Some(FilterTrigger::Process(process.read_unaligned().process())),
            (true, true, false) => text::read(service).map(FilterTrigger::Service),
            _ => None,
        }
    };
    found.ok_or(ERROR_BAD_ARGUMENTS)
}

/// Lists the filters (the page RmGetFilterList): RM_FILTER_INFO structures, each with the bytes to the next,
/// and behind them the strings that they point to.
///
/// # Errors
/// 6, 29; 234 when the buffer is too small or `needed` is null; 160 for no buffer of some size; 1219 for a
/// secondary installer.
///
/// # Safety
/// The buffer is null or has as many bytes as `size` says; `needed` is null or can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn RmGetFilterList(handle: u32, buffer: *mut u8, size: u32, needed: *mut u32) -> u32 {
    let list = || {
        let held = handle::primary(handle)?;
        if buffer.is_null() && size != 0 {
            return Err(ERROR_BAD_ARGUMENTS);
        }
        if needed.is_null() {
            return Err(ERROR_MORE_DATA);
        }
        let filters = held.primary()?.filters().map_err(|error| error.code())?;
        let bytes = bytes(&filters, buffer as usize);
        let length = u32::try_from(bytes.len()).map_err(|_| ERROR_MORE_DATA)?;
        // SAFETY: not null, and the caller promises that it can be written to.
        unsafe { needed.write_unaligned(length) };
        if size < length {
            return Err(ERROR_MORE_DATA);
        }
        if length > 0 {
            // SAFETY: the caller promises so many bytes; ours are elsewhere.
            unsafe { buffer.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        }
        Ok(())
    };
    number(list())
}

/// What belongs into a buffer at this address: RM_FILTER_INFO structures and behind them their strings.
fn bytes(filters: &[Filter], address: usize) -> Vec<u8> {
    let step = size_of::<RM_FILTER_INFO>();
    let mut structures = Vec::with_capacity(filters.len() * step);
    let mut names: Vec<u8> = Vec::new();
    for (at, filter) in filters.iter().enumerate() {
        let mut subject = Vec::new();
        let mut name = |text: &str| {
            let place = address.wrapping_add(filters.len() * step + names.len());
            subject.extend(place.to_ne_bytes());
            names.extend(text.encode_utf16().chain([0]).flat_map(u16::to_ne_bytes));
        };
        let trigger = match &filter.trigger {
            FilterTrigger::File(path) => {
                name(&path.to_string_lossy());
                FILE
            }
            FilterTrigger::Service(service) => {
                name(service);
                SERVICE
            }
            FilterTrigger::Process(process) => {
                let RM_UNIQUE_PROCESS { dwProcessId, ProcessStartTime: time } =
                    RM_UNIQUE_PROCESS::of(*process);
                let numbers = [dwProcessId, time.dwLowDateTime, time.dwHighDateTime];
                subject.extend(numbers.into_iter().flat_map(u32::to_ne_bytes));
                PROCESS
            }
        };
        let next = if at + 1 < filters.len() { u32::try_from(step).unwrap_or_default() } else { 0 };
        structures.extend([filter.action as u32, trigger, next].into_iter().flat_map(u32::to_ne_bytes));
        // The union begins where a pointer may stand.
        structures.resize(at * step + std::mem::offset_of!(RM_FILTER_INFO, subject), 0);
        structures.extend(subject);
        structures.resize((at + 1) * step, 0);
    }
    structures.extend(names);
    structures
}

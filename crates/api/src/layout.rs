//! The structures and numbers of `restartmanager.h`, as the pages RM_UNIQUE_PROCESS, RM_PROCESS_INFO and
//! RM_FILTER_INFO give them.

#![allow(non_camel_case_types, reason = "the documented names")]

use reseat_restart_manager::{Application, Error, UniqueProcess};

use crate::text;

/// The function did what it was asked.
pub const ERROR_SUCCESS: u32 = 0;
/// No session has the handle.
pub const ERROR_INVALID_HANDLE: u32 = 6;
/// The argument of a function for processes makes no sense.
pub const ERROR_INVALID_PARAMETER: u32 = 87;
/// The buffer for a text is too small.
pub const ERROR_INSUFFICIENT_BUFFER: u32 = 122;
/// An argument is missing or makes no sense.
pub const ERROR_BAD_ARGUMENTS: u32 = 160;
/// The buffer is too small.
pub const ERROR_MORE_DATA: u32 = 234;
/// There is none.
pub const ERROR_NOT_FOUND: u32 = 1168;
/// The key is none, or the function is for the primary installer.
pub const ERROR_SESSION_CREDENTIAL_CONFLICT: u32 = 1219;
/// The session of a process that is in none.
pub const RM_INVALID_TS_SESSION: u32 = u32::MAX;

/// CCH_RM_MAX_APP_NAME and its zero.
const APPLICATION_NAME: usize = 255 + 1;
/// CCH_RM_MAX_SVC_NAME and its zero.
const SERVICE_NAME: usize = 63 + 1;

/// Told how much of a shutdown or restart is done, in percent (RM_WRITE_STATUS_CALLBACK).
pub type StatusCallback = Option<unsafe extern "C" fn(percent: u32)>;

/// A time in units of 100 ns, in two halves.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FILETIME {
    /// The lower half.
    pub dwLowDateTime: u32,
    /// The upper half.
    pub dwHighDateTime: u32,
}

/// A process, told from a later one with the same id.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RM_UNIQUE_PROCESS {
    /// The process id.
    pub dwProcessId: u32,
    /// How long after the start of the system the process started.
    pub ProcessStartTime: FILETIME,
}

impl RM_UNIQUE_PROCESS {
    pub(crate) fn of(process: UniqueProcess) -> RM_UNIQUE_PROCESS {
        let time = process.file_time();
        let half = |value: u64| u32::try_from(value & 0xFFFF_FFFF).unwrap_or_default();
        let time = FILETIME { dwLowDateTime: half(time), dwHighDateTime: half(time >> 32) };
        RM_UNIQUE_PROCESS { dwProcessId: process.pid, ProcessStartTime: time }
    }

    pub(crate) fn process(self) -> UniqueProcess {
        let time = self.ProcessStartTime;
        let time = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
        UniqueProcess::with_file_time(self.dwProcessId, time)
    }
}

/// An application that uses registered resources.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RM_PROCESS_INFO {
    /// The process.
    pub Process: RM_UNIQUE_PROCESS,
    /// The application's name, cut if it is longer.
    pub strAppName: [u16; APPLICATION_NAME],
    /// The name of its service; empty if it is none.
    pub strServiceShortName: [u16; SERVICE_NAME],
    /// RM_APP_TYPE.
    pub ApplicationType: u32,
    /// RM_APP_STATUS.
    pub AppStatus: u32,
    /// The audit session, or [`RM_INVALID_TS_SESSION`].
    pub TSSessionId: u32,
    /// Whether RmRestart can start it again.
    pub bRestartable: i32,
}

impl RM_PROCESS_INFO {
    /// An application, or each of its services as one.
    pub(crate) fn of(application: &Application) -> Vec<RM_PROCESS_INFO> {
        let services: Vec<RM_PROCESS_INFO> =
            application.services().map(|service| Self::of_service(application, service)).collect();
        if services.is_empty() { vec![Self::of_service(application, "")] } else { services }
    }

    fn of_service(application: &Application, service: &str) -> RM_PROCESS_INFO {
        RM_PROCESS_INFO {
            Process: RM_UNIQUE_PROCESS::of(application.process),
            strAppName: text::fixed(&application.name),
            strServiceShortName: text::fixed(service),
            ApplicationType: application.kind.number(),
            AppStatus: application.status.bits(),
            TSSessionId: application.session_id.unwrap_or(RM_INVALID_TS_SESSION),
            bRestartable: application.restartable.into(),
        }
    }
}

/// Whom a filter concerns: the member that `FilterTrigger` names.
#[repr(C)]
#[derive(Clone, Copy)]
pub union FilterSubject {
    /// The path of a program, or the name of a service; behind the structures in the caller's buffer.
    pub name: *const u16,
    /// A process.
    pub process: RM_UNIQUE_PROCESS,
}

/// A filter of a session.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RM_FILTER_INFO {
    /// RM_FILTER_ACTION.
    pub FilterAction: u32,
    /// RM_FILTER_TRIGGER.
    pub FilterTrigger: u32,
    /// Bytes from this structure to the next; 0 in the last.
    pub cbNextOffset: u32,
    /// Whom it concerns.
    pub subject: FilterSubject,
}

/// What a function returns.
pub(crate) fn code(result: Result<(), Error>) -> u32 {
    result.map_or_else(|error| error.code(), |()| ERROR_SUCCESS)
}

/// As [`code`], where the number of the error is known already.
pub(crate) fn number(result: Result<(), u32>) -> u32 {
    result.err().unwrap_or(ERROR_SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_its_start_time_in_a_filetime() {
        let process = UniqueProcess { pid: 7, start_time: 123_456_789_012 };
        let there = RM_UNIQUE_PROCESS::of(process);
        assert!(there.ProcessStartTime.dwHighDateTime > 0);
        assert_eq!(there.process(), process);
    }

    #[test]
    fn the_structures_have_the_documented_sizes() {
        assert_eq!((size_of::<RM_UNIQUE_PROCESS>(), size_of::<RM_PROCESS_INFO>()), (12, 668));
    }
}

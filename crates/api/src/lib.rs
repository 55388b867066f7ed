//! The Restart Manager for programs in C: the documented functions under their own names, in
//! `librstrtmgr.so`, with `restartmanager.h` and what it needs of `windows.h` in `include/`.
//!
//! A program written against the Windows functions compiles with that folder as its include path. What
//! differs here: paths are those of Linux; strings are UTF-16 as on Windows, and a path that is not UTF-8 cannot
//! be named; a FILETIME of a process is the time between the start of the system and that of the process,
//! because that never changes when the clock is set.
//!
//! | file | holds |
//! |---|---|
//! | `layout` | the documented structures and numbers |
//! | `text` | strings of the caller, and command lines |
//! | `handle` | which session a handle stands for |
//! | `session` | RmStartSession, RmJoinSession, RmEndSession |
//! | `resources` | RmRegisterResources |
//! | `list` | RmGetList |
//! | `shutdown` | RmShutdown, RmRestart, RmCancelCurrentTask |
//! | `filters` | RmAddFilter, RmRemoveFilter, RmGetFilterList |
//! | `application` | RegisterApplicationRestart, UnregisterApplicationRestart, GetApplicationRestartSettings, RmGetUniqueProcess |
//! | `process` | OpenProcess, GetCurrentProcess, GetProcessTimes, CloseHandle |
//!
//! Nothing here is meant for Rust: use the crate `reseat-restart-manager` there.

#![allow(non_snake_case, reason = "the documented names")]

mod application;
mod filters;
mod handle;
mod layout;
mod list;
mod process;
mod resources;
mod session;
mod shutdown;
mod text;

pub use application::{
    GetApplicationRestartSettings, RegisterApplicationRestart, RmGetUniqueProcess,
    UnregisterApplicationRestart,
};
pub use filters::{RmAddFilter, RmGetFilterList, RmRemoveFilter};
pub use layout::{
    ERROR_BAD_ARGUMENTS, ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER,
    ERROR_MORE_DATA, ERROR_NOT_FOUND, ERROR_SESSION_CREDENTIAL_CONFLICT, ERROR_SUCCESS, FILETIME,
    FilterSubject, RM_FILTER_INFO, RM_INVALID_TS_SESSION, RM_PROCESS_INFO, RM_UNIQUE_PROCESS, StatusCallback,
};
pub use list::RmGetList;
pub use process::{
    CloseHandle, GetCurrentProcess, GetCurrentProcessId, GetLastError, GetProcessId, GetProcessTimes, Handle,
    OpenProcess,
};
pub use resources::RmRegisterResources;
pub use session::{RmEndSession, RmJoinSession, RmStartSession};
pub use shutdown::{RmCancelCurrentTask, RmRestart, RmShutdown};

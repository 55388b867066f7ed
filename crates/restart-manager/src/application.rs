//! The list of affected applications, as RmGetList gives it.
//!
//! Follows RM_PROCESS_INFO, RM_APP_TYPE, RM_APP_STATUS and RM_REBOOT_REASON, with the same numbers.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::critical::CriticalReason;
use crate::inside_wine::WineRestart;
use crate::process::UniqueProcess;
use crate::supervised::Supervised;
use crate::who::{FileState, How, Uninspected};

/// What sort of application it is (RM_APP_TYPE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ApplicationType {
    /// Cannot be classified; only a forced shutdown stops it.
    Unknown = 0,
    /// Has a top-level window of its own.
    MainWindow = 1,
    /// Has windows, none of them top-level.
    OtherWindow = 2,
    /// A service of the system's or the user's service manager.
    Service = 3,
    /// The desktop shell: it shows the desktop or a panel.
    Explorer = 4,
    /// A program without windows: on Linux whatever SIGTERM asks to end.
    Console = 5,
    /// Must not or cannot be stopped; see [`Application::critical`].
    Critical = 1000,
}

impl ApplicationType {
    /// The documented number.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Whether such an application has windows.
    pub(crate) fn has_windows(self) -> bool {
        matches!(self, ApplicationType::MainWindow | ApplicationType::OtherWindow)
    }

    /// The place in the documented order of shutdown: windows, console, services, shell.
    pub(crate) fn shutdown_rank(self) -> u8 {
        match self {
            ApplicationType::MainWindow | ApplicationType::OtherWindow => 0,
            ApplicationType::Console | ApplicationType::Unknown => 1,
            ApplicationType::Service => 2,
            ApplicationType::Explorer => 3,
            ApplicationType::Critical => 4,
        }
    }
}

/// The history of what was done to an application (RM_APP_STATUS): a set of flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ApplicationStatus(u32);

impl ApplicationStatus {
    /// In none of the other states.
    pub const UNKNOWN: ApplicationStatus = ApplicationStatus(0);
    /// Running now.
    pub const RUNNING: ApplicationStatus = ApplicationStatus(0x1);
    /// The Restart Manager has stopped it.
    pub const STOPPED: ApplicationStatus = ApplicationStatus(0x2);
    /// It stopped, but not by the Restart Manager.
    pub const STOPPED_OTHER: ApplicationStatus = ApplicationStatus(0x4);
    /// The Restart Manager has started it again.
    pub const RESTARTED: ApplicationStatus = ApplicationStatus(0x8);
    /// It could not be stopped.
    pub const ERROR_ON_STOP: ApplicationStatus = ApplicationStatus(0x10);
    /// It could not be started again.
    pub const ERROR_ON_RESTART: ApplicationStatus = ApplicationStatus(0x20);
    /// A filter forbids to stop it.
    pub const SHUTDOWN_MASKED: ApplicationStatus = ApplicationStatus(0x40);
    /// A filter forbids to start it again.
    pub const RESTART_MASKED: ApplicationStatus = ApplicationStatus(0x80);

    /// Whether all flags of `other` are set.
    pub fn contains(self, other: ApplicationStatus) -> bool {
        self.0 & other.0 == other.0
    }

    /// The documented bit mask.
    pub fn bits(self) -> u32 {
        self.0
    }

    pub(crate) fn insert(&mut self, other: ApplicationStatus) {
        self.0 |= other.0;
    }

    pub(crate) fn remove(&mut self, other: ApplicationStatus) {
        self.0 &= !other.0;
    }
}

impl fmt::Display for ApplicationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 8] = [
            "running",
            "stopped",
            "stopped by another",
            "restarted",
            "error on stop",
            "error on restart",
            "shutdown masked",
            "restart masked",
        ];
        write_set(f, self.0, &NAMES, "unknown")
    }
}

/// Why stopping applications would not free the resources (RM_REBOOT_REASON): a set of flags, empty when it
/// would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RebootReasons(u32);

impl RebootReasons {
    /// No restart of the system is needed.
    pub const NONE: RebootReasons = RebootReasons(0);
    /// We may not stop one of the processes, or not even see it.
    pub const PERMISSION_DENIED: RebootReasons = RebootReasons(0x1);
    /// A process runs in another session, which is here another PID namespace.
    pub const SESSION_MISMATCH: RebootReasons = RebootReasons(0x2);
    /// A process is critical.
    pub const CRITICAL_PROCESS: RebootReasons = RebootReasons(0x4);
    /// A service is critical.
    pub const CRITICAL_SERVICE: RebootReasons = RebootReasons(0x8);
    /// The installer itself, or a process that it descends from, uses a resource.
    pub const DETECTED_SELF: RebootReasons = RebootReasons(0x10);

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all flags of `other` are set.
    pub fn contains(self, other: RebootReasons) -> bool {
        self.0 & other.0 == other.0
    }

    /// The documented bit mask.
    pub fn bits(self) -> u32 {
        self.0
    }

    pub(crate) fn insert(&mut self, other: RebootReasons) {
        self.0 |= other.0;
    }
}

impl fmt::Display for RebootReasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 5] = [
            "permission denied",
            "session mismatch",
            "critical process",
            "critical service",
            "detected self",
        ];
        write_set(f, self.0, &NAMES, "none")
    }
}

fn write_set(f: &mut fmt::Formatter<'_>, bits: u32, names: &[&str], none: &str) -> fmt::Result {
    let set: Vec<&str> =
        names.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0).map(|(_, name)| *name).collect();
    f.write_str(if set.is_empty() { none.to_owned() } else { set.join(", ") }.as_str())
}

/// An application that uses registered resources, or did until this session stopped it (RM_PROCESS_INFO).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The process; after a restart still the one that was stopped.
    pub process: UniqueProcess,
    /// The application's name.
    pub name: String,
    /// The title of its main window, if it has one.
    pub window: Option<String>,
    /// The short name, if it is a service; of several that run in the process the first.
    pub service: Option<String>,
    /// The service of a supervisor that it is, with others of Wine that run in the process or depend on it.
    pub(crate) supervised: Option<Supervised>,
    /// How it is started again, if it is a program of Wine that registered for that.
    pub(crate) wine_restart: Option<WineRestart>,
    /// What sort of application it is.
    pub kind: ApplicationType,
    /// What was done to it.
    pub status: ApplicationStatus,
    /// The audit session (`/proc/PID/sessionid`); `None` is the documented RM_INVALID_SESSION.
    pub session_id: Option<u32>,
    /// Whether [`crate::Primary::restart`] can start it again.
    pub restartable: bool,
    /// The user that it runs as.
    pub user_id: Option<u32>,
    /// The registered files that it uses.
    pub files: Vec<PathBuf>,
    /// The ways in which it uses them, in order and without repetition; empty once it has stopped.
    pub how: Vec<How>,
    /// The ways in which it uses each of them; empty once it has stopped.
    pub uses: Vec<(PathBuf, Vec<How>)>,
    /// Why it is critical, if it is.
    pub critical: Option<CriticalReason>,
    /// The process that it was started again as.
    pub restarted_as: Option<UniqueProcess>,
}

impl Application {
    /// The short names of the services that run in the process.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.service.iter().chain(self.further_services()).map(String::as_str)
    }

    /// The services of Wine that run in the process beside the first. For the documented functions each is an application of
    /// the same process.
    pub fn further_services(&self) -> &[String] {
        self.supervised.as_ref().map(|it| it.others.as_slice()).unwrap_or_default()
    }

    /// Services of Wine that cannot run without these: they are stopped and started again with them.
    pub fn dependents(&self) -> &[String] {
        self.supervised.as_ref().map(|it| it.dependents.as_slice()).unwrap_or_default()
    }

    /// Whether its service is one of runit, s6 or supervisord.
    pub fn is_supervised(&self) -> bool {
        self.supervised.is_some()
    }
}

/// Everybody who is in the way (RmGetList).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationList {
    /// The applications, in the order in which they are stopped.
    pub applications: Vec<Application>,
    /// Why stopping them would not be enough.
    pub reboot_reasons: RebootReasons,
    /// Processes of which it is not known whether they use a resource.
    pub uninspected: Vec<Uninspected>,
    /// The state of each registered file.
    pub files: Vec<(PathBuf, FileState)>,
    /// Files that are in use by something that was not found: the kernel, or a process hidden from us.
    pub unattributed: Vec<PathBuf>,
    /// Registered services that no service manager knows, or that none could be asked about.
    pub services_not_inspected: Vec<String>,
}

impl ApplicationList {
    /// The applications that run now and that a shutdown would stop.
    pub fn running(&self) -> impl Iterator<Item = &Application> {
        self.applications
            .iter()
            .filter(|it| it.critical.is_none() && it.status.contains(ApplicationStatus::RUNNING))
            .filter(|it| !it.status.contains(ApplicationStatus::SHUTDOWN_MASKED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_documented_ones() {
        assert_eq!(ApplicationType::Critical.number(), 1000);
        assert_eq!(ApplicationType::Console.number(), 5);
        assert_eq!(ApplicationStatus::RESTART_MASKED.bits(), 0x80);
        assert_eq!(RebootReasons::DETECTED_SELF.bits(), 0x10);
    }

    #[test]
    fn a_history_reads_as_words() {
        let mut status = ApplicationStatus::STOPPED;
        status.insert(ApplicationStatus::RESTARTED);
        assert_eq!(status.to_string(), "stopped, restarted");
        status.remove(ApplicationStatus::STOPPED);
        assert_eq!(status.to_string(), "restarted");
        assert_eq!(ApplicationStatus::UNKNOWN.to_string(), "unknown");
        assert_eq!(RebootReasons::NONE.to_string(), "none");
    }
}

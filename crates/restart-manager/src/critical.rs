//! Processes that must not, or cannot, be stopped.
//!
//! The counterpart of the page "Critical System Services": told by identity where possible, by name only for
//! programs without which a session or the system is lost.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::application::RebootReasons;
use crate::container::{Container, container_of};
use crate::critical_list::CriticalList;
use crate::inside_wine::is_wine_server;
use crate::lease::identify;
use crate::process::{Stat, lineage, read_file};
use crate::supervisor::runs_supervisord;

/// Why a process is never stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CriticalReason {
    /// The first process of the system or of the PID namespace.
    FirstProcess,
    /// A thread of the kernel.
    KernelThread,
    /// The installer itself.
    Installer,
    /// A process that the installer descends from.
    InstallerAncestor,
    /// We may not send it a signal.
    PermissionDenied,
    /// It runs in a container, this one as far as it is known, or in another PID namespace.
    OtherNamespace(Option<Container>),
    /// It asks to be left alone until the end: its first argument begins with `@` (as systemd documents for
    /// root storage daemons).
    RootStorage,
    /// A wineserver: it only holds what Wine programs have opened.
    WineServer,
    /// The service that the installer runs in: stopping it would end the installer.
    InstallersService,
    /// Its unit says RefuseManualStop, or cannot be stopped.
    RefusesStop,
    /// It is a service, and its manager gives no answer: a signal to it might undo what the manager does.
    SilentManager,
    /// Its supervisor belongs to another user: what is in its folder is not to be trusted, and a signal would be
    /// undone.
    OthersSupervisor,
    /// Named in the list of programs and units that are never stopped, with this reason.
    Listed(String),
}

impl CriticalReason {
    /// The documented reason for a reboot that it stands for.
    pub fn reboot_reason(&self) -> RebootReasons {
        match self {
            CriticalReason::Installer
            | CriticalReason::InstallerAncestor
            | CriticalReason::InstallersService => RebootReasons::DETECTED_SELF,
            CriticalReason::PermissionDenied => RebootReasons::PERMISSION_DENIED,
            CriticalReason::OtherNamespace(_) => RebootReasons::SESSION_MISMATCH,
            CriticalReason::Listed(_)
            | CriticalReason::RefusesStop
            | CriticalReason::OthersSupervisor
            | CriticalReason::SilentManager => RebootReasons::CRITICAL_SERVICE,
            _ => RebootReasons::CRITICAL_PROCESS,
        }
    }
}

impl fmt::Display for CriticalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CriticalReason::FirstProcess => "the first process of the system",
            CriticalReason::KernelThread => "a thread of the kernel",
            CriticalReason::Installer => "the installer itself",
            CriticalReason::InstallerAncestor => "the installer was started by it",
            CriticalReason::PermissionDenied => "no permission to stop it",
            CriticalReason::OtherNamespace(Some(container)) => {
                return write!(f, "runs in the container {container}");
            }
            CriticalReason::OtherNamespace(None) => "runs in another PID namespace, such as a container",
            CriticalReason::RootStorage => "serves the root file system",
            CriticalReason::WineServer => "a wineserver holds files for other programs",
            CriticalReason::InstallersService => "the installer runs in this service",
            CriticalReason::SilentManager => "its service manager gives no answer",
            CriticalReason::RefusesStop => "its unit refuses to be stopped",
            CriticalReason::OthersSupervisor => "a supervisor of another user keeps it running",
            CriticalReason::Listed(why) => why,
        })
    }
}

/// Judges processes; reads once what it needs to know about the installer.
#[derive(Debug)]
pub(crate) struct Judge {
    lineages: Vec<u32>,
    installers: Vec<u32>,
    own_namespace: Option<u64>,
    own_container: Option<Container>,
    list: CriticalList,
}

impl Judge {
    /// A judge for a session of these installers: the primary and the calling process.
    pub(crate) fn new(installers: &[u32]) -> Judge {
        let lineages = installers.iter().flat_map(|&pid| lineage(pid)).collect();
        let own_namespace = identify(CWD, "/proc/self/ns/pid").ok().map(|(id, _)| id.inode);
        let own_container = open_process(std::process::id()).ok().and_then(|it| container_of(it.as_fd()));
        Judge {
            lineages,
            installers: installers.to_vec(),
            own_namespace,
            own_container,
            list: CriticalList::load(),
        }
    }

    /// What is never stopped by its name.
    pub(crate) fn list(&self) -> &CriticalList {
        &self.list
    }

    /// Why the process with this `/proc/PID` folder must not be stopped, if so.
    pub(crate) fn judge(&self, pid: u32, stat: &Stat, folder: BorrowedFd<'_>) -> Option<CriticalReason> {
        if self.installers.contains(&pid) {
            return Some(CriticalReason::Installer);
        }
        if pid == 1 {
            return Some(CriticalReason::FirstProcess);
        }
        if self.lineages.contains(&pid) {
            return Some(CriticalReason::InstallerAncestor);
        }
        if stat.is_kernel_thread() {
            return Some(CriticalReason::KernelThread);
        }
        let container = container_of(folder);
        if container.is_some() && container != self.own_container {
            return Some(CriticalReason::OtherNamespace(container));
        }
        let namespace = identify(folder, "ns/pid").map(|(id, _)| id.inode);
        match (namespace, self.own_namespace) {
            (Ok(theirs), Some(ours)) if theirs != ours => return Some(CriticalReason::OtherNamespace(None)),
            (Err(Errno::ACCESS | Errno::PERM), _) => return Some(CriticalReason::PermissionDenied),
            _ => {}
        }
        if read_file(folder, "cmdline", 1).is_ok_and(|first| first == b"@") {
            return Some(CriticalReason::RootStorage);
        }
        let program = rustix::fs::readlinkat(folder, "exe", Vec::new()).unwrap_or_default();
        let program = program.to_string_lossy();
        let program = program.strip_suffix(" (deleted)").unwrap_or(&program);
        let name = program.rsplit('/').next().unwrap_or_default();
        if is_wine_server(name) || is_wine_server(&stat.name) {
            return Some(CriticalReason::WineServer);
        }
        if let Some(why) = self.list.program(program) {
            return Some(CriticalReason::Listed(why.to_owned()));
        }
        if runs_supervisord(folder) {
            return Some(CriticalReason::Listed("a supervisor".to_owned()));
        }
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        match test_kill_process(pid) {
            Err(Errno::PERM) => Some(CriticalReason::PermissionDenied),
            _ => None,
        }
    }
}

/// Opens `/proc/PID`.
pub(crate) fn open_process(pid: u32) -> Result<std::os::fd::OwnedFd, Errno> {
    use rustix::fs::{Mode, OFlags, openat};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(CWD.as_fd(), format!("/proc/{pid}"), flags, Mode::empty())
}

//! What still runs old files: programs and libraries that have been deleted or replaced since they were loaded.
//!
//! Told by the kernel's own word that a mapped file's name is gone, not by times. Only of scripts, which
//! nobody holds, the arguments name the file and times tell. Never run is anything that a process says of
//! itself; its environment is read only for the folders where an interpreter looks for a module.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{Mode, OFlags, openat, readlinkat};
use rustix::io::Errno;
use rustix::path::DecInt;

use crate::application::{Application, ApplicationType};
use crate::container::Container;
use crate::critical::{CriticalReason, Judge};
use crate::error::Error;
use crate::lease::{FileId, identify};
use crate::listing;
use crate::mapping;
use crate::proc_scan::{all_processes, open_proc};
use crate::process::{Stat, UniqueProcess};
use crate::script::{Script, script_of};
use crate::store::Store;
use crate::unit::{Unit, unit_of};
use crate::who::Uninspected;

/// What has to be done so that the new files are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Restart the service.
    RestartUnit,
    /// Close the application, and start it again.
    CloseApplication,
    /// Log out: it keeps the session.
    LogOut,
    /// Restart the system.
    Reboot,
}

/// A file that is still in use and gone from where it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StaleFile {
    /// Where it was, as the process saw it.
    pub path: PathBuf,
    /// Whether another file has taken its place.
    pub replaced: bool,
}

/// A service or an application that runs old files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// What has to be done.
    pub outcome: Outcome,
    /// Why that and not less.
    pub reason: String,
    /// The application's name.
    pub name: String,
    /// The unit that it belongs to.
    pub unit: Option<Unit>,
    /// The service that it belongs to, by its manager's or supervisor's name for it.
    pub service: Option<String>,
    /// Its processes that run old files.
    pub processes: Vec<UniqueProcess>,
    /// The user that the first of them runs as.
    pub user_id: Option<u32>,
    /// The old files.
    pub files: Vec<StaleFile>,
    /// Whether the Restart Manager can close and start it again.
    pub restartable: bool,
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaleList {
    /// Services and applications, those that are easily restarted first.
    pub entries: Vec<Stale>,
    /// Processes of containers that run old files, and the container as far as it is known; what to do is for who
    /// runs that.
    pub in_containers: Vec<(UniqueProcess, Option<Container>)>,
    /// Processes that could not be looked into.
    pub uninspected: Vec<Uninspected>,
}

/// A process that runs old files.
#[derive(Debug)]
struct Found {
    process: UniqueProcess,
    files: Vec<StaleFile>,
}

/// Looks at all processes for old files. The store says who has registered for restart.
///
/// # Errors
/// [`Error::ProcUnusable`].
pub fn stale(store: Option<&Store>) -> Result<StaleList, Error> {
    let (found, uninspected) = scan()?;
    let mut list = StaleList { uninspected, ..StaleList::default() };
    if found.is_empty() {
        return Ok(list);
    }
    let judge = Judge::new(&[std::process::id()]);
    let files: BTreeMap<UniqueProcess, Vec<StaleFile>> =
        found.into_iter().map(|it| (it.process, it.files)).collect();
    let mut applications: Vec<Application> =
        files.keys().filter_map(|process| listing::describe_process(store, &judge, *process)).collect();
    listing::find_services(&judge, &mut applications);
    let mut entries: BTreeMap<(Outcome, String), Stale> = BTreeMap::new();
    for application in applications {
        let process = application.process;
        if let Some(CriticalReason::OtherNamespace(container)) = application.critical {
            list.in_containers.push((process, container));
            continue;
        }
        let unit = unit_of(process.pid);
        let (outcome, reason) = judge_outcome(&application, unit.as_ref());
        // The processes of a service are one thing to restart; those of other units are not.
        let key = match (&unit, outcome) {
            _ if application.is_supervised() => format!("supervised {:?}", application.service),
            (Some(unit), Outcome::RestartUnit) => format!("{:?} {}", unit.manager, unit.name),
            _ => format!("{} {process}", application.name),
        };
        let entry = entries.entry((outcome, key)).or_insert_with(|| Stale {
            outcome,
            reason,
            name: application.name.clone(),
            unit,
            service: application.service.clone(),
            processes: Vec::new(),
            user_id: application.user_id,
            files: Vec::new(),
            restartable: application.restartable,
        });
        entry.processes.push(process);
        entry.files.extend(files.get(&process).into_iter().flatten().cloned());
        entry.files.sort();
        entry.files.dedup();
    }
    list.entries = entries.into_values().collect();
    Ok(list)
}

fn judge_outcome(application: &Application, unit: Option<&Unit>) -> (Outcome, String) {
    let name = unit.map_or("", |unit| unit.name.as_str());
    if let Some(reason) = &application.critical {
        let outcome = match reason {
            CriticalReason::Installer | CriticalReason::InstallerAncestor => Outcome::LogOut,
            CriticalReason::Listed(_) if keeps_session(application, unit) => Outcome::LogOut,
            // It is not ours to stop, but it is no reason for a reboot.
            CriticalReason::PermissionDenied if application.service.is_some() => Outcome::RestartUnit,
            CriticalReason::PermissionDenied => Outcome::CloseApplication,
            CriticalReason::WineServer => Outcome::CloseApplication,
            CriticalReason::InstallersService | CriticalReason::OthersSupervisor => Outcome::RestartUnit,
            _ => Outcome::Reboot,
        };
        return (outcome, reason.to_string());
    }
    if application.kind == ApplicationType::Service {
        let reason = match application.restartable {
            true => "a service",
            false => "a service that runs once, or whose unit cannot be started by hand",
        };
        return (Outcome::RestartUnit, reason.to_owned());
    }
    let leads = Stat::of(application.process.pid).is_some_and(|it| it.session == application.process.pid);
    if name.starts_with("session-") && name.ends_with(".scope") && leads {
        return (Outcome::LogOut, "leads a login session".to_owned());
    }
    if unit.is_some_and(|unit| unit.name == "init.scope") {
        return (Outcome::LogOut, "keeps the user's session".to_owned());
    }
    let reason = match application.restartable {
        true => "an application that registered for restart",
        false => "an application",
    };
    (Outcome::CloseApplication, reason.to_owned())
}

/// Part of one user's session, not of the system: it runs as a user or below a user's manager.
fn keeps_session(application: &Application, unit: Option<&Unit>) -> bool {
    let below_user = unit.is_some_and(|unit| {
        matches!(unit.manager, crate::unit::Manager::User(_)) || unit.name.starts_with("session-")
    });
    below_user || application.user_id.is_some_and(|user| user >= 1000)
}

/// Looks through all processes, in two threads.
fn scan() -> Result<(Vec<Found>, Vec<Uninspected>), Error> {
    let proc = open_proc()?;
    let pids = all_processes()?;
    let next = AtomicUsize::new(0);
    let share = || {
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        while let Some(&pid) = pids.get(next.fetch_add(1, Ordering::Relaxed)) {
            match inspect(proc.as_fd(), pid) {
                Ok(Some(process)) => found.push(process),
                Ok(None) | Err(Errno::NOENT | Errno::SRCH) => {}
                Err(errno) => refused.push(Uninspected { pid, reason: format!("mappings: {errno}") }),
            }
        }
        (found, refused)
    };
    let (mut found, mut refused) = std::thread::scope(|scope| {
        let other = scope.spawn(share);
        let (mut found, mut refused) = share();
        let theirs =
            other.join().map_err(|_| Error::ProcUnusable { reason: "a thread failed".to_owned() })?;
        found.extend(theirs.0);
        refused.extend(theirs.1);
        Ok::<_, Error>((found, refused))
    })?;
    found.sort_by_key(|it| it.process);
    refused.sort_by_key(|it| it.pid);
    Ok((found, refused))
}

/// Looks at one process; `None` when it runs nothing old.
fn inspect(proc: BorrowedFd<'_>, pid: u32) -> Result<Option<Found>, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(proc, DecInt::new(pid), flags, Mode::empty())?;
    let folder = folder.as_fd();
    let mut candidates: Vec<(FileId, Vec<u8>)> = Vec::new();
    let mut consider = |file: FileId, name: &[u8]| {
        if let Some(path) = name.strip_suffix(DELETED)
            && !is_scratch(path)
            && !candidates.iter().any(|(other, _)| *other == file)
        {
            candidates.push((file, path.to_vec()));
        }
    };
    let mapped = mapping::each_executable(folder, &mut consider);
    let exe = readlinkat(folder, "exe", Vec::new()).map(|it| it.into_bytes());
    if let Ok(name) = exe.as_ref()
        && name.ends_with(DELETED)
        && let Ok((file, _)) = identify(folder, "exe")
    {
        consider(file, name);
    }
    if let Err(errno) = mapped {
        // Threads of the kernel have no memory of their own to look at.
        let stat = Stat::read(folder).ok_or(Errno::SRCH)?;
        return if stat.is_kernel_thread() || stat.is_dead() { Ok(None) } else { Err(errno) };
    }
    let mut files: Vec<StaleFile> =
        candidates.into_iter().filter_map(|(file, path)| judge_file(folder, file, path)).collect();
    files.extend(old_script(folder));
    if files.is_empty() {
        return Ok(None);
    }
    files.sort();
    files.dedup();
    let stat = Stat::read(folder).ok_or(Errno::SRCH)?;
    Ok(Some(Found { process: UniqueProcess { pid, start_time: stat.start_time }, files }))
}

const DELETED: &[u8] = b" (deleted)";

/// Names that are no files of the system: memory, devices, what drivers and compilers map.
fn is_scratch(path: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 9] = [
        b"/memfd:",
        b"/dev/",
        b"/SYSV",
        b"/drm",
        b"/i915",
        b"/dmabuf",
        b"/[aio]",
        b"/anon_hugepage",
        b"/run/user/",
    ];
    // Java and Mono unpack libraries that they delete at once.
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    !path.starts_with(b"/") || BEGINNINGS.iter().any(|it| path.starts_with(it)) || name.starts_with(b"jna")
}

/// Whether the file that was here really is gone, and whether another one is in its place.
fn judge_file(folder: BorrowedFd<'_>, file: FileId, path: Vec<u8>) -> Option<StaleFile> {
    // As the process itself would reach it, in its own mount namespace.
    let beneath = |path: &[u8]| [b"root", path].concat();
    let now = identify(folder, beneath(&path));
    // A name may really end so.
    let literally = identify(folder, beneath(&[&path[..], DELETED].concat()));
    if literally.is_ok_and(|(id, _)| id.inode == file.inode) {
        return None;
    }
    // Put back under its name, by another hard link.
    if now.is_ok_and(|(id, _)| id == file) {
        return None;
    }
    // Code that was generated or unpacked there and deleted at once; but a program of that folder that was
    // replaced is old.
    if is_temporary(&path) && now.is_err() {
        return None;
    }
    Some(StaleFile { path: PathBuf::from(OsString::from_vec(path)), replaced: now.is_ok() })
}

/// The script that a process has read, if its file is another one by now, was written to, or is gone.
fn old_script(folder: BorrowedFd<'_>) -> Option<StaleFile> {
    match script_of(folder) {
        Script::File(script) => {
            let start = Stat::read(folder)?.start_time;
            let is_old = script.is_younger_than(start) || script.is_changed_since(start);
            is_old.then_some(StaleFile { path: script.path, replaced: true })
        }
        // Many are made for one run, and deleted at once.
        Script::Gone(path) if !is_temporary(path.as_os_str().as_bytes()) => {
            Some(StaleFile { path, replaced: false })
        }
        _ => None,
    }
}

fn is_temporary(path: &[u8]) -> bool {
    [&b"/tmp/"[..], b"/var/tmp/"].iter().any(|it| path.starts_with(it))
}

impl Stale {
    /// Whether [`crate::Primary`] can do what has to be done: a service that can be started again, or an
    /// application that registered for restart.
    pub fn can_be_restarted(&self) -> bool {
        self.restartable && matches!(self.outcome, Outcome::RestartUnit | Outcome::CloseApplication)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ApplicationStatus;

    #[test]
    fn what_is_memory_or_a_device_is_no_file() {
        for path in
            ["/memfd:x", "/dev/zero", "/SYSV00000000", "/drm mm object", "/[aio]", "x", "/a/jna123.tmp"]
        {
            assert!(is_scratch(path.as_bytes()), "{path}");
        }
        for path in ["/usr/lib/libc.so.6", "/devices/x", "/opt/app"] {
            assert!(!is_scratch(path.as_bytes()), "{path}");
        }
    }

    fn application(kind: ApplicationType, critical: Option<CriticalReason>) -> Application {
        Application {
            wine_restart: None,
            process: UniqueProcess { pid: u32::MAX, start_time: 1 },
            name: "a".to_owned(),
            window: None,
            supervised: None,
            service: (kind == ApplicationType::Service).then(|| "a.service".to_owned()),
            kind,
            status: ApplicationStatus::RUNNING,
            session_id: None,
            restartable: true,
            user_id: Some(0),
            files: Vec::new(),
            how: Vec::new(),
            uses: Vec::new(),
            critical,
            restarted_as: None,
        }
    }

    #[test]
    fn four_outcomes_by_what_a_process_is() {
        let unit = |name: &str| Unit { manager: crate::unit::Manager::System, name: name.to_owned() };
        let user = Unit { manager: crate::unit::Manager::User(1000), name: "dbus.service".to_owned() };
        let bus = || Some(CriticalReason::Listed("the message bus".to_owned()));
        let cases = [
            (ApplicationType::Service, None, Some(unit("a.service")), Outcome::RestartUnit),
            (ApplicationType::Console, None, None, Outcome::CloseApplication),
            (ApplicationType::Console, None, Some(unit("init.scope")), Outcome::LogOut),
            (ApplicationType::Critical, bus(), Some(unit("dbus.service")), Outcome::Reboot),
            (ApplicationType::Critical, bus(), Some(user), Outcome::LogOut),
            (ApplicationType::Critical, Some(CriticalReason::FirstProcess), None, Outcome::Reboot),
            (ApplicationType::Critical, Some(CriticalReason::RefusesStop), None, Outcome::Reboot),
            (ApplicationType::Critical, Some(CriticalReason::InstallerAncestor), None, Outcome::LogOut),
        ];
        for (kind, critical, unit, expected) in cases {
            let found = judge_outcome(&application(kind, critical.clone()), unit.as_ref());
            assert_eq!(found.0, expected, "{kind:?} {critical:?} {unit:?}");
        }
    }
}

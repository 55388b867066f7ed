//! The supervisors runit, s6 and supervisord: which processes they run, and what their services are called.
//!
//! A process belongs to the nearest supervisor that it descends from. Which service it is say the supervisor's
//! working folder (runit, s6) or its own tool (`supervisorctl status`), never the process. A supervisor of
//! another user than root and ours is not spoken to: its folder holds what that user likes.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::readlinkat;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::critical::{CriticalReason, open_process};
use crate::filter::same_service;
use crate::proc_scan::all_processes;
use crate::process::{Credentials, Stat, UniqueProcess, program_path, read_file};
use crate::script::{Script, script_of};
use crate::service_manager::{Failed, finish};
use crate::supervised::Supervised;

/// How long a question may take, and how much longer a tool that waits itself.
pub(crate) const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// No tree of processes is deeper.
const DEPTH_LIMIT: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Supervisor {
    Runit,
    S6,
    Supervisord,
    /// The service manager of a Wine.
    Wine,
}

impl Supervisor {
    /// Whether a process is one, by the program that it runs.
    fn of(pid: u32) -> Option<Supervisor> {
        let folder = open_process(pid).ok()?;
        let program = program_path(folder.as_fd()).ok()?;
        match program.file_name()?.as_bytes() {
            b"runsv" => Some(Supervisor::Runit),
            b"s6-supervise" => Some(Supervisor::S6),
            _ => runs_supervisord(folder.as_fd()).then_some(Supervisor::Supervisord),
        }
    }
}

/// Whether it is a supervisord, which is a script.
pub(crate) fn runs_supervisord(folder: BorrowedFd<'_>) -> bool {
    let Script::File(script) = script_of(folder) else { return false };
    script.path.file_name().is_some_and(|name| name == "supervisord")
}

/// A supervisor that may be spoken to.
#[derive(Debug, Clone)]
struct Reachable {
    supervisor: Supervisor,
    /// The folder that it works in; of supervisord the configuration, if it was given one.
    place: PathBuf,
    /// What `supervisorctl status` prints.
    status: String,
}

/// What was found out already: many processes have the same ancestors, and a tool takes its time.
#[derive(Debug, Default)]
pub(crate) struct Known {
    supervisors: HashMap<u32, Option<Supervisor>>,
    reachable: HashMap<u32, Result<Reachable, CriticalReason>>,
}

impl Known {
    fn supervisor(&mut self, pid: u32) -> Option<Supervisor> {
        *self.supervisors.entry(pid).or_insert_with(|| Supervisor::of(pid))
    }

    fn reach(&mut self, supervisor: Supervisor, pid: u32) -> &Result<Reachable, CriticalReason> {
        self.reachable.entry(pid).or_insert_with(|| Reachable::of(supervisor, pid))
    }

    /// The service of a process.
    ///
    /// # Errors
    /// Why its service must not be touched.
    pub(crate) fn service_of(&mut self, pid: u32) -> Result<Option<Supervised>, CriticalReason> {
        let mut child = pid;
        for _ in 0..DEPTH_LIMIT {
            let Some(parent) = Stat::of(child).map(|stat| stat.parent).filter(|parent| *parent > 1) else {
                return Ok(None);
            };
            if let Some(supervisor) = self.supervisor(parent) {
                return self.reach(supervisor, parent).clone()?.service(child).map(Some);
            }
            child = parent;
        }
        Ok(None)
    }
}

impl Reachable {
    fn of(supervisor: Supervisor, pid: u32) -> Result<Reachable, CriticalReason> {
        let silent = CriticalReason::SilentManager;
        let folder = open_process(pid).map_err(|_| silent.clone())?;
        let user = Credentials::read(folder.as_fd()).map(|it| it.user);
        if user.is_none_or(|user| user != 0 && user != geteuid().as_raw()) {
            return Err(CriticalReason::OthersSupervisor);
        }
        let working = readlinkat(folder.as_fd(), "cwd", Vec::new()).map_err(|_| silent.clone())?;
        let working = PathBuf::from(OsString::from_vec(working.into_bytes()));
        if supervisor != Supervisor::Supervisord {
            return Ok(Reachable { supervisor, place: working, status: String::new() });
        }
        let place = configuration(folder.as_fd(), &working);
        let status = status(&place).ok_or(silent)?;
        Ok(Reachable { supervisor, place, status })
    }

    /// The service that this child of the supervisor is.
    fn service(&self, child: u32) -> Result<Supervised, CriticalReason> {
        let supervisor = self.supervisor;
        if supervisor == Supervisor::Supervisord {
            let found = named(&self.status).find(|(_, pid)| *pid == Some(child));
            let name = found.map(|it| it.0.to_owned()).ok_or(CriticalReason::SilentManager)?;
            return Ok(Supervised::new(supervisor, self.place.clone(), name));
        }
        // The logger of a runit service has a folder and a supervisor's record of its own.
        let log = self.place.join("log");
        let place = match supervisor == Supervisor::Runit && recorded_pid(&log) == Some(child) {
            true => log,
            false => self.place.clone(),
        };
        let name = folder_name(&place);
        Ok(Supervised::new(supervisor, place, name))
    }

    /// The names of its services, stopped ones among them.
    fn names(&self) -> Vec<String> {
        match self.supervisor {
            Supervisor::Supervisord => named(&self.status).map(|(name, _)| name.to_owned()).collect(),
            _ => vec![folder_name(&self.place)],
        }
    }
}

fn folder_name(place: &Path) -> String {
    place.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Finds the processes of services that supervisors run, by the names that the supervisors' tools have for them:
/// for each name the processes, none while the service is stopped; `None` where no supervisor that may be spoken
/// to knows it.
pub(crate) fn processes_by_name(names: &[String]) -> Vec<Option<Vec<UniqueProcess>>> {
    let mut found: Vec<Option<Vec<UniqueProcess>>> = vec![None; names.len()];
    let mut put = |name: &str, process: Option<UniqueProcess>| {
        for (_, place) in names.iter().zip(&mut found).filter(|(wanted, _)| same_service(wanted, name)) {
            place.get_or_insert_default().extend(process);
        }
    };
    let pids = if names.is_empty() { Vec::new() } else { all_processes().unwrap_or_default() };
    let mut known = Known::default();
    let mut is_any_there = false;
    for &pid in &pids {
        if let Some(supervisor) = known.supervisor(pid)
            && let Ok(reachable) = known.reach(supervisor, pid)
        {
            is_any_there = true;
            reachable.names().iter().for_each(|name| put(name, None));
        }
    }
    for pid in pids.into_iter().filter(|_| is_any_there) {
        if let Ok(Some(service)) = known.service_of(pid) {
            put(&service.name, UniqueProcess::of(pid).filter(|process| process.is_running()));
        }
    }
    found
}

/// The process that runit has written down for the service in this folder.
pub(crate) fn recorded_pid(place: &Path) -> Option<u32> {
    std::fs::read_to_string(place.join("supervise/pid")).ok()?.trim().parse().ok()
}

/// The configuration that a supervisord was started with; empty where it looks for its own.
fn configuration(folder: BorrowedFd<'_>, working: &Path) -> PathBuf {
    let text = read_file(folder, "cmdline", 64 << 10).unwrap_or_default();
    let arguments: Vec<&[u8]> = text.split(|&byte| byte == 0).collect();
    let mut found: &[u8] = b"";
    for (at, argument) in arguments.iter().enumerate() {
        if matches!(*argument, b"-c" | b"--configuration") {
            found = arguments.get(at + 1).copied().unwrap_or_default();
        } else if let Some(value) = argument.strip_prefix(b"--configuration=") {
            found = value;
        }
    }
    match found {
        b"" => PathBuf::new(),
        path => working.join(PathBuf::from(OsString::from_vec(path.to_vec()))),
    }
}

/// Runs `supervisorctl`.
pub(crate) fn control(
    configuration: &Path,
    arguments: &[&str],
    patience: Duration,
) -> Result<String, Failed> {
    let mut command = Command::new("supervisorctl");
    if !configuration.as_os_str().is_empty() {
        command.arg("-c").arg(configuration);
    }
    finish(command.args(arguments).env("LC_ALL", "C"), patience)
}

/// What `supervisorctl status` prints; `None` when it gives no answer.
pub(crate) fn status(configuration: &Path) -> Option<String> {
    // Its exit code 3 tells that some service does not run, and what it prints is the answer then too.
    control(configuration, &["status"], ANSWER_PATIENCE).or_else(|failed| failed.output.ok_or(())).ok()
}

/// Names and process ids in what `supervisorctl status` prints.
pub(crate) fn named(status: &str) -> impl Iterator<Item = (&str, Option<u32>)> {
    const STATES: [&str; 8] =
        ["STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL", "UNKNOWN"];
    status.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (name, state) = (words.next()?, words.next().filter(|it| STATES.contains(it))?);
        let is_running = matches!(state, "RUNNING" | "STARTING" | "STOPPING") && words.next() == Some("pid");
        let pid = words.next().filter(|_| is_running).and_then(|it| it.trim_end_matches(',').parse().ok());
        Some((name, pid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_supervisord_names_its_processes() {
        let text = "a                                STOPPED   Not started\n\
                    group:b                          RUNNING   pid 1234, uptime 0:00:05\n\
                    c                                FATAL     Exited too quickly (process log may have details)\n";
        let found: Vec<(&str, Option<u32>)> = named(text).collect();
        assert_eq!(found, [("a", None), ("group:b", Some(1234)), ("c", None)]);
        assert_eq!(named("error: <class 'FileNotFoundError'>\n").count(), 0, "an error is no service");
    }

    #[test]
    fn we_run_below_no_supervisor_that_is_not_there() {
        assert_eq!(Supervisor::of(std::process::id()), None);
        assert_eq!(Supervisor::of(0), None);
    }
}

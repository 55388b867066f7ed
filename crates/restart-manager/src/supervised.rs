//! Services of runit, s6 and supervisord: which processes belong to one, and stopping and starting it with the
//! supervisor's own tool. A signal would be undone by the supervisor at once.
//!
//! A process belongs to the nearest supervisor that it descends from. Which service it is say the supervisor's
//! working folder (runit, s6) or its own tool (`supervisorctl status`), never the process. A supervisor of
//! another user than root and ours is not spoken to: its folder holds what that user likes.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt;
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::readlinkat;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::application::{Application, ApplicationType};
use crate::cancel::CancelToken;
use crate::critical::{CriticalReason, open_process};
use crate::error::{Error, Refusal};
use crate::history::Stopping;
use crate::process::{Credentials, Stat, UniqueProcess, program_path, read_file};
use crate::script::{Script, script_of};
use crate::service;
use crate::service_manager::{Failed, finish};
use crate::session::Session;
use crate::shutdown::{Progress, ShutdownOptions};

/// How long a question may take, and how much longer a tool that waits itself.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// How long a service may take to start.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// No tree of processes is deeper.
const DEPTH_LIMIT: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Supervisor {
    Runit,
    S6,
    Supervisord,
}

/// A service of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Supervised {
    supervisor: Supervisor,
    /// The service's folder; of supervisord the configuration, if it was given one.
    #[serde(with = "crate::path_text")]
    place: PathBuf,
    /// The name by which the supervisor's tool knows it.
    name: String,
}

impl fmt::Display for Supervised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
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
pub(crate) fn runs_supervisord(folder: std::os::fd::BorrowedFd<'_>) -> bool {
    let Script::File(script) = script_of(folder) else { return false };
    script.path.file_name().is_some_and(|name| name == "supervisord")
}

/// What processes are, by their ids: many have the same ancestors.
type Known = HashMap<u32, Option<Supervisor>>;

/// The service of a process.
///
/// # Errors
/// Why its service must not be touched.
fn service_of(pid: u32, known: &mut Known) -> Result<Option<Supervised>, CriticalReason> {
    let mut child = pid;
    for _ in 0..DEPTH_LIMIT {
        let Some(parent) = Stat::of(child).map(|stat| stat.parent).filter(|parent| *parent > 1) else {
            return Ok(None);
        };
        if let Some(supervisor) = *known.entry(parent).or_insert_with(|| Supervisor::of(parent)) {
            return supervisor.service(parent, child).map(Some);
        }
        child = parent;
    }
    Ok(None)
}

impl Supervisor {
    fn service(self, supervisor: u32, child: u32) -> Result<Supervised, CriticalReason> {
        let silent = CriticalReason::SilentManager;
        let folder = open_process(supervisor).map_err(|_| silent.clone())?;
        let user = Credentials::read(folder.as_fd()).map(|it| it.user);
        if user.is_none_or(|user| user != 0 && user != geteuid().as_raw()) {
            return Err(CriticalReason::OthersSupervisor);
        }
        let working = readlinkat(folder.as_fd(), "cwd", Vec::new()).map_err(|_| silent.clone())?;
        let working = PathBuf::from(OsString::from_vec(working.into_bytes()));
        if self == Supervisor::Supervisord {
            let place = configuration(folder.as_fd(), &working);
            let status = status(&place).ok_or_else(|| silent.clone())?;
            let name = named(&status).find(|(_, pid)| *pid == Some(child)).map(|it| it.0).ok_or(silent)?;
            return Ok(Supervised { supervisor: self, place, name: name.to_owned() });
        }
        // The logger of a runit service has a folder and a supervisor's record of its own.
        let log = working.join("log");
        let place = match self == Supervisor::Runit && recorded_pid(&log) == Some(child) {
            true => log,
            false => working,
        };
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Supervised { supervisor: self, place, name })
    }
}

/// The process that runit has written down for the service in this folder.
fn recorded_pid(place: &Path) -> Option<u32> {
    std::fs::read_to_string(place.join("supervise/pid")).ok()?.trim().parse().ok()
}

/// The configuration that a supervisord was started with; empty where it looks for its own.
fn configuration(folder: std::os::fd::BorrowedFd<'_>, working: &Path) -> PathBuf {
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
fn control(configuration: &Path, arguments: &[&str], patience: Duration) -> Result<String, Failed> {
    let mut command = Command::new("supervisorctl");
    if !configuration.as_os_str().is_empty() {
        command.arg("-c").arg(configuration);
    }
    finish(command.args(arguments).env("LC_ALL", "C"), patience)
}

/// What `supervisorctl status` prints; `None` when it gives no answer.
fn status(configuration: &Path) -> Option<String> {
    // Its exit code 3 tells that some service does not run, and what it prints is the answer then too.
    control(configuration, &["status"], ANSWER_PATIENCE).or_else(|failed| failed.output.ok_or(())).ok()
}

/// Names and process ids in what `supervisorctl status` prints.
fn named(status: &str) -> impl Iterator<Item = (&str, Option<u32>)> {
    status.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (name, state) = (words.next()?, words.next()?);
        let is_running = matches!(state, "RUNNING" | "STARTING" | "STOPPING") && words.next() == Some("pid");
        let pid = words.next().filter(|_| is_running).and_then(|it| it.trim_end_matches(',').parse().ok());
        Some((name, pid))
    })
}

impl Supervised {
    /// The name by which the supervisor's tool knows it, or that of its folder.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn run(&self, program: &str, arguments: &[&str], patience: Duration) -> Result<String, String> {
        let mut command = Command::new(program);
        command.args(arguments).arg(&self.place).env("LC_ALL", "C");
        finish(&mut command, patience + ANSWER_PATIENCE).map_err(|it| it.reason)
    }

    fn control(&self, action: &str, patience: Duration) -> Result<String, String> {
        control(&self.place, &[action, &self.name], patience + ANSWER_PATIENCE).map_err(|it| it.reason)
    }

    /// Stops it and waits for that.
    fn stop(&self, patience: Duration, force: bool) -> Result<(), String> {
        let seconds = patience.as_secs().max(1).to_string();
        match self.supervisor {
            Supervisor::Runit if force => {
                // When it had to kill, it says that as an error; so it is asked once more.
                let killed = self.run("sv", &["-w", &seconds, "force-stop"], patience);
                killed.or_else(|_| self.run("sv", &["-w", "5", "stop"], ANSWER_PATIENCE))
            }
            Supervisor::Runit => self.run("sv", &["-w", &seconds, "stop"], patience),
            Supervisor::S6 => {
                let asked = self.run("s6-svc", &["-d"], ANSWER_PATIENCE)?;
                if !self.wait(patience, Option::is_none) && force {
                    self.run("s6-svc", &["-kd"], ANSWER_PATIENCE)?;
                    self.wait(ANSWER_PATIENCE, Option::is_none);
                }
                Ok(asked)
            }
            // By its own configuration it ends what does not stop.
            Supervisor::Supervisord => self.control("stop", patience),
        }?;
        match self.process() {
            None => Ok(()),
            Some(pid) => Err(format!("it still runs, or again, as process {pid}")),
        }
    }

    /// Starts it, waits for that, and gives its process.
    fn start(&self) -> Result<UniqueProcess, String> {
        let seconds = START_PATIENCE.as_secs().to_string();
        let result = match self.supervisor {
            Supervisor::Runit => self.run("sv", &["-w", &seconds, "start"], START_PATIENCE),
            Supervisor::S6 => self.run("s6-svc", &["-u"], ANSWER_PATIENCE).inspect(|_| {
                self.wait(START_PATIENCE, Option::is_some);
            }),
            Supervisor::Supervisord => self.control("start", START_PATIENCE),
        };
        // One that runs already is no failure.
        match (self.process().and_then(UniqueProcess::of), result) {
            (Some(process), _) => Ok(process),
            (None, Err(reason)) => Err(reason),
            (None, Ok(_)) => Err(format!("{self} was started and has no process")),
        }
    }

    /// Waits until the service has a process, or none; whether that came about.
    fn wait(&self, patience: Duration, wanted: fn(&Option<u32>) -> bool) -> bool {
        let until = Instant::now() + patience;
        while !wanted(&self.process()) {
            if Instant::now() >= until {
                return false;
            }
            // The supervisor tells nobody but those who ask.
            std::thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// The process that the supervisor knows of.
    fn process(&self) -> Option<u32> {
        match self.supervisor {
            Supervisor::Runit => recorded_pid(&self.place),
            Supervisor::S6 => {
                let answer = self.run("s6-svstat", &["-o", "pid"], ANSWER_PATIENCE).ok()?;
                answer.trim().parse().ok()
            }
            Supervisor::Supervisord => {
                let status = status(&self.place)?;
                named(&status).find(|(name, _)| *name == self.name).and_then(|it| it.1)
            }
        }
    }
}

/// Tells services of supervisors among these applications.
pub(crate) fn classify(applications: &mut [Application]) {
    let mut own = None;
    let mut known = Known::new();
    for application in applications.iter_mut().filter(|it| it.critical.is_none()) {
        let critical = match service_of(application.process.pid, &mut known) {
            Ok(None) => continue,
            Ok(Some(service)) => {
                application.service = Some(service.name.clone());
                let own =
                    own.get_or_insert_with(|| service_of(std::process::id(), &mut known).ok().flatten());
                let critical = (own.as_ref() == Some(&service)).then_some(CriticalReason::InstallersService);
                application.supervised = Some(service);
                critical
            }
            Err(reason) => Some(reason),
        };
        application.kind = match critical {
            Some(_) => ApplicationType::Critical,
            None => ApplicationType::Service,
        };
        application.restartable = critical.is_none();
        application.critical = critical;
    }
}

/// Stops the services of these applications and says which did not stop.
pub(crate) fn stop(
    session: &Session,
    applications: Vec<Stopping>,
    options: &ShutdownOptions,
    cancel: &CancelToken,
    progress: &mut Progress<'_>,
) -> Result<Vec<Refusal>, Error> {
    let mut services: BTreeMap<Supervised, Vec<Stopping>> = BTreeMap::new();
    for application in applications {
        if let Some(service) = application.supervised.clone() {
            services.entry(service).or_default().push(application);
        }
    }
    let mut refused = Vec::new();
    for (supervised, members) in services {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let result = service::stop_group(session, &members, || {
            supervised.stop(options.service_timeout, options.force)
        })?;
        if let Err(reason) = &result {
            let reason = format!("{supervised}: {reason}");
            refused.extend(members.iter().map(|it| service::refusal(it, &reason)));
        }
        progress.step(members.len());
    }
    Ok(refused)
}

/// Starts a service again; gives its process.
pub(crate) fn start(service: &Supervised) -> Result<UniqueProcess, String> {
    service.start().map_err(|reason| format!("{service}: {reason}"))
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
        assert_eq!(named("error: <class 'FileNotFoundError'>\n").filter(|it| it.1.is_some()).count(), 0);
    }

    #[test]
    fn we_run_below_no_supervisor_that_is_not_there() {
        assert_eq!(Supervisor::of(std::process::id()), None);
        assert_eq!(Supervisor::of(0), None);
    }
}

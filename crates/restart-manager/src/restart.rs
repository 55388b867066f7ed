//! Starts stopped applications again, now or after a crash of the installer.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use crate::application::{Application, ApplicationStatus, ApplicationType};
use crate::cancel::CancelToken;
use crate::critical::open_process;
use crate::detach;
use crate::error::{Error, Refusal};
use crate::filter::Filters;
use crate::history::{Action, Entry, History, Stopping};
use crate::inside_wine::{WineRestart, loader};
use crate::journal::Outlives;
use crate::primary::Restarted;
use crate::proc_scan::all_processes;
use crate::process::{Stat, UniqueProcess, boot_id, program_path, read_file, ticks_since_boot};
use crate::registration::{Registration, RestartFlags};
use crate::restart_plan::RestartPlan;
use crate::service::{self, ServicePlan};
use crate::session::{Session, keys};
use crate::session_key::SessionKey;
use crate::shutdown::{self, Progress, ShutdownOptions};
use crate::store::Store;
use crate::supervised::{self, Supervised};

/// Reads what starting this application again will need.
pub(crate) fn prepare(store: &Store, application: &Application) -> Stopping {
    Stopping {
        process: application.process,
        name: application.name.clone(),
        kind: application.kind,
        user_id: application.user_id,
        session_id: application.session_id,
        files: application.files.clone(),
        plan: match application.kind {
            ApplicationType::Service => None,
            _ if application.restartable => {
                plan(store, application.process).or_else(|| plan_in_wine(application))
            }
            _ => None,
        },
        service: match application.kind {
            ApplicationType::Service if application.supervised.is_none() => service::plan(application),
            _ => None,
        },
        supervised: application.supervised.clone(),
    }
}

/// How to start a process again that has registered for that.
pub(crate) fn plan(store: &Store, process: UniqueProcess) -> Option<RestartPlan> {
    // Read now and not when the list was made: a program may renew its registration at any time.
    let registration = store.registration(process).ok().flatten()?;
    let folder = open_process(process.pid).ok()?;
    let stat = Stat::read(folder.as_fd()).filter(|stat| stat.start_time == process.start_time)?;
    let plan = RestartPlan::of(&registration, &stat, folder.as_fd());
    // A process on its way out has given up its memory, and with it environment and program, while its files
    // are still open. It ends by itself and is not ours to start again.
    program_path(folder.as_fd()).is_ok().then_some(plan)
}

/// How to start a program of Wine again.
fn plan_in_wine(application: &Application) -> Option<RestartPlan> {
    let process = application.process;
    let WineRestart { command, flags } = application.wine_restart.clone()?;
    let registration = Registration::of_now(process, loader(process)?, command, flags);
    let folder = open_process(process.pid).ok()?;
    let stat = Stat::read(folder.as_fd()).filter(|stat| stat.start_time == process.start_time)?;
    let mut plan = RestartPlan::of(&registration, &stat, folder.as_fd());
    // What the Wine that started it has put there for it alone.
    const OF_THE_LOADER: [&str; 3] = ["WINESERVERSOCKET=", "WINELOADERNOEXEC=", "WINEPRELOADRESERVE="];
    plan.environment
        .retain(|entry| !OF_THE_LOADER.iter().any(|name| entry.as_bytes().starts_with(name.as_bytes())));
    Some(plan)
}

/// What a restart achieved.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) restarted: Vec<Restarted>,
    pub(crate) refused: Vec<Refusal>,
    /// The services that were started, and how that went.
    services: Vec<(ServiceToStart, Result<UniqueProcess, String>)>,
}

/// Starts what the history shows as stopped and not restarted, the last stopped first.
pub(crate) fn restart(
    session: &Session,
    history: &History,
    cancel: &CancelToken,
    report: &mut dyn FnMut(u32),
) -> Result<Outcome, Error> {
    let _claim = session.claim()?;
    let filters = session.filters()?;
    let waiting: Vec<&Entry> = history
        .entries
        .iter()
        .rev()
        .filter(|entry| entry.is_outstanding() && is_stopped(entry) && !is_masked(&filters, entry))
        .collect();
    let mut outcome = Outcome::default();
    let mut progress = Progress { report, done: 0, total: waiting.len() };
    progress.step(0);
    for entry in waiting {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        restart_one(session, entry, &filters, &mut outcome)?;
        progress.step(1);
    }
    Ok(outcome)
}

/// Stopped by the session, or asked to stop and gone by now.
fn is_stopped(entry: &Entry) -> bool {
    // A service that did not stop in time may do so yet; its manager starts it after that.
    entry.status.contains(ApplicationStatus::STOPPED)
        || (entry.asked && entry.application.service_name().is_some())
        || (entry.asked && !entry.application.process.is_running())
}

/// Whether a filter forbids to start it again.
fn is_masked(filters: &Filters, entry: &Entry) -> bool {
    let application = &entry.application;
    let program = application.plan.as_ref().map(|it| it.program.as_path());
    let unit: Vec<&str> = application.service.iter().map(|it| it.unit.name.as_str()).collect();
    let supervised = application.supervised.as_ref();
    filters.mask(application.process, &unit, program) != ApplicationStatus::UNKNOWN
        || supervised.is_some_and(|it| it.only(|name| !filters.forbids_to_start(name)).is_none())
}

/// A service of a manager or of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ServiceToStart {
    Managed(ServicePlan),
    Supervised(Supervised),
}

impl ServiceToStart {
    /// The service without what a filter forbids to start along with it.
    fn of(application: &Stopping, filters: &Filters) -> Option<ServiceToStart> {
        let allowed = |it: &Supervised| it.only(|name| !filters.forbids_to_start(name));
        let supervised = application.supervised.as_ref().and_then(allowed).map(ServiceToStart::Supervised);
        supervised.or_else(|| application.service.clone().map(ServiceToStart::Managed))
    }

    /// Whether both are one service, although more may have stopped along with it the second time.
    fn is_same(&self, other: &ServiceToStart) -> bool {
        match (self, other) {
            (ServiceToStart::Managed(one), ServiceToStart::Managed(other)) => one.unit == other.unit,
            (ServiceToStart::Supervised(one), ServiceToStart::Supervised(other)) => one.is_same(other),
            _ => false,
        }
    }

    fn name(&self) -> &str {
        match self {
            ServiceToStart::Managed(plan) => &plan.unit.name,
            ServiceToStart::Supervised(service) => service.name(),
        }
    }

    fn start(&self) -> Result<UniqueProcess, String> {
        match self {
            ServiceToStart::Managed(plan) => service::start(plan),
            ServiceToStart::Supervised(service) => supervised::start(service),
        }
    }
}

/// Starts a service, once for all of its processes.
fn restart_service(
    session: &Session,
    entry: &Entry,
    service: ServiceToStart,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    let process = entry.application.process;
    if let Some((_, started)) = outcome.services.iter().find(|(other, _)| other.is_same(&service)) {
        let action = match started {
            Ok(new) => Action::Restarted { process, new: *new },
            Err(reason) => Action::NotRestarted { process, reason: reason.clone() },
        };
        return session.record(&[action], Outlives::System);
    }
    session.record(&[Action::Starting { process, ticks: ticks_since_boot() }], Outlives::System)?;
    let started = service.start();
    let name = service.name().to_owned();
    match &started {
        Ok(new) => {
            tracing::info!(service = %name, new = new.pid, "restarted");
            session.record(&[Action::Restarted { process, new: *new }], Outlives::System)?;
            outcome.restarted.push(Restarted { name, old: process, new: *new });
        }
        Err(reason) => {
            session.record(&[Action::NotRestarted { process, reason: reason.clone() }], Outlives::System)?;
            outcome.refused.push(Refusal { process, name, reason: reason.clone() });
        }
    }
    outcome.services.push((service, started));
    Ok(())
}

fn restart_one(
    session: &Session,
    entry: &Entry,
    filters: &Filters,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    if let Some(service) = ServiceToStart::of(&entry.application, filters) {
        return restart_service(session, entry, service, outcome);
    }
    let Some(plan) = &entry.application.plan else { return Ok(()) };
    let process = entry.application.process;
    session.record(&[Action::Starting { process, ticks: ticks_since_boot() }], Outlives::System)?;
    match detach::start(plan) {
        Ok(new) => {
            tracing::info!(name = %entry.application.name, old = process.pid, new = new.pid, "restarted");
            session.record(&[Action::Restarted { process, new }], Outlives::System)?;
            outcome.restarted.push(Restarted { name: entry.application.name.clone(), old: process, new });
        }
        Err(error) => {
            let reason = format!("{}: {error}", plan.program.display());
            session.record(&[Action::NotRestarted { process, reason: reason.clone() }], Outlives::System)?;
            outcome.refused.push(Refusal { process, name: entry.application.name.clone(), reason });
        }
    }
    Ok(())
}

/// What was done about a session whose primary installer ended before its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// The session.
    pub key: SessionKey,
    /// The applications that were started again.
    pub restarted: Vec<Restarted>,
    /// Those that could not be. Their session is kept, so that it can be tried again.
    pub failed: Vec<Refusal>,
    /// Those that had not been stopped after all.
    pub still_running: Vec<UniqueProcess>,
}

/// Starts the applications again that were stopped by sessions whose primary installer has ended.
///
/// One that has been asked to stop and has not yet done so gets the documented 30 seconds to follow.
///
/// # Errors
/// [`Error::Storage`] and [`Error::ProcUnusable`]. What one application refuses is told in the result.
pub fn recover(store: &Store) -> Result<Vec<Recovery>, Error> {
    recover_within(store, ShutdownOptions::default().timeout)
}

/// As [`recover`], with another time for applications that are still stopping.
///
/// # Errors
/// As [`recover`].
pub fn recover_within(store: &Store, patience: Duration) -> Result<Vec<Recovery>, Error> {
    let until = Instant::now() + patience;
    let mut recoveries = Vec::new();
    for key in keys(store)? {
        let session = match Session::open(store, &key) {
            Ok(session) => session,
            Err(Error::UnknownSession { .. }) => continue,
            Err(error) => return Err(error),
        };
        let identity = session.identity();
        if identity.as_ref().is_some_and(|it| it.is_alive()) {
            continue;
        }
        // Two that recover at once would start everything twice; the later one finds the session gone.
        let _claim = match session.claim() {
            Ok(Some(claim)) => claim,
            Ok(None) => continue,
            Err(Error::LockTimeout { .. }) => {
                tracing::warn!(%key, "another process is still recovering this session");
                continue;
            }
            Err(error) => return Err(error),
        };
        let history = match session.history() {
            Ok(history) => history,
            Err(Error::SessionEnded { .. }) => continue,
            Err(error) => return Err(error),
        };
        let same_boot = identity.is_some_and(|it| it.boot == boot_id());
        let recovery = recover_session(&session, &history, same_boot, until)?;
        if recovery.failed.is_empty() {
            session.remove()?;
        }
        if !(recovery.restarted.is_empty() && recovery.failed.is_empty() && recovery.still_running.is_empty())
        {
            recoveries.push(recovery);
        }
    }
    Ok(recoveries)
}

fn recover_session(
    session: &Session,
    history: &History,
    same_boot: bool,
    until: Instant,
) -> Result<Recovery, Error> {
    let mut outcome = Outcome::default();
    let mut still_running = Vec::new();
    let filters = session.filters()?;
    for entry in history.entries.iter().rev().filter(|entry| entry.is_outstanding()) {
        let process = entry.application.process;
        if is_masked(&filters, entry) {
            continue;
        }
        if entry.application.service_name().is_some() {
            // Starting one that runs, or has not stopped yet, is no harm: its manager keeps the order.
            restart_one(session, entry, &filters, &mut outcome)?;
            continue;
        }
        let Some(plan) = &entry.application.plan else { continue };
        if same_boot && !has_ended(entry, until) {
            still_running.push(process);
        } else if !same_boot && plan.flags.contains(RestartFlags::NO_REBOOT) {
            tracing::info!(name = %entry.application.name, "not restarted after a reboot, as it asked");
        } else if let Some(new) = started_already(entry, plan)? {
            // The installer ended between starting it and writing that down.
            session.record(&[Action::Restarted { process, new }], Outlives::System)?;
            outcome.restarted.push(Restarted { name: entry.application.name.clone(), old: process, new });
        } else {
            restart_one(session, entry, &filters, &mut outcome)?;
        }
    }
    let key = session.key.clone();
    Ok(Recovery { key, restarted: outcome.restarted, failed: outcome.refused, still_running })
}

/// Whether the old process is gone, waiting until the given moment for one that is to stop.
fn has_ended(entry: &Entry, until: Instant) -> bool {
    let process = entry.application.process;
    let Ok(pinned) = process.pin() else { return true };
    if entry.status.contains(ApplicationStatus::ERROR_ON_STOP) {
        return !process.is_running();
    }
    // Without the record of the request nobody knows whether it was made: made twice it does no harm, and not
    // made the application might be stopping now and be lost.
    if !entry.asked && shutdown::ask(process, &pinned).is_err() {
        return !process.is_running();
    }
    shutdown::wait_for_end(&pinned, until)
}

/// The process that an interrupted restart left: one with the program, arguments, environment and folder of
/// the plan, at the head of its session, and started since.
fn started_already(entry: &Entry, plan: &RestartPlan) -> Result<Option<UniqueProcess>, Error> {
    let Some(since) = entry.starting_since else { return Ok(None) };
    let mut command_line = plan.program.as_os_str().as_bytes().to_vec();
    command_line.push(0);
    for argument in &plan.arguments {
        command_line.extend(argument.as_bytes());
        command_line.push(0);
    }
    for pid in all_processes()? {
        let Ok(folder) = open_process(pid) else { continue };
        if program_path(folder.as_fd()).is_ok_and(|program| program == plan.program)
            && let Some(stat) = Stat::read(folder.as_fd())
            && stat.start_time >= since
            && stat.session == pid
            && !stat.is_dead()
            && command_line_of(folder.as_fd()) == command_line
            && RestartPlan::environment_of(folder.as_fd()) == plan.sorted_environment()
        {
            return Ok(Some(UniqueProcess { pid, start_time: stat.start_time }));
        }
    }
    Ok(None)
}

/// The arguments of a process. For a moment after exec there are none yet.
fn command_line_of(folder: BorrowedFd<'_>) -> Vec<u8> {
    for _ in 0..100 {
        match read_file(folder, "cmdline", 1 << 21) {
            Ok(text) if text.is_empty() => std::thread::sleep(Duration::from_millis(1)),
            Ok(text) => return text,
            Err(_) => break,
        }
    }
    Vec::new()
}

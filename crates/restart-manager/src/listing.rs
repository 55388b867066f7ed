//! Makes the list of applications: who uses the registered resources, what sort each is, and what the session
//! already did.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::geteuid;

use crate::application::{Application, ApplicationList, ApplicationStatus, ApplicationType, RebootReasons};
use crate::critical::{CriticalReason, Judge, open_process};
use crate::error::Error;
use crate::filter::Filters;
use crate::history::{Entry, History};
use crate::inside_wine::{Seen, wine_prefix};
use crate::process::{Credentials, Stat, UniqueProcess, program_path, read_file};
use crate::registration::RestartFlags;
use crate::resource::Resources;
use crate::service;
use crate::session::Session;
use crate::store::Store;
use crate::supervised::{self, Supervised};
use crate::supervisor::Supervisor;
use crate::who::{FileState, FileUse, How, uses_seen};
use crate::window;

/// Lists for a session of these installer processes.
pub(crate) fn list(session: &Session, installers: &[u32]) -> Result<ApplicationList, Error> {
    let filters = session.filters()?;
    assemble(Some(&session.store), installers, session.resources()?, session.history()?, &filters)
}

/// Lists who uses these files, without a session: the same judgement of each process, and no history.
///
/// With a store, [`Application::restartable`] says who has registered for restart in it; without one nobody
/// has.
///
/// # Errors
/// [`Error::ProcUnusable`] when processes had to be looked at and `/proc` does not serve.
pub fn applications(store: Option<&Store>, files: &[PathBuf]) -> Result<ApplicationList, Error> {
    affected(store, &Resources::files(files))
}

/// Lists who uses these resources, files and services, without a session.
///
/// # Errors
/// As [`applications`].
pub fn affected(store: Option<&Store>, resources: &Resources) -> Result<ApplicationList, Error> {
    let installers = [std::process::id()];
    assemble(store, &installers, resources.clone(), History::default(), &Filters::default())
}

/// What a process uses.
#[derive(Debug, Default)]
struct Used {
    files: Vec<PathBuf>,
    how: Vec<How>,
    uses: Vec<(PathBuf, Vec<How>)>,
}

fn assemble(
    store: Option<&Store>,
    installers: &[u32],
    resources: Resources,
    mut history: History,
    filters: &Filters,
) -> Result<ApplicationList, Error> {
    let mut seen = Seen::default();
    let usage = uses_seen(&resources.files, &mut seen)?;
    let mut affected: HashMap<UniqueProcess, Used> = HashMap::new();
    for user in &usage.users {
        let used = affected.entry(user.process).or_default();
        used.files = user.files.iter().filter_map(|it| resources.files.get(it.file)).cloned().collect();
        let named = |it: &FileUse| Some((resources.files.get(it.file)?.clone(), it.how.clone()));
        used.uses = user.files.iter().filter_map(named).collect();
        used.how = user.files.iter().flat_map(|it| it.how.iter().copied()).collect();
        used.how.sort();
        used.how.dedup();
    }
    for process in resources.processes.iter().filter(|process| process.is_running()) {
        affected.entry(*process).or_default();
    }
    let mut services = service::registered(&resources.services);
    for (name, of_wine) in
        resources.services.iter().zip(seen.services(&resources.prefixes, &resources.services))
    {
        if let Some(processes) = of_wine {
            services.processes.extend(processes);
            services.unknown.retain(|unknown| unknown != name);
        }
    }
    for process in services.processes {
        affected.entry(process).or_default();
    }
    let mut list = ApplicationList {
        uninspected: usage.uninspected,
        unattributed: resources
            .files
            .iter()
            .zip(&usage.files)
            .filter(|(_, state)| **state == FileState::InUseByUnknown)
            .map(|(path, _)| path.clone())
            .collect(),
        services_not_inspected: services.unknown,
        files: resources.files.iter().cloned().zip(usage.files.iter().cloned()).collect(),
        ..ApplicationList::default()
    };
    // An application that was started again is one application, not two.
    let renewed: HashMap<UniqueProcess, UniqueProcess> =
        history.entries.iter().filter_map(|it| Some((it.restarted_as?, it.application.process))).collect();
    let judge = if affected.is_empty() { None } else { Some(Judge::new(installers)) };
    for (process, used) in affected {
        if let Some(entry) = renewed.get(&process).and_then(|old| history.entry(*old)) {
            entry.status.insert(ApplicationStatus::RUNNING);
            continue;
        }
        if let Some(judge) = &judge
            && let Some(application) = describe(store, judge, process, used)
        {
            list.applications.push(application);
        }
    }
    if let Some(judge) = &judge {
        find_services(judge, &mut list.applications);
    }
    find_windows(&mut list.applications);
    find_windows_of_wine(&mut list.applications, &mut seen);
    for application in &mut list.applications {
        if let Some(entry) = history.entry(application.process) {
            application.status.insert(entry.status);
        }
    }
    for entry in history.entries {
        if !list.applications.iter().any(|it| it.process == entry.application.process) {
            list.applications.push(from_history(entry));
        }
    }
    for application in list.applications.iter_mut().filter(|_| !filters.0.is_empty()) {
        let current = application.restarted_as.unwrap_or(application.process);
        let services: Vec<&str> = application.services().collect();
        let mask = filters.mask(current, &services, None);
        application.status.insert(mask);
    }
    list.applications.sort_by_key(|it| (it.kind.shutdown_rank(), it.process));
    list.reboot_reasons = reboot_reasons(&list);
    Ok(list)
}

/// What a running process is that uses no registered resource.
pub(crate) fn describe_process(
    store: Option<&Store>,
    judge: &Judge,
    process: UniqueProcess,
) -> Option<Application> {
    describe(store, judge, process, Used::default())
}

/// What a running process is. `None` when it has ended.
fn describe(store: Option<&Store>, judge: &Judge, process: UniqueProcess, used: Used) -> Option<Application> {
    let folder = open_process(process.pid).ok()?;
    let folder = folder.as_fd();
    let stat = Stat::read(folder).filter(|it| it.start_time == process.start_time && !it.is_dead())?;
    let credentials = Credentials::read(folder);
    let critical = judge.judge(process.pid, &stat, folder);
    let own = credentials.is_some_and(|it| it.plain && it.user == geteuid().as_raw());
    let registered = || {
        let read = store.map(|store| store.registration(process)).transpose();
        let registration = read.unwrap_or_else(|error| {
            tracing::warn!(%process, %error, "cannot tell whether it registered for restart");
            None
        });
        registration.flatten().is_some_and(|it| !it.flags.contains(RestartFlags::NO_PATCH))
    };
    Some(Application {
        process,
        name: application_name(folder, &stat),
        window: None,
        service: None,
        supervised: None,
        wine_restart: None,
        kind: if critical.is_some() { ApplicationType::Critical } else { ApplicationType::Console },
        status: ApplicationStatus::RUNNING,
        session_id: audit_session(folder),
        restartable: critical.is_none() && own && registered(),
        user_id: credentials.map(|it| it.user),
        files: used.files,
        how: used.how,
        uses: used.uses,
        critical,
        restarted_as: None,
    })
}

/// Tells which of the applications are services. A supervisor may itself be a service of systemd, so that it is
/// asked first.
pub(crate) fn find_services(judge: &Judge, applications: &mut [Application]) {
    supervised::classify(applications);
    service::classify(applications, judge.list());
}

/// Tells which of the applications have windows.
fn find_windows(applications: &mut [Application]) {
    let is_plain = |it: &Application| it.kind == ApplicationType::Console;
    if !applications.iter().any(is_plain) {
        return;
    }
    let windows = window::windows().unwrap_or_default();
    for application in applications.iter_mut().filter(|it| is_plain(it)) {
        let mut own = windows.iter().filter(|it| it.pid == application.process.pid).peekable();
        if own.peek().is_some() {
            application.kind = ApplicationType::OtherWindow;
        }
        let own: Vec<_> = own.collect();
        if let Some(main) = own.iter().find(|it| it.is_main) {
            application.kind = ApplicationType::MainWindow;
            application.window = Some(main.title.clone());
        }
        if own.iter().any(|it| it.is_shell) {
            application.kind = ApplicationType::Explorer;
        }
    }
}

/// Tells which of the applications are services of Wine, or programs of it with windows, and which of them can be started
/// again.
fn find_windows_of_wine(applications: &mut [Application], seen: &mut Seen) {
    let own = geteuid().as_raw();
    let is_plain = |it: &Application| it.kind.shutdown_rank() <= ApplicationType::Console.shutdown_rank();
    for application in applications.iter_mut().filter(|it| is_plain(it)) {
        let Some(program) = seen.program(application.process) else { continue };
        // The kernel's name is the beginning of the command line.
        application.name.clone_from(&program.name);
        if let Some(windows) = &program.windows {
            application.kind = match &windows.main {
                Some(_) => ApplicationType::MainWindow,
                None => ApplicationType::OtherWindow,
            };
            application.window.clone_from(&windows.main);
        }
        if let Some(((name, others), place)) =
            program.services.split_first().zip(wine_prefix(application.process))
        {
            application.kind = ApplicationType::Service;
            application.service = Some(name.clone());
            application.supervised = Some(Supervised {
                others: others.to_vec(),
                dependents: program.dependents.clone(),
                ..Supervised::new(Supervisor::Wine, place, name.clone())
            });
            application.restartable = true;
            continue;
        }
        let restart = program.restart.as_ref().filter(|it| !it.flags.contains(RestartFlags::NO_PATCH));
        if application.user_id == Some(own) && restart.is_some() {
            application.wine_restart = restart.cloned();
            application.restartable = true;
        }
    }
}

/// The file name of the program where the kernel's name is only the beginning of it, else the kernel's name:
/// for a script that is the script's.
fn application_name(folder: BorrowedFd<'_>, stat: &Stat) -> String {
    // TASK_COMM_LEN without its zero byte.
    const KERNEL_LIMIT: usize = 15;
    if stat.name.len() >= KERNEL_LIMIT
        && let Ok(program) = program_path(folder)
        && let Some(name) = program.file_name().map(|it| it.to_string_lossy())
        && name.starts_with(&stat.name)
    {
        return printable(&name);
    }
    printable(&stat.name)
}

/// A program may be called anything, also what tells a terminal to do something.
fn printable(name: &str) -> String {
    name.chars().map(|it| if it.is_control() { '?' } else { it }).collect()
}

fn audit_session(folder: BorrowedFd<'_>) -> Option<u32> {
    let text: Result<Vec<u8>, Errno> = read_file(folder, "sessionid", 32);
    let number: u32 = std::str::from_utf8(&text.ok()?).ok()?.trim().parse().ok()?;
    // The kernel writes -1 for a process outside of any session.
    (number != u32::MAX).then_some(number)
}

fn from_history(entry: Entry) -> Application {
    let mut status = entry.status;
    let process = entry.application.process;
    let running_as = entry.restarted_as.unwrap_or(process);
    if running_as.is_running() {
        status.insert(ApplicationStatus::RUNNING);
    } else if !status.contains(ApplicationStatus::STOPPED)
        && !status.contains(ApplicationStatus::STOPPED_OTHER)
    {
        // It followed the request after we stopped waiting for it, or ended by itself.
        status.insert(if entry.asked {
            ApplicationStatus::STOPPED
        } else {
            ApplicationStatus::STOPPED_OTHER
        });
    }
    let restartable = entry.application.can_be_restarted();
    Application {
        process,
        service: entry.application.service_name().map(str::to_owned),
        name: entry.application.name,
        window: None,
        supervised: entry.application.supervised,
        wine_restart: None,
        kind: entry.application.kind,
        status,
        session_id: entry.application.session_id,
        restartable,
        user_id: entry.application.user_id,
        files: entry.application.files,
        how: Vec::new(),
        uses: Vec::new(),
        critical: None,
        restarted_as: entry.restarted_as,
    }
}

/// Why stopping all that can be stopped would not free the resources.
fn reboot_reasons(list: &ApplicationList) -> RebootReasons {
    let mut reasons = RebootReasons::NONE;
    for application in &list.applications {
        match &application.critical {
            None => {}
            // It holds files for Wine programs. Where one of those is known, stopping that one makes it let
            // go.
            Some(CriticalReason::WineServer) if held_by_another(list, application) => {}
            Some(reason) => reasons.insert(reason.reboot_reason()),
        }
    }
    if !list.unattributed.is_empty() {
        reasons.insert(match list.uninspected.is_empty() {
            true => RebootReasons::CRITICAL_PROCESS,
            false => RebootReasons::PERMISSION_DENIED,
        });
    }
    reasons
}

/// Whether each file of this application is also used by one that can be stopped.
fn held_by_another(list: &ApplicationList, application: &Application) -> bool {
    application.files.iter().all(|file| list.running().any(|other| other.files.contains(file)))
}

//! Services: which processes belong to one, and stopping and starting it through its manager.
//!
//! A service's process is never sent a signal: the manager might start it again at once. What is written down
//! before a service is stopped is all that stopping changes: the units that stop along with it, and the
//! sockets and paths that would start it again, which are stopped first. Starting begins with the sockets,
//! because systemd starts none whose service is active, and ends with the paths.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::application::{Application, ApplicationType};
use crate::cancel::CancelToken;
use crate::critical::{CriticalReason, open_process};
use crate::critical_list::CriticalList;
use crate::error::{Error, Refusal};
use crate::filter::same_service;
use crate::history::{Action, Stopping};
use crate::journal::Outlives;
use crate::process::UniqueProcess;
use crate::service_manager::{ServiceManager, Systemd, UnitState};
use crate::session::Session;
use crate::shutdown::{Progress, ShutdownOptions};
use crate::supervisor;
use crate::unit::{Manager, Unit, is_unit_name, processes_in, unit_and_group, unit_of};

/// How long a service and what depends on it may take to start.
const START_PATIENCE: Duration = Duration::from_secs(90);

/// Steps from a unit to what depends on it; no real chain comes near.
const DEPTH_LIMIT: usize = 32;

/// How to start a service again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServicePlan {
    pub(crate) unit: Unit,
    /// Whether it may be started again at all.
    pub(crate) restartable: bool,
    /// Active units that stop along with it.
    pub(crate) dependents: Vec<String>,
    /// Active sockets and paths that would start it, or a dependent.
    pub(crate) triggers: Vec<String>,
}

/// The name of the service that a user means: `cron.service` for `cron` where the system's or the user's manager
/// knows that, else the name by which runit, s6 or supervisord knows it; `None` where nobody does and it does not
/// end like a service.
pub fn service_name(text: &str) -> Option<String> {
    let full = if text.ends_with(".service") { text.to_owned() } else { format!("{text}.service") };
    let is_unit = || find(&full).is_some_and(|(_, state)| state.is_ok_and(|state| state.loaded));
    if is_unit_name(&full) && (text.ends_with(".service") || is_unit()) {
        return Some(full);
    }
    let found = supervisor::processes_by_name(&[text.to_owned()]);
    found.into_iter().any(|it| it.is_some()).then(|| text.to_owned())
}

/// The manager that has the service, and its state; else an error in words from one that was asked.
fn find(name: &str) -> Option<(Unit, Result<UnitState, String>)> {
    let own = Manager::User(rustix::process::geteuid().as_raw());
    let mut trouble = None;
    for manager in [Manager::System, own] {
        let Some(systemd) = Systemd::of(manager) else { continue };
        let unit = Unit { manager, name: name.to_owned() };
        match systemd.show(&[name.to_owned()]).map(|states| states.into_iter().next()) {
            Ok(Some(state)) if state.loaded => return Some((unit, Ok(state))),
            Ok(_) => {}
            Err(error) => trouble = Some((unit, Err(error))),
        }
    }
    trouble
}

/// What became of looking for registered services.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    /// Processes of services that run.
    pub(crate) processes: Vec<UniqueProcess>,
    /// Services that no manager knows or can be asked about.
    pub(crate) unknown: Vec<String>,
}

/// Finds the processes of registered services. A name may be that of a unit, of a supervisor's service, or of both.
pub(crate) fn registered(names: &[String]) -> Registered {
    let mut found = Registered::default();
    for (name, supervised) in names.iter().zip(supervisor::processes_by_name(names)) {
        let full = if name.contains('.') { name.clone() } else { format!("{name}.service") };
        match find(&full).filter(|_| is_unit_name(&full)) {
            Some((_, Ok(state))) => {
                let pids = processes_in(&state.control_group);
                let pids = if pids.is_empty() { state.main_process.into_iter().collect() } else { pids };
                found.processes.extend(pids.into_iter().filter_map(UniqueProcess::of));
            }
            _ if supervised.is_none() => found.unknown.push(name.clone()),
            _ => {}
        }
        found.processes.extend(supervised.unwrap_or_default());
    }
    found
}

/// Tells services among these applications: asks each manager once about all of its units.
pub(crate) fn classify(applications: &mut [Application], list: &CriticalList) {
    let mut units: BTreeMap<Unit, Vec<(usize, String)>> = BTreeMap::new();
    for (index, application) in applications.iter().enumerate().filter(|(_, it)| !it.is_supervised()) {
        let Ok(folder) = open_process(application.process.pid) else { continue };
        if let Some((unit, group)) = unit_and_group(folder.as_fd()).filter(|(unit, _)| unit.is_service()) {
            units.entry(unit).or_default().push((index, group));
        }
    }
    let own_unit = if units.is_empty() { None } else { unit_of(std::process::id()) };
    let managers: BTreeSet<Manager> = units.keys().map(|unit| unit.manager).collect();
    for manager in managers {
        let Some(systemd) = Systemd::of(manager) else { continue };
        let of_manager: Vec<_> = units.iter().filter(|(unit, _)| unit.manager == manager).collect();
        let names: Vec<String> = of_manager.iter().map(|(unit, _)| unit.name.clone()).collect();
        let states = match systemd.show(&names) {
            Ok(states) => states,
            Err(error) => {
                tracing::warn!(?manager, %error, "cannot ask the service manager");
                let members = of_manager.iter().flat_map(|(_, members)| members.iter());
                for (index, _) in members {
                    if let Some(application) = applications.get_mut(*index) {
                        application.critical.get_or_insert(CriticalReason::SilentManager);
                        application.kind = ApplicationType::Critical;
                        application.restartable = false;
                    }
                }
                continue;
            }
        };
        for ((unit, members), state) in of_manager.into_iter().zip(states) {
            for (index, group) in members {
                // A process of a unit that has stopped is left over from it and no service any more; and a
                // group with another path belongs to another manager, such as a container's.
                let same = state.id == unit.name && is_within(group, &state.control_group);
                if let Some(application) = applications.get_mut(*index).filter(|_| same && state.active) {
                    describe(application, unit, &state, own_unit.as_ref(), list);
                }
            }
        }
    }
}

fn is_within(group: &str, unit_group: &str) -> bool {
    let rest = group.strip_prefix(unit_group);
    !unit_group.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn describe(
    application: &mut Application,
    unit: &Unit,
    state: &UnitState,
    own_unit: Option<&Unit>,
    list: &CriticalList,
) {
    application.service = Some(unit.name.clone());
    if application.critical.is_some() {
        return;
    }
    application.critical = if own_unit == Some(unit) {
        Some(CriticalReason::InstallersService)
    } else if let Some(why) = list.unit(&unit.name) {
        Some(CriticalReason::Listed(why.to_owned()))
    } else if state.refuses_stop || !state.can_stop {
        Some(CriticalReason::RefusesStop)
    } else {
        None
    };
    application.kind = match &application.critical {
        Some(_) => ApplicationType::Critical,
        None => ApplicationType::Service,
    };
    let is_startable = state.can_start && !state.refuses_start && !state.transient;
    // Started anew, a job that runs once would do its work a second time.
    application.restartable = application.critical.is_none() && is_startable && !state.oneshot;
}

/// Reads what starting this application's service again will need.
pub(crate) fn plan(application: &Application) -> Option<ServicePlan> {
    let name = application.service.as_ref()?;
    let unit = unit_of(application.process.pid).filter(|unit| same_service(&unit.name, name))?;
    let systemd = Systemd::of(unit.manager)?;
    let plan =
        plan_of(&systemd, unit).map(|plan| ServicePlan { restartable: application.restartable, ..plan });
    plan.map_err(|error| tracing::warn!(%error, "cannot ask about a service")).ok()
}

fn plan_of(manager: &dyn ServiceManager, unit: Unit) -> Result<ServicePlan, String> {
    let mut seen: BTreeSet<String> = BTreeSet::from([unit.name.clone()]);
    let mut plan = ServicePlan { unit, restartable: true, dependents: Vec::new(), triggers: Vec::new() };
    let mut candidates: BTreeSet<String> = BTreeSet::new();
    let mut next = vec![plan.unit.name.clone()];
    for _ in 0..DEPTH_LIMIT {
        let asked = std::mem::take(&mut next);
        for (name, state) in asked.iter().zip(manager.show(&asked)?) {
            if *name != plan.unit.name {
                if !state.active {
                    continue;
                }
                plan.dependents.push(name.clone());
            }
            candidates.extend(state.triggers);
            next.extend(
                state.dependents.into_iter().filter(|it| is_unit_name(it) && seen.insert(it.clone())),
            );
        }
        if next.is_empty() {
            break;
        }
    }
    let candidates: Vec<String> = candidates.into_iter().filter(|it| is_unit_name(it)).collect();
    for (name, state) in candidates.iter().zip(manager.show(&candidates)?) {
        if state.active {
            plan.triggers.push(name.clone());
        }
    }
    plan.dependents.retain(|it| !plan.triggers.contains(it));
    Ok(plan)
}

/// Stops the services of these applications and says which did not stop.
pub(crate) fn stop(
    session: &Session,
    applications: Vec<Stopping>,
    options: &ShutdownOptions,
    cancel: &CancelToken,
    progress: &mut Progress<'_>,
) -> Result<Vec<Refusal>, Error> {
    let mut services: BTreeMap<Unit, (ServicePlan, Vec<Stopping>)> = BTreeMap::new();
    let mut refused = Vec::new();
    for application in applications {
        match application.service.clone() {
            Some(plan) => {
                let group = services.entry(plan.unit.clone()).or_insert_with(|| (plan, Vec::new()));
                group.1.push(application);
            }
            None => refused.push(refusal(&application, "the service manager gives no answer about it")),
        }
    }
    progress.step(refused.len());
    for (plan, members) in services.into_values() {
        if cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let result = stop_group(session, &members, || match Systemd::of(plan.unit.manager) {
            Some(systemd) => stop_unit(&systemd, &plan, options),
            None => Err("its service manager is gone".to_owned()),
        })?;
        if let Err(reason) = &result {
            refused.extend(members.iter().map(|it| refusal(it, reason)));
        }
        progress.step(members.len());
    }
    Ok(refused)
}

/// Stops the processes of one service together and gives what the stopping said; the history has the request
/// before it is made, and how it ended afterwards.
pub(crate) fn stop_group(
    session: &Session,
    members: &[Stopping],
    stop: impl FnOnce() -> Result<(), String>,
) -> Result<Result<(), String>, Error> {
    let mut actions: Vec<Action> = members.iter().map(|it| Action::Stopping(Box::new(it.clone()))).collect();
    actions.extend(members.iter().map(|it| Action::Asked { process: it.process }));
    session.record(&actions, Outlives::System)?;
    let result = stop();
    let outcome = |process: UniqueProcess| match &result {
        Ok(()) => Action::Stopped { process, by_us: true },
        Err(reason) => Action::NotStopped { process, reason: reason.clone() },
    };
    let actions: Vec<Action> = members.iter().map(|it| outcome(it.process)).collect();
    session.record(&actions, Outlives::Process)?;
    Ok(result)
}

fn stop_unit(
    manager: &dyn ServiceManager,
    plan: &ServicePlan,
    options: &ShutdownOptions,
) -> Result<(), String> {
    let unit = std::slice::from_ref(&plan.unit.name);
    if !plan.triggers.is_empty() {
        manager.stop(&plan.triggers, options.service_timeout)?;
    }
    match manager.stop(unit, options.service_timeout) {
        Err(_) if options.force => {
            manager.kill(&plan.unit.name)?;
            manager.stop(unit, options.service_timeout)
        }
        result => result,
    }
    .map_err(|reason| format!("{}: {reason}", plan.unit))?;
    let state = manager.show(unit)?.into_iter().next().unwrap_or_default();
    match state.active {
        false => Ok(()),
        true => Err(format!("{} is active again", plan.unit)),
    }
}

pub(crate) fn refusal(application: &Stopping, reason: &str) -> Refusal {
    Refusal { process: application.process, name: application.name.clone(), reason: reason.to_owned() }
}

/// Starts a service again with all that stopped along with it; gives its process.
pub(crate) fn start(plan: &ServicePlan) -> Result<UniqueProcess, String> {
    let systemd = Systemd::of(plan.unit.manager).ok_or("its service manager is gone")?;
    start_unit(&systemd, plan).map_err(|reason| format!("{}: {reason}", plan.unit))
}

fn start_unit(manager: &dyn ServiceManager, plan: &ServicePlan) -> Result<UniqueProcess, String> {
    let unit = std::slice::from_ref(&plan.unit.name);
    // A socket can only be started before its service, and the service wants to be handed the socket; the
    // manager keeps that order. A path would start the service at once if something has changed there.
    let (paths, mut first): (Vec<String>, Vec<String>) =
        plan.triggers.iter().cloned().partition(|it| it.ends_with(".path"));
    first.extend_from_slice(unit);
    let started = manager.start(&first, START_PATIENCE);
    // One that does not start is no reason to leave the others stopped.
    let mut others = Ok(());
    for group in [&plan.dependents, &paths] {
        if !group.is_empty() {
            others = others.and(manager.start(group, START_PATIENCE));
        }
    }
    started.and(others)?;
    let state = manager.show(unit)?.into_iter().next().unwrap_or_default();
    let pids = state.main_process.into_iter().chain(processes_in(&state.control_group));
    pids.filter_map(UniqueProcess::of).next().ok_or_else(|| "it was started and has no process".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// A manager of units that only exist here.
    #[derive(Default)]
    struct Pretended {
        units: BTreeMap<String, UnitState>,
        calls: RefCell<Vec<String>>,
        hangs: bool,
    }

    impl ServiceManager for Pretended {
        fn show(&self, units: &[String]) -> Result<Vec<UnitState>, String> {
            Ok(units.iter().map(|name| self.units.get(name).cloned().unwrap_or_default()).collect())
        }
        fn stop(&self, units: &[String], _patience: Duration) -> Result<(), String> {
            self.calls.borrow_mut().push(format!("stop {}", units.join(" ")));
            if self.hangs && self.calls.borrow().len() < 2 { Err("slow".to_owned()) } else { Ok(()) }
        }
        fn kill(&self, unit: &str) -> Result<(), String> {
            self.calls.borrow_mut().push(format!("kill {unit}"));
            Ok(())
        }
        fn start(&self, units: &[String], _patience: Duration) -> Result<(), String> {
            self.calls.borrow_mut().push(format!("start {}", units.join(" ")));
            Ok(())
        }
    }

    fn unit(active: bool, dependents: &[&str], triggers: &[&str]) -> UnitState {
        let list = |names: &[&str]| names.iter().map(|&it| it.to_owned()).collect();
        UnitState { active, dependents: list(dependents), triggers: list(triggers), ..UnitState::default() }
    }

    fn pretended() -> Pretended {
        let units = [
            ("a.service", unit(true, &["b.service", "idle.service"], &["a.socket", "off.socket"])),
            ("b.service", unit(true, &["c.service", "a.service"], &[])),
            ("c.service", unit(true, &[], &["c.path"])),
            ("a.socket", unit(true, &[], &[])),
            ("c.path", unit(true, &[], &[])),
        ];
        let units = units.into_iter().map(|(name, state)| (name.to_owned(), state)).collect();
        Pretended { units, ..Pretended::default() }
    }

    fn demo() -> Unit {
        Unit { manager: Manager::System, name: "a.service".to_owned() }
    }

    #[test]
    fn a_plan_names_all_that_would_stop_and_all_that_would_start_it_again() {
        let plan = plan_of(&pretended(), demo()).unwrap();
        assert_eq!(plan.dependents, ["b.service", "c.service"], "not what was idle anyway, and no cycle");
        assert_eq!(plan.triggers, ["a.socket", "c.path"]);
    }

    #[test]
    fn triggers_are_stopped_first_and_a_service_starts_between_its_sockets_and_its_paths() {
        let mut manager = pretended();
        let plan = plan_of(&manager, demo()).unwrap();
        manager.units.clear();
        stop_unit(&manager, &plan, &ShutdownOptions::default()).unwrap();
        let error = start_unit(&manager, &plan).unwrap_err();
        assert!(error.contains("no process"), "{error}");
        let calls = manager.calls.into_inner();
        let expected = ["stop a.socket c.path", "stop a.service", "start a.socket a.service"];
        assert_eq!(calls[..3], expected);
        assert_eq!(calls[3..], ["start b.service c.service", "start c.path"]);
    }

    #[test]
    fn only_by_force_is_a_service_killed_and_one_that_comes_back_is_told() {
        let plan = ServicePlan { unit: demo(), restartable: true, dependents: vec![], triggers: vec![] };
        let manager = || Pretended { hangs: true, ..Pretended::default() };
        assert_eq!(stop_unit(&manager(), &plan, &ShutdownOptions::default()).unwrap_err(), "a.service: slow");
        let forced = manager();
        stop_unit(&forced, &plan, &ShutdownOptions { force: true, ..ShutdownOptions::default() }).unwrap();
        assert_eq!(forced.calls.into_inner(), ["stop a.service", "kill a.service", "stop a.service"]);
        let error = stop_unit(&pretended(), &plan, &ShutdownOptions::default()).unwrap_err();
        assert!(error.contains("active again"), "{error}");
    }

    #[test]
    fn a_control_group_of_the_same_name_elsewhere_is_another_service() {
        assert!(is_within("/system.slice/a.service/inner", "/system.slice/a.service"));
        assert!(!is_within("/system.slice/a.service2", "/system.slice/a.service"));
        assert!(!is_within("/machine.slice/x/system.slice/a.service", "/system.slice/a.service"));
        assert!(!is_within("/system.slice/a.service", ""));
    }
}

//! Ending what an interrupted installation has left: its transaction and the applications that it had closed.

use std::error::Error;

use reseat_machine::Machine;
use reseat_restart_manager::Store;
use reseat_script::{Pending, Recovery};

use crate::actions::execute::Running;
use crate::error::EngineError;
use crate::error_message::with_causes;
use crate::host::CustomActionHost;
use crate::installation::{RestartedApplication, application};
use crate::interface::Silent;

/// What a recovery did.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The installations that were undone or finished, in order.
    pub installations: Vec<RecoveredInstallation>,
    /// Applications that had been closed and were started again.
    pub restarted: Vec<RestartedApplication>,
}

/// An interrupted installation after its recovery.
#[derive(Debug)]
pub struct RecoveredInstallation {
    /// What was being installed.
    pub title: String,
    /// Whether it was finished; undone, if not.
    pub finished: bool,
    /// How many changes were undone.
    pub undone: usize,
    /// What did not work, in words.
    pub problems: Vec<String>,
    /// Whether it is over. If not, it has to be recovered again.
    pub complete: bool,
}

impl Recovered {
    /// Whether nothing is left to be recovered.
    pub fn is_complete(&self) -> bool {
        self.installations.iter().all(|installation| installation.complete)
    }
}

/// Undoes or finishes what was interrupted, and starts again what had been closed for it.
///
/// # Errors
/// When the rollback script cannot be read, or the machine is in use.
pub fn recover(machine: &Machine, host: &dyn CustomActionHost) -> Result<Recovered, EngineError> {
    let _lock = machine.lock()?;
    let installations = end_all(machine, host)?;
    Ok(Recovered { installations, ..recover_applications()? })
}

/// Starts again what had been closed for an installation that was interrupted, on whichever machine that was.
///
/// # Errors
/// When the sessions of the Restart Manager cannot be read.
pub fn recover_applications() -> Result<Recovered, EngineError> {
    let mut recovered = Recovered::default();
    for recovery in reseat_restart_manager::recover(&Store::open()?)? {
        recovered.restarted.extend(recovery.restarted.into_iter().map(application));
    }
    Ok(recovered)
}

/// Finds out whether an installation may begin.
///
/// # Errors
/// [`EngineError::Interrupted`] when one has to be recovered first.
pub(crate) fn check(machine: &Machine) -> Result<(), EngineError> {
    match reseat_script::pending(machine)? {
        Some(pending) if !pending.state.is_over() => Err(EngineError::Interrupted { title: title(&pending) }),
        _ => Ok(()),
    }
}

/// Removes the backups that are left of an installation that is over. The caller holds the machine's lock.
///
/// # Errors
/// [`EngineError::Interrupted`] when that does not work: they are in the way of the next one.
pub(crate) fn tidy(machine: &Machine, host: &dyn CustomActionHost) -> Result<(), EngineError> {
    if reseat_script::pending(machine)?.is_none() {
        return Ok(());
    }
    end_all(machine, host)?;
    match reseat_script::pending(machine)? {
        None => Ok(()),
        Some(pending) => Err(EngineError::Interrupted { title: title(&pending) }),
    }
}

fn end_all(
    machine: &Machine,
    host: &dyn CustomActionHost,
) -> Result<Vec<RecoveredInstallation>, EngineError> {
    let mut interface = Silent;
    let mut environment = Running::to_end(machine, &mut interface, host);
    let mut ended = Vec::new();
    while let Some(recovery) = reseat_script::recover(machine, &mut environment)? {
        let (pending, finished, undone, problems) = match recovery {
            Recovery::Committed { pending, report } => {
                let cut_off = report.interrupted.iter().map(|action| {
                    format!("the commit custom action {action} was cut off and is not run again")
                });
                let problems = cut_off.chain(report.problems.iter().map(|it| told(it))).collect();
                (pending, true, 0, problems)
            }
            Recovery::RolledBack { pending, report, cause } => {
                let cut_off = pending.running.iter().map(|action| {
                    format!("the custom action {action} was cut off; what it did is undone by rollback actions alone")
                });
                let cause =
                    cause.iter().map(|cause| format!("the commit could not be finished: {}", told(cause)));
                let problems: Vec<_> =
                    cut_off.chain(cause).chain(report.problems.iter().map(|it| told(it))).collect();
                (pending, false, report.undone, problems)
            }
        };
        let complete = reseat_script::pending(machine)?.is_none_or(|left| left.id != pending.id);
        ended.push(RecoveredInstallation { title: title(&pending), finished, undone, problems, complete });
        if !complete {
            break;
        }
    }
    environment.start_services();
    Ok(ended)
}

/// What went wrong at the end of a transaction, and why.
fn told(problem: &dyn Error) -> String {
    with_causes(problem.to_string(), problem)
}

/// What was being installed; one that was cut off before its first change was not written down yet.
pub(crate) fn title(pending: &Pending) -> String {
    if pending.title.is_empty() { "a product".to_owned() } else { pending.title.clone() }
}

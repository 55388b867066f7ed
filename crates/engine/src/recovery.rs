//! Ending what an interrupted installation has left: its transaction and the applications that it had closed.

use reseat_machine::Machine;
use reseat_restart_manager::Store;
use reseat_script::{Pending, Recovery};

use crate::actions::execute::Running;
use crate::error::EngineError;
use crate::host::CustomActionHost;
use crate::interface::Silent;

/// What was recovered, as lines of text.
///
/// # Errors
/// When the rollback script cannot be read, or the machine is in use.
pub fn recover(machine: &Machine, host: &dyn CustomActionHost) -> Result<Vec<String>, EngineError> {
    let _lock = machine.lock()?;
    let mut lines = Vec::new();
    let mut interface = Silent;
    let mut environment = Running::to_end(&mut interface, host);
    match reseat_script::recover(machine, &mut environment)? {
        None => {}
        Some(Recovery::Committed { pending, .. }) => lines.push(format!("{}: finished", title(&pending))),
        Some(Recovery::RolledBack { pending, report, .. }) => {
            lines.push(format!("{}: undone, {} changes", title(&pending), report.undone));
            lines.extend(report.problems.iter().map(|problem| format!("  not undone: {problem}")));
        }
    }
    for recovery in reseat_restart_manager::recover(&Store::open()?)? {
        for application in recovery.restarted {
            lines.push(format!("{}: started again, process {}", application.name, application.new.pid));
        }
    }
    Ok(lines)
}

/// What was being installed; one that was cut off before its first change was not written down yet.
pub(crate) fn title(pending: &Pending) -> String {
    if pending.title.is_empty() { "a product".to_owned() } else { pending.title.clone() }
}

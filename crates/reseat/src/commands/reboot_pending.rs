//! `reseat reboot-pending`: what waits for the next start of Windows.

use std::process::ExitCode;

use reseat_engine::EngineError;
use reseat_machine::PendingOperation;

use crate::arguments::{Global, Msiexec, RebootPending};
use crate::failure::Failure;
use crate::output;
use crate::prefix;

/// What waits.
#[derive(serde::Serialize)]
#[serde(untagged)]
enum Waiting {
    /// A file operation.
    Operation(PendingOperation),
    /// An installation that stopped for a restart.
    Installation {
        /// The command that goes on with it.
        run: String,
    },
}

/// Exit code when something waits.
const WAITS: u8 = 10;

/// Prints what waits, or carries it out.
pub fn run(global: &Global, arguments: &RebootPending) -> Result<ExitCode, Failure> {
    let Some(machine) = prefix::open_if_made(global)? else { return Ok(ExitCode::SUCCESS) };
    let pending = machine.pending_operations()?;
    let suspended = reseat_engine::suspended_installations(&machine)?;
    if !arguments.apply {
        let operations = pending.into_iter().map(Waiting::Operation);
        let installations = suspended.into_iter().map(|it| Waiting::Installation { run: it.command });
        let waiting: Vec<Waiting> = operations.chain(installations).collect();
        output::list(global, &["from", "to"], &waiting, |waiting| match waiting {
            Waiting::Operation(operation) => {
                let to = operation.to.clone().unwrap_or_else(|| "(removed)".to_owned());
                vec![operation.from.clone(), to]
            }
            Waiting::Installation { run } => vec![run.clone(), "(run)".to_owned()],
        });
        return Ok(if waiting.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WAITS) });
    }
    let lock = machine.lock()?;
    if let Some(pid) = machine.wine_server() {
        return Err(EngineError::WineRuns { prefix: machine.prefix().to_owned(), pid }.into());
    }
    let failed = machine.apply_pending_operations()?;
    for failure in &failed {
        eprintln!("reseat: {}: {}", failure.operation.from, failure.error);
    }
    if global.json {
        output::json(&serde_json::json!({ "operations": pending, "failed": failed.len() }));
    } else if !global.quiet {
        eprintln!("{} operations carried out, {} failed", pending.len() - failed.len(), failed.len());
    }
    drop((lock, machine));
    let mut code = if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    for installation in suspended {
        let global = Global { json: false, ..global.clone() };
        let ended = super::msiexec::run(&global, &Msiexec { arguments: installation.arguments() })?;
        if ended != ExitCode::SUCCESS {
            code = ended;
        }
    }
    Ok(code)
}

//! `reseat reboot-pending`: what waits for the next start of Windows.

use std::process::ExitCode;

use reseat_engine::EngineError;

use crate::arguments::{Global, RebootPending};
use crate::failure::Failure;
use crate::output;
use crate::prefix;

/// Exit code when something waits.
const WAITS: u8 = 10;

/// Prints what waits, or carries it out.
pub fn run(global: &Global, arguments: &RebootPending) -> Result<ExitCode, Failure> {
    let Some(machine) = prefix::open_if_made(global)? else { return Ok(ExitCode::SUCCESS) };
    let pending = machine.pending_operations()?;
    if !arguments.apply {
        output::list(global, &["from", "to"], &pending, |operation| {
            let to = operation.to.clone().unwrap_or_else(|| "(removed)".to_owned());
            vec![operation.from.clone(), to]
        });
        return Ok(if pending.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(WAITS) });
    }
    let _lock = machine.lock()?;
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
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

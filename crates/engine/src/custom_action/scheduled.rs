//! Custom actions in the install script: deferred, rollback and commit actions (page
//! `custom-action-in-script-execution-options.md`).

use reseat_package::{CustomAction, DecodedAction, Execution};
use reseat_script::{ActionFailure, ActionKind, Operation, Phase, ScheduledAction};
use serde::{Deserialize, Serialize};

use super::program::{call_host, describe};
use super::{ignores_result, windows};
use crate::error::EngineError;
use crate::functions::{DeferredFacts, DeferredFunctions, Surroundings};
use crate::host::{
    CallResult, CustomActionHost, Program, ProgramCall, ScriptSource, WindowsCall, WindowsCode,
};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::secrets;
use crate::sequence::Flow;
use crate::session::{Session, readable};

/// An action in the install script.
#[derive(Debug, Serialize, Deserialize)]
struct ScheduledCall {
    code: ScheduledCode,
    /// Whether its target stays out of the log.
    hide_target: bool,
    /// The values in it that are hidden, also when another process runs it later.
    #[serde(default)]
    secrets: Vec<String>,
}

/// What an action in the script runs.
#[derive(Debug, Serialize, Deserialize)]
pub enum ScheduledCode {
    Program(ProgramCall),
    Windows { call: WindowsCall, facts: DeferredFacts },
}

impl ScheduledCall {
    /// Where the package can be read now: a commit action runs when the cached package may be gone.
    fn find_package(&mut self, surroundings: &Surroundings<'_>) {
        let package = match &mut self.code {
            ScheduledCode::Program(ProgramCall { program: Program::Binary { package, .. }, .. }) => package,
            ScheduledCode::Windows { call, .. } => match &mut call.code {
                WindowsCode::Library { library: Program::Binary { package, .. }, .. }
                | WindowsCode::Script { source: ScriptSource::Binary { package, .. }, .. } => package,
                _ => return,
            },
            ScheduledCode::Program(_) => return,
        };
        *package = readable(package, surroundings.package_file.as_deref());
    }
}

/// Writes an action into the script.
pub fn schedule(
    session: &mut Session<'_, '_>,
    row: &CustomAction,
    action: &DecodedAction,
    code: ScheduledCode,
) -> Result<Flow, EngineError> {
    let kind = match action.execution {
        Execution::Immediate(_) | Execution::Deferred => ActionKind::Deferred,
        Execution::Rollback => ActionKind::Rollback,
        Execution::Commit => ActionKind::Commit,
    };
    let custom_action_data = session.property(&row.action).unwrap_or_default().to_owned();
    let mut call = ScheduledCall { code, hide_target: action.hide_target, secrets: Vec::new() };
    let text = serde_json::to_string(&call).unwrap_or_default();
    call.secrets = secrets::within(&format!("{text}{custom_action_data}"));
    let call = serde_json::to_value(&call);
    let call = call.map_err(|error| EngineError::Row {
        table: "CustomAction",
        row: row.action.to_string(),
        reason: error.to_string(),
    })?;
    session.add(Operation::CustomAction(ScheduledAction {
        action: row.action.to_string(),
        kind,
        ignore_result: ignores_result(action),
        custom_action_data,
        call,
    }))?;
    Ok(Flow::GoOn)
}

/// Runs an action that was written into a script.
///
/// # Errors
/// When it could not be run, or did not succeed.
pub fn run_scheduled(
    host: &dyn CustomActionHost,
    action: &ScheduledAction,
    phase: Phase,
    surroundings: &mut Surroundings<'_>,
) -> Result<(), ActionFailure> {
    let mut scheduled: ScheduledCall =
        serde_json::from_value(action.call.clone()).map_err(|error| ActionFailure::Host(error.into()))?;
    scheduled.secrets.iter().for_each(|secret| secrets::hide(secret));
    scheduled.find_package(surroundings);
    let mut lines = Vec::new();
    let (result, always_succeeds) = match &scheduled.code {
        ScheduledCode::Program(call) => {
            let mut output = |line: &str| lines.push(line.to_owned());
            (call_host(host, call, scheduled.hide_target, &mut output), false)
        }
        ScheduledCode::Windows { call, facts } => {
            let mut functions = DeferredFunctions::new(
                surroundings,
                &action.action,
                facts,
                &action.custom_action_data,
                phase,
            );
            let result = host.run_windows(call, &mut functions, &mut |line| {
                plain!("{}: {line}", call.action);
                lines.push(line.to_owned());
            });
            (result, windows::always_succeeds(&call.code))
        }
    };
    for line in lines {
        surroundings.interface.message(&Message::ActionData(line));
    }
    let is_windows = matches!(scheduled.code, ScheduledCode::Windows { .. });
    match result {
        Ok(CallResult::Exited(0) | CallResult::Started) => Ok(()),
        Ok(CallResult::Exited(_)) if always_succeeds => Ok(()),
        // Nothing is left to be skipped in a script, and what was not called has not failed.
        Ok(CallResult::Exited(259 | 1626)) if is_windows => Ok(()),
        Ok(CallResult::Exited(1602)) if is_windows && !action.ignore_result => Err(ActionFailure::Cancelled),
        Ok(CallResult::Exited(code)) => {
            if is_windows {
                service!("CustomAction {} returned actual error code {code}", action.action);
            }
            Err(ActionFailure::Returned { code, message: String::new() })
        }
        Ok(result @ CallResult::Killed(_)) => {
            Err(ActionFailure::Returned { code: 1603, message: describe(&result) })
        }
        Err(error) => Err(ActionFailure::Host(error.into())),
    }
}

//! Custom actions in the install script: deferred, rollback and commit actions (page
//! `custom-action-in-script-execution-options.md`).

use reseat_package::{CustomAction, DecodedAction, Execution, ReturnProcessing};
use reseat_script::{ActionFailure, ActionKind, Operation, Phase, ScheduledAction};
use serde::{Deserialize, Serialize};

use super::asynchronous::{self, Kind};
use super::program::{self, describe, start};
use super::{ignores_result, service_control, windows};
use crate::error::EngineError;
use crate::functions::{DeferredCaller, DeferredFacts, DeferredFunctions, Surroundings};
use crate::host::{
    CallResult, CustomActionHost, HostError, Program, ProgramCall, ScriptSource, ServiceOrder, WindowsCall,
    WindowsCode, finish,
};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::secrets;
use crate::sequence::Flow;
use crate::session::{Session, readable};

/// An action in the install script.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScheduledCall {
    code: ScheduledCode,
    /// Whether its target stays out of the log.
    hide_target: bool,
    /// The values in it that are hidden, also when another process runs it later.
    #[serde(default)]
    secrets: Vec<String>,
    /// Whether it runs beside the script and is waited for at its end.
    #[serde(default)]
    asynchronous: bool,
}

/// What an action in the script runs.
#[derive(Debug, Serialize, Deserialize)]
pub enum ScheduledCode {
    Program(ProgramCall),
    Windows {
        call: WindowsCall,
        facts: DeferredFacts,
    },
    /// Not an action of the package: what StartServices and StopServices ask of a service while Wine runs.
    Service {
        name: String,
        order: ServiceOrder,
    },
}

impl ScheduledCall {
    /// One that hides nothing and is waited for.
    pub fn plain(code: ScheduledCode) -> Self {
        Self { code, hide_target: false, asynchronous: false, secrets: Vec::new() }
    }

    /// Whether it stops the service with this name.
    pub fn stops(&self, service: &str) -> bool {
        matches!(&self.code, ScheduledCode::Service { name, order: ServiceOrder::Stop { .. } }
            if name.eq_ignore_ascii_case(service))
    }

    /// Where the package can be read now: a commit action runs when the cached package may be gone.
    fn find_package(&mut self, surroundings: &Surroundings<'_>) {
        let package = match &mut self.code {
            ScheduledCode::Program(ProgramCall { program: Program::Binary { package, .. }, .. }) => package,
            ScheduledCode::Windows { call, .. } => match &mut call.code {
                WindowsCode::Library { library: Program::Binary { package, .. }, .. }
                | WindowsCode::Script { source: ScriptSource::Binary { package, .. }, .. } => package,
                _ => return,
            },
            ScheduledCode::Program(_) | ScheduledCode::Service { .. } => return,
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
    let asynchronous = match action.returns {
        ReturnProcessing::AsyncCheck => true,
        // A program is not waited for at all then; all else has to end within the session.
        ReturnProcessing::AsyncIgnore => matches!(code, ScheduledCode::Windows { .. }),
        ReturnProcessing::Check | ReturnProcessing::Ignore => false,
    };
    let hide_target = action.hide_target;
    let mut call = ScheduledCall { code, hide_target, asynchronous, secrets: Vec::new() };
    let text = serde_json::to_string(&call).unwrap_or_default();
    call.secrets = secrets::within(&format!("{text}{custom_action_data}"));
    let call = serde_json::to_value(&call);
    let call = call.map_err(|error| EngineError::row("CustomAction", &row.action, error.to_string()))?;
    session.add(Operation::CustomAction(ScheduledAction {
        action: row.action.to_string(),
        kind,
        ignore_result: ignores_result(action),
        custom_action_data,
        call,
    }))?;
    Ok(Flow::GoOn)
}

/// Runs an action that was written into a script, or lets it run beside the script.
///
/// # Errors
/// When it could not be run, or did not succeed.
pub fn run_scheduled<'h>(
    host: &'h dyn CustomActionHost,
    action: &ScheduledAction,
    phase: Phase,
    surroundings: &mut Surroundings<'h>,
) -> Result<(), ActionFailure> {
    let mut scheduled: ScheduledCall =
        serde_json::from_value(action.call.clone()).map_err(|error| ActionFailure::Host(error.into()))?;
    scheduled.secrets.iter().for_each(|secret| secrets::hide(secret));
    scheduled.find_package(surroundings);
    let (kind, started, facts) = match scheduled.code {
        ScheduledCode::Program(call) => {
            (Kind::Program, start(host, &call, scheduled.hide_target), DeferredFacts::default())
        }
        ScheduledCode::Windows { call, facts } => {
            let started = host.start_windows(&call);
            (Kind::Windows(call.code), started, facts)
        }
        ScheduledCode::Service { name, order } => {
            return service_control::run(host, surroundings, action, phase, &name, order);
        }
    };
    let mut code = started.map_err(|error| not_run(action, &kind, error))?;
    let mut caller = DeferredCaller::new(surroundings.machine, action, facts, phase);
    if scheduled.asynchronous && asynchronous::may_run_beside(phase) {
        surroundings.asynchronous.begin(action, kind, code, caller);
        return Ok(());
    }
    let mut lines = Vec::new();
    let mut functions = DeferredFunctions::new(surroundings, &mut caller);
    let result = finish(&mut *code, &mut functions, &mut |line| {
        plain!("{}: {line}", action.action);
        lines.push(line.to_owned());
    });
    for line in lines {
        surroundings.interface.message(&Message::ActionData(line));
    }
    judge(action, &kind, result)
}

/// What the end of an action in a script means.
pub fn judge(
    action: &ScheduledAction,
    kind: &Kind,
    result: Result<CallResult, HostError>,
) -> Result<(), ActionFailure> {
    let (is_windows, always_succeeds) = match kind {
        Kind::Program => (false, false),
        Kind::Windows(code) => (true, windows::always_succeeds(code)),
    };
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
        Err(error) => Err(not_run(action, kind, error)),
    }
}

/// The code of an action could not be run.
fn not_run(action: &ScheduledAction, kind: &Kind, source: HostError) -> ActionFailure {
    let error = match kind {
        Kind::Program => program::not_run(&action.action, source),
        Kind::Windows(code) => windows::cannot_run(&action.action, code, source),
    };
    ActionFailure::Host(error.into())
}

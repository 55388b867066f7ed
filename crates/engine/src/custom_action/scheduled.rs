//! Custom actions in the install script: deferred, rollback and commit actions (page
//! `custom-action-in-script-execution-options.md`).

use reseat_package::{CustomAction, DecodedAction, Execution, ReturnProcessing};
use reseat_script::{ActionFailure, ActionKind, Operation, Phase, ScheduledAction};
use serde::{Deserialize, Serialize};

use super::asynchronous::{self, Kind};
use super::program::{self, start};
use super::{ActionCode, ignores_result, service_control};
use crate::error::EngineError;
use crate::functions::{DeferredCaller, DeferredFacts, DeferredFunctions, Surroundings};
use crate::host::{
    CallResult, CustomActionHost, HostError, Program, ProgramCall, ScriptSource, ServiceOrder, WindowsCall,
    WindowsCode, finish,
};
use crate::interface::Message;
use crate::log::plain;
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
    /// Not an action of the package: what StartServices and StopServices ask of a service if Wine runs then.
    Service {
        name: String,
        order: ServiceOrder,
        /// What is said if it does not run.
        #[serde(default)]
        without_wine: Option<String>,
    },
}

impl ScheduledCall {
    /// One that hides nothing and is waited for.
    pub fn plain(code: ScheduledCode) -> Self {
        Self { code, hide_target: false, asynchronous: false, secrets: Vec::new() }
    }

    /// The service that it stops, if it does.
    pub fn stopped_service(&self) -> Option<&str> {
        match &self.code {
            ScheduledCode::Service { name, order: ServiceOrder::Stop { .. }, .. } => Some(name),
            _ => None,
        }
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
        serde_json::from_value(action.call.clone()).map_err(|error| ActionFailure::Failed(error.into()))?;
    scheduled.secrets.iter().for_each(|secret| secrets::hide(secret));
    scheduled.find_package(surroundings);
    let (kind, started, facts) = match scheduled.code {
        ScheduledCode::Program(call) => {
            let code = ActionCode::of_program(&call, scheduled.hide_target);
            (Kind::Program(code), start(host, &call, scheduled.hide_target), DeferredFacts::default())
        }
        ScheduledCode::Windows { call, facts } => {
            let started = host.start_windows(&call);
            (Kind::Windows(call), started, facts)
        }
        ScheduledCode::Service { name, order, without_wine } => {
            let request = service_control::Request { name, order, without_wine };
            return service_control::run(host, surroundings, action, phase, request);
        }
    };
    let mut code = started.map_err(|source| failure(not_run(&kind, source)))?;
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
    match kind.judge(result) {
        // Nothing is left to be skipped in a script.
        Ok(Flow::GoOn | Flow::SkipRest) => Ok(()),
        Err(EngineError::UserExit) if !action.ignore_result => Err(ActionFailure::Cancelled),
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: EngineError) -> ActionFailure {
    ActionFailure::Failed(error.into())
}

/// The error for code that could not be run.
fn not_run(kind: &Kind, source: HostError) -> EngineError {
    match kind {
        Kind::Program(code) => program::not_run(code, source),
        Kind::Windows(call) => program::not_run(&ActionCode::of_windows(call), source),
    }
}

//! Programs, of this machine or for Windows (pages `custom-action-type-2.md`, `-18.md`, `-34.md` and `-50.md`).

use std::path::PathBuf;

use reseat_package::{CustomAction, DecodedAction, Execution, ProgramSource, ReturnProcessing};

use super::asynchronous::{self, Kind};
use super::scheduled::{ScheduledCode, schedule};
use super::{ActionCode, Ending, binary, ignores_result};
use crate::error::EngineError;
use crate::functions::{Caller, FunctionAnswer, FunctionCall, Functions, ImmediateFunctions, NoFunctions};
use crate::host::{CallResult, CustomActionHost, HostError, Program, ProgramCall, RunningCode, finish};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::row_fault::RowFault;
use crate::sequence::Flow;
use crate::session::Session;

/// The variable that carries data to a native program that is deferred: named as the property.
const CUSTOM_ACTION_DATA: &str = "CustomActionData";

/// What stands for a text that the log must not show.
pub const MASK: &str = "**********";

/// Runs a program, or writes it into the script.
pub fn run(
    session: &mut Session<'_, '_>,
    row: &CustomAction,
    action: &DecodedAction,
    source: &ProgramSource,
    command_line: &str,
) -> Result<Flow, EngineError> {
    let (mut call, hides) = prepare(session, row, source, command_line)?;
    let action = &DecodedAction { hide_target: action.hide_target || hides, ..action.clone() };
    call.wait = action.returns != ReturnProcessing::AsyncIgnore;
    if matches!(action.execution, Execution::Immediate(_)) {
        return run_now(session, &call, action);
    }
    let custom_action_data = session.property(&row.action).unwrap_or_default().to_owned();
    call.environment.push((CUSTOM_ACTION_DATA.to_owned(), custom_action_data));
    schedule(session, row, action, ScheduledCode::Program(call))
}

/// Resolves what is to be run, and how; and whether there is a hidden property in its command line.
fn prepare(
    session: &Session<'_, '_>,
    row: &CustomAction,
    source: &ProgramSource,
    command_line: &str,
) -> Result<(ProgramCall, bool), EngineError> {
    let mut working_folder = None;
    let unix = |text: &str| -> Result<PathBuf, EngineError> {
        // A property may name a program of this machine by its own path.
        if text.starts_with('/') {
            return Ok(PathBuf::from(text));
        }
        Ok(session.machine().unix_path(&session.windows_path("CustomAction", &row.action, text)?)?)
    };
    let wrong = |fault: RowFault| EngineError::row("CustomAction", &row.action, fault);
    let program = match source {
        ProgramSource::Binary(name) => binary(session, name),
        ProgramSource::File(file) => {
            let absent = || wrong(RowFault::ActionFile { file: file.to_string() });
            let path = session.selection()?.file_target(file).ok_or_else(absent)?;
            Program::File(unix(&path)?)
        }
        ProgramSource::Directory(directory) => {
            if let Some(directory) = directory {
                let folder = session.directory(directory);
                let folder = folder.ok_or_else(|| wrong(session.no_folder(directory)))?;
                let folder = unix(&folder)?;
                working_folder = folder.is_dir().then_some(folder);
            }
            Program::FirstArgument
        }
        ProgramSource::Property(property) => {
            let absent = || wrong(RowFault::from(format!("property {property} is not set")));
            let path = session.property(property).ok_or_else(absent)?;
            Program::File(unix(path)?)
        }
    };
    let command_line = session.format(command_line);
    let hides = command_line.loggable(|name| session.properties.is_hidden(name)) != command_line.text;
    let call = ProgramCall {
        action: row.action.to_string(),
        program,
        command_line: command_line.text,
        working_folder,
        environment: Vec::new(),
        wait: true,
    };
    Ok((call, hides))
}

fn run_now(
    session: &mut Session<'_, '_>,
    call: &ProgramCall,
    action: &DecodedAction,
) -> Result<Flow, EngineError> {
    let host = session.installation.host;
    let started = start(host, call, action.hide_target);
    let what = ActionCode::of_program(call, action.hide_target);
    if action.returns == ReturnProcessing::AsyncCheck {
        let code = started.map_err(|source| not_run(&what, source))?;
        asynchronous::begin(session, Kind::Program(what), code, true);
        return Ok(Flow::GoOn);
    }
    let mut lines = Vec::new();
    let mut output = |line: &str| {
        plain!("{}: {line}", call.action);
        lines.push(line.to_owned());
    };
    let mut caller = Caller::new(session.machine(), &call.action);
    let mut functions = ProgramFunctions(ImmediateFunctions::new(session, &mut caller));
    let result = started.and_then(|mut code| finish(&mut *code, &mut functions, &mut output));
    for line in lines {
        session.installation.interface.message(&Message::ActionData(line));
    }
    // The program may have changed what is remembered of the machine.
    session.machine().forget_names();
    session.machine().forget_registry();
    match judge(&what, result) {
        Err(EngineError::CustomAction { code, how }) if ignores_result(action) => {
            service!("Custom action {} {how}; its result is ignored", code.action());
            Ok(Flow::GoOn)
        }
        Err(error @ EngineError::CustomActionHost { .. }) if ignores_result(action) => {
            session.warn_of(&error);
            Ok(Flow::GoOn)
        }
        flow => flow,
    }
}

/// For a program, which calls no functions, and those that run beside it.
struct ProgramFunctions<F>(F);

impl<F: Functions> Functions for ProgramFunctions<F> {
    fn call(&mut self, call: &FunctionCall) -> FunctionAnswer {
        NoFunctions.call(call)
    }

    fn serve_others(&mut self) -> bool {
        self.0.serve_others()
    }
}

/// What the end of a program means.
pub fn judge(code: &ActionCode, result: Result<CallResult, HostError>) -> Result<Flow, EngineError> {
    match result {
        Ok(CallResult::Exited(0) | CallResult::Started) => Ok(Flow::GoOn),
        Ok(result) => Err(failed(code, Ending::of_program(&result))),
        Err(source) => Err(not_run(code, source)),
    }
}

/// The error for code that ran without success.
pub fn failed(code: &ActionCode, how: Ending) -> EngineError {
    EngineError::CustomAction { code: Box::new(code.clone()), how }
}

/// The error for code that could not be run.
pub fn not_run(code: &ActionCode, source: HostError) -> EngineError {
    EngineError::CustomActionHost { code: Box::new(code.clone()), source }
}

/// Starts a program.
pub fn start<'h>(
    host: &'h dyn CustomActionHost,
    call: &ProgramCall,
    hide_target: bool,
) -> Result<Box<dyn RunningCode + 'h>, HostError> {
    match host.start(call) {
        Err(HostError::CommandLine { reason, .. }) if hide_target => {
            Err(HostError::CommandLine { command_line: MASK.to_owned(), reason })
        }
        // The program's path is the beginning of the command line.
        Err(HostError::Start { source, .. }) if hide_target && call.program == Program::FirstArgument => {
            Err(HostError::Start { program: PathBuf::from(MASK), source })
        }
        Err(HostError::TimedOut { seconds, .. }) if hide_target && call.program == Program::FirstArgument => {
            Err(HostError::TimedOut { program: PathBuf::from(MASK), seconds })
        }
        Err(HostError::Unsupported { .. }) if hide_target && call.program == Program::FirstArgument => {
            Err(HostError::Unsupported { what: "the program of its command line".to_owned() })
        }
        result => result,
    }
}

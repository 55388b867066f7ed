//! Custom actions: those that the engine serves itself (types 19, 35, 51) and those that a host runs.
//!
//! See the pages `custom-action-types.md`, `custom-action-return-processing-options.md` and
//! `custom-action-in-script-execution-options.md`. Here it is decided when an action runs, with which command line, and
//! what its result means.

use std::path::PathBuf;

use reseat_package::{
    CustomAction, CustomActionKind, DecodedAction, ErrorRow, Execution, ProgramSource, Repetition,
    ReturnProcessing,
};
use reseat_script::{ActionFailure, ActionKind, Operation, ScheduledAction};

use crate::error::EngineError;
use crate::host::{CallResult, CustomActionHost, HostError, Program, ProgramCall};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::sequence::refuse;
use crate::session::Session;

/// The property, and for native programs the variable, that carries data to a deferred action.
const CUSTOM_ACTION_DATA: &str = "CustomActionData";

/// Runs an action, or writes it into the script when it is deferred.
///
/// # Errors
/// When the action fails and its result is not ignored.
pub fn run(session: &mut Session<'_, '_>, row: &CustomAction) -> Result<(), EngineError> {
    let action = decode(row)?;
    match &action.kind {
        CustomActionKind::Error { message } => {
            Err(error_message(session, message.as_deref().unwrap_or_default())?)
        }
        CustomActionKind::SetProperty { property, value } => {
            let value = session.format(value.as_deref().unwrap_or_default()).text;
            session.set_property(property, &value);
            Ok(())
        }
        CustomActionKind::SetDirectory { directory, value } => {
            let value = session.format(value.as_deref().unwrap_or_default()).text;
            session.set_directory(directory, &value)
        }
        CustomActionKind::Program { source, command_line } => {
            run_program(session, row, &action, source, command_line.as_deref().unwrap_or_default())
        }
        _ => {
            if skipped_by_user(session, &row.action) {
                return Ok(());
            }
            let what = unsupported(session, row)?.unwrap_or_default();
            refuse(session, format!("custom action {} ({what})", row.action))
        }
    }
}

/// Why an action cannot run here, as far as that can be told before it runs.
///
/// # Errors
/// When its row is wrong.
pub fn unsupported(session: &Session<'_, '_>, row: &CustomAction) -> Result<Option<String>, EngineError> {
    let action = decode(row)?;
    let basic = row.basic_type();
    Ok(match &action.kind {
        CustomActionKind::Error { .. }
        | CustomActionKind::SetProperty { .. }
        | CustomActionKind::SetDirectory { .. } => None,
        CustomActionKind::Program { source: ProgramSource::Binary(name), .. } => {
            is_windows_program(session, name)?.then(|| format!("type {basic}, the Windows program {name}"))
        }
        CustomActionKind::Program { .. } => None,
        CustomActionKind::Library { entry_point, .. } => {
            let source = row.source.as_deref().unwrap_or_default();
            Some(format!("type {basic}, the Windows library {source}, entry point {entry_point}"))
        }
        CustomActionKind::Script { language, .. } => Some(format!("type {basic}, a {language:?}")),
        CustomActionKind::NestedInstall { .. } => Some(format!("type {basic}, a concurrent installation")),
    })
}

pub fn decode(row: &CustomAction) -> Result<DecodedAction, EngineError> {
    row.decode().map_err(|error| EngineError::Row {
        table: "CustomAction",
        row: row.action.to_string(),
        reason: error.to_string(),
    })
}

fn is_windows_program(session: &Session<'_, '_>, name: &str) -> Result<bool, EngineError> {
    use std::io::Read;
    let mut beginning = Vec::new();
    if let Some(stream) = session.package.database().stream(&format!("Binary.{name}"))? {
        // What cannot be read now is reported when the action runs.
        let _ = stream.take(2).read_to_end(&mut beginning);
    }
    Ok(beginning == b"MZ")
}

fn skipped_by_user(session: &mut Session<'_, '_>, action: &str) -> bool {
    let skips = session.installation.request.custom_actions.skips(action);
    if skips {
        session.tell(&Message::Warning(format!("custom action {action} is skipped, as asked")));
    }
    skips
}

/// The text of an action of type 19: its own, or that of the Error table when it is a number.
fn error_message(session: &mut Session<'_, '_>, target: &str) -> Result<EngineError, EngineError> {
    let mut text = session.format(target).text;
    if let Ok(number) = text.trim().parse::<i32>() {
        let rows = session.package.rows::<ErrorRow>()?;
        if let Some(message) = rows.iter().find(|row| row.error == number).and_then(|row| row.message.clone())
        {
            text = session.format(&message).text;
        }
    }
    session.tell(&Message::Error(text.clone()));
    Ok(EngineError::Ended { text })
}

fn run_program(
    session: &mut Session<'_, '_>,
    row: &CustomAction,
    action: &DecodedAction,
    source: &ProgramSource,
    command_line: &str,
) -> Result<(), EngineError> {
    if let Execution::Immediate(Repetition::OncePerProcess | Repetition::FirstSequence) = action.execution
        && !session.done.insert(row.action.to_string())
    {
        return Ok(());
    }
    if skipped_by_user(session, &row.action) {
        return Ok(());
    }
    let ignore_result = matches!(action.returns, ReturnProcessing::Ignore | ReturnProcessing::AsyncIgnore);
    let mut call = prepare(session, row, source, command_line)?;
    call.wait = action.returns != ReturnProcessing::AsyncIgnore;

    let kind = match action.execution {
        Execution::Immediate(_) => {
            return run_now(session, &call, ignore_result);
        }
        Execution::Deferred => ActionKind::Deferred,
        Execution::Rollback => ActionKind::Rollback,
        Execution::Commit => ActionKind::Commit,
    };
    let custom_action_data = session.property(&row.action).unwrap_or_default().to_owned();
    call.environment.push((CUSTOM_ACTION_DATA.to_owned(), custom_action_data.clone()));
    let call = serde_json::to_value(&call).map_err(|error| EngineError::Row {
        table: "CustomAction",
        row: row.action.to_string(),
        reason: error.to_string(),
    })?;
    session.add(Operation::CustomAction(ScheduledAction {
        action: row.action.to_string(),
        kind,
        ignore_result,
        custom_action_data,
        call,
    }))
}

/// Resolves what is to be run, and how.
fn prepare(
    session: &Session<'_, '_>,
    row: &CustomAction,
    source: &ProgramSource,
    command_line: &str,
) -> Result<ProgramCall, EngineError> {
    let mut working_folder = None;
    let unix = |text: &str| -> Result<PathBuf, EngineError> {
        // A property may name a program of this machine by its own path.
        if text.starts_with('/') {
            return Ok(PathBuf::from(text));
        }
        Ok(session.machine().unix_path(&session.windows_path("CustomAction", &row.action, text)?)?)
    };
    let wrong =
        |reason: String| EngineError::Row { table: "CustomAction", row: row.action.to_string(), reason };
    let program = match source {
        ProgramSource::Binary(name) => {
            Program::Binary { package: session.package_path.clone(), name: name.to_string() }
        }
        ProgramSource::File(file) => {
            let path =
                session.selection()?.file_target(file).ok_or_else(|| wrong(format!("no file {file}")))?;
            Program::File(unix(&path)?)
        }
        ProgramSource::Directory(directory) => {
            if let Some(directory) = directory {
                let folder =
                    session.directory(directory).ok_or_else(|| wrong(format!("no directory {directory}")))?;
                let folder = unix(&folder)?;
                working_folder = folder.is_dir().then_some(folder);
            }
            Program::FirstArgument
        }
        ProgramSource::Property(property) => {
            let path =
                session.property(property).ok_or_else(|| wrong(format!("property {property} is not set")))?;
            Program::File(unix(path)?)
        }
    };
    Ok(ProgramCall {
        action: row.action.to_string(),
        program,
        command_line: session.format(command_line).text,
        working_folder,
        environment: Vec::new(),
        wait: true,
    })
}

fn run_now(
    session: &mut Session<'_, '_>,
    call: &ProgramCall,
    ignore_result: bool,
) -> Result<(), EngineError> {
    let installation = &mut *session.installation;
    let mut lines = Vec::new();
    let result = call_host(installation.host, call, &mut |line| lines.push(line.to_owned()));
    for line in &lines {
        installation.interface.message(&Message::ActionData(line.clone()));
    }
    // The program may have changed what is remembered of the machine.
    installation.machine.forget_names();
    installation.machine.reload_registry()?;
    match result {
        Ok(CallResult::Exited(0) | CallResult::Started) => Ok(()),
        Ok(result) => {
            let how = describe(&result);
            if ignore_result {
                service!("Custom action {} {how}; its result is ignored", call.action);
                return Ok(());
            }
            Err(EngineError::CustomAction { action: call.action.clone(), how })
        }
        Err(source) if ignore_result => {
            session.tell(&Message::Warning(format!("custom action {} did not run: {source}", call.action)));
            Ok(())
        }
        Err(source) => Err(EngineError::CustomActionHost { action: call.action.clone(), source }),
    }
}

/// Runs a program, its output going to the log as well.
fn call_host(
    host: &dyn CustomActionHost,
    call: &ProgramCall,
    output: &mut dyn FnMut(&str),
) -> Result<CallResult, HostError> {
    host.run(call, &mut |line| {
        plain!("{}: {line}", call.action);
        output(line);
    })
}

fn describe(result: &CallResult) -> String {
    match result {
        CallResult::Exited(code) => format!("ended with exit code {code}"),
        CallResult::Killed(signal) => format!("was ended by signal {signal}"),
        CallResult::Started => "was started".to_owned(),
    }
}

/// Runs an action that was written into a script.
///
/// # Errors
/// When it could not be run, or did not succeed.
pub fn run_scheduled(
    host: &dyn CustomActionHost,
    action: &ScheduledAction,
    output: &mut dyn FnMut(&str),
) -> Result<(), ActionFailure> {
    let call: ProgramCall =
        serde_json::from_value(action.call.clone()).map_err(|error| ActionFailure::Host(error.into()))?;
    match call_host(host, &call, output) {
        Ok(CallResult::Exited(0) | CallResult::Started) => Ok(()),
        Ok(CallResult::Exited(code)) => Err(ActionFailure::Returned { code, message: String::new() }),
        Ok(result @ CallResult::Killed(_)) => {
            Err(ActionFailure::Returned { code: 1603, message: describe(&result) })
        }
        Err(error) => Err(ActionFailure::Host(error.into())),
    }
}

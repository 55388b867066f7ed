//! Custom actions: those that the engine serves itself (types 19, 35, 51) and those that a host runs.
//!
//! See the pages `custom-action-types.md`, `custom-action-return-processing-options.md` and
//! `custom-action-in-script-execution-options.md`. Here it is decided when an action runs, with which command line, and
//! what its result means.

use std::path::{Path, PathBuf};

use reseat_package::{
    CodeSource, CustomAction, CustomActionKind, DecodedAction, ErrorRow, Execution, ProgramSource,
    Repetition, ReturnProcessing, ScriptLanguage as PackageLanguage,
};
use reseat_script::{ActionFailure, ActionKind, Operation, Phase, ScheduledAction};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::functions::{DeferredFacts, DeferredFunctions, ImmediateFunctions, SESSION, Surroundings};
use crate::host::{
    CallResult, CustomActionHost, HostError, Program, ProgramCall, ScriptLanguage, ScriptSource, WindowsCall,
    WindowsCode,
};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::request::UiLevel;
use crate::sequence::{Flow, refuse};
use crate::session::{Session, readable};

/// The property, and for native programs the variable, that carries data to a deferred action.
const CUSTOM_ACTION_DATA: &str = "CustomActionData";

/// What stands for a text that the log must not show.
const MASK: &str = "**********";

/// An action in the install script.
#[derive(Debug, Serialize, Deserialize)]
struct ScheduledCall {
    code: ScheduledCode,
    /// Whether its target stays out of the log.
    hide_target: bool,
}

#[derive(Debug, Serialize, Deserialize)]
enum ScheduledCode {
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

/// Runs an action, or writes it into the script when it is deferred.
///
/// # Errors
/// When the action fails and its result is not ignored.
pub fn run(session: &mut Session<'_, '_>, row: &CustomAction) -> Result<Flow, EngineError> {
    let action = decode(row)?;
    if let Some(reason) = not_due(session, &action) {
        service!("Skipping action: {} ({reason})", row.action);
        return Ok(Flow::GoOn);
    }
    match &action.kind {
        CustomActionKind::Error { message } => {
            Err(error_message(session, message.as_deref().unwrap_or_default())?)
        }
        CustomActionKind::SetProperty { property, value } => {
            let value = session.format(value.as_deref().unwrap_or_default()).text;
            session.set_property(property, &value);
            Ok(Flow::GoOn)
        }
        CustomActionKind::SetDirectory { directory, value } => {
            let value = session.format(value.as_deref().unwrap_or_default()).text;
            session.set_directory(directory, &value)?;
            Ok(Flow::GoOn)
        }
        _ if ran_before(session, row, &action) || skipped_by_user(session, &row.action) => Ok(Flow::GoOn),
        CustomActionKind::Program { source, command_line } => {
            let mut call = prepare(session, row, source, command_line.as_deref().unwrap_or_default())?;
            call.wait = action.returns != ReturnProcessing::AsyncIgnore;
            if matches!(action.execution, Execution::Immediate(_)) {
                return run_now(session, &call, &action);
            }
            let custom_action_data = session.property(&row.action).unwrap_or_default().to_owned();
            call.environment.push((CUSTOM_ACTION_DATA.to_owned(), custom_action_data));
            schedule(session, row, &action, ScheduledCode::Program(call))
        }
        CustomActionKind::NestedInstall { .. } => {
            let what = unsupported(session, row)?.unwrap_or_default();
            refuse(session, format!("custom action {} ({what})", row.action))?;
            Ok(Flow::GoOn)
        }
        CustomActionKind::Library { .. } | CustomActionKind::Script { .. } => {
            run_windows(session, row, &action)
        }
    }
}

/// Why an action has nothing to do in this sequence (pages `custom-action-execution-scheduling-options.md` and
/// `custom-action-patch-uninstall-option.md`).
fn not_due(session: &Session<'_, '_>, action: &DecodedAction) -> Option<&'static str> {
    if action.execution == Execution::Immediate(Repetition::ClientRepeat) {
        return Some("it runs only after the user interface sequence");
    }
    let removes_patch = session.property("MsiPatchRemovalList").is_some();
    (action.patch_uninstall && !removes_patch).then_some("it runs only when a patch is removed")
}

/// Whether an action that runs once has run.
fn ran_before(session: &mut Session<'_, '_>, row: &CustomAction, action: &DecodedAction) -> bool {
    let once = matches!(
        action.execution,
        Execution::Immediate(Repetition::OncePerProcess | Repetition::FirstSequence)
    );
    once && !session.done.insert(row.action.to_string())
}

/// Why an action cannot run here, as far as that can be told before it runs.
///
/// # Errors
/// When its row is wrong.
pub fn unsupported(session: &Session<'_, '_>, row: &CustomAction) -> Result<Option<String>, EngineError> {
    let action = decode(row)?;
    let host = session.installation.host;
    let reason = match &action.kind {
        CustomActionKind::Error { .. }
        | CustomActionKind::SetProperty { .. }
        | CustomActionKind::SetDirectory { .. } => None,
        CustomActionKind::Program { source: ProgramSource::Binary(name), .. } => {
            let program = binary(session, name);
            if is_windows_program(session, name)? { host.program_refusal(&program) } else { None }
        }
        CustomActionKind::Program { .. } => None,
        CustomActionKind::Library { source, entry_point } => host.refusal(&WindowsCode::Library {
            library: expected(session, source),
            entry_point: entry_point.to_string(),
        }),
        CustomActionKind::Script { language, source, text } => {
            let source = match expected(session, source) {
                Program::Binary { package, name } => ScriptSource::Binary { package, name },
                Program::File(path) => ScriptSource::File(path),
                Program::FirstArgument => ScriptSource::Text(String::new()),
            };
            host.refusal(&WindowsCode::Script {
                language: language_of(*language),
                source,
                function: text.as_deref().map(str::to_owned),
                is_64_bit: action.script_64_bit,
            })
        }
        CustomActionKind::NestedInstall { .. } => Some("a concurrent installation".to_owned()),
    };
    Ok(reason.map(|reason| format!("type {}, {reason}", row.basic_type())))
}

/// Why an action that cannot run here stands in the way: an action whose result is ignored does not.
///
/// # Errors
/// When its row is wrong.
pub fn obstacle(session: &Session<'_, '_>, row: &CustomAction) -> Result<Option<String>, EngineError> {
    Ok(unsupported(session, row)?.filter(|_| !decode(row).is_ok_and(|action| ignores_result(&action))))
}

/// Where code will be. The path of an installed file is not known before costing: its key stands for it.
fn expected(session: &Session<'_, '_>, source: &CodeSource) -> Program {
    match source {
        CodeSource::Binary(name) => binary(session, name),
        CodeSource::File(file) => {
            Program::File(file_path(session, file).unwrap_or_else(|| Path::new(&**file).into()))
        }
        CodeSource::Inline | CodeSource::Property(_) => Program::FirstArgument,
    }
}

fn binary(session: &Session<'_, '_>, name: &str) -> Program {
    Program::Binary { package: session.package_place(), name: name.to_owned() }
}

/// The path on this computer of a file that the package installs.
fn file_path(session: &Session<'_, '_>, file: &str) -> Option<PathBuf> {
    let path = session.selection.as_ref()?.file_target(file)?;
    let path = reseat_machine::WindowsPath::parse(&path).ok()?;
    session.machine().unix_path(&path).ok()
}

fn language_of(language: PackageLanguage) -> ScriptLanguage {
    match language {
        PackageLanguage::JScript => ScriptLanguage::JScript,
        PackageLanguage::VbScript => ScriptLanguage::VbScript,
    }
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

/// Writes an action into the script.
fn schedule(
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
    let call = serde_json::to_value(&ScheduledCall { code, hide_target: action.hide_target });
    let call = call.map_err(|error| EngineError::Row {
        table: "CustomAction",
        row: row.action.to_string(),
        reason: error.to_string(),
    })?;
    let custom_action_data = session.property(&row.action).unwrap_or_default().to_owned();
    session.add(Operation::CustomAction(ScheduledAction {
        action: row.action.to_string(),
        kind,
        ignore_result: ignores_result(action),
        custom_action_data,
        call,
    }))?;
    Ok(Flow::GoOn)
}

fn ignores_result(action: &DecodedAction) -> bool {
    matches!(action.returns, ReturnProcessing::Ignore | ReturnProcessing::AsyncIgnore)
}

/// Runs a library or script, or writes it into the script.
fn run_windows(
    session: &mut Session<'_, '_>,
    row: &CustomAction,
    action: &DecodedAction,
) -> Result<Flow, EngineError> {
    if let Some(what) = unsupported(session, row)? {
        let part = format!("custom action {} ({what})", row.action);
        if ignores_result(action) {
            session.tell(&Message::Warning(format!("{part} did not run")));
        } else {
            refuse(session, part)?;
        }
        return Ok(Flow::GoOn);
    }
    let wrong =
        |reason: String| EngineError::Row { table: "CustomAction", row: row.action.to_string(), reason };
    let file = |session: &Session<'_, '_>, file: &str| {
        file_path(session, file).ok_or_else(|| wrong(format!("file {file} has no path yet")))
    };
    let code = match &action.kind {
        CustomActionKind::Library { source, entry_point } => {
            let library = match source {
                CodeSource::File(key) => Program::File(file(session, key)?),
                CodeSource::Binary(name) => binary(session, name),
                CodeSource::Inline | CodeSource::Property(_) => {
                    return Err(wrong("a library is a file or a stream".to_owned()));
                }
            };
            WindowsCode::Library { library, entry_point: entry_point.to_string() }
        }
        CustomActionKind::Script { language, source, text } => {
            let text = text.as_deref().unwrap_or_default().to_owned();
            let (source, function) = match source {
                CodeSource::Binary(name) => {
                    let package = session.package_place();
                    (ScriptSource::Binary { package, name: name.to_string() }, text)
                }
                CodeSource::File(key) => (ScriptSource::File(file(session, key)?), text),
                // The pages of these types call it literal text: no reference in it is resolved.
                CodeSource::Inline => (ScriptSource::Text(text), String::new()),
                CodeSource::Property(property) => {
                    let script = session.property(property).unwrap_or_default();
                    (ScriptSource::Text(script.to_owned()), text)
                }
            };
            WindowsCode::Script {
                language: language_of(*language),
                source,
                function: Some(function).filter(|function| !function.is_empty()),
                is_64_bit: action.script_64_bit,
            }
        }
        _ => return Err(wrong("it has no Windows code".to_owned())),
    };
    let call = WindowsCall { action: row.action.to_string(), code, session_handle: SESSION };
    if matches!(action.execution, Execution::Immediate(_)) {
        return run_windows_now(session, &call, action);
    }
    let facts = DeferredFacts {
        product_code: session.package.product_code().to_string(),
        user_sid: session.property("UserSID").unwrap_or_default().to_owned(),
        language: session.package.language(),
        is_silent: session.installation.request.ui_level == UiLevel::Silent,
    };
    schedule(session, row, action, ScheduledCode::Windows { call, facts })
}

/// Runs Windows code in the session. An asynchronous action has its turn here too, so that it does not meet a session
/// that changes beneath it; its result counts at the end of the sequence, as documented.
fn run_windows_now(
    session: &mut Session<'_, '_>,
    call: &WindowsCall,
    action: &DecodedAction,
) -> Result<Flow, EngineError> {
    let host = session.installation.host;
    let mut lines = Vec::new();
    let result = {
        let mut functions = ImmediateFunctions::new(session, &call.action);
        host.run_windows(call, &mut functions, &mut |line| {
            plain!("{}: {line}", call.action);
            lines.push(line.to_owned());
        })
    };
    for line in lines {
        session.installation.interface.message(&Message::ActionData(line));
    }
    let machine = session.machine();
    machine.forget_names();
    machine.reload_registry()?;
    let flow = match result {
        Ok(CallResult::Exited(_)) if always_succeeds(&call.code) => Ok(Flow::GoOn),
        Ok(result) => returned(&call.action, &result),
        Err(source) => Err(cannot_run(&call.action, &call.code, source)),
    };
    match flow {
        Err(error) if ignores_result(action) => {
            session.tell(&Message::Information(format!("{}; its result is ignored", error_line(&error))));
            Ok(Flow::GoOn)
        }
        // Whatever it returned, the sequence goes on.
        Ok(Flow::SkipRest) if ignores_result(action) => Ok(Flow::GoOn),
        Err(error) if action.returns == ReturnProcessing::AsyncCheck => {
            session.late_failure.get_or_insert(error);
            Ok(Flow::GoOn)
        }
        flow => flow,
    }
}

/// An error with its causes on one line.
fn error_line(error: &EngineError) -> String {
    let mut line = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        line = format!("{line}: {source}");
        cause = source.source();
    }
    line
}

/// A script within the CustomAction table has no return value (pages `custom-action-type-37.md` and `-38.md`).
fn always_succeeds(code: &WindowsCode) -> bool {
    matches!(code, WindowsCode::Script { source: ScriptSource::Text(_), function: None, .. })
}

/// What the return value of Windows code means (page `custom-action-return-values.md`).
fn returned(action: &str, result: &CallResult) -> Result<Flow, EngineError> {
    match result {
        CallResult::Started | CallResult::Exited(0) => Ok(Flow::GoOn),
        CallResult::Exited(259) => Ok(Flow::SkipRest),
        CallResult::Exited(1602) => Err(EngineError::UserExit),
        CallResult::Exited(1604) => Err(EngineError::Suspended { action: action.to_owned() }),
        CallResult::Exited(1626) => {
            service!("Custom action {action} was not called (1626)");
            Ok(Flow::GoOn)
        }
        CallResult::Exited(code) => {
            service!("CustomAction {action} returned actual error code {code}");
            Err(EngineError::WindowsAction { action: action.to_owned(), code: *code })
        }
        CallResult::Killed(_) => {
            Err(EngineError::CustomAction { action: action.to_owned(), how: describe(result) })
        }
    }
}

/// The documented error for code that could not be run: 1720 for a script, 1723 for a library.
fn cannot_run(action: &str, code: &WindowsCode, source: HostError) -> EngineError {
    let number = match code {
        WindowsCode::Script { .. } => 1720,
        WindowsCode::Library { .. } => 1723,
    };
    EngineError::CustomActionHost { number, action: action.to_owned(), source }
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
        ProgramSource::Binary(name) => binary(session, name),
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
    action: &DecodedAction,
) -> Result<Flow, EngineError> {
    let installation = &mut *session.installation;
    let mut lines = Vec::new();
    let result =
        call_host(installation.host, call, action.hide_target, &mut |line| lines.push(line.to_owned()));
    for line in &lines {
        installation.interface.message(&Message::ActionData(line.clone()));
    }
    // The program may have changed what is remembered of the machine.
    installation.machine.forget_names();
    installation.machine.reload_registry()?;
    match result {
        Ok(CallResult::Exited(0) | CallResult::Started) => Ok(Flow::GoOn),
        Ok(result) => {
            let how = describe(&result);
            if ignores_result(action) {
                service!("Custom action {} {how}; its result is ignored", call.action);
                return Ok(Flow::GoOn);
            }
            Err(EngineError::CustomAction { action: call.action.clone(), how })
        }
        Err(source) if ignores_result(action) => {
            session.tell(&Message::Warning(format!("custom action {} did not run: {source}", call.action)));
            Ok(Flow::GoOn)
        }
        Err(source) => {
            Err(EngineError::CustomActionHost { number: 1721, action: call.action.clone(), source })
        }
    }
}

/// Runs a program, its output going to the log as well.
fn call_host(
    host: &dyn CustomActionHost,
    call: &ProgramCall,
    hide_target: bool,
    output: &mut dyn FnMut(&str),
) -> Result<CallResult, HostError> {
    let result = host.run(call, &mut |line| {
        plain!("{}: {line}", call.action);
        output(line);
    });
    match result {
        Err(HostError::CommandLine { reason, .. }) if hide_target => {
            Err(HostError::CommandLine { command_line: MASK.to_owned(), reason })
        }
        result => result,
    }
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
    phase: Phase,
    surroundings: &mut Surroundings<'_>,
) -> Result<(), ActionFailure> {
    let mut scheduled: ScheduledCall =
        serde_json::from_value(action.call.clone()).map_err(|error| ActionFailure::Host(error.into()))?;
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
            (result, always_succeeds(&call.code))
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

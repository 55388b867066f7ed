//! Custom actions: those that the engine serves itself (types 19, 35, 51) and those that a host runs.
//!
//! See the pages `custom-action-types.md`, `custom-action-return-processing-options.md` and
//! `custom-action-in-script-execution-options.md`. Here it is decided when an action runs; `program` and `windows` say
//! what exactly runs and what its result means, `scheduled` has those that run in the script, `asynchronous` those that run
//! beside sequence and script, `concurrent` those that install another package. `service_control` is no action of a package: it starts and
//! stops services from the script.

pub mod asynchronous;
mod code;
mod concurrent;
mod program;
mod scheduled;
pub mod service_control;
mod windows;

use std::path::{Path, PathBuf};

use reseat_package::{
    CodeSource, CustomAction, CustomActionKind, DecodedAction, ErrorRow, Execution, ProgramSource,
    Repetition, ReturnProcessing, ScriptLanguage as PackageLanguage,
};

use crate::client::Client;
use crate::error::EngineError;
use crate::host::{Program, ScriptLanguage, ScriptSource, WindowsCode};
use crate::interface::Message;
use crate::log::service;
use crate::notice::Notice;
use crate::request::TopLevel;
use crate::row_fault::RowFault;
use crate::sequence::Flow;
use crate::session::Session;
pub use code::{ActionCode, Ending};
pub use concurrent::{PARENT_DATABASE, PARENT_PRODUCT};
pub use scheduled::run_scheduled;

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
            program::run(session, row, &action, source, command_line.as_deref().unwrap_or_default())
        }
        CustomActionKind::NestedInstall { source, properties } => {
            concurrent::run(session, row, &action, source, properties.as_deref().unwrap_or_default())
        }
        CustomActionKind::Library { .. } | CustomActionKind::Script { .. } => {
            windows::run(session, row, &action)
        }
    }
}

/// Why an action has nothing to do in this sequence (pages `custom-action-execution-scheduling-options.md` and
/// `custom-action-patch-uninstall-option.md`).
pub fn not_due(session: &Session<'_, '_>, action: &DecodedAction) -> Option<&'static str> {
    if action.execution == Execution::Immediate(Repetition::ClientRepeat) {
        return Some("it runs only after the user interface sequence");
    }
    let has_client = matches!(session.client, Client::Over { .. });
    if has_client && action.execution == Execution::Immediate(Repetition::FirstSequence) {
        return Some("the user interface sequence has run");
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
        CustomActionKind::NestedInstall { .. } => (session.top_level == TopLevel::Admin)
            .then(|| "a concurrent installation within an administrative one".to_owned()),
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
    row.decode().map_err(|error| EngineError::row("CustomAction", &row.action, RowFault::ActionType(error)))
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
        session.warn_of_notice(Notice::ActionSkipped { action });
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
    session.tell(&Message::Error { number: None, text: text.clone() });
    Ok(EngineError::Ended { text })
}

fn ignores_result(action: &DecodedAction) -> bool {
    matches!(action.returns, ReturnProcessing::Ignore | ReturnProcessing::AsyncIgnore)
}

//! Libraries and scripts for Windows, which call the functions of the session that they run in.
//!
//! See the pages `custom-action-type-1.md`, `-5.md`, `-6.md`, `-17.md`, `-21.md`, `-22.md`, `-37.md`, `-38.md`, `-53.md`, `-54.md`
//! and `custom-action-return-values.md`.

use reseat_package::{
    CodeSource, CustomAction, CustomActionKind, DecodedAction, Execution, ReturnProcessing,
};

use super::asynchronous::{self, Kind};
use super::scheduled::{ScheduledCode, schedule};
use super::{ActionCode, Ending, binary, file_path, ignores_result, language_of, program, unsupported};
use crate::error::EngineError;
use crate::functions::{Caller, DeferredFacts, ImmediateFunctions, SESSION};
use crate::host::{CallResult, HostError, Program, ScriptSource, WindowsCall, WindowsCode};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::notice::Notice;
use crate::request::UiLevel;
use crate::row_fault::RowFault;
use crate::sequence::{Flow, refuse};
use crate::session::Session;

/// Runs a library or script, or writes it into the script.
pub fn run(
    session: &mut Session<'_, '_>,
    row: &CustomAction,
    action: &DecodedAction,
) -> Result<Flow, EngineError> {
    if let Some(what) = unsupported(session, row)? {
        let part = format!("custom action {} ({what})", row.action);
        if ignores_result(action) {
            session.warn_of_notice(Notice::DidNotRun { part: &part });
        } else {
            refuse(session, part)?;
        }
        return Ok(Flow::GoOn);
    }
    let wrong = |fault: RowFault| EngineError::row("CustomAction", &row.action, fault);
    let file = |session: &Session<'_, '_>, file: &str| {
        file_path(session, file).ok_or_else(|| wrong(RowFault::ActionFile { file: file.to_owned() }))
    };
    let code = match &action.kind {
        CustomActionKind::Library { source, entry_point } => {
            let library = match source {
                CodeSource::File(key) => Program::File(file(session, key)?),
                CodeSource::Binary(name) => binary(session, name),
                CodeSource::Inline | CodeSource::Property(_) => {
                    return Err(wrong("a library is a file or a stream".into()));
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
        _ => return Err(wrong("it has no Windows code".into())),
    };
    let call = WindowsCall { action: row.action.to_string(), code, session_handle: SESSION };
    if matches!(action.execution, Execution::Immediate(_)) {
        return run_now(session, &call, action);
    }
    let facts = DeferredFacts {
        product_code: session.package.product_code().to_string(),
        user_sid: session.property("UserSID").unwrap_or_default().to_owned(),
        language: session.package.language(),
        is_silent: session.installation.request.ui_level == UiLevel::Silent,
    };
    schedule(session, row, action, ScheduledCode::Windows { call, facts })
}

/// Runs Windows code in the session, or lets it run beside the sequence. Only programs may outlive the session.
fn run_now(
    session: &mut Session<'_, '_>,
    call: &WindowsCall,
    action: &DecodedAction,
) -> Result<Flow, EngineError> {
    let host = session.installation.host;
    let is_checked = action.returns == ReturnProcessing::AsyncCheck;
    let (result, lines) = if is_checked || action.returns == ReturnProcessing::AsyncIgnore {
        match host.start_windows(call) {
            Ok(code) => {
                asynchronous::begin(session, Kind::Windows(call.clone()), code, is_checked);
                return Ok(Flow::GoOn);
            }
            Err(error) => (Err(error), Vec::new()),
        }
    } else {
        let mut lines = Vec::new();
        let mut caller = Caller::new(session.machine(), &call.action);
        let mut functions = ImmediateFunctions::new(session, &mut caller);
        let result = host.run_windows(call, &mut functions, &mut |line| {
            plain!("{}: {line}", call.action);
            lines.push(line.to_owned());
        });
        (result, lines)
    };
    for line in lines {
        session.installation.interface.message(&Message::ActionData(line));
    }
    let machine = session.machine();
    machine.forget_names();
    machine.forget_registry();
    match judge(call, result) {
        Err(error) if ignores_result(action) => {
            session.inform_of_ignored(&error);
            Ok(Flow::GoOn)
        }
        // Whatever it returned, the sequence goes on.
        Ok(Flow::SkipRest) if ignores_result(action) => Ok(Flow::GoOn),
        flow => flow,
    }
}

/// What the end of Windows code means.
pub fn judge(call: &WindowsCall, result: Result<CallResult, HostError>) -> Result<Flow, EngineError> {
    match result {
        Ok(CallResult::Exited(_)) if always_succeeds(&call.code) => Ok(Flow::GoOn),
        Ok(result) => returned(call, &result),
        Err(source) => Err(program::not_run(&ActionCode::of_windows(call), source)),
    }
}

/// A script within the CustomAction table has no return value (pages `custom-action-type-37.md` and `-38.md`).
pub fn always_succeeds(code: &WindowsCode) -> bool {
    matches!(code, WindowsCode::Script { source: ScriptSource::Text(_), function: None, .. })
}

/// What the return value of Windows code means (page `custom-action-return-values.md`).
fn returned(call: &WindowsCall, result: &CallResult) -> Result<Flow, EngineError> {
    let action = &call.action;
    match result {
        CallResult::Started | CallResult::Exited(0) => Ok(Flow::GoOn),
        CallResult::Exited(259) => Ok(Flow::SkipRest),
        CallResult::Exited(1602) => Err(EngineError::UserExit),
        CallResult::Exited(1604) => Err(EngineError::Suspended { action: action.clone() }),
        CallResult::Exited(1626) => {
            service!("Custom action {action} was not called (1626)");
            Ok(Flow::GoOn)
        }
        CallResult::Exited(code) => {
            service!("CustomAction {action} returned actual error code {code}");
            Err(program::failed(&ActionCode::of_windows(call), Ending::Returned(*code)))
        }
        CallResult::Killed(signal) => {
            Err(program::failed(&ActionCode::of_windows(call), Ending::Killed(*signal)))
        }
    }
}

//! Asynchronous custom actions: they run beside the sequence, or the script, and are waited for at its end (pages
//! `synchronous-and-asynchronous-custom-actions.md` and `custom-action-return-processing-options.md`).
//!
//! Their code runs at the same time as everything else. What it calls is answered between two actions, and while something
//! is waited for, so that no action meets a session that changes beneath it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use reseat_script::{ActionFailure, Phase, ScheduledAction};

use super::{ActionCode, program, scheduled, windows};
use crate::error::EngineError;
use crate::functions::{Caller, DeferredCaller, DeferredFunctions, ImmediateFunctions, Surroundings};
use crate::host::{CallResult, HostError, RunningCode, TURN, WindowsCall};
use crate::interface::Message;
use crate::log::{plain, service};
use crate::notice::Notice;
use crate::sequence::Flow;
use crate::session::Session;

/// How long actions may go on when the installation has failed: what they wait for may never come.
const GRACE: Duration = Duration::from_secs(30);

/// What an asynchronous action runs.
pub enum Kind {
    /// A program, whose exit code is 0 for success.
    Program(ActionCode),
    /// A library or script.
    Windows(WindowsCall),
}

impl Kind {
    /// The action's name.
    pub fn action(&self) -> &str {
        match self {
            Self::Program(code) => code.action(),
            Self::Windows(call) => &call.action,
        }
    }

    /// What the end of the code means.
    pub fn judge(&self, result: Result<CallResult, HostError>) -> Result<Flow, EngineError> {
        match self {
            Self::Program(code) => program::judge(code, result),
            Self::Windows(call) => windows::judge(call, result),
        }
    }
}

/// An immediate action that runs beside the sequence.
pub struct Asynchronous<'m> {
    pub action: String,
    pub kind: Kind,
    pub code: Box<dyn RunningCode + 'm>,
    /// Whether its result counts. Then it is waited for at the end of the sequence, else at the end of the session.
    pub is_checked: bool,
    caller: Caller<'m>,
    /// How deep within other actions it was started.
    level: u32,
}

/// Lets code run beside the sequence.
pub fn begin<'m>(
    session: &mut Session<'_, 'm>,
    kind: Kind,
    code: Box<dyn RunningCode + 'm>,
    is_checked: bool,
) {
    let action = kind.action().to_owned();
    service!("Custom action {action} runs asynchronously");
    let caller = Caller::new(session.machine(), &action);
    let level = session.nested;
    session.asynchronous.push_back(Asynchronous { action, kind, code, is_checked, caller, level });
}

/// Serves the calls of the actions that run beside the sequence; whether there are any left.
pub fn serve(session: &mut Session<'_, '_>) -> bool {
    serve_until(session, Instant::now())
}

/// Serves them, waiting for the first one until this time.
fn serve_until(session: &mut Session<'_, '_>, mut until: Instant) -> bool {
    // One of them may call a function that runs an action, and so come here again.
    for _ in 0..session.asynchronous.len() {
        let Some(mut one) = session.asynchronous.pop_front() else { break };
        let mut lines = Vec::new();
        let mut output = |line: &str| {
            plain!("{}: {line}", one.action);
            lines.push(line.to_owned());
        };
        let mut functions = ImmediateFunctions::new(session, &mut one.caller);
        let result = one.code.serve(&mut functions, &mut output, until).transpose();
        until = Instant::now();
        for line in lines {
            session.installation.interface.message(&Message::ActionData(line));
        }
        match result {
            None => session.asynchronous.push_back(one),
            Some(result) => ended(session, one, result),
        }
    }
    !session.asynchronous.is_empty()
}

/// Takes the result of an action that has ended.
fn ended(session: &mut Session<'_, '_>, one: Asynchronous<'_>, result: Result<CallResult, HostError>) {
    let flow = one.kind.judge(result);
    service!("Custom action {}, which ran asynchronously, has ended", one.action);
    let machine = session.machine();
    machine.forget_names();
    machine.forget_registry();
    // Nothing is left to be skipped at the end of the sequence (Flow::SkipRest).
    match flow {
        Err(error) if one.is_checked => {
            session.late_failure.get_or_insert(error);
        }
        Err(error) => {
            session.inform_of_ignored(&error);
        }
        Ok(_) => {}
    }
}

/// Waits for the actions whose results count, as the end of a sequence does.
///
/// # Errors
/// The first failure of such an action; when the user cancels.
pub fn wait(session: &mut Session<'_, '_>) -> Result<(), EngineError> {
    let level = session.nested;
    while session.asynchronous.iter().any(|one| one.is_checked && one.level >= level) {
        if session.installation.interface.cancelled() {
            return Err(EngineError::UserExit);
        }
        serve_until(session, Instant::now() + TURN);
    }
    session.late_failure.take().map_or(Ok(()), Err)
}

/// Waits for all actions at the end of the session, and ends those that do not come to an end when it has failed.
pub fn end(session: &mut Session<'_, '_>, has_succeeded: bool) {
    let began = Instant::now();
    while !session.asynchronous.is_empty() {
        let is_over = !has_succeeded && began.elapsed() > GRACE;
        if is_over || session.installation.interface.cancelled() {
            break;
        }
        serve_until(session, Instant::now() + TURN);
    }
    for one in std::mem::take(&mut session.asynchronous) {
        session.warn_of_notice(Notice::AsynchronousEnded { action: &one.action });
    }
}

/// A deferred action that runs beside the script.
pub struct OneScheduled<'m> {
    action: ScheduledAction,
    kind: Kind,
    code: Box<dyn RunningCode + 'm>,
    caller: DeferredCaller<'m>,
}

/// The deferred actions that run beside the script.
#[derive(Default)]
pub struct AsynchronousScheduled<'m> {
    running: VecDeque<OneScheduled<'m>>,
    failure: Option<(String, ActionFailure)>,
}

impl<'m> AsynchronousScheduled<'m> {
    /// Lets code run beside the script.
    pub fn begin(
        &mut self,
        action: &ScheduledAction,
        kind: Kind,
        code: Box<dyn RunningCode + 'm>,
        caller: DeferredCaller<'m>,
    ) {
        service!("Custom action {} runs asynchronously", action.action);
        self.running.push_back(OneScheduled { action: action.clone(), kind, code, caller });
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

/// Serves the calls of the actions that run beside the script; whether there are any left.
pub fn serve_scheduled(surroundings: &mut Surroundings<'_>) -> bool {
    serve_scheduled_until(surroundings, Instant::now())
}

fn serve_scheduled_until(surroundings: &mut Surroundings<'_>, mut until: Instant) -> bool {
    for _ in 0..surroundings.asynchronous.running.len() {
        let Some(mut one) = surroundings.asynchronous.running.pop_front() else { break };
        let mut lines = Vec::new();
        let mut output = |line: &str| {
            plain!("{}: {line}", one.action.action);
            lines.push(line.to_owned());
        };
        let mut functions = DeferredFunctions::new(surroundings, &mut one.caller);
        let result = one.code.serve(&mut functions, &mut output, until).transpose();
        until = Instant::now();
        for line in lines {
            surroundings.interface.message(&Message::ActionData(line));
        }
        let Some(result) = result else {
            surroundings.asynchronous.running.push_back(one);
            continue;
        };
        service!("Custom action {}, which ran asynchronously, has ended", one.action.action);
        match scheduled::judge(&one.action, &one.kind, result) {
            Err(failure) if one.action.ignore_result => {
                tracing::warn!(action = one.action.action, %failure, "a custom action failed, which is ignored");
            }
            Err(failure) => {
                surroundings.asynchronous.failure.get_or_insert((one.action.action.clone(), failure));
            }
            Ok(()) => {}
        }
    }
    !surroundings.asynchronous.is_empty()
}

/// Waits for the actions at the end of the script; gives the first failure that counts. When the script has failed, or the
/// user cancels, those that do not come to an end are ended.
pub fn end_scheduled(
    surroundings: &mut Surroundings<'_>,
    has_succeeded: bool,
) -> Option<(String, ActionFailure)> {
    let began = Instant::now();
    while !surroundings.asynchronous.is_empty() {
        let is_cancelled = surroundings.interface.cancelled();
        if is_cancelled || (!has_succeeded && began.elapsed() > GRACE) {
            if let Some(one) = surroundings.asynchronous.running.front()
                && is_cancelled
            {
                let cancelled = (one.action.action.clone(), ActionFailure::Cancelled);
                surroundings.asynchronous.failure.get_or_insert(cancelled);
            }
            for one in std::mem::take(&mut surroundings.asynchronous.running) {
                let notice = Notice::AsynchronousEnded { action: &one.action.action };
                let text = notice.text(surroundings.interface.language());
                surroundings.interface.message(&Message::warning(text));
            }
            break;
        }
        serve_scheduled_until(surroundings, Instant::now() + TURN);
    }
    surroundings.asynchronous.failure.take()
}

/// Whether an action of a script may run beside it. Rollback actions are always waited for, as documented; commit actions
/// too: what one of them did has to be on disk before it counts as done.
pub fn may_run_beside(phase: Phase) -> bool {
    phase == Phase::Execution
}

//! One action that runs as Windows code: serving its calls, and what its end means.

use std::time::{Duration, Instant};

use reseat_engine::{CallResult, Functions, HostError, RunningCode};

mod manager_call;

use super::files::Bits;
use super::frame::{Frame, Said};
use super::manager::ManagerSessions;
use super::process::{HostProcess, ProcessError};
use super::site::Site;

/// How many lines of one action go to the log.
const MOST_LINES: usize = 100_000;

/// How long a host may take to read an answer or to end what it has begun to say, whatever is left of the action's time.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// An action in its host.
pub(super) struct Action<'h> {
    site: &'h Site,
    name: String,
    /// Nothing once it has ended.
    process: Option<HostProcess>,
    manager: ManagerSessions<'h>,
    deadline: Instant,
    limit: Duration,
    lines: usize,
    bits: Bits,
    code: Code,
}

/// What a host is asked to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// A function of a library. Its host may call others afterwards.
    Library,
    /// A script, or a program that is waited for.
    Other,
    /// A program that is not waited for.
    Left,
}

/// The error of what a host did that it should not.
pub(super) fn trouble(action: &str, what: String) -> HostError {
    HostError::Channel { action: action.to_owned(), what }
}

impl<'h> Action<'h> {
    /// Starts a host of a width and sends it a request.
    pub(super) fn begin(
        site: &'h Site,
        manager: ManagerSessions<'h>,
        name: &str,
        (bits, request): (Bits, Frame),
        limit: Duration,
        code: Code,
    ) -> Result<Self, HostError> {
        let deadline = Instant::now() + limit;
        let started = if code == Code::Library { site.start_or_take(bits) } else { site.start(bits) };
        let begun = started.and_then(|mut process| {
            process.say(request, deadline)?;
            Ok(process)
        });
        let process = begun.map_err(|error| trouble(name, error.to_string()))?;
        Ok(Self {
            site,
            name: name.to_owned(),
            process: Some(process),
            manager,
            deadline,
            limit,
            lines: 0,
            bits,
            code,
        })
    }

    /// Says in its name why it did not come to its end.
    fn explain(&self, process: &mut HostProcess, trouble: Trouble) -> HostError {
        let channel = |what| super::action::trouble(&self.name, what);
        match trouble {
            Trouble::Host(error) => error,
            Trouble::Process(ProcessError::TimedOut) => {
                process.kill();
                HostError::Hung { action: self.name.clone(), seconds: self.limit.as_secs() }
            }
            Trouble::Process(ProcessError::Ended(ending)) => match ending.signal() {
                Some(signal) => channel(format!("was ended by signal {signal}")),
                None => HostError::ProcessEnded { action: self.name.clone(), status: ending.status() },
            },
            Trouble::Process(error) => channel(error.to_string()),
        }
    }

    fn follow(
        &mut self,
        process: &mut HostProcess,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
        until: Instant,
    ) -> Result<Option<CallResult>, Trouble> {
        loop {
            if !process.has_said(until.min(self.deadline))? {
                return if Instant::now() < self.deadline {
                    Ok(None)
                } else {
                    Err(ProcessError::TimedOut.into())
                };
            }
            // Also when there is always something to read.
            if Instant::now() >= self.deadline {
                return Err(ProcessError::TimedOut.into());
            }
            match process.hear(self.deadline.min(Instant::now() + ANSWER_LIMIT))? {
                Said::Call(call) if ManagerSessions::serves(&call.name) => {
                    let answer = self.manage(process, &call, functions, output)?;
                    process.say(Frame::answer(&answer), self.deadline)?;
                }
                // What it was to cancel has come to its end.
                Said::Cancel(_) => {}
                Said::Call(call) => {
                    let answer = functions.call(&call);
                    // What it called may have taken long: another action, or a question to the user.
                    let deadline = self.deadline.max(Instant::now() + ANSWER_LIMIT);
                    process.say(Frame::answer(&answer), deadline)?;
                }
                Said::Line(line) => self.say(&line, output),
                Said::Done(code) => return Ok(Some(CallResult::Exited(code.cast_signed()))),
                said => return Err(self.unexpected(said)),
            }
        }
    }

    /// What the host says when the action cannot go on.
    fn unexpected(&self, said: Said) -> Trouble {
        match said {
            Said::Failed { error, what } => {
                let text = format!("cannot use {what}: error {error}{}", meaning(error));
                trouble(&self.name, text).into()
            }
            Said::Crashed { exception, place } => {
                HostError::Crashed { action: self.name.clone(), exception, place }.into()
            }
            Said::Hello { .. } => ProcessError::OutOfTurn("a second hello").into(),
            _ => ProcessError::OutOfTurn("an answer").into(),
        }
    }

    fn say(&mut self, line: &str, output: &mut dyn FnMut(&str)) {
        self.lines = self.lines.saturating_add(1);
        match self.lines.cmp(&MOST_LINES) {
            std::cmp::Ordering::Less => output(line),
            std::cmp::Ordering::Equal => output("... and more"),
            std::cmp::Ordering::Greater => {}
        }
    }
}

impl RunningCode for Action<'_> {
    fn serve(
        &mut self,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
        until: Instant,
    ) -> Result<Option<CallResult>, HostError> {
        let Some(mut process) = self.process.take() else {
            return Err(trouble(&self.name, "has ended".to_owned()));
        };
        let result = self.follow(&mut process, functions, output, until);
        if matches!(result, Ok(None)) {
            self.process = Some(process);
            return Ok(None);
        }
        process.printed_lines(&mut |line| self.say(line, output));
        match result {
            Ok(result) => {
                if self.code == Code::Library {
                    self.site.give_back(self.bits, process);
                } else {
                    process.quit();
                }
                Ok(if self.code == Code::Left { Some(CallResult::Started) } else { result })
            }
            Err(error) => Err(self.explain(&mut process, error)),
        }
    }
}

/// Why an action did not come to its end.
enum Trouble {
    Host(HostError),
    Process(ProcessError),
}

impl From<HostError> for Trouble {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<ProcessError> for Trouble {
    fn from(error: ProcessError) -> Self {
        Self::Process(error)
    }
}

/// What the usual errors of loading code mean.
fn meaning(error: u32) -> &'static str {
    match error {
        2 | 3 => ", not found",
        126 => ", a library that it needs is missing",
        127 => ", no such entry point",
        193 => ", no library or program for this processor",
        740 => ", it asks to be run as administrator",
        1114 => ", its initialisation failed",
        _ => "",
    }
}

//! A call of the Restart Manager's functions: before it is answered the host may be asked for the programs of the prefix, and
//! told of the progress of what the call has begun, and may call again meanwhile.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use reseat_engine::{FunctionAnswer, FunctionCall, Functions};
use reseat_restart_manager::CancelToken;

use super::{ANSWER_LIMIT, Action, ManagerSessions, Trouble};
use crate::windows::frame::{Frame, Said};
use crate::windows::manager::Operation;
use crate::windows::mappings::look;
use crate::windows::process::HostProcess;

/// How long one looks whether another thread of the action wants an operation to be cancelled.
const PATIENCE: Duration = Duration::from_millis(20);

impl Action<'_> {
    /// Carries out a call, which may take as long as the applications take to close.
    pub(super) fn manage(
        &mut self,
        process: &mut HostProcess,
        call: &FunctionCall,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<FunctionAnswer, Trouble> {
        if self.manager.wants_ids(call) {
            let (told, mapped) = look(process, self.site, b'N', self.deadline)?;
            self.manager.learn_ids(&told, &mapped).map_err(|error| Trouble::Process(error.into()))?;
        }
        let code = match self.manager.operation(call) {
            None => return Ok(self.manager.call(call)),
            Some(Err(code)) => code,
            Some(Ok(operation)) => {
                let done = self.operate(process, &operation, functions, output);
                self.manager.operated(operation);
                done?
            }
        };
        Ok(FunctionAnswer { code, values: Vec::new() })
    }

    /// Has the operation carried out in another thread, and talks with the host meanwhile. Gives the function's code.
    fn operate(
        &mut self,
        process: &mut HostProcess,
        operation: &Operation,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<u32, Trouble> {
        let cancel = operation.cancel_token();
        std::thread::scope(|scope| {
            let (sender, progress) = channel();
            let (told, was_told) = channel();
            let worker = scope.spawn(move || {
                operation.run(&mut |percent| {
                    // Waits for the caller's function; nobody answers any more when the host is lost.
                    let _ = sender.send(percent).map(|()| was_told.recv());
                })
            });
            let mut last = None;
            let talked = loop {
                let step = progress.recv_timeout(PATIENCE);
                let is_told = step.is_ok();
                let talked = match step {
                    Ok(percent) if last.is_none_or(|last| percent > last) => {
                        last = Some(percent);
                        self.tell(process, percent, &cancel, functions, output)
                    }
                    Ok(_) => Ok(()),
                    Err(RecvTimeoutError::Timeout) => self.listen(process, &cancel),
                    Err(RecvTimeoutError::Disconnected) => break Ok(()),
                };
                if talked.is_err() {
                    cancel.cancel();
                    break talked;
                }
                if is_told {
                    let _ = told.send(());
                }
            };
            drop(told);
            // One that panicked has no code; the function failed.
            let code = worker.join().unwrap_or(super::super::manager::SEM_TIMEOUT);
            talked.map(|()| code)
        })
    }

    /// Tells the caller's function how far it is, and serves what that one calls.
    fn tell(
        &mut self,
        process: &mut HostProcess,
        percent: u32,
        cancel: &CancelToken,
        functions: &mut dyn Functions,
        output: &mut dyn FnMut(&str),
    ) -> Result<(), Trouble> {
        process.say(Frame::new(b'U').number(percent), self.deadline)?;
        loop {
            match process.hear(self.deadline)? {
                Said::Done(_) => return Ok(()),
                Said::Cancel(_) => cancel.cancel(),
                Said::Line(line) => self.say(&line, output),
                Said::Call(call) => {
                    let answer = if ManagerSessions::serves(&call.name) {
                        self.manage(process, &call, functions, output)?
                    } else {
                        functions.call(&call)
                    };
                    let deadline = self.deadline.max(Instant::now() + ANSWER_LIMIT);
                    process.say(Frame::answer(&answer), deadline)?;
                }
                said => return Err(self.unexpected(said)),
            }
        }
    }

    /// Hears what other threads of the action say.
    fn listen(&self, process: &mut HostProcess, cancel: &CancelToken) -> Result<(), Trouble> {
        while process.has_said(Instant::now())? {
            match process.hear(self.deadline)? {
                Said::Cancel(_) => cancel.cancel(),
                said => return Err(self.unexpected(said)),
            }
        }
        Ok(())
    }
}

//! Groups of operations that share one sync of the journal: planning them, and executing them one by one.

use std::collections::{HashSet, VecDeque};

use reseat_machine::WindowsPath;

use crate::change::Change;
use crate::environment::{Answer, Environment};
use crate::error::{ExecutionError, Fault};
use crate::execution::Execution;
use crate::file_stream;
use crate::script::Step;

/// The most operations that share one sync of the journal.
const GROUP: usize = 8192;
/// How often an operation is planned anew because the machine was not as planned.
const MOST_PLANS: u32 = 4;

/// An operation with what it will do to this machine.
pub(crate) struct Planned<'s> {
    pub number: u64,
    pub step: &'s Step,
    /// Or why it cannot be done.
    pub plan: Result<Vec<Change>, Fault>,
}

impl Execution<'_> {
    /// Plans operations until one stands alone, depends on one of the group, or cannot be planned; and brings what undoes
    /// them to the disk.
    pub(crate) fn plan_group<'s>(&mut self, steps: &'s [Step]) -> Result<Vec<Planned<'s>>, ExecutionError> {
        let mut group = Vec::new();
        let mut touched: HashSet<WindowsPath> = HashSet::new();
        for step in steps.iter().take(GROUP) {
            let paths = step.operation.paths();
            let paths = paths.iter().flatten();
            if step.operation.stands_alone() || paths.clone().any(|path| touched.contains(path)) {
                break;
            }
            let plan = step.operation.plan(&mut self.site);
            let cannot = plan.is_err();
            if cannot && !group.is_empty() {
                // It may be able to once those before it are done.
                break;
            }
            let makes: Vec<&WindowsPath> = plan.iter().flatten().filter_map(Change::made_folder).collect();
            if makes.iter().any(|path| touched.contains(*path)) {
                // The plan would need a folder where one before it puts something else.
                self.site.forget_folders();
                break;
            }
            touched.extend(paths.chain(&makes).map(|path| (*path).clone()));
            let number = self.number();
            if let Ok(changes) = &plan {
                self.note_changes(number, step, changes)?;
            }
            group.push(Planned { number, step, plan });
            if cannot {
                break;
            }
        }
        self.sync_journal()?;
        Ok(group)
    }

    /// Executes operations in order; small new files next to each other are written by a second thread.
    pub(crate) fn execute_group(
        &mut self,
        group: Vec<Planned<'_>>,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        let mut rest = VecDeque::from(group);
        while !rest.is_empty() {
            if file_stream::is_worth_it(&rest, &self.site) {
                self.stream_files(&mut rest, environment)?;
            } else if environment.cancelled() {
                return Err(ExecutionError::Cancelled);
            } else if let Some(planned) = rest.pop_front() {
                self.operate(planned, environment)?;
            }
        }
        Ok(())
    }

    /// Executes one operation of a group.
    pub(crate) fn operate(
        &mut self,
        planned: Planned<'_>,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        let Planned { number, step, plan } = planned;
        self.reached = number;
        let done = match plan {
            Ok(changes) => self.do_changes(number, step, changes, environment)?,
            Err(fault) => Err((Vec::new(), fault)),
        };
        self.settle(number, step, done, environment)
    }

    /// Takes note of an operation that is done, or asks what to do about its failure.
    pub(crate) fn settle(
        &mut self,
        number: u64,
        step: &Step,
        mut done: Result<(), (Vec<Change>, Fault)>,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        loop {
            let Err((begun, fault)) = done else {
                environment.progress(step, step.operation.units());
                return Ok(());
            };
            let answer = if self.site.stopped() || !self.undo_at_once(&begun) {
                Answer::Fail
            } else {
                environment.failed(step, &fault)
            };
            match answer {
                Answer::Fail => {
                    return Err(ExecutionError::Operation {
                        action: step.action.clone(),
                        operation: step.operation.describe(),
                        fault: Box::new(fault),
                    });
                }
                Answer::Ignore => {
                    tracing::warn!(action = step.action, operation = step.operation.describe(), %fault, "ignored");
                    return Ok(());
                }
                Answer::Retry => {
                    done = match self.plan_again(number, step, Vec::new())? {
                        Ok(changes) => self.do_changes(number, step, changes, environment)?,
                        Err(fault) => Err((Vec::new(), fault)),
                    };
                }
            }
        }
    }

    /// Plans an operation on the machine as it is now; the new plan, after what has been done already, takes the place of
    /// the old one in the journal.
    pub(crate) fn plan_again(
        &mut self,
        number: u64,
        step: &Step,
        done: Vec<Change>,
    ) -> Result<Result<Vec<Change>, Fault>, ExecutionError> {
        self.site.forget_folders();
        let changes = match step.operation.plan(&mut self.site) {
            Ok(changes) => changes,
            Err(fault) => return Ok(Err(fault)),
        };
        let all: Vec<Change> = done.into_iter().chain(changes.iter().cloned()).collect();
        self.note_changes(number, step, &all)?;
        self.sync_journal()?;
        Ok(Ok(changes))
    }

    /// Does the changes of an operation. When the machine is not as it was when they were planned, they are planned
    /// again and take the place of the old ones in the journal. The inner error has the changes that have begun.
    pub(crate) fn do_changes(
        &mut self,
        number: u64,
        step: &Step,
        mut changes: Vec<Change>,
        environment: &mut dyn Environment,
    ) -> Result<Result<(), (Vec<Change>, Fault)>, ExecutionError> {
        let content = step.operation.content();
        let mut begun: Vec<Change> = Vec::new();
        for plans in 1.. {
            let mut stale = None;
            for change in changes {
                match change.apply(content.as_ref(), &mut self.site, environment) {
                    Ok(()) => begun.push(change),
                    Err(fault @ Fault::Stale { .. }) => {
                        stale = Some(fault);
                        break;
                    }
                    Err(fault) => {
                        begun.push(change);
                        return Ok(Err((begun, fault)));
                    }
                }
            }
            let Some(fault) = stale else { break };
            tracing::debug!(%fault, "planning again");
            if plans >= MOST_PLANS {
                return Ok(Err((begun, fault)));
            }
            changes = match self.plan_again(number, step, begun.clone())? {
                Ok(changes) => changes,
                Err(fault) => return Ok(Err((begun, fault))),
            };
        }
        if let Some(work) = step.operation.registry_work() {
            self.registry_changed = true;
            if let Err(fault) = work.apply(&self.site) {
                return Ok(Err((begun, fault)));
            }
        }
        Ok(Ok(()))
    }

    /// Undoes the changes of an operation that failed, so that it can be done again or left out. Says whether it could.
    fn undo_at_once(&mut self, begun: &[Change]) -> bool {
        for change in begun.iter().rev() {
            if let Err(fault) = change.undo(&mut self.site).and_then(|()| change.discard(&mut self.site)) {
                tracing::warn!(%change, %fault, "a failed operation cannot be undone by itself");
                return false;
            }
        }
        true
    }
}

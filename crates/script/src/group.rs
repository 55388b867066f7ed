//! Groups of operations that share one sync of the journal: planning them, and executing them one by one.

use std::collections::HashSet;

use reseat_machine::WindowsPath;

use crate::change::Change;
use crate::environment::{Answer, Environment};
use crate::error::{ExecutionError, Fault};
use crate::execution::Execution;
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
        self.sync_dropped(group.iter().flat_map(|planned| planned.plan.iter().flatten()))?;
        self.sync_journal()?;
        Ok(group)
    }

    /// Executes operations in order.
    pub(crate) fn execute_group(
        &mut self,
        group: Vec<Planned<'_>>,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        for planned in group {
            if environment.cancelled() {
                return Err(ExecutionError::Cancelled);
            }
            self.operate(planned, environment)?;
        }
        Ok(())
    }

    /// Executes one operation of a group.
    fn operate(
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
    fn settle(
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
    fn plan_again(
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
        self.sync_dropped(changes.iter())?;
        self.sync_journal()?;
        Ok(Ok(changes))
    }

    /// Does the changes of an operation. When the machine is not as it was when they were planned, they are planned
    /// again and take the place of the old ones in the journal. The inner error has the changes that have begun.
    fn do_changes(
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::install_file::InstallFile;
    use crate::operation::Operation;
    use crate::trial::{Host, Trial, assert_same, install, script};
    use crate::{
        ActionFailure, Answer, InstallScript, Phase, Rollback, ScheduledAction, Source, SourceError, Step,
    };

    /// Puts a file of its own where one of the script is going to be.
    struct Meddler {
        host: Host,
        place: std::path::PathBuf,
        answer: Answer,
        reads: usize,
        cancel_after_reads: usize,
    }

    impl Environment for Meddler {
        fn copy_source(&mut self, source: &Source, out: &mut dyn Write) -> Result<u64, SourceError> {
            if matches!(source, Source::Stream { name } if name == "content 20") {
                std::fs::write(&self.place, "somebody else's")?;
            }
            self.reads += 1;
            self.host.copy_source(source, out)
        }
        fn run_action(&mut self, _: &ScheduledAction, _: Phase) -> Result<(), ActionFailure> {
            Ok(())
        }
        fn progress(&mut self, step: &Step, units: u64) {
            self.host.progress(step, units);
        }
        fn failed(&mut self, _: &Step, fault: &Fault) -> Answer {
            self.host.failures.push(fault.to_string());
            self.answer
        }
        fn cancelled(&self) -> bool {
            self.reads >= self.cancel_after_reads
        }
    }

    fn many() -> InstallScript {
        script((0..100).map(|number| {
            let operation =
                install(&format!(r"C:\New\{}\{number}", number / 30), &format!("content {number}"));
            match operation {
                // A source that is too short.
                Operation::InstallFile(file) if number == 50 => InstallFile { size: 100, ..file }.into(),
                operation => operation,
            }
        }))
    }

    fn meddler(trial: &Trial, answer: Answer) -> Meddler {
        let place = trial.prefix().join("drive_c/New/2/70");
        Meddler { host: Host::default(), place, answer, reads: 0, cancel_after_reads: usize::MAX }
    }

    #[test]
    fn failures_among_many_files_are_met_one_by_one() {
        let trial = Trial::new();
        let before = trial.tree();
        let machine = trial.machine();
        let mut meddler = meddler(&trial, Answer::Ignore);
        // The folder has to be there for the meddler.
        let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
        execution.run(&script([install(r"C:\New\2\first", "")]), &mut meddler).unwrap();
        execution.run(&many(), &mut meddler).unwrap();
        assert_eq!(meddler.host.failures.len(), 1, "{:?}", meddler.host.failures);
        assert_eq!(meddler.host.done.len(), 100, "99 files and the first one");
        for number in (0..100).filter(|number| *number != 50) {
            let file = trial.prefix().join(format!("drive_c/New/{}/{number}", number / 30));
            assert_eq!(std::fs::read_to_string(file).unwrap(), format!("content {number}"));
        }
        assert!(!trial.prefix().join("drive_c/New/1/50").exists());
        let report = execution.roll_back(&mut meddler);
        assert!(report.complete && report.problems.is_empty(), "{report:?}");
        assert_eq!(std::fs::read_to_string(&meddler.place).unwrap(), "somebody else's");
        std::fs::remove_dir_all(trial.prefix().join("drive_c/New")).unwrap();
        assert_same(&trial.tree(), &before, "but for the meddler's file");
    }

    #[test]
    fn a_failure_or_a_cancel_in_the_middle_is_rolled_back() {
        for cancel_after_reads in [30, usize::MAX] {
            let trial = Trial::new();
            let before = trial.tree();
            let machine = trial.machine();
            let place = trial.prefix().join("elsewhere");
            let mut meddler =
                Meddler { cancel_after_reads, place: place.clone(), ..meddler(&trial, Answer::Fail) };
            let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
            let error = execution.run(&many(), &mut meddler).unwrap_err();
            assert_eq!(matches!(error, ExecutionError::Cancelled), cancel_after_reads == 30, "{error}");
            assert!(execution.roll_back(&mut meddler).complete);
            std::fs::remove_file(place).unwrap();
            assert_same(&trial.tree(), &before, "after the rollback");
        }
    }
}

//! Undoing a transaction.
//!
//! In the reverse order of the script (`Msi/rollback-custom-actions.md`), never stopping at an error. The backups and the
//! journal go when everything is undone and on disk; when something could not be undone they stay, and
//! [`recover`](crate::recover) tries again.

use std::collections::{BTreeMap, HashMap, HashSet};

use reseat_machine::{MachineError, RegistryPart, WindowsPath};

use crate::change::Change;
use crate::custom_action::{ActionFailure, ActionKind, Phase, ScheduledAction};
use crate::environment::Environment;
use crate::error::Fault;
use crate::execution::Execution;
use crate::journal::{self, JournalError, Record};

/// What is about to be undone.
#[derive(Debug, Clone, Copy)]
pub struct Undoing<'a> {
    /// The action whose change it is, or the rollback custom action that runs.
    pub action: &'a str,
    /// The change; none for a custom action.
    pub change: Option<&'a Change>,
    /// How many are left after this one.
    pub left: usize,
}

/// Something that could not be undone or tidied up.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A change could not be undone. The backups stay.
    #[error("cannot {change}")]
    Change {
        /// The change.
        change: Change,
        /// The cause.
        #[source]
        fault: Fault,
    },
    /// A rollback custom action failed.
    #[error("rollback custom action {action} failed")]
    Action {
        /// Its name.
        action: String,
        /// The cause.
        #[source]
        failure: ActionFailure,
    },
    /// What was restored could not be brought to the disk. The backups stay.
    #[error("cannot bring the restored files to the disk")]
    Sync(#[source] MachineError),
    /// A mark could not be written into the journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A backup could not be removed.
    #[error("cannot remove what was kept to {change}")]
    Backup {
        /// The change that it belonged to.
        change: Change,
        /// The cause.
        #[source]
        fault: Fault,
    },
    /// The journal could not be removed.
    #[error("cannot remove the rollback script")]
    Remove(#[source] MachineError),
}

/// What a rollback did.
#[derive(Debug, Default)]
pub struct RollbackReport {
    /// Changes that are undone.
    pub undone: usize,
    /// Rollback custom actions that ran.
    pub actions: Vec<String>,
    /// What did not work, in the order in which it happened.
    pub problems: Vec<Problem>,
    /// Whether the machine is in the state before, on disk. If not, the transaction is still
    /// [pending](crate::pending).
    pub complete: bool,
    /// Whether nothing could be undone because nothing was kept.
    pub disabled: bool,
}

/// What the journal of an interrupted transaction says of its progress.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub started: HashSet<u64>,
    pub finished: HashSet<u64>,
    pub commit_begun: bool,
    pub rollback_begun: bool,
    pub committed: bool,
    /// This and later ones are undone.
    pub undone: Option<u64>,
}

enum Entry<'r> {
    Changes(&'r str, &'r [Change]),
    Action(&'r ScheduledAction),
}

/// Which changes touch the same path.
struct Paths<'r> {
    /// The first change of each path: undoing it decides what is there in the end.
    first: HashMap<&'r WindowsPath, &'r Change>,
    /// Paths of the changes that are undone.
    undone: HashSet<&'r WindowsPath>,
    /// Parts of the registry in which a change could not be undone.
    stuck: HashSet<RegistryPart>,
}

impl<'r> Paths<'r> {
    fn of(entries: &BTreeMap<u64, Entry<'r>>) -> Self {
        let mut first = HashMap::new();
        for entry in entries.values() {
            let Entry::Changes(_, changes) = entry else { continue };
            for change in *changes {
                if let Some(path) = change.path() {
                    first.entry(path).or_insert(change);
                }
            }
        }
        Self { first, undone: HashSet::new(), stuck: HashSet::new() }
    }

    fn is_first(&self, change: &Change) -> bool {
        let first = change.path().and_then(|path| self.first.get(path));
        first.is_none_or(|first| std::ptr::eq(*first, change))
    }
}

impl Execution<'_> {
    /// Brings the machine back to the state in which the transaction began.
    pub fn roll_back(mut self, environment: &mut dyn Environment) -> RollbackReport {
        self.unwind(environment, &Marks::default())
    }

    /// Rolls back as far as `marks` do not say that it is done.
    pub(crate) fn unwind(&mut self, environment: &mut dyn Environment, marks: &Marks) -> RollbackReport {
        let mut report = RollbackReport { complete: true, ..RollbackReport::default() };
        // What has not been saved is given up.
        self.site.machine.discard_registry_changes();
        self.site.forget_folders();
        if self.journal.is_none() {
            report.disabled = true;
            report.complete = false;
            if let Err(error) = self.site.remove_keep_folders(&HashSet::new()) {
                report.problems.push(Problem::Remove(error));
            }
            return report;
        }
        if !self.mark(&Record::RollbackBegun, &mut report) && self.commit_begun {
            // The journal says that a commit has begun: a recovery would finish what is half undone.
            report.complete = false;
            return report;
        }
        let records = std::mem::take(&mut self.records);
        let entries = self.entries(&records, marks);
        let mut left = entries
            .values()
            .map(|entry| if let Entry::Changes(_, all) = entry { all.len() } else { 1 })
            .sum();
        let mut paths = Paths::of(&entries);
        for (number, entry) in entries.iter().rev() {
            match entry {
                Entry::Changes(action, changes) => {
                    for change in changes.iter().rev() {
                        left -= 1;
                        environment.undoing(Undoing { action, change: Some(change), left });
                        self.undo(*number, change, &mut paths, &mut report);
                    }
                }
                Entry::Action(action) => {
                    left -= 1;
                    environment.undoing(Undoing { action: &action.action, change: None, left });
                    self.run_rollback_action(*number, action, environment, &mut report);
                }
            }
            if self.site.stopped() {
                report.complete = false;
                return report;
            }
        }
        drop(entries);
        if let Err(error) = self.site.machine.sync_all() {
            report.problems.push(Problem::Sync(error));
            report.complete = false;
        }
        if report.complete {
            self.records = records;
            // Once a backup is gone nothing may be undone again: the journal has to say so, or go first.
            if !self.mark(&Record::Undone { number: 0 }, &mut report) {
                self.remove_journal(&mut report.problems);
                let folder = journal::folder().and_then(|folder| self.site.machine.sync_folder(&folder));
                report.problems.extend(folder.err().map(Problem::Remove));
            }
            report.complete = !report.problems.iter().any(|problem| matches!(problem, Problem::Remove(_)));
            if self.site.step().is_err() {
                report.complete = false;
            }
            if !report.complete {
                return report;
            }
            self.tidy(&mut report.problems);
            report.complete = !report.problems.iter().any(|problem| matches!(problem, Problem::Remove(_)));
        }
        tracing::debug!(undone = report.undone, problems = report.problems.len(), "rolled back");
        report
    }

    /// What has to be undone, by number: the last record of each counts.
    fn entries<'r>(&self, records: &'r [Record], marks: &Marks) -> BTreeMap<u64, Entry<'r>> {
        let mut entries = BTreeMap::new();
        for record in records {
            let (number, entry) = match record {
                Record::Changes { number, action, changes } => (*number, Entry::Changes(action, changes)),
                Record::Scheduled { number, action } if action.kind == ActionKind::Rollback => {
                    (*number, Entry::Action(action))
                }
                _ => continue,
            };
            let done =
                marks.finished.contains(&number) || marks.undone.is_some_and(|undone| number >= undone);
            if number <= self.reached && !done {
                entries.insert(number, entry);
            }
        }
        entries
    }

    fn undo<'c>(
        &mut self,
        number: u64,
        change: &'c Change,
        paths: &mut Paths<'c>,
        report: &mut RollbackReport,
    ) {
        if let Change::SaveRegistry(undo) = change
            && paths.stuck.contains(&undo.part())
        {
            // Each counts on those after it. The recovery begins with them.
            return;
        }
        // Undoing a later change of the same path once more would take away what cannot be restored once more.
        self.site.may_use_up = change.path().is_none_or(|path| !paths.undone.contains(path));
        let mut undone = change.undo(&mut self.site);
        if let Err(Fault::LastCopy { .. }) = undone {
            if let Err(error) = self.site.machine.sync_all() {
                tracing::warn!(%error, "cannot sync in the middle of a rollback");
            }
            self.mark(&Record::Undone { number: number.saturating_add(1) }, report);
            self.site.may_use_up = true;
            undone = change.undo(&mut self.site);
        }
        paths.undone.extend(change.path());
        match undone {
            Ok(()) => report.undone += 1,
            Err(fault) if !paths.is_first(change) => {
                tracing::debug!(%change, %fault, "cannot undo, but an earlier change of the path counts");
            }
            Err(fault) => {
                tracing::error!(%change, %fault, "cannot undo");
                if let Change::SaveRegistry(undo) = change {
                    paths.stuck.insert(undo.part());
                }
                report.problems.push(Problem::Change { change: change.clone(), fault });
                report.complete = false;
            }
        }
    }

    fn run_rollback_action(
        &mut self,
        number: u64,
        action: &ScheduledAction,
        environment: &mut dyn Environment,
        report: &mut RollbackReport,
    ) {
        self.mark(&Record::Started { number, action: action.action.clone() }, report);
        if self.site.step().is_err() {
            return;
        }
        let outcome = environment.run_action(action, Phase::Rollback);
        self.site.program_ran();
        // What it did has to last as long as the word that it is done.
        match self.site.sync_programs() {
            Ok(()) => drop(self.mark(&Record::Finished { number }, report)),
            Err(error) => tracing::warn!(%error, "cannot sync after a rollback custom action"),
        }
        match outcome {
            Err(failure) if !action.ignore_result => {
                report.problems.push(Problem::Action { action: action.action.clone(), failure });
            }
            _ => report.actions.push(action.action.clone()),
        }
    }

    /// Writes a mark to the disk, and says whether it could. A rollback goes on without it: the disk may be full.
    fn mark(&mut self, mark: &Record, report: &mut RollbackReport) -> bool {
        let Some(journal) = &mut self.journal else { return true };
        match journal.append(mark).and_then(|()| journal.sync(self.site.machine)) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "cannot write a mark");
                report.problems.push(Problem::Journal(error));
                false
            }
        }
    }

    /// Removes backups and journal; the transaction is over. A backup that cannot be removed keeps the journal, so that
    /// [`recover`](crate::recover) tries again.
    pub(crate) fn tidy(&mut self, problems: &mut Vec<Problem>) {
        let mut drives: HashSet<char> = self.journal.iter().map(|journal| journal.path().drive()).collect();
        let mut all_gone = true;
        for record in std::mem::take(&mut self.records) {
            let Record::Changes { changes, .. } = record else { continue };
            for change in changes {
                drives.extend(change.path().map(WindowsPath::drive));
                if let Err(fault) = change.discard(&mut self.site) {
                    all_gone = false;
                    problems.push(Problem::Backup { change, fault });
                }
                if self.site.stopped() {
                    return;
                }
            }
        }
        if !all_gone {
            return;
        }
        self.remove_journal(problems);
        if let Err(error) = self.site.remove_keep_folders(&drives) {
            problems.push(Problem::Remove(error));
        }
    }

    /// Removes the journal.
    fn remove_journal(&mut self, problems: &mut Vec<Problem>) {
        let Some(journal) = self.journal.take() else { return };
        let removed = journal.remove(self.site.machine);
        if let Err(error) = removed {
            problems.push(Problem::Remove(error));
        }
    }
}

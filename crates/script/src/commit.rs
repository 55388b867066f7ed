//! Ending a transaction with success.
//!
//! First everything new is brought to the disk. Then commit custom actions run (`Msi/commit-custom-actions.md`): one that
//! fails still leads to a rollback, so the backups stay until all have run. With the commit mark on disk there is no way
//! back, and the backups go.

use std::collections::HashSet;

use reseat_machine::{MachineError, WindowsPath};

use crate::change::Change;
use crate::custom_action::{ActionKind, Phase, ScheduledAction};
use crate::environment::Environment;
use crate::error::ExecutionError;
use crate::execution::Execution;
use crate::journal::Record;
use crate::rollback::{Marks, Problem};

/// What a commit did.
#[derive(Debug, Default)]
pub struct CommitReport {
    /// Commit custom actions that ran, those included that failed and may.
    pub actions: Vec<String>,
    /// Commit custom actions that were running when an earlier process was killed. They are not run again.
    pub interrupted: Vec<String>,
    /// Backups that could not be removed.
    pub problems: Vec<Problem>,
}

/// A commit that failed, with the transaction: it can be rolled back.
#[derive(Debug, thiserror::Error)]
#[error("the installation cannot be committed")]
pub struct CommitFailure<'m> {
    /// The transaction.
    pub execution: Execution<'m>,
    /// The cause.
    #[source]
    pub error: ExecutionError,
}

/// So many files and folders are brought to the disk one by one, more by syncing the whole file system. On a quiet ext4 the
/// second is a little faster (20 files of 20 kB: 1 ms against 3 ms), but it waits for what other programs write: with
/// 4 files beside a heavy writer it took 43 ms, up to 155 ms, against 1 ms.
const FEW: usize = 48;

/// Files and folders that were changed.
#[derive(Default)]
struct Changed {
    files: HashSet<WindowsPath>,
    folders: HashSet<WindowsPath>,
    backups: HashSet<WindowsPath>,
}

impl Changed {
    /// Adds what a change touched; false when it is too much.
    fn add(&mut self, change: &Change) -> bool {
        let (file, folders, backup) = match change {
            Change::MakeFolder { path } => (None, [Some(path.clone()), path.parent()], None),
            Change::CreateFile { path } => (Some(path), [path.parent(), None], None),
            Change::ReplaceFile { path, backup, .. } => (Some(path), [path.parent(), None], backup.parent()),
            Change::DropFile { path, backup } | Change::DropFolder { path, backup } => {
                (None, [path.parent(), None], backup.parent())
            }
            // Saving the registry waits for the disk.
            Change::SaveRegistry(_) => (None, [None, None], None),
        };
        self.files.extend(file.cloned());
        self.folders.extend(folders.into_iter().flatten());
        self.backups.extend(backup);
        self.files.len() + self.folders.len() + self.backups.len() <= FEW
    }
}

impl<'m> Execution<'m> {
    /// Makes what was done final.
    ///
    /// # Errors
    /// When the new files cannot be brought to the disk, or a commit custom action fails. The transaction comes back, and
    /// is to be rolled back.
    pub fn commit(
        mut self,
        environment: &mut dyn Environment,
    ) -> Result<CommitReport, Box<CommitFailure<'m>>> {
        let committed = if self.failed {
            Err(ExecutionError::Failed)
        } else {
            self.finish_commit(environment, &Marks::default())
        };
        committed.map_err(|error| Box::new(CommitFailure { execution: self, error }))
    }

    /// Commits as far as `marks` do not say that it is done.
    pub(crate) fn finish_commit(
        &mut self,
        environment: &mut dyn Environment,
        marks: &Marks,
    ) -> Result<CommitReport, ExecutionError> {
        let mut report = CommitReport::default();
        if !marks.committed {
            if !marks.commit_begun {
                self.sync_changes().map_err(ExecutionError::Sync)?;
            }
            self.run_commit_actions(environment, marks, &mut report)?;
            // From here on it may be in the journal, also when writing it fails.
            self.commit_begun = true;
            self.mark_commit(&Record::Committed)?;
        }
        self.tidy(&mut report.problems);
        tracing::debug!(problems = report.problems.len(), "committed");
        Ok(report)
    }

    /// Brings what this transaction changed to the disk: if that is little, by itself, else with everything else on the
    /// file system.
    fn sync_changes(&mut self) -> Result<(), MachineError> {
        self.site.write_back.finish()?;
        let machine = self.site.machine;
        machine.sync_registry()?;
        // What programs changed is not known, nor what was changed without being kept.
        if self.programs_ran || !self.site.keeps {
            return machine.sync_all();
        }
        let mut changed = Changed::default();
        for record in &self.records {
            let Record::Changes { number, changes, .. } = record else { continue };
            if *number <= self.reached && !changes.iter().all(|change| changed.add(change)) {
                return machine.sync_all();
            }
        }
        // The names of the backups come first: on a file system that writes down only what is synced (btrfs), the name of a
        // new file must not be on the disk before that of the file that it replaces.
        let backups_first = machine.sync_files([], &changed.backups);
        backups_first.and_then(|()| machine.sync_files(&changed.files, &changed.folders)).or_else(|error| {
            tracing::debug!(%error, "cannot sync file by file");
            machine.sync_all()
        })
    }

    fn run_commit_actions(
        &mut self,
        environment: &mut dyn Environment,
        marks: &Marks,
        report: &mut CommitReport,
    ) -> Result<(), ExecutionError> {
        let actions: Vec<(u64, ScheduledAction)> = self
            .records
            .iter()
            .filter_map(|record| match record {
                Record::Scheduled { number, action } if action.kind == ActionKind::Commit => {
                    Some((*number, action.clone()))
                }
                _ => None,
            })
            .collect();
        if actions.is_empty() {
            return Ok(());
        }
        if !marks.commit_begun {
            if let Some(journal) = &mut self.journal {
                journal.reserve();
            }
            self.commit_begun = true;
            self.mark_commit(&Record::CommitBegun)?;
        }
        for (number, action) in actions {
            if marks.finished.contains(&number) {
                continue;
            }
            if marks.started.contains(&number) {
                tracing::warn!(
                    action = action.action,
                    "a commit custom action was interrupted and is not run again"
                );
                report.interrupted.push(action.action);
                continue;
            }
            self.mark_commit(&Record::Started { number, action: action.action.clone() })?;
            let outcome = environment.run_action(&action, Phase::Commit);
            self.site.program_ran();
            match outcome {
                Err(failure) if !action.ignore_result => {
                    return Err(ExecutionError::Action { action: action.action, failure });
                }
                Err(failure) => {
                    tracing::warn!(action = action.action, %failure, "a custom action failed, which is ignored");
                }
                Ok(()) => {}
            }
            // What it did has to last as long as the word that it is done.
            self.site.sync_programs().map_err(ExecutionError::Sync)?;
            self.mark_commit(&Record::Finished { number })?;
            report.actions.push(action.action);
        }
        Ok(())
    }

    fn mark_commit(&mut self, mark: &Record) -> Result<(), ExecutionError> {
        self.site.step().map_err(ExecutionError::registry)?;
        if let Some(journal) = &mut self.journal {
            journal.append(mark)?;
            journal.sync(self.site.machine)?;
        }
        self.site.step().map_err(ExecutionError::registry)
    }
}

//! Ending a transaction whose process was killed.

use reseat_machine::{Machine, MachineError, WindowsPath};

use crate::backup::KEEP_FOLDER;
use crate::commit::CommitReport;
use crate::environment::Environment;
use crate::error::ExecutionError;
use crate::execution::Execution;
use crate::journal::{self, Contents, Journal, JournalError, Record};
use crate::rollback::{Marks, RollbackReport};

/// A transaction that was neither committed nor rolled back to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub id: String,
    /// What was being installed.
    pub title: String,
    /// How far it came, and so what [`recover`] will do.
    pub state: PendingState,
    /// Custom actions that had started and not ended.
    pub running: Vec<String>,
    /// Lines of the journal that are torn or wrong. One is usual after a power loss.
    pub damaged: u64,
}

/// What is left to be done for a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingState {
    /// It will be rolled back.
    RollBack,
    /// All is installed; commit custom actions are left to run.
    Commit,
    /// It is committed: only backups are left to be removed.
    Tidy,
    /// It is rolled back: only backups are left to be removed.
    Undone,
}

impl PendingState {
    /// Whether the machine is in the state before or after already, and only backups are left to be removed.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Tidy | Self::Undone)
    }
}

/// How an interrupted transaction ended.
#[derive(Debug)]
pub enum Recovery {
    /// The machine is in the state before the transaction, unless the report says otherwise.
    RolledBack {
        /// The transaction.
        pending: Pending,
        /// What was done.
        report: RollbackReport,
        /// Why a commit that had begun was rolled back after all.
        cause: Option<ExecutionError>,
    },
    /// The machine is in the state after it.
    Committed {
        /// The transaction.
        pending: Pending,
        /// What was done.
        report: CommitReport,
    },
}

/// The transaction that has to be recovered before another can begin, if there is one.
///
/// # Errors
/// When its journal cannot be read, belongs to another user, or is of a newer version.
pub fn pending(machine: &Machine) -> Result<Option<Pending>, JournalError> {
    let Some(id) = journal::list(machine)?.into_iter().next() else { return Ok(None) };
    let contents = Journal::look(machine, &id)?;
    Ok(Some(describe(id, &contents, &Marks::of(&contents.records))))
}

/// Ends the transaction that was cut off: one whose commit had begun is committed, any other is rolled back. May itself
/// be cut off and done again. The caller holds the machine's lock.
///
/// # Errors
/// When the journal cannot be read, or (in a commit) written.
pub fn recover(
    machine: &Machine,
    environment: &mut dyn Environment,
) -> Result<Option<Recovery>, ExecutionError> {
    let Some(id) = journal::list(machine).map_err(JournalError::from)?.into_iter().next() else {
        // One that was cut off before its journal, or after it, may have left these.
        for drive in 'A'..='Z' {
            let folder = WindowsPath::root(drive).and_then(|root| root.join(KEEP_FOLDER));
            let folder = folder.map_err(MachineError::from)?;
            if machine.may_change(&folder).is_ok() {
                machine.remove_folder(&folder)?;
            }
        }
        return Ok(None);
    };
    let (mut execution, contents) = Execution::resume(machine, &id)?;
    execution.recover(contents, environment).map(Some)
}

impl<'m> Execution<'m> {
    /// Takes up a transaction where its journal ends.
    pub(crate) fn resume(machine: &'m Machine, id: &str) -> Result<(Self, Contents), ExecutionError> {
        let (journal, contents) = Journal::open(machine, id)?;
        Ok((Self::resumed(machine, id, journal), contents))
    }

    pub(crate) fn recover(
        &mut self,
        contents: Contents,
        environment: &mut dyn Environment,
    ) -> Result<Recovery, ExecutionError> {
        let marks = Marks::of(&contents.records);
        let pending = describe(self.site.id.clone(), &contents, &marks);
        self.records = contents.records;
        self.commit_begun = (marks.commit_begun || marks.committed) && !marks.rollback_begun;
        tracing::info!(id = pending.id, title = pending.title, state = ?pending.state, "recovering");
        let mut cause = None;
        if matches!(pending.state, PendingState::Commit | PendingState::Tidy) {
            match self.finish_commit(environment, &marks) {
                Ok(report) => return Ok(Recovery::Committed { pending, report }),
                Err(error @ ExecutionError::Action { .. }) => cause = Some(error),
                Err(error) => return Err(error),
            }
        }
        let report = self.unwind(environment, &marks);
        Ok(Recovery::RolledBack { pending, report, cause })
    }
}

impl Marks {
    fn of(records: &[Record]) -> Self {
        let mut marks = Self::default();
        for record in records {
            match record {
                Record::Started { number, .. } => drop(marks.started.insert(*number)),
                Record::Finished { number } => drop(marks.finished.insert(*number)),
                Record::CommitBegun => marks.commit_begun = true,
                Record::RollbackBegun => {
                    marks.rollback_begun = true;
                    // Its mark was written and could not be synced.
                    marks.committed = false;
                }
                Record::Committed => marks.committed = true,
                Record::Undone { number } => {
                    marks.undone = Some(marks.undone.map_or(*number, |before| before.min(*number)));
                }
                Record::Header { .. } | Record::Changes { .. } | Record::Scheduled { .. } => {}
            }
        }
        marks
    }
}

fn describe(id: String, contents: &Contents, marks: &Marks) -> Pending {
    let running = contents.records.iter().filter_map(|record| match record {
        Record::Started { number, action } if !marks.finished.contains(number) => Some(action.clone()),
        _ => None,
    });
    let state = if marks.committed {
        PendingState::Tidy
    } else if marks.undone == Some(0) {
        PendingState::Undone
    } else if marks.commit_begun && !marks.rollback_begun {
        PendingState::Commit
    } else {
        PendingState::RollBack
    };
    Pending {
        id,
        title: contents.title.clone(),
        state,
        running: running.collect(),
        damaged: contents.damaged,
    }
}

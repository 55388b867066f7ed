//! One transaction on one machine.

use std::collections::{HashMap, HashSet};

use reseat_machine::{Machine, WindowsPath};

use crate::change::Change;
use crate::custom_action::{ActionKind, Phase, ScheduledAction};
use crate::environment::Environment;
use crate::error::ExecutionError;
use crate::journal::{self, Journal, Record};
use crate::operation::Operation;
use crate::recovery;
use crate::script::{InstallScript, Step};
use crate::site::Site;

/// Whether a transaction can be rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    /// The default.
    Enabled,
    /// Nothing is kept (`Msi/disablerollback.md`): a failure leaves the machine as it is then, and neither rollback nor
    /// commit custom actions run (`Msi/rollback-custom-actions.md`).
    Disabled,
}

/// A transaction: it is begun, runs one script or several, and is committed or rolled back.
///
/// Dropping it leaves the machine as it is then; [`recover`](crate::recover) rolls it back later, just as if the process
/// had been killed. The caller holds the machine's lock from before `begin` until it is over.
#[must_use = "a transaction has to be committed or rolled back"]
pub struct Execution<'m> {
    pub(crate) site: Site<'m>,
    /// Not there when nothing can be rolled back.
    pub(crate) journal: Option<Journal>,
    /// What the journal says, without marks.
    pub(crate) records: Vec<Record>,
    /// The number of the next operation.
    pub(crate) next: u64,
    /// The number of the last operation that has begun: those planned after it have changed nothing.
    pub(crate) reached: u64,
    /// Whether the script changed the registry since it was saved.
    pub(crate) registry_changed: bool,
    /// What was taken away, with the folder of its backup.
    dropped: HashMap<WindowsPath, Option<WindowsPath>>,
    /// Whether custom actions ran, so that more may have been changed than is known here.
    pub(crate) programs_ran: bool,
    pub(crate) failed: bool,
    /// Whether the journal may say that a commit has begun or is done.
    pub(crate) commit_begun: bool,
}

impl std::fmt::Debug for Execution<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Execution")
            .field("id", &self.site.id)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl<'m> Execution<'m> {
    /// Begins a transaction. `id` names its files: 1 to 64 ASCII letters, digits and hyphens, never used before on this
    /// machine. `title` is what a user is told when the transaction has to be recovered.
    ///
    /// # Errors
    /// When an earlier transaction has to be recovered first, or the journal cannot be written.
    pub fn begin(
        machine: &'m Machine,
        id: &str,
        title: &str,
        rollback: Rollback,
    ) -> Result<Self, ExecutionError> {
        if !journal::is_id(id) {
            return Err(ExecutionError::Id { id: id.to_owned() });
        }
        if let Some(pending) = recovery::pending(machine)? {
            return Err(ExecutionError::Pending { id: pending.id, title: pending.title });
        }
        let mut site = Site::new(machine, id, rollback == Rollback::Enabled);
        let journal = match rollback {
            Rollback::Enabled => {
                let folder = journal::folder()?;
                site.keep_folder(folder.drive())?;
                let created = Journal::create(machine, id, title);
                if created.is_err() {
                    // The first error is the one that matters.
                    drop(site.remove_keep_folders(&HashSet::new()));
                }
                Some(created?)
            }
            Rollback::Disabled => None,
        };
        tracing::debug!(id, title, ?rollback, "transaction begins");
        Ok(Self {
            site,
            journal,
            records: Vec::new(),
            next: 1,
            reached: 0,
            registry_changed: false,
            dropped: HashMap::new(),
            programs_ran: false,
            failed: false,
            commit_begun: false,
        })
    }

    /// The transaction's name.
    pub fn id(&self) -> &str {
        &self.site.id
    }

    /// How many operations have begun, or were noted for the rollback and the commit.
    pub fn operations(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Whether a script of it has failed: it can only be rolled back.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The changes that a rollback would undo, in that order, each with the action that asked for it. Their text says how
    /// each is undone. Of an operation that was planned more than once all plans are listed.
    pub fn rollback_script(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.records.iter().rev().flat_map(|record| {
            let (action, changes): (&str, &[Change]) = match record {
                Record::Changes { number, action, changes } if *number <= self.reached => (action, changes),
                _ => ("", &[]),
            };
            changes.iter().rev().map(move |change| (action, change))
        })
    }

    /// A transaction that an earlier process left; all that its journal says may have been done.
    pub(crate) fn resumed(machine: &'m Machine, id: &str, journal: Journal) -> Self {
        Self {
            site: Site::new(machine, id, true),
            journal: Some(journal),
            records: Vec::new(),
            next: u64::MAX,
            reached: u64::MAX,
            registry_changed: false,
            dropped: HashMap::new(),
            programs_ran: false,
            failed: true,
            commit_begun: false,
        }
    }

    /// Runs a script; its effects are complete, but not yet on disk, when this returns. Several scripts may run in one
    /// transaction (`Msi/installexecute-action.md`).
    ///
    /// # Errors
    /// At the first operation that fails, unless the environment says to ignore it, and when the user cancels. The
    /// transaction can then only be rolled back.
    pub fn run(
        &mut self,
        script: &InstallScript,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        if self.failed {
            return Err(ExecutionError::Failed);
        }
        let done = self.run_steps(&script.steps, environment);
        let done = self.finish_actions(done, environment);
        self.failed = done.is_err();
        done
    }

    fn run_steps(&mut self, steps: &[Step], environment: &mut dyn Environment) -> Result<(), ExecutionError> {
        let mut rest = steps;
        while let Some((step, following)) = rest.split_first() {
            if environment.cancelled() {
                return Err(ExecutionError::Cancelled);
            }
            match &step.operation {
                Operation::CustomAction(action) => {
                    self.custom_action(action, environment)?;
                    environment.progress(step, step.operation.units());
                    rest = following;
                }
                Operation::DisableRollback => {
                    self.site.keeps = false;
                    rest = following;
                }
                _ => {
                    let group = self.plan_group(rest)?;
                    rest = rest.get(group.len()..).unwrap_or_default();
                    self.execute_group(group, environment)?;
                }
            }
        }
        self.save_registry()
    }

    /// Waits for the asynchronous actions.
    fn finish_actions(
        &mut self,
        done: Result<(), ExecutionError>,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        if !self.programs_ran {
            return done;
        }
        let failure = environment.finish_actions(done.is_ok());
        done?;
        self.site.program_ran();
        failure.map_or(Ok(()), |(action, failure)| Err(ExecutionError::Action { action, failure }))
    }

    pub(crate) fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    pub(crate) fn note_changes(
        &mut self,
        number: u64,
        step: &Step,
        changes: &[Change],
    ) -> Result<(), ExecutionError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.note(Record::Changes { number, action: step.action.clone(), changes: changes.to_vec() })
    }

    /// Where something is made anew, that the old one was taken away has to be on disk before the journal says that a new one
    /// is made: undoing that would remove the old one. Not all file systems bring it there with the journal.
    pub(crate) fn sync_dropped<'c>(
        &mut self,
        changes: impl Iterator<Item = &'c Change> + Clone,
    ) -> Result<(), ExecutionError> {
        let mut folders = HashSet::new();
        for change in changes.clone() {
            if let Change::CreateFile { path } | Change::MakeFolder { path } = change
                && let Some(backups) = self.dropped.remove(path)
            {
                folders.extend(path.parent());
                folders.extend(backups);
            }
        }
        for change in changes {
            if let Change::DropFile { path, backup } | Change::DropFolder { path, backup } = change {
                self.dropped.insert(path.clone(), backup.parent());
            }
        }
        if folders.is_empty() || !self.site.keeps {
            return Ok(());
        }
        self.site.machine.sync_files([], &folders).map_err(ExecutionError::Sync)
    }

    /// Enters a record into the journal, and remembers it for a rollback.
    fn note(&mut self, record: Record) -> Result<(), ExecutionError> {
        if !self.site.keeps {
            return Ok(());
        }
        if let Some(journal) = &mut self.journal {
            journal.append(&record)?;
        }
        self.records.push(record);
        Ok(())
    }

    pub(crate) fn sync_journal(&mut self) -> Result<(), ExecutionError> {
        self.stop_point()?;
        if let Some(journal) = &mut self.journal {
            journal.sync(self.site.machine)?;
        }
        self.stop_point()
    }

    /// A point at which tests stop the execution.
    fn stop_point(&self) -> Result<(), ExecutionError> {
        self.site.step().map_err(ExecutionError::registry)
    }

    /// Runs a deferred custom action now; notes a rollback or commit action.
    fn custom_action(
        &mut self,
        action: &ScheduledAction,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        let number = self.number();
        self.reached = number;
        if action.kind != ActionKind::Deferred {
            return self.note(Record::Scheduled { number, action: action.clone() });
        }
        // The program sees the registry as it is now, and may change it.
        self.save_registry()?;
        self.programs_ran = true;
        if let Some(journal) = &mut self.journal {
            journal.append(&Record::Started { number, action: action.action.clone() })?;
        }
        self.sync_journal()?;
        let outcome = environment.run_action(action, Phase::Execution);
        self.site.program_ran();
        if let Some(journal) = &mut self.journal {
            journal.append(&Record::Finished { number })?;
            journal.write()?;
        }
        self.stop_point()?;
        match outcome {
            Err(failure) if !action.ignore_result => {
                Err(ExecutionError::Action { action: action.action.clone(), failure })
            }
            Err(failure) => {
                tracing::warn!(action = action.action, %failure, "a custom action failed, which is ignored");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Saves the registry if the script changed it, once what undoes that is on disk.
    fn save_registry(&mut self) -> Result<(), ExecutionError> {
        if !self.registry_changed {
            return Ok(());
        }
        let machine = self.site.machine;
        if let Some(mut saving) = machine.begin_saving_registry().map_err(ExecutionError::registry)? {
            if self.site.keeps {
                let name = format!("{}-{}", self.site.id, self.next);
                for undo in saving.undo(&name) {
                    let number = self.number();
                    self.reached = number;
                    let changes = vec![Change::SaveRegistry(undo)];
                    self.note(Record::Changes { number, action: "registry".to_owned(), changes })?;
                }
                self.sync_journal()?;
            }
            saving.finish().map_err(ExecutionError::registry)?;
        }
        self.registry_changed = false;
        self.stop_point()
    }
}

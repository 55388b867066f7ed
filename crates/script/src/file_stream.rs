//! Writing many small new files while the next ones are being unpacked.
//!
//! The calling thread reads sources in the order of the script, as cabinets need it; a second thread makes the files. What
//! is new here is only the overlap: the files were planned, and what undoes them is on disk. When something is not as
//! planned, or fails, the stream stops, and the operation goes the ordinary way.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use reseat_machine::{Attributes, Machine, MachineError};

use crate::change::Change;
use crate::content::{self, BUFFER};
use crate::create_folder;
use crate::environment::Environment;
use crate::error::{ExecutionError, Fault};
use crate::execution::Execution;
use crate::group::Planned;
use crate::install_file::InstallFile;
use crate::native_program;
use crate::operation::Operation;
use crate::site::Site;

/// Fewer files than this are not worth a thread.
const FEWEST: usize = 16;
/// Files are handed over together, up to so many or so many bytes: each handing over may wake a thread.
const TOGETHER: usize = 32;
const BYTES_TOGETHER: usize = 512 << 10;
/// Bundles of files that wait to be written, which bounds the memory.
const WAITING: usize = 4;

/// A file to be made.
struct Job<'s> {
    planned: Planned<'s>,
    file: &'s InstallFile,
    content: Vec<u8>,
}

/// A file that was made or not; its buffer is used again.
type Done<'s> = (Job<'s>, Result<(), Fault>);

/// The file of an operation that can be made by the second thread.
fn streamed<'s>(planned: &Planned<'s>) -> Option<&'s InstallFile> {
    let Operation::InstallFile(file) = &planned.step.operation else { return None };
    let (last, others) = planned.plan.as_ref().ok()?.split_last()?;
    let is_new = matches!(last, Change::CreateFile { .. });
    let is_plain = others.iter().all(|change| change.made_folder().is_some());
    let is_small = file.size < BUFFER as u64 && file.attributes == Attributes::default();
    (is_new && is_plain && is_small).then_some(file)
}

/// Whether the operations begin with enough files that can be streamed.
pub(crate) fn is_worth_it(operations: &VecDeque<Planned<'_>>, site: &Site<'_>) -> bool {
    site.may_stream()
        && operations.len() >= FEWEST
        && operations.iter().take(FEWEST).all(|one| streamed(one).is_some())
}

fn write_file(machine: &Machine, file: &InstallFile, content: &[u8]) -> Result<(), Fault> {
    let failed = |source| Fault::Write { path: file.path.clone(), source };
    let mut new = match machine.create_file(&file.path) {
        Err(MachineError::Exists { .. } | MachineError::FolderMissing { .. }) => {
            return Err(Fault::Stale { path: file.path.clone() });
        }
        other => other?,
    };
    new.write_all(content).map_err(failed)?;
    native_program::make_runnable(&new, content).map_err(failed)?;
    if let Some(modified) = file.modified {
        new.set_modified(modified).map_err(failed)?;
    }
    Ok(())
}

fn write_files<'s>(machine: &Machine, bundles: &Receiver<Vec<Job<'s>>>, done: &Sender<Vec<Done<'s>>>) {
    for bundle in bundles {
        let written = bundle.into_iter().map(|job| {
            let written = write_file(machine, job.file, &job.content);
            (job, written)
        });
        if done.send(written.collect()).is_err() {
            return;
        }
    }
}

impl Execution<'_> {
    /// Executes the operations at the front that can be streamed, and those among them that then fail.
    pub(crate) fn stream_files<'s>(
        &mut self,
        rest: &mut VecDeque<Planned<'s>>,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        let machine = self.site.machine;
        let (done, results) = channel::<Vec<Done<'s>>>();
        let mut failures: Vec<(Planned<'s>, Fault)> = Vec::new();
        let ended = std::thread::scope(|scope| {
            let (jobs, waiting) = sync_channel::<Vec<Job<'s>>>(WAITING);
            let writer = std::thread::Builder::new()
                .spawn_scoped(scope, move || write_files(machine, &waiting, &done));
            if let Err(error) = writer {
                tracing::debug!(%error, "no second thread; files are written by this one");
                self.site.stop_streaming();
                return Ok(None);
            }
            self.send_files(rest, jobs, &results, &mut failures, environment)
        });
        for (job, written) in results.into_iter().flatten() {
            note_result(job, written, &mut failures, environment);
        }
        failures.sort_by_key(|(planned, _)| planned.number);
        // Even when the user cancels, what has begun is settled by the rollback.
        let ended = ended?;
        for (planned, fault) in failures.into_iter().chain(ended) {
            self.settle_failure(planned, fault, environment)?;
        }
        Ok(())
    }

    /// Reads sources and hands them to the writer until an operation cannot be streamed or something fails. The operation
    /// whose source failed is returned.
    fn send_files<'s>(
        &mut self,
        rest: &mut VecDeque<Planned<'s>>,
        jobs: SyncSender<Vec<Job<'s>>>,
        results: &Receiver<Vec<Done<'s>>>,
        failures: &mut Vec<(Planned<'s>, Fault)>,
        environment: &mut dyn Environment,
    ) -> Result<Option<(Planned<'s>, Fault)>, ExecutionError> {
        let mut buffers: Vec<Vec<u8>> = Vec::new();
        let mut bundle: Vec<Job<'s>> = Vec::new();
        let mut bytes = 0;
        let mut failed = None;
        while let Some(file) = rest.front().and_then(streamed) {
            for (job, written) in results.try_iter().flatten() {
                buffers.extend(note_result(job, written, failures, environment));
            }
            if !failures.is_empty() {
                break;
            }
            if environment.cancelled() {
                return Err(ExecutionError::Cancelled);
            }
            let Some(planned) = rest.pop_front() else { break };
            self.reached = planned.number;
            let mut content = buffers.pop().unwrap_or_default();
            let mut folders = planned.plan.iter().flatten().filter_map(Change::made_folder);
            let made = folders.try_for_each(|path| create_folder::make(&mut self.site, path));
            if let Err(fault) = made.and_then(|()| content::collect_source(file, &mut content, environment)) {
                failed = Some((planned, fault));
                break;
            }
            bytes += content.len();
            bundle.push(Job { planned, file, content });
            if bundle.len() >= TOGETHER || bytes >= BYTES_TOGETHER {
                bytes = 0;
                if let Err(unsent) = jobs.send(std::mem::take(&mut bundle)) {
                    bundle = unsent.0;
                    break;
                }
            }
        }
        if let Err(unsent) = jobs.send(bundle) {
            // The writer is gone; this thread does them again.
            self.site.stop_streaming();
            unsent.0.into_iter().rev().for_each(|job| rest.push_front(job.planned));
        }
        Ok(failed)
    }

    /// Gives an operation that could not be streamed its ordinary way.
    fn settle_failure(
        &mut self,
        planned: Planned<'_>,
        fault: Fault,
        environment: &mut dyn Environment,
    ) -> Result<(), ExecutionError> {
        let Planned { number, step, plan } = planned;
        let changes = plan.unwrap_or_default();
        let done = if matches!(fault, Fault::Stale { .. }) {
            // Only the folders are made.
            let folders: Vec<Change> =
                changes.into_iter().filter(|change| change.made_folder().is_some()).collect();
            match self.plan_again(number, step, folders)? {
                Ok(changes) => self.do_changes(number, step, changes, environment)?,
                Err(fault) => Err((Vec::new(), fault)),
            }
        } else {
            Err((changes, fault))
        };
        self.settle(number, step, done, environment)
    }
}

/// Reports a file that is made, or remembers one that is not. Hands back the buffer.
fn note_result<'s>(
    job: Job<'s>,
    written: Result<(), Fault>,
    failures: &mut Vec<(Planned<'s>, Fault)>,
    environment: &mut dyn Environment,
) -> Option<Vec<u8>> {
    match written {
        Ok(()) => environment.progress(job.planned.step, job.planned.step.operation.units()),
        Err(fault) => failures.push((job.planned, fault)),
    }
    Some(job.content)
}

#[cfg(test)]
mod tests {
    use super::*;
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

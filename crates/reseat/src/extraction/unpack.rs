//! Unpacking: the folders of the cabinets are the pieces of work, each taken by one thread and read in one pass. A cabinet's
//! name in a message is the one that the package gives it.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use indicatif::ProgressBar;
use reseat_cabinet::{CabinetError, CabinetSet};

use super::cabinets::Origin;
use super::plan::{FileSource, Plan, PlannedFile};
use super::target::Target;
use super::writing::{Content, FileWriter};

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// How many files were written, and their bytes.
    pub files: u64,
    pub bytes: u64,
    /// What looks wrong and did no harm.
    pub warnings: Vec<String>,
    /// Files that could not be unpacked.
    pub problems: Vec<String>,
}

/// A piece of work.
enum Task {
    /// Files of one folder of a cabinet, in the order of their data: place in the cabinet, and in the plan.
    Folder { cabinet: usize, files: Vec<(usize, usize)>, bytes: u64 },
    /// Files beside the package, by their places in the plan.
    Loose(Vec<usize>),
}

/// What the threads share.
struct Work<'w> {
    origin: &'w Origin,
    plan: &'w Plan,
    progress: &'w ProgressBar,
    tasks: Mutex<Vec<Task>>,
    /// Sets that are open and not in use.
    sets: Mutex<HashMap<usize, Vec<CabinetSet>>>,
    report: Mutex<Report>,
}

/// Unpacks the planned files.
pub fn unpack(origin: &Origin, plan: &Plan, target: Target, progress: &ProgressBar) -> Report {
    let work = Work {
        origin,
        plan,
        progress,
        tasks: Mutex::default(),
        sets: Mutex::default(),
        report: Mutex::default(),
    };
    work.distribute();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = lock(&work.tasks).len().clamp(1, cores);
    thread::scope(|scope| {
        for number in 0..threads {
            let work = &work;
            let target = target.share();
            // What is left over goes to the first ones.
            let cores = (cores + threads - 1 - number) / threads;
            scope.spawn(move || work.run(cores, target));
        }
    });
    work.report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Work<'_> {
    /// Finds the files in their cabinets and makes the pieces of work.
    fn distribute(&self) {
        let mut of_cabinets: Vec<Vec<usize>> = vec![Vec::new(); self.plan.cabinets.len()];
        let mut loose = Vec::new();
        for (position, file) in self.plan.files.iter().enumerate() {
            match file.source {
                FileSource::Cabinet { cabinet, .. } => {
                    if let Some(files) = of_cabinets.get_mut(cabinet) {
                        files.push(position);
                    }
                }
                FileSource::Loose(_) => loose.push(position),
                FileSource::Nowhere => {
                    self.problem(format!(
                        "{}: no row of table Media has a cabinet for it, and it is not beside the package",
                        name(file)
                    ));
                }
            }
        }
        let mut tasks = Vec::new();
        for (cabinet, files) in of_cabinets.into_iter().enumerate().filter(|(_, files)| !files.is_empty()) {
            self.distribute_cabinet(cabinet, &files, &mut tasks);
        }
        // The last one is taken first: the longest is started before the others.
        tasks.sort_by_key(|task| match task {
            Task::Folder { bytes, .. } => *bytes,
            Task::Loose(_) => 0,
        });
        if !loose.is_empty() {
            tasks.push(Task::Loose(loose));
        }
        *lock(&self.tasks) = tasks;
    }

    fn distribute_cabinet(&self, cabinet: usize, files: &[usize], tasks: &mut Vec<Task>) {
        let Some(source) = self.plan.cabinets.get(cabinet) else { return };
        let mut set = match source.open(self.origin) {
            Ok(set) => set,
            Err(error) => return self.problem(format!("{error} ({} files)", files.len())),
        };
        let mut folders: HashMap<usize, Vec<(u64, usize, usize)>> = HashMap::new();
        for &position in files {
            let Some(file) = self.plan.files.get(position) else { continue };
            let found = match file.source {
                FileSource::Cabinet { index: Some(index), .. } => has(&mut set, index),
                _ => set.locate(&file.key),
            };
            match found {
                Err(error) => self.problem(format!(
                    "{}: cabinet '{}': {}",
                    name(file),
                    source.name(),
                    with_cause(&error)
                )),
                Ok(None) => {
                    self.problem(format!("{}: cabinet '{}' has no such file", name(file), source.name()))
                }
                Ok(Some(index)) => {
                    let Some(found) = set.files().get(index) else { continue };
                    if found.size != file.size {
                        lock(&self.report).warnings.push(format!(
                            "{}: {} bytes in the cabinet, {} in the table",
                            name(file),
                            found.size,
                            file.size
                        ));
                    }
                    folders.entry(found.folder).or_default().push((found.offset, index, position));
                }
            }
        }
        for (_, mut files) in folders {
            files.sort_unstable();
            let size =
                |&(_, index, _): &(u64, usize, usize)| set.files().get(index).map_or(0, |file| file.size);
            let bytes = files.iter().map(size).sum();
            let files = files.into_iter().map(|(_, index, position)| (index, position)).collect();
            tasks.push(Task::Folder { cabinet, files, bytes });
        }
        self.give_back(cabinet, set);
    }

    /// Takes pieces of work until there are none. Of so many cores one is for writing, and helps the others to decompress.
    fn run(&self, cores: usize, target: Target) {
        let done = |position, result| self.done(position, result);
        let mut writer = FileWriter::new(&self.plan.files, target, &done);
        loop {
            // The lock is not held while the work is done.
            let task = lock(&self.tasks).pop();
            match task {
                None => return,
                Some(Task::Loose(files)) => {
                    files.iter().for_each(|&position| self.copy_loose(position, &mut writer))
                }
                Some(Task::Folder { cabinet, files, .. }) => match self.take(cabinet, &files) {
                    Err(problem) => self.problem(problem),
                    Ok(mut set) => {
                        set.use_threads(cores - 1);
                        for (index, position) in files {
                            self.copy(cabinet, &mut set, index, position, &mut writer);
                        }
                        self.give_back(cabinet, set);
                    }
                },
            }
        }
    }

    fn copy(
        &self,
        cabinet: usize,
        set: &mut CabinetSet,
        index: usize,
        position: usize,
        writer: &mut FileWriter<'_>,
    ) {
        let modified =
            set.files().get(index).and_then(|found| found.modified).and_then(reseat_engine::local_time);
        writer.start(position, modified);
        match set.copy(index, &mut Content { writer: &mut *writer, progress: self.progress }) {
            Ok(_) => writer.finish(),
            Err(error) => {
                writer.abort();
                let source = self.plan.cabinets.get(cabinet).map_or("", |source| source.name());
                self.done(position, Err(format!("cabinet '{source}': {}", with_cause(&error))));
            }
        }
    }

    fn copy_loose(&self, position: usize, writer: &mut FileWriter<'_>) {
        let Some(FileSource::Loose(path)) = self.plan.files.get(position).map(|file| &file.source) else {
            return;
        };
        let mut copy = || {
            let mut from = File::open(path)?;
            writer.start(position, from.metadata().and_then(|facts| facts.modified()).ok());
            let result = io::copy(&mut from, &mut Content { writer: &mut *writer, progress: self.progress });
            if result.is_ok() {
                writer.finish()
            } else {
                writer.abort()
            }
            result
        };
        if let Err(error) = copy() {
            self.done(position, Err(format!("{}: {error}", path.display())));
        }
    }

    /// A set of this cabinet in which the files are listed.
    fn take(&self, cabinet: usize, files: &[(usize, usize)]) -> Result<CabinetSet, String> {
        let kept = lock(&self.sets).get_mut(&cabinet).and_then(Vec::pop);
        let mut set = match kept {
            Some(set) => set,
            None => {
                let source = self.plan.cabinets.get(cabinet).ok_or("there is no such cabinet")?;
                source.open(self.origin).map_err(|error| error.to_string())?
            }
        };
        let last = files.iter().map(|(index, _)| *index).max().unwrap_or_default();
        has(&mut set, last).map_err(|error| with_cause(&error))?;
        Ok(set)
    }

    fn give_back(&self, cabinet: usize, set: CabinetSet) {
        lock(&self.sets).entry(cabinet).or_default().push(set);
    }

    fn done(&self, position: usize, result: Result<u64, String>) {
        match result {
            Ok(bytes) => {
                let mut report = lock(&self.report);
                report.files += 1;
                report.bytes += bytes;
            }
            Err(reason) => {
                let name = self.plan.files.get(position).map(name).unwrap_or_default();
                self.problem(format!("{name}: {reason}"));
            }
        }
    }

    fn problem(&self, problem: String) {
        lock(&self.report).problems.push(problem);
    }
}

/// Opens following cabinets until the set has this file; gives the index back when it does.
fn has(set: &mut CabinetSet, index: usize) -> Result<Option<usize>, CabinetError> {
    while set.files().len() <= index {
        if !set.open_following()? {
            return Ok(None);
        }
    }
    Ok(Some(index))
}

/// How a file is named in messages.
fn name(file: &PlannedFile) -> String {
    format!("file '{}' ({})", file.key, file.path())
}

fn with_cause(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// What is shared is whole even when a thread that held the lock has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

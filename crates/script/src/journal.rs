//! The rollback script on disk: `C:\Config.Msi\<transaction>.rbs`.
//!
//! A text file. Each line is the CRC-32 of what follows it, as eight hexadecimal digits, a space, and a record as JSON.
//! A line that is torn or wrong is passed over: what it announced had not begun, since a change begins only when the
//! lines before it are on disk. Records are only ever appended, so reading does not depend on the file system keeping
//! the order of writes beyond that.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use reseat_machine::{Machine, MachineError, WindowsPath};
use rustix::fs::{FallocateFlags, Mode};
use serde::{Deserialize, Serialize};

use crate::backup::KEEP_FOLDER;
use crate::change::Change;
use crate::custom_action::ScheduledAction;

/// The drive of the journal.
const DRIVE: char = 'C';
/// The end of a journal's name.
const EXTENSION: &str = ".rbs";
/// The version of the format that is written and read. Version 1 had whole files of the registry.
const VERSION: u32 = 2;
/// The longest line that is read, in bytes: a custom action may carry a script.
const LONGEST_LINE: u64 = 64 << 20;
/// Space kept free for the marks of a rollback on a full disk, in bytes.
const RESERVE: u64 = 64 << 10;
/// The longest name of a transaction, in bytes.
const LONGEST_ID: usize = 64;

/// Why the journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Its file or folder could not be used.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// Reading or writing failed.
    #[error("cannot {action} '{path}'")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// The journal.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A record could not be put into words.
    #[error("cannot write an entry of '{path}'")]
    Encode {
        /// The journal.
        path: WindowsPath,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// The journal belongs to another user, who could have put anything into it.
    #[error("'{path}' belongs to user {owner}, only that user may recover it (this is user {user})")]
    Owner {
        /// The journal.
        path: WindowsPath,
        /// The user id of its owner.
        owner: u32,
        /// The user id of this process.
        user: u32,
    },
    /// It was written by another version of this program.
    #[error("'{path}' has version {version}, which is not known here")]
    Version {
        /// The journal.
        path: WindowsPath,
        /// Its version.
        version: u32,
    },
    /// A line is longer than any that is written.
    #[error("'{path}' has a line of more than {most} bytes")]
    Line {
        /// The journal.
        path: WindowsPath,
        /// The most bytes.
        most: u64,
    },
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Record {
    /// The first one.
    Header { version: u32, id: String, title: String },
    /// An operation is going to make these changes. A later record with the same number takes its place.
    Changes { number: u64, action: String, changes: Vec<Change> },
    /// From here on this action belongs to the rollback or to the commit.
    Scheduled { number: u64, action: ScheduledAction },
    /// A custom action starts.
    Started { number: u64, action: String },
    /// A custom action has ended.
    Finished { number: u64 },
    /// The new files are on disk; commit actions run.
    CommitBegun,
    /// A commit action failed, so everything is rolled back after all; or a rollback has begun.
    RollbackBegun,
    /// These changes and all later ones are undone and are not to be undone again. Written only where backups cannot be
    /// restored more than once.
    Undone { number: u64 },
    /// The transaction succeeded: only backups are left to be removed.
    Committed,
}

/// A journal that is open for writing.
#[derive(Debug)]
pub(crate) struct Journal {
    path: WindowsPath,
    file: File,
    buffer: Vec<u8>,
    synced: bool,
    /// Whether the name is on disk.
    named: bool,
}

/// What a journal says.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub title: String,
    pub records: Vec<Record>,
    /// Lines that were passed over.
    pub damaged: u64,
}

/// Whether a text can name a transaction, and so a file.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The folder of the journals.
pub(crate) fn folder() -> Result<WindowsPath, MachineError> {
    Ok(WindowsPath::root(DRIVE)?.join(KEEP_FOLDER)?)
}

/// The names of the transactions that have a journal, in order.
pub(crate) fn list(machine: &Machine) -> Result<Vec<String>, MachineError> {
    let folder = folder()?;
    if machine.metadata(&folder)?.is_none() {
        return Ok(Vec::new());
    }
    let entries = machine.read_folder(&folder)?;
    let names = entries.iter().filter_map(|entry| entry.name.strip_suffix(EXTENSION));
    let mut ids: Vec<String> = names.filter(|id| is_id(id)).map(str::to_owned).collect();
    ids.sort();
    Ok(ids)
}

fn path_of(id: &str) -> Result<WindowsPath, MachineError> {
    Ok(folder()?.join(&format!("{id}{EXTENSION}"))?)
}

impl Journal {
    /// Begins a journal. It is on disk with the first [`Journal::sync`]; before that nothing may be changed.
    pub fn create(machine: &Machine, id: &str, title: &str) -> Result<Self, JournalError> {
        let path = path_of(id)?;
        let file = machine.create_file(&path)?;
        let mut journal = Self { path: path.clone(), file, buffer: Vec::new(), synced: false, named: false };
        let begun = journal.begin(id, title);
        if begun.is_err() {
            // Nothing was changed, so nothing is to be recovered. The first error is the one that matters.
            drop(machine.remove_file(&path));
        }
        begun.map(|()| journal)
    }

    fn begin(&mut self, id: &str, title: &str) -> Result<(), JournalError> {
        // It carries the data of custom actions, which may be secret.
        rustix::fs::fchmod(&self.file, Mode::RUSR | Mode::WUSR)
            .map_err(|error| self.failed("protect", error.into()))?;
        self.reserve();
        self.append(&Record::Header { version: VERSION, id: id.to_owned(), title: title.to_owned() })?;
        self.write()
    }

    /// Opens the journal of a transaction that was cut off, and reads it.
    pub fn open(machine: &Machine, id: &str) -> Result<(Self, Contents), JournalError> {
        let path = path_of(id)?;
        let file = machine.open_file_to_change(&path)?;
        let mut journal = Self { path, file, buffer: Vec::new(), synced: true, named: true };
        journal.check_owner()?;
        let contents = journal.read()?;
        // The last line may be torn; what is appended begins a line of its own.
        journal.file.seek(SeekFrom::End(0)).map_err(|error| journal.failed("read", error))?;
        journal.buffer.push(b'\n');
        Ok((journal, contents))
    }

    /// Reads the journal of a transaction without the intention to go on with it.
    pub fn look(machine: &Machine, id: &str) -> Result<Contents, JournalError> {
        let path = path_of(id)?;
        let file = machine.open_file(&path)?;
        let mut journal = Self { path, file, buffer: Vec::new(), synced: true, named: true };
        journal.check_owner()?;
        journal.read()
    }

    fn failed(&self, action: &'static str, source: io::Error) -> JournalError {
        JournalError::Io { action, path: self.path.clone(), source }
    }

    fn check_owner(&self) -> Result<(), JournalError> {
        let stat = rustix::fs::fstat(&self.file).map_err(|error| self.failed("look at", error.into()))?;
        let user = rustix::process::geteuid().as_raw();
        if stat.st_uid != user {
            return Err(JournalError::Owner { path: self.path.clone(), owner: stat.st_uid, user });
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Contents, JournalError> {
        let mut contents = Contents::default();
        let mut line = Vec::new();
        let mut reader = BufReader::with_capacity(1 << 16, &self.file);
        loop {
            line.clear();
            let read = (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line);
            let length = read.map_err(|error| self.failed("read", error))?;
            if length == 0 {
                break;
            }
            if length as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
                return Err(JournalError::Line { path: self.path.clone(), most: LONGEST_LINE });
            }
            // The last line counts without its end as well, if it is whole: it will have one when more is appended.
            let text = line.strip_suffix(b"\n").unwrap_or(&line);
            match parse_line(text) {
                Line::Empty => {}
                Line::Damaged => contents.damaged += 1,
                Line::Record(Record::Header { version, title, .. }) => {
                    if version != VERSION {
                        return Err(JournalError::Version { path: self.path.clone(), version });
                    }
                    contents.title = title;
                }
                Line::Record(record) => contents.records.push(record),
            }
        }
        Ok(contents)
    }

    /// Adds a record; it is in the file only after [`Journal::write`] and on disk only after [`Journal::sync`].
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(b"00000000 ");
        let encoded = serde_json::to_writer(&mut self.buffer, record);
        if let Err(source) = encoded {
            self.buffer.truncate(start);
            return Err(JournalError::Encode { path: self.path.clone(), source });
        }
        if (self.buffer.len() - start) as u64 >= LONGEST_LINE {
            self.buffer.truncate(start);
            return Err(JournalError::Line { path: self.path.clone(), most: LONGEST_LINE });
        }
        let text = self.buffer.get(start + 9..).unwrap_or_default();
        let sum = format!("{:08x}", crc32fast::hash(text));
        if let Some(place) = self.buffer.get_mut(start..start + 8) {
            place.copy_from_slice(sum.as_bytes());
        }
        self.buffer.push(b'\n');
        Ok(())
    }

    /// Hands what was appended to the operating system: it survives the end of this process.
    pub fn write(&mut self) -> Result<(), JournalError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.synced = false;
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| {
            // What was written of it must not swallow the next line.
            self.buffer.push(b'\n');
            self.failed("write", error)
        })
    }

    /// Waits until what was appended is on disk: what it announces may then begin.
    pub fn sync(&mut self, machine: &Machine) -> Result<(), JournalError> {
        self.write()?;
        if !self.synced {
            self.file.sync_data().map_err(|error| self.failed("sync", error))?;
            self.synced = true;
        }
        if !self.named {
            // The journal's name in its folder, and the folder's on the drive: without them there is no journal.
            machine.sync_folder(&folder()?)?;
            machine.sync_folder(&WindowsPath::root(DRIVE).map_err(MachineError::from)?)?;
            self.named = true;
        }
        Ok(())
    }

    /// Keeps space for a few more records, where the file system can do that.
    pub fn reserve(&mut self) {
        let end = self.file.stream_position().unwrap_or(0) + self.buffer.len() as u64;
        let reserved = rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, end, RESERVE);
        if let Err(error) = reserved {
            tracing::debug!(%error, "no space can be reserved for the journal");
        }
    }

    /// Removes the journal. Nothing waits for that to be on disk, since the last mark in it is: one that comes back after a
    /// power loss says that there is nothing to be done, and is on disk as removed before the next one begins.
    pub fn remove(self, machine: &Machine) -> Result<(), MachineError> {
        machine.remove_file(&self.path).map(drop)
    }

    /// Where it is.
    pub fn path(&self) -> &WindowsPath {
        &self.path
    }
}

enum Line {
    Empty,
    Damaged,
    Record(Record),
}

fn parse_line(line: &[u8]) -> Line {
    if line.is_empty() {
        return Line::Empty;
    }
    let record = line.split_at_checked(8).and_then(|(sum, rest)| {
        let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
        let text = rest.strip_prefix(b" ")?;
        if crc32fast::hash(text) != sum {
            return None;
        }
        serde_json::from_slice(text).ok()
    });
    record.map_or(Line::Damaged, Line::Record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::{Host, Trial, assert_same, install, path, script};
    use crate::{Execution, Recovery, Rollback, pending, recover};

    fn record(number: u64) -> Record {
        let changes = vec![Change::CreateFile { path: path(&format!(r"C:\{number}")) }];
        Record::Changes { number, action: "InstallFiles".to_owned(), changes }
    }

    fn journal_file(trial: &Trial) -> std::path::PathBuf {
        trial.prefix().join("drive_c/Config.Msi/t.rbs")
    }

    fn begun(trial: &Trial) -> Machine {
        let machine = trial.machine();
        machine.create_folder(&folder().unwrap()).unwrap();
        machine
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let trial = Trial::new();
        let machine = begun(&trial);
        let mut journal = Journal::create(&machine, "t", "Editor").unwrap();
        let records =
            [record(1), Record::CommitBegun, Record::Finished { number: 7 }, Record::Undone { number: 0 }];
        for record in &records {
            journal.append(record).unwrap();
        }
        journal.sync(&machine).unwrap();
        let contents = Journal::look(&machine, "t").unwrap();
        assert_eq!((contents.title.as_str(), contents.damaged), ("Editor", 0));
        assert_eq!(contents.records, records);
        assert_eq!(list(&machine).unwrap(), ["t"]);
    }

    #[test]
    fn a_torn_end_is_passed_over_and_writing_goes_on_after_it() {
        let trial = Trial::new();
        let machine = begun(&trial);
        let mut journal = Journal::create(&machine, "t", "x").unwrap();
        journal.append(&record(1)).unwrap();
        journal.append(&record(2)).unwrap();
        journal.sync(&machine).unwrap();
        let whole = std::fs::read(journal_file(&trial)).unwrap();
        let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for length in 0..whole.len() {
            std::fs::write(journal_file(&trial), &whole[..length]).unwrap();
            let (mut journal, contents) = Journal::open(&machine, "t").unwrap();
            // Also a line that lacks only its end is whole.
            let ends = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end);
            let lines = ends.clone().filter(|end| *end <= length).count();
            assert_eq!(contents.records.len(), lines.saturating_sub(1), "cut at {length}");
            let torn = length > 0 && !ends.clone().any(|end| end == length || end + 1 == length);
            assert_eq!(contents.damaged, u64::from(torn), "cut at {length}");
            journal.append(&Record::RollbackBegun).unwrap();
            journal.sync(&machine).unwrap();
            let after = Journal::look(&machine, "t").unwrap();
            assert_eq!(after.records.len(), contents.records.len() + 1, "cut at {length}");
            assert_eq!(after.damaged, contents.damaged, "cut at {length}");
            let contents = after;
            assert_eq!(contents.records.last(), Some(&Record::RollbackBegun), "cut at {length}");
            assert_eq!(contents.title.is_empty(), length + 1 < header);
        }
    }

    #[test]
    fn no_changed_byte_is_taken_for_a_record() {
        let trial = Trial::new();
        let machine = begun(&trial);
        let mut journal = Journal::create(&machine, "t", "x").unwrap();
        journal.append(&record(1)).unwrap();
        journal.sync(&machine).unwrap();
        let whole = std::fs::read(journal_file(&trial)).unwrap();
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 0x15;
            std::fs::write(journal_file(&trial), &changed).unwrap();
            let contents = Journal::look(&machine, "t").unwrap();
            assert!(contents.damaged > 0, "byte {position}");
            assert!(contents.records.iter().all(|found| *found == record(1)), "byte {position}");
        }
    }

    #[test]
    fn what_an_unknown_version_wrote_is_left_alone() {
        let trial = Trial::new();
        let machine = begun(&trial);
        let mut journal = Journal::create(&machine, "t", "x").unwrap();
        journal.append(&Record::Header { version: 3, id: "t".to_owned(), title: "x".to_owned() }).unwrap();
        journal.sync(&machine).unwrap();
        assert!(matches!(Journal::open(&machine, "t"), Err(JournalError::Version { version: 3, .. })));
        assert!(matches!(recover(&machine, &mut Host::default()), Err(crate::ExecutionError::Journal(_))));
    }

    #[test]
    fn an_empty_journal_is_a_transaction_that_changed_nothing() {
        let trial = Trial::new();
        let before = trial.tree();
        let machine = begun(&trial);
        std::fs::write(journal_file(&trial), "").unwrap();
        let recovery = recover(&machine, &mut Host::default()).unwrap().unwrap();
        assert!(
            matches!(recovery, Recovery::RolledBack { report, .. } if report.complete && report.undone == 0)
        );
        assert_same(&trial.tree(), &before, "after the recovery");
    }

    #[test]
    fn only_the_owner_may_read_and_recover_it() {
        use std::os::unix::fs::PermissionsExt;
        let trial = Trial::new();
        let machine = trial.machine();
        let mut execution = Execution::begin(&machine, "t", "x", Rollback::Enabled).unwrap();
        execution.run(&script([install(r"C:\a", "a")]), &mut Host::default()).unwrap();
        drop(execution);
        let file = journal_file(&trial);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED: only root can give a file away");
            return;
        }
        std::os::unix::fs::chown(&file, Some(12345), None).unwrap();
        assert!(matches!(pending(&machine), Err(JournalError::Owner { owner: 12345, .. })));
        assert!(recover(&machine, &mut Host::default()).is_err());
    }
}

//! Who uses these files?
//!
//! First every file is probed with a lease, which costs microseconds and asks nobody; only if one is in use,
//! or the kernel would not say, are the processes looked through. Files that can be scripts are looked for
//! among interpreters as well, which read them and close them.

use std::collections::HashSet;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, openat};

use crate::error::Error;
use crate::inside_wine::Seen;
use crate::lease::{Probe, identify, probe};
use crate::proc_scan::{self, Hit, Scan, Targets};
use crate::process::UniqueProcess;
use crate::script::can_be_script;

pub use crate::proc_scan::{How, Uninspected};

/// A use of one of the files by a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUse {
    /// Which file: its index in the list that was asked for.
    pub file: usize,
    /// The ways in which it is used, in order and without repetition.
    pub how: Vec<How>,
}

/// A process that uses some of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileUser {
    /// The process.
    pub process: UniqueProcess,
    /// Its name as the kernel keeps it, at most 15 bytes.
    pub name: String,
    /// What it uses.
    pub files: Vec<FileUse>,
}

/// Whether one file is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// There is no such file.
    Missing,
    /// Nobody uses it.
    Free,
    /// It is in use, by a process named in [`Usage::users`].
    InUse,
    /// The kernel says that it is in use, but no process was found that uses it: the kernel itself (a loop
    /// device, a swap file), a process of [`Usage::uninspected`], or one that is hidden from us.
    InUseByUnknown,
    /// No process was found that uses it, but not all could be asked. The text says why.
    Unknown(String),
}

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The processes that use some of the files, in the order of their ids.
    pub users: Vec<FileUser>,
    /// Processes that could not be inspected: whether they use the files is not known. Empty when no process
    /// had to be looked at.
    pub uninspected: Vec<Uninspected>,
    /// The state of each file, in the order asked for.
    pub files: Vec<FileState>,
}

/// What the probe left open about one file.
enum Question {
    /// Nothing: the answer stands.
    Settled(FileState),
    /// In use for certain: by whom?
    ByWhom,
    /// In use at all?
    InUse,
    /// Read as a script?
    Script,
    /// In use at all, and a part of it cannot even be looked for.
    InPart(String),
}

/// Finds the processes that use these files, links followed. A folder stands for everything beneath it on its
/// file system.
///
/// # Errors
/// [`Error::ProcUnusable`] when processes had to be looked at and `/proc` does not serve.
pub fn uses(files: &[PathBuf]) -> Result<Usage, Error> {
    uses_seen(files, &mut Seen::default())
}

/// The same, with what was seen inside of Wine.
pub(crate) fn uses_seen(files: &[PathBuf], seen: &mut Seen) -> Result<Usage, Error> {
    let mut targets = Targets::default();
    let mut questions: Vec<Question> = Vec::with_capacity(files.len());
    for (index, path) in files.iter().enumerate() {
        questions.push(match probe(path) {
            Probe::Missing => Question::Settled(FileState::Missing),
            Probe::Free => Question::Settled(FileState::Free),
            Probe::Unreachable(errno) => Question::Settled(FileState::Unknown(errno.to_string())),
            Probe::FreeScript(id) => {
                targets.add_script(id, index);
                Question::Script
            }
            Probe::InUse(id) => {
                targets.scripts |= is_script(path);
                targets.add(id, index);
                Question::ByWhom
            }
            Probe::Unknown(id) => {
                targets.scripts |= is_script(path);
                targets.add(id, index);
                Question::InUse
            }
            Probe::Folder => match proc_scan::add_folder(&mut targets, path, index) {
                Ok(()) => Question::InUse,
                Err(reason) => Question::InPart(reason),
            },
        });
    }
    // Without a question nobody has to be looked at.
    let mut scan = if targets.is_empty() { Scan::default() } else { proc_scan::scan(&targets)? };
    seen.add_holders(&targets, &mut scan.hits);
    let users: Vec<FileUser> = scan.hits.into_iter().map(file_user).collect();
    let used: HashSet<usize> = users.iter().flat_map(|user| user.files.iter().map(|it| it.file)).collect();
    let answer = |(index, question): (usize, Question)| match question {
        Question::Settled(state) => state,
        _ if used.contains(&index) => FileState::InUse,
        Question::ByWhom => match files.get(index).map(|path| probe(path)) {
            // Its user ended between the probe and the scan.
            Some(Probe::Free | Probe::FreeScript(_)) => FileState::Free,
            _ => FileState::InUseByUnknown,
        },
        Question::Script => match files.get(index).and_then(|path| path.file_name()) {
            Some(name) if scan.hidden_scripts.iter().any(|it| it == name) => {
                FileState::Unknown("a script of this name runs, and its file cannot be told".to_owned())
            }
            _ => FileState::Free,
        },
        Question::InPart(reason) => FileState::Unknown(reason),
        Question::InUse if scan.uninspected.is_empty() => FileState::Free,
        Question::InUse => {
            FileState::Unknown(format!("{} processes could not be inspected", scan.uninspected.len()))
        }
    };
    let files = questions.into_iter().enumerate().map(answer).collect();
    Ok(Usage { users, uninspected: scan.uninspected, files })
}

fn is_script(path: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let is_file = identify(CWD, path).is_ok_and(|(_, kind)| kind == FileType::RegularFile);
    is_file && openat(CWD, path, flags, Mode::empty()).is_ok_and(|file| can_be_script(path, file.as_fd()))
}

fn file_user(hit: Hit) -> FileUser {
    let mut files: Vec<FileUse> = Vec::new();
    // Sorted by file, so that the uses of one file are neighbours.
    for (file, how) in hit.uses {
        match files.last_mut() {
            Some(last) if last.file == file => last.how.push(how),
            _ => files.push(FileUse { file, how: vec![how] }),
        }
    }
    FileUser { process: hit.process, name: hit.name, files }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn files_that_nobody_uses_need_no_look_at_processes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, b"x").unwrap();
        let usage = uses(&[path, folder.path().join("missing")]).unwrap();
        assert_eq!(usage.files, [FileState::Free, FileState::Missing]);
        assert_eq!((usage.users.len(), usage.uninspected.len()), (0, 0));
    }

    #[test]
    fn we_are_named_for_a_file_that_we_hold_open_under_another_hard_link() {
        let folder = tempfile::tempdir().unwrap();
        let (held, asked) = (folder.path().join("held"), folder.path().join("asked"));
        std::fs::write(&held, b"x").unwrap();
        std::fs::hard_link(&held, &asked).unwrap();
        let file = File::open(&held).unwrap();
        let usage = uses(&[folder.path().join("missing"), asked]).unwrap();
        assert_eq!(usage.files, [FileState::Missing, FileState::InUse]);
        assert_eq!(usage.users.len(), 1);
        assert_eq!(usage.users[0].process, UniqueProcess::current().unwrap());
        assert_eq!(usage.users[0].files, [FileUse { file: 1, how: vec![How::Open] }]);
        drop(file);
    }

    #[test]
    fn our_own_program_is_running_and_mapped() {
        let usage = uses(&[std::env::current_exe().unwrap()]).unwrap();
        let me = UniqueProcess::current().unwrap();
        let user = usage.users.iter().find(|user| user.process == me).unwrap();
        assert_eq!(user.files[0].how, [How::Mapped, How::Executable]);
    }

    #[test]
    fn a_folder_is_used_by_whoever_uses_something_beneath_it() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("f"), b"x").unwrap();
        let file = File::open(deep.join("f")).unwrap();
        let usage = uses(&[folder.path().to_owned()]).unwrap();
        assert_eq!(usage.files, [FileState::InUse]);
        drop(file);
        let state = uses(&[folder.path().to_owned()]).unwrap().files.remove(0);
        // Where some process cannot be inspected the answer is not "free".
        assert!(matches!(state, FileState::Free | FileState::Unknown(_)), "{state:?}");
    }
}

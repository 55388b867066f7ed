//! Where operations are planned and executed: the machine, and what one transaction knows of it.

use std::collections::{HashMap, HashSet};

use reseat_machine::{FileKind, Machine, MachineError, WindowsPath};

use crate::backup::KEEP_FOLDER;
use crate::change::Change;
use crate::error::Fault;
use crate::write_back::WriteBack;

/// The machine as one transaction sees it.
pub(crate) struct Site<'m> {
    pub machine: &'m Machine,
    /// The transaction's name, the start of the names of all its backups.
    pub id: String,
    /// Whether replaced and removed files are kept.
    pub keeps: bool,
    /// Whether a backup may be moved back to its path where it cannot be linked. Undoing in order stays possible after an
    /// interruption only if no later change of the same path will be undone again.
    pub may_use_up: bool,
    /// Reused between files.
    pub buffer: Vec<u8>,
    /// What is brought to the disk meanwhile.
    pub write_back: WriteBack,
    /// Backups named so far.
    pub backups: u64,
    /// Folders that exist or are planned.
    folders: HashSet<WindowsPath>,
    /// Those of them that this transaction makes: nothing is looked for in them when a file is planned. If there is
    /// something all the same, making the file fails and it is planned again.
    new_folders: HashSet<WindowsPath>,
    /// The folder for backups of each drive, once it is known to exist.
    keep_folders: HashMap<char, WindowsPath>,
    /// Folders on another file system than their drive: backups of their files are kept beside them.
    beside: HashSet<WindowsPath>,
    /// Fault injection of the tests.
    #[cfg(test)]
    pub fuse: crate::fuse::Fuse,
}

impl<'m> Site<'m> {
    pub fn new(machine: &'m Machine, id: &str, keeps: bool) -> Self {
        Self {
            machine,
            id: id.to_owned(),
            keeps,
            may_use_up: true,
            buffer: Vec::new(),
            write_back: WriteBack::default(),
            backups: 0,
            folders: HashSet::new(),
            new_folders: HashSet::new(),
            keep_folders: HashMap::new(),
            beside: HashSet::new(),
            #[cfg(test)]
            fuse: crate::fuse::Fuse::default(),
        }
    }

    /// A point at which the process might be killed; tests stop here.
    pub fn step(&self) -> Result<(), Fault> {
        #[cfg(test)]
        self.fuse.burn()?;
        Ok(())
    }

    /// Whether a test has stopped the execution.
    pub fn stopped(&self) -> bool {
        #[cfg(test)]
        return self.fuse.is_burnt();
        #[cfg(not(test))]
        false
    }

    /// A program ran: nothing that was known of files and registry needs to hold any more.
    pub fn program_ran(&mut self) {
        self.forget_folders();
        self.machine.forget_names();
        self.machine.forget_registry();
    }

    /// Brings to the disk what programs did, in the registry of the Wine that runs too.
    pub fn sync_programs(&self) -> Result<(), MachineError> {
        self.machine.sync_registry().and_then(|()| self.machine.sync_all())
    }

    /// Whether hard links are used where they work; tests say no.
    pub fn links(&self) -> bool {
        #[cfg(test)]
        return !self.fuse.no_links;
        #[cfg(not(test))]
        true
    }

    /// Plans the folders that are missing on the way to `folder`, and `folder` itself.
    pub fn plan_folder(&mut self, folder: &WindowsPath, changes: &mut Vec<Change>) -> Result<(), Fault> {
        let mut missing = Vec::new();
        let mut here = Some(folder.clone());
        while let Some(path) = here {
            if self.folders.contains(&path) {
                break;
            }
            match self.machine.metadata(&path)? {
                Some(metadata) if metadata.kind == FileKind::Folder => {
                    self.folders.insert(path);
                    break;
                }
                Some(_) => return Err(Fault::NotAFolder { path }),
                None => {}
            }
            here = path.parent();
            missing.push(path);
        }
        for path in missing.into_iter().rev() {
            self.folders.insert(path.clone());
            self.new_folders.insert(path.clone());
            changes.push(Change::MakeFolder { path });
        }
        Ok(())
    }

    /// Makes the folders on the way to `path`.
    pub fn make_folders_for(&self, path: &WindowsPath) -> Result<(), MachineError> {
        let mut folders: Vec<WindowsPath> =
            std::iter::successors(path.parent(), WindowsPath::parent).collect();
        folders.reverse();
        for folder in folders {
            self.machine.create_folder(&folder)?;
        }
        Ok(())
    }

    /// A folder is going to be removed.
    pub fn forget_folder(&mut self, folder: &WindowsPath) {
        self.folders.remove(folder);
        self.new_folders.remove(folder);
    }

    /// Whether this transaction makes or made the folder.
    pub fn is_new_folder(&self, folder: &WindowsPath) -> bool {
        self.new_folders.contains(folder)
    }

    /// What was seen may have changed: a program ran, or a plan did not hold.
    pub fn forget_folders(&mut self) {
        self.folders.clear();
        self.new_folders.clear();
    }

    /// Backups of files in this folder cannot be kept in the drive's own folder.
    pub fn keep_beside(&mut self, folder: WindowsPath) {
        self.beside.insert(folder);
    }

    /// A path for the backup of `path`; nothing is there yet.
    pub fn backup_path(&mut self, path: &WindowsPath) -> Result<WindowsPath, Fault> {
        let name = format!("{}-{}.rbf", self.id, self.backups);
        self.backups += 1;
        if let Some(parent) = path.parent().filter(|parent| self.beside.contains(parent)) {
            return Ok(parent.join(&name).map_err(MachineError::from)?);
        }
        Ok(self.keep_folder(path.drive())?.join(&name).map_err(MachineError::from)?)
    }

    /// The folder for backups of a drive, made if need be.
    pub fn keep_folder(&mut self, drive: char) -> Result<WindowsPath, MachineError> {
        if let Some(folder) = self.keep_folders.get(&drive) {
            return Ok(folder.clone());
        }
        let folder = WindowsPath::root(drive)?.join(KEEP_FOLDER)?;
        self.machine.create_folder(&folder)?;
        self.keep_folders.insert(drive, folder.clone());
        Ok(folder)
    }

    /// Removes the folders for backups of these drives and of those that were used here, if nothing is in them.
    pub fn remove_keep_folders(&mut self, drives: &HashSet<char>) -> Result<(), MachineError> {
        let used = std::mem::take(&mut self.keep_folders);
        for drive in drives.iter().chain(used.keys()) {
            self.machine.remove_folder(&WindowsPath::root(*drive)?.join(KEEP_FOLDER)?)?;
        }
        Ok(())
    }

    /// The path with the letter case in which its last name exists.
    pub fn spelled(&self, path: &WindowsPath) -> Result<WindowsPath, Fault> {
        let real = self.machine.unix_path(path)?;
        let Some((parent, name)) = path.parent().zip(real.file_name().and_then(|name| name.to_str())) else {
            return Ok(path.clone());
        };
        if path.file_name() == Some(name) {
            return Ok(path.clone());
        }
        Ok(parent.join(name).map_err(MachineError::from)?)
    }
}

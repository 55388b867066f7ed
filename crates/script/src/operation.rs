//! The kinds of operation.
//!
//! An operation is planned first: it looks at the machine and becomes a list of elementary [changes](crate::Change), each
//! of which knows how to undo itself. It is executed by doing these changes.

use reseat_machine::{Machine, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::content::Content;
use crate::create_folder::CreateFolder;
use crate::custom_action::ScheduledAction;
use crate::duplicate_file::DuplicateFile;
use crate::edit_ini_file::EditIniFile;
use crate::error::Fault;
use crate::install_file::InstallFile;
use crate::move_file::MoveFile;
use crate::register_font::RegisterFont;
use crate::registry_key::{CreateRegistryKey, RemoveRegistryKey};
use crate::registry_value::{RemoveRegistryValue, SetRegistryValue};
use crate::remove_file::RemoveFile;
use crate::remove_folder::RemoveFolder;
use crate::site::Site;
use crate::write_file::WriteFile;

/// The work of an operation that does not write a file's content: one block of a usual file system, in bytes.
const SMALL: u64 = 4096;

/// Something to be done to the machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Operation {
    /// Makes a folder.
    CreateFolder(CreateFolder),
    /// Removes a folder if it is empty.
    RemoveFolder(RemoveFolder),
    /// Copies a file of the package to its place.
    InstallFile(InstallFile),
    /// Writes a file whose content is in the script: shortcuts, icons.
    WriteFile(WriteFile),
    /// Changes entries of an .ini file.
    EditIniFile(EditIniFile),
    /// Copies a file of the machine.
    DuplicateFile(DuplicateFile),
    /// Moves a file of the machine.
    MoveFile(MoveFile),
    /// Removes a file.
    RemoveFile(RemoveFile),
    /// Sets a registry value.
    SetRegistryValue(SetRegistryValue),
    /// Removes a registry value.
    RemoveRegistryValue(RemoveRegistryValue),
    /// Makes a registry key.
    CreateRegistryKey(CreateRegistryKey),
    /// Removes a registry key with everything below it.
    RemoveRegistryKey(RemoveRegistryKey),
    /// Registers a font under its title.
    RegisterFont(RegisterFont),
    /// Runs a custom action, or notes it for rollback or commit.
    CustomAction(ScheduledAction),
    /// From here on nothing is kept for a rollback (`Msi/disablerollback-action.md`).
    DisableRollback,
}

/// What an operation does to the registry.
pub(crate) trait RegistryWork {
    fn apply(&self, site: &Site<'_>) -> Result<(), Fault>;
}

impl Operation {
    /// Its share of the progress: the bytes of the file that it writes, or 4,096.
    pub fn units(&self) -> u64 {
        match self {
            Self::InstallFile(file) => file.size.max(SMALL),
            Self::WriteFile(file) => (file.content.len() as u64).max(SMALL),
            _ => SMALL,
        }
    }

    /// The paths whose state it depends on or changes.
    pub(crate) fn paths(&self) -> [Option<&WindowsPath>; 2] {
        match self {
            Self::CreateFolder(folder) => [Some(&folder.path), None],
            Self::RemoveFolder(folder) => [Some(&folder.path), None],
            Self::InstallFile(file) => [Some(&file.path), None],
            Self::WriteFile(file) => [Some(&file.path), None],
            Self::EditIniFile(file) => [Some(&file.path), None],
            Self::DuplicateFile(file) => [Some(&file.from), Some(&file.to)],
            Self::MoveFile(file) => [Some(&file.from), Some(&file.to)],
            Self::RemoveFile(file) => [Some(&file.path), None],
            Self::RegisterFont(font) => [Some(&font.path), None],
            _ => [None, None],
        }
    }

    /// The changes that it consists of on the machine as it is now.
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        let changes = self.planned(site)?;
        // What would be refused is not announced: undoing it would be refused as well, each time.
        for path in changes.iter().filter_map(Change::path) {
            site.machine.may_change(path)?;
        }
        Ok(changes)
    }

    fn planned(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        match self {
            Self::CreateFolder(folder) => folder.plan(site),
            Self::RemoveFolder(folder) => folder.plan(site),
            Self::InstallFile(file) => file.plan(site),
            Self::WriteFile(file) => file.plan(site),
            Self::EditIniFile(file) => file.plan(site),
            Self::DuplicateFile(file) => file.plan(site),
            Self::MoveFile(file) => file.plan(site),
            Self::RemoveFile(file) => file.plan(site),
            _ => Ok(Vec::new()),
        }
    }

    /// What the file that it places contains.
    pub(crate) fn content(&self) -> Option<Content<'_>> {
        match self {
            Self::InstallFile(file) => Some(file.content()),
            Self::WriteFile(file) => Some(file.content()),
            Self::EditIniFile(file) => Some(file.content()),
            Self::DuplicateFile(file) => Some(file.content()),
            Self::MoveFile(file) => Some(file.content()),
            _ => None,
        }
    }

    /// What it does to the registry, if it does.
    pub(crate) fn registry_work(&self) -> Option<&dyn RegistryWork> {
        match self {
            Self::SetRegistryValue(work) => Some(work),
            Self::RemoveRegistryValue(work) => Some(work),
            Self::CreateRegistryKey(work) => Some(work),
            Self::RemoveRegistryKey(work) => Some(work),
            Self::RegisterFont(work) => Some(work),
            _ => None,
        }
    }

    /// Does to the registry in memory what executing it would do, for whoever looks ahead. Nothing is written; whoever calls
    /// this discards the changes in the end. Fonts stay out: their titles are in files that are not there yet.
    ///
    /// # Errors
    /// As when it is executed.
    pub fn rehearse(&self, machine: &Machine) -> Result<(), Fault> {
        match self.registry_work() {
            Some(work) if !matches!(self, Self::RegisterFont(_)) => {
                work.apply(&Site::new(machine, "", false))
            }
            _ => Ok(()),
        }
    }

    /// Whether it has to run by itself, after everything before it is done.
    pub(crate) fn stands_alone(&self) -> bool {
        matches!(self, Self::CustomAction(_) | Self::DisableRollback)
    }

    /// A short text for messages: the kind and what it is about.
    pub fn describe(&self) -> String {
        match self {
            Self::CreateFolder(folder) => format!("create folder {}", folder.path),
            Self::RemoveFolder(folder) => format!("remove folder {}", folder.path),
            Self::InstallFile(file) => format!("install file {}", file.path),
            Self::WriteFile(file) => format!("write file {}", file.path),
            Self::EditIniFile(file) => format!("change {} entries of {}", file.edits.len(), file.path),
            Self::DuplicateFile(file) => format!("copy file {} to {}", file.from, file.to),
            Self::MoveFile(file) => format!("move file {} to {}", file.from, file.to),
            Self::RemoveFile(file) => format!("remove file {}", file.path),
            Self::SetRegistryValue(value) => format!("set registry value {:?} of {}", value.name, value.key),
            Self::RemoveRegistryValue(value) => {
                format!("remove registry value {:?} of {}", value.name, value.key)
            }
            Self::CreateRegistryKey(key) => format!("create registry key {}", key.key),
            Self::RemoveRegistryKey(key) => format!("remove registry key {}", key.key),
            Self::RegisterFont(font) => format!("register font {}", font.path),
            Self::CustomAction(action) => format!("custom action {}", action.action),
            Self::DisableRollback => "disable rollback".to_owned(),
        }
    }
}

macro_rules! operation_from {
    ($($kind:ident($payload:ty)),* $(,)?) => {
        $(impl From<$payload> for Operation {
            fn from(payload: $payload) -> Self {
                Self::$kind(payload)
            }
        })*
    };
}

operation_from!(
    CreateFolder(CreateFolder),
    RemoveFolder(RemoveFolder),
    InstallFile(InstallFile),
    WriteFile(WriteFile),
    EditIniFile(EditIniFile),
    DuplicateFile(DuplicateFile),
    MoveFile(MoveFile),
    RemoveFile(RemoveFile),
    SetRegistryValue(SetRegistryValue),
    RemoveRegistryValue(RemoveRegistryValue),
    CreateRegistryKey(CreateRegistryKey),
    RemoveRegistryKey(RemoveRegistryKey),
    RegisterFont(RegisterFont),
    CustomAction(ScheduledAction),
);

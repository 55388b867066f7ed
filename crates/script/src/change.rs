//! Elementary changes of the machine, each with what undoes it.
//!
//! A change is written to the journal before it is done. Undoing it is an assignment: the path is brought to the state
//! before the change whether the change ran, ran half, or was undone already. This holds as long as the backup is there;
//! a missing backup means that the change never began.

use std::fmt;

use reseat_machine::{RegistryUndo, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::backup;
use crate::content::Content;
use crate::environment::Environment;
use crate::error::Fault;
use crate::site::Site;
use crate::{create_folder, placing, remove_file, remove_folder};

/// An elementary change; the journal lists these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A folder is made where nothing was.
    MakeFolder {
        /// The folder.
        path: WindowsPath,
    },
    /// A file is made where nothing was.
    CreateFile {
        /// The file.
        path: WindowsPath,
    },
    /// A file is replaced by a new one.
    ReplaceFile {
        /// The new file.
        path: WindowsPath,
        /// The old one, with its own letter case.
        old: WindowsPath,
        /// Where the old one is kept.
        backup: WindowsPath,
    },
    /// A file is taken away.
    DropFile {
        /// The file, with its own letter case.
        path: WindowsPath,
        /// Where it is kept.
        backup: WindowsPath,
    },
    /// A folder is taken away if it is empty.
    DropFolder {
        /// The folder, with its own letter case.
        path: WindowsPath,
        /// Where it is kept, for its permissions.
        backup: WindowsPath,
    },
    /// Keys of the registry are going to be saved.
    SaveRegistry(RegistryUndo),
}

impl Change {
    /// Does the change. [`Fault::Stale`] means that the machine is not as it was planned, and that nothing was done.
    pub(crate) fn apply(
        &self,
        content: Option<&Content<'_>>,
        site: &mut Site<'_>,
        environment: &mut dyn Environment,
    ) -> Result<(), Fault> {
        match self {
            Self::MakeFolder { path } => create_folder::make(site, path),
            Self::CreateFile { path } => placing::create(site, path, content, environment),
            Self::ReplaceFile { path, old, backup } => {
                placing::replace(site, path, old, backup, content, environment)
            }
            Self::DropFile { path, backup } => remove_file::drop_file(site, path, backup),
            Self::DropFolder { path, backup } => remove_folder::drop_folder(site, path, backup),
            // It is done with the operations that change the registry.
            Self::SaveRegistry(_) => Ok(()),
        }
    }

    /// Brings the path to the state before the change.
    pub(crate) fn undo(&self, site: &mut Site<'_>) -> Result<(), Fault> {
        match self {
            Self::MakeFolder { path } => create_folder::unmake(site, path),
            Self::CreateFile { path } => placing::uncreate(site, path),
            Self::ReplaceFile { old, backup, .. } => placing::unreplace(site, old, backup),
            Self::DropFile { path, backup } => backup::restore(site, backup, path),
            Self::DropFolder { path, backup } => remove_folder::undrop_folder(site, path, backup),
            Self::SaveRegistry(undo) => {
                site.machine.undo_registry(undo)?;
                site.step()
            }
        }
    }

    /// Removes what was kept for undoing it.
    pub(crate) fn discard(&self, site: &mut Site<'_>) -> Result<(), Fault> {
        match self {
            Self::MakeFolder { .. } | Self::CreateFile { .. } => Ok(()),
            Self::ReplaceFile { backup, .. } | Self::DropFile { backup, .. } => backup::discard(site, backup),
            Self::DropFolder { path, backup } => remove_folder::discard(site, path, backup),
            Self::SaveRegistry(undo) => {
                site.machine.discard_registry_undo(undo)?;
                site.step()
            }
        }
    }

    /// The folder that it makes, if it makes one.
    pub(crate) fn made_folder(&self) -> Option<&WindowsPath> {
        if let Self::MakeFolder { path } = self { Some(path) } else { None }
    }

    /// The path that it changes, if it is one of a drive.
    pub(crate) fn path(&self) -> Option<&WindowsPath> {
        match self {
            Self::MakeFolder { path }
            | Self::CreateFile { path }
            | Self::ReplaceFile { path, .. }
            | Self::DropFile { path, .. }
            | Self::DropFolder { path, .. } => Some(path),
            Self::SaveRegistry(_) => None,
        }
    }
}

/// Says what undoing the change does, as the rollback script is shown.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeFolder { path } => write!(f, "remove folder {path}"),
            Self::CreateFile { path } => write!(f, "remove file {path}"),
            Self::ReplaceFile { old, backup, .. } => write!(f, "restore file {old} from {backup}"),
            Self::DropFile { path, backup } => write!(f, "restore file {path} from {backup}"),
            Self::DropFolder { path, .. } => write!(f, "restore folder {path}"),
            Self::SaveRegistry(undo) => write!(f, "{undo}"),
        }
    }
}

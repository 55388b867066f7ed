//! Removing an empty folder, and undoing that.
//!
//! The folder is not removed but put aside, so that it comes back with its owner and permissions.

use reseat_machine::{FileKind, MachineError, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::backup;
use crate::change::Change;
use crate::error::Fault;
use crate::site::Site;

/// Removes a folder if it is there and empty (`Msi/removefolders-action.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveFolder {
    /// The folder.
    pub path: WindowsPath,
}

impl RemoveFolder {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        if self.path.parent().is_none() {
            return Ok(Vec::new());
        }
        match site.machine.metadata(&self.path)? {
            Some(metadata) if metadata.kind == FileKind::Folder => {
                site.forget_folder(&self.path);
                let path = site.spelled(&self.path)?;
                let backup = site.backup_path(&path)?;
                Ok(vec![Change::DropFolder { path, backup }])
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// Puts a folder aside if it is empty.
pub(crate) fn drop_folder(
    site: &mut Site<'_>,
    path: &WindowsPath,
    backup: &WindowsPath,
) -> Result<(), Fault> {
    site.step()?;
    site.forget_folder(path);
    if !site.keeps {
        site.machine.remove_folder(path)?;
        return Ok(());
    }
    match site.machine.read_folder(path) {
        Ok(entries) if entries.is_empty() => {}
        Ok(_) | Err(MachineError::NotFound { .. } | MachineError::FolderMissing { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    match site.machine.rename(path, backup) {
        Ok(()) => Ok(()),
        Err(
            MachineError::NoSpace { .. } | MachineError::CrossesDrives { .. } | MachineError::File { .. },
        ) => {
            // It cannot be put aside; undoing makes a new one.
            site.machine.remove_folder(path)?;
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Undoes [`drop_folder`].
pub(crate) fn undrop_folder(
    site: &mut Site<'_>,
    path: &WindowsPath,
    backup: &WindowsPath,
) -> Result<(), Fault> {
    site.forget_folder(path);
    if site.machine.metadata(path)?.is_none() {
        if site.machine.metadata(backup)?.is_some() {
            if !site.may_use_up {
                return Err(Fault::LastCopy { path: path.clone() });
            }
            backup::bring_back(site, backup, path)?;
        } else {
            site.make_folders_for(path)?;
            site.machine.create_folder(path)?;
        }
    }
    site.step()
}

/// Removes a folder that was put aside. If a program put something into it at the last moment, it comes back.
pub(crate) fn discard(site: &mut Site<'_>, path: &WindowsPath, backup: &WindowsPath) -> Result<(), Fault> {
    if !site.machine.remove_folder(backup)?
        && site.machine.metadata(backup)?.is_some()
        && site.machine.metadata(path)?.is_none()
    {
        tracing::warn!(%path, "the folder was not empty and comes back");
        site.machine.rename(backup, path)?;
    }
    site.step()
}

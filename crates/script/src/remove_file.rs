//! Removing a file; undoing that is in `backup.rs`.

use reseat_machine::{FileKind, MachineError, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::error::Fault;
use crate::site::Site;

/// Removes a file if it is there (`Msi/removefiles-action.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveFile {
    /// The file.
    pub path: WindowsPath,
}

impl RemoveFile {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        plan(site, &self.path)
    }
}

/// Plans that a file goes.
pub(crate) fn plan(site: &mut Site<'_>, path: &WindowsPath) -> Result<Vec<Change>, Fault> {
    match site.machine.metadata(path)? {
        None => Ok(Vec::new()),
        Some(metadata) if metadata.kind == FileKind::Folder => Err(Fault::IsFolder { path: path.clone() }),
        Some(_) => {
            let path = site.spelled(path)?;
            let backup = site.backup_path(&path)?;
            Ok(vec![Change::DropFile { path, backup }])
        }
    }
}

/// Takes a file away, to its backup.
pub(crate) fn drop_file(site: &mut Site<'_>, path: &WindowsPath, backup: &WindowsPath) -> Result<(), Fault> {
    site.step()?;
    if !site.keeps {
        site.machine.remove_file(path)?;
        return Ok(());
    }
    match site.machine.rename(path, backup) {
        Ok(()) => Ok(()),
        // Gone meanwhile, which was the aim.
        Err(MachineError::NotFound { .. } | MachineError::FolderMissing { .. }) => Ok(()),
        Err(MachineError::CrossesDrives { .. }) => {
            if let Some(folder) = path.parent() {
                site.keep_beside(folder);
            }
            Err(Fault::Stale { path: path.clone() })
        }
        Err(error) => Err(error.into()),
    }
}

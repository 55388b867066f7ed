//! Making a folder, and undoing that.

use reseat_machine::{MachineError, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::error::Fault;
use crate::site::Site;

/// Makes a folder, and those on the way to it. Nothing happens when it exists (`Msi/createfolders-action.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateFolder {
    /// The folder.
    pub path: WindowsPath,
}

impl CreateFolder {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        let mut changes = Vec::new();
        site.plan_folder(&self.path, &mut changes)?;
        Ok(changes)
    }
}

/// Makes one folder. One that appeared since the plan does as well.
pub(crate) fn make(site: &mut Site<'_>, path: &WindowsPath) -> Result<(), Fault> {
    site.step()?;
    match site.machine.create_folder(path) {
        Ok(_) => Ok(()),
        Err(MachineError::FolderMissing { .. }) => Err(Fault::Stale { path: path.clone() }),
        Err(error) => Err(error.into()),
    }
}

/// Undoes [`make`]; a folder in which something else has been put stays.
pub(crate) fn unmake(site: &mut Site<'_>, path: &WindowsPath) -> Result<(), Fault> {
    match site.machine.remove_folder(path) {
        Ok(true) => {}
        Ok(false) if site.machine.metadata(path)?.is_none() => {}
        Ok(false) => tracing::warn!(%path, "the folder is not empty and stays"),
        // Where nothing may be changed, nothing was made.
        Err(MachineError::ReadOnlyDrive { .. }) => {}
        // Somebody else's: the folder is gone.
        Err(MachineError::NotAFolder { .. }) => {
            tracing::warn!(%path, "something else is where the folder was and stays")
        }
        Err(error) => return Err(error.into()),
    }
    site.forget_folder(path);
    site.step()
}

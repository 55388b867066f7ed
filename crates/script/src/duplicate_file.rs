//! Copying a file of the machine.

use reseat_machine::{FileKind, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::content::Content;
use crate::error::Fault;
use crate::placing;
use crate::site::Site;

/// Copies a file of the machine, with its time and attributes (`Msi/duplicatefiles-action.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DuplicateFile {
    /// The file.
    pub from: WindowsPath,
    /// The copy.
    pub to: WindowsPath,
}

impl DuplicateFile {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        check_source(site, &self.from)?;
        // Whoever uses a copy that is as it is to be goes on with the same file.
        if self.from == self.to || site.machine.is_copy(&self.from, &self.to)? {
            return Ok(Vec::new());
        }
        placing::plan(site, &self.to)
    }

    pub(crate) fn content(&self) -> Content<'_> {
        Content::Copy(&self.from)
    }
}

/// Refuses what cannot be copied.
pub(crate) fn check_source(site: &Site<'_>, from: &WindowsPath) -> Result<(), Fault> {
    match site.machine.metadata(from)? {
        None => Err(Fault::FileMissing { path: from.clone() }),
        Some(metadata) if metadata.kind == FileKind::Folder => Err(Fault::IsFolder { path: from.clone() }),
        Some(_) => Ok(()),
    }
}

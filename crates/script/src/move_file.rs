//! Moving a file of the machine.
//!
//! The file gets its new name as a second one (or is copied, to another drive), then loses the old one to a backup. So
//! undoing never depends on what became of it at its new place.

use reseat_machine::WindowsPath;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::content::Content;
use crate::duplicate_file::check_source;
use crate::error::Fault;
use crate::site::Site;
use crate::{placing, remove_file};

/// Moves a file of the machine (`Msi/movefiles-action.md`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveFile {
    /// Where it is.
    pub from: WindowsPath,
    /// Where it goes.
    pub to: WindowsPath,
}

impl MoveFile {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        check_source(site, &self.from)?;
        if self.from == self.to {
            return Ok(Vec::new());
        }
        let mut changes = placing::plan(site, &self.to)?;
        changes.extend(remove_file::plan(site, &self.from)?);
        Ok(changes)
    }

    pub(crate) fn content(&self) -> Content<'_> {
        Content::Same(&self.from)
    }
}

//! Patches (`.msp`): transforms for several packages, the cabinets with the files, and the order among other patches.
//!
//! Documented on the pages `patch-packages.md`, `msipatchsequence-table.md` and `sequencing-patches.md`. A patch has two
//! transforms for each target: one that makes the new package of the old one, and one whose name starts with `#` that adds
//! what the installer needs for patching, such as the patch's disk.

mod apply;
mod error;
mod renumber;
mod sequence;

use std::collections::HashSet;
use std::path::Path;

pub use apply::Applied;
pub use error::PatchError;
pub use sequence::{Outcome, Sequence, apply_all};

use crate::{Database, DatabaseKind, Guid, ProductCode, Reading, SummaryInformation, Transform};

/// An open patch.
#[derive(Debug)]
pub struct Patch {
    database: Database,
    summary: SummaryInformation,
}

/// The two transforms of a patch for one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Storage of the transform that makes the new package of the old one.
    pub transform: String,
    /// Storage of the transform that adds what patching needs.
    pub additions: Option<String>,
}

impl Patch {
    /// Opens the patch at `path`.
    ///
    /// # Errors
    /// As for [`Database::open`], or when the summary information cannot be read.
    pub fn open(path: &Path, reading: Reading) -> Result<Self, PatchError> {
        Self::from_database(Database::open(path, reading)?)
    }

    /// Opens a patch that is in memory.
    ///
    /// # Errors
    /// As for [`Patch::open`].
    pub fn from_bytes(bytes: Vec<u8>, reading: Reading) -> Result<Self, PatchError> {
        Self::from_database(Database::from_bytes(bytes, reading)?)
    }

    fn from_database(database: Database) -> Result<Self, PatchError> {
        if matches!(database.kind(), DatabaseKind::Package | DatabaseKind::Transform) {
            return Err(PatchError::NoPatch);
        }
        let summary = database.summary()?;
        Ok(Self { database, summary })
    }

    /// The patch's own tables, `MsiPatchSequence` and `MsiPatchMetadata`, and its cabinets.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The summary information (page `summary-property-descriptions.md`).
    pub fn summary(&self) -> &SummaryInformation {
        &self.summary
    }

    /// The patch code; nothing when the revision number does not start with one.
    pub fn code(&self) -> Option<Guid> {
        self.codes().next()
    }

    /// The codes of the patches that this one replaces.
    pub fn replaces(&self) -> Vec<Guid> {
        self.codes().skip(1).collect()
    }

    /// The products that can be patched (page `template-summary.md`).
    pub fn products(&self) -> Vec<ProductCode> {
        let list = self.summary.template().unwrap_or_default().split(';');
        list.filter_map(|code| code.trim().parse().ok()).collect()
    }

    /// The storages of the transforms, in the order in which they are tried.
    pub fn targets(&self) -> Vec<Target> {
        let list = self.summary.last_saved_by().unwrap_or_default().split(';');
        let names: Vec<&str> = list.map(|name| name.trim().trim_start_matches(':')).collect();
        let additions: HashSet<&str> = names.iter().filter_map(|name| name.strip_prefix('#')).collect();
        // A storage that is listed twice would not fit the second time either.
        let mut listed = HashSet::new();
        let transforms = names.iter().filter(|name| !name.is_empty() && !name.starts_with('#'));
        let targets = transforms.filter(|name| listed.insert(**name)).map(|name| Target {
            transform: (*name).to_owned(),
            additions: additions.contains(name).then(|| format!("#{name}")),
        });
        targets.collect()
    }

    /// The transform in a storage of the patch.
    ///
    /// # Errors
    /// When there is none of this name, or it cannot be read.
    pub fn transform(&self, name: &str) -> Result<Transform, PatchError> {
        let failed = |source| PatchError::Transform { transform: name.to_owned(), source };
        let transform = self.database.transform(name).map_err(failed)?;
        transform.ok_or_else(|| PatchError::MissingTransform { transform: name.to_owned() })
    }

    /// The codes in the revision number, which follow each other without separators (page
    /// `revision-number-summary.md`).
    fn codes(&self) -> impl Iterator<Item = Guid> {
        let list = self.summary.revision_number().unwrap_or_default();
        list.split_inclusive('}').map_while(|code| code.trim().parse().ok())
    }
}

//! Copying a file of the package to its place.

use std::path::PathBuf;
use std::time::SystemTime;

use reseat_machine::{Attributes, WindowsPath};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::content::Content;
use crate::error::Fault;
use crate::placing;
use crate::site::Site;

/// Copies a file of the package to its place, with the folders that it needs (`Msi/installfiles-action.md`). Whether it
/// may replace what is there was decided before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallFile {
    /// Where it comes from.
    pub source: Source,
    /// Where it goes.
    pub path: WindowsPath,
    /// Its size in bytes, neither more nor less.
    pub size: u64,
    /// Its attributes.
    #[serde(default)]
    pub attributes: Attributes,
    /// When its content was last changed; now, if the package does not say.
    #[serde(default)]
    pub modified: Option<SystemTime>,
    /// Whether a program or library has to have the checksum that its header states.
    #[serde(default)]
    pub verified: bool,
}

/// Where a file of the package is; read through [`Environment::copy_source`](crate::Environment::copy_source).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// In a cabinet.
    Cabinet {
        /// The DiskId of the Media table.
        media: u32,
        /// The name in the cabinet: the key of the File table.
        name: String,
    },
    /// A file of this computer.
    File {
        /// Its Unix path.
        path: PathBuf,
    },
    /// A stream of the package.
    Stream {
        /// Its name.
        name: String,
    },
}

impl InstallFile {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        placing::plan(site, &self.path)
    }

    pub(crate) fn content(&self) -> Content<'_> {
        Content::Source {
            source: &self.source,
            size: self.size,
            attributes: self.attributes,
            modified: self.modified,
            verified: self.verified,
        }
    }
}

//! Writing a file whose content is in the script.

use reseat_machine::WindowsPath;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::content::Content;
use crate::error::Fault;
use crate::placing;
use crate::site::Site;

/// Writes a file whose content is in the script: a shortcut, an icon, an ini file after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteFile {
    /// Where it goes.
    pub path: WindowsPath,
    /// All its bytes.
    pub content: Vec<u8>,
}

impl WriteFile {
    pub(crate) fn plan(&self, site: &mut Site<'_>) -> Result<Vec<Change>, Fault> {
        placing::plan(site, &self.path)
    }

    pub(crate) fn content(&self) -> Content<'_> {
        Content::Bytes(&self.content)
    }
}

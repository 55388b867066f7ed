//! How loose files lie at the source of a package: bits 0 and 1 of the Word Count summary property (page
//! `word-count-summary.md`).

use reseat_database::SummaryInformation;

use crate::directory::DirectoryTree;
use crate::file_name::NameForm;

/// How loose files lie at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceImage {
    /// The form of their names.
    pub names: NameForm,
    /// Whether all lie in the root, as beside compressed sources; else they match the Directory table.
    pub is_flat: bool,
}

impl SourceImage {
    /// The image that a summary describes; an administrative one matches the Directory table.
    pub fn of(summary: &SummaryInformation) -> Self {
        Self {
            names: if summary.has_short_names() { NameForm::Short } else { NameForm::Long },
            is_flat: summary.is_compressed() && !summary.is_administrative(),
        }
    }

    /// The path of a folder beneath the root of the source: empty for the root itself, else ending in a backslash; nothing
    /// when there is no such folder.
    pub fn path(self, tree: &DirectoryTree, directory: &str) -> Option<String> {
        let path = tree.source_path(directory, self.names)?;
        Some(if self.is_flat { String::new() } else { path })
    }
}

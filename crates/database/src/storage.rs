//! The compound file that holds a package: streams, nested storages and their class identifiers.
//!
//! Only reading is here, and only as much of the file is read as a question needs: the header, the directory,
//! and the parts of the allocation table that a stream's chain passes through. The layout is the one of the
//! Compound File Binary format, versions 3 (sectors of 512 bytes) and 4 (sectors of 4096 bytes). What the
//! streams mean is not known here. Writing is in [`crate::save`].

mod chain;
mod directory;
mod error;
mod sectors;
mod source;
mod stream;

use std::path::Path;
use std::sync::Arc;

use crate::findings::Findings;
use directory::Directory;
pub(crate) use directory::{Entry, EntryKind};
pub use error::StorageError;
use sectors::Sectors;
use source::Source;
pub use stream::Stream;

/// An open compound file, or a storage nested in one; clones of the parts share the file.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    sectors: Arc<Sectors>,
    directory: Arc<Directory>,
    root: u32,
    children: Vec<u32>,
}

impl Storage {
    /// Opens the file at `path`.
    pub fn open(path: &Path, findings: &Findings) -> Result<Self, StorageError> {
        Self::from_source(Source::open(path)?, findings)
    }

    /// Opens a compound file that is in memory.
    pub fn from_bytes(bytes: Vec<u8>, findings: &Findings) -> Result<Self, StorageError> {
        Self::from_source(Source::Memory(bytes.into()), findings)
    }

    fn from_source(source: Source, findings: &Findings) -> Result<Self, StorageError> {
        let sectors = Arc::new(Sectors::open(source, findings)?);
        let directory = Arc::new(Directory::read(&sectors, findings)?);
        let children = directory.children(0, findings)?;
        Ok(Self { sectors, directory, root: 0, children })
    }

    /// The length of the whole file in bytes.
    pub fn file_length(&self) -> u64 {
        self.sectors.file_length()
    }

    /// The class identifier of this storage, in stored order.
    pub fn class(&self) -> [u8; 16] {
        self.directory.entry(self.root).map_or([0; 16], |entry| entry.class)
    }

    /// The directory's entry of this storage itself.
    pub fn own_entry(&self) -> Option<&Entry> {
        self.directory.entry(self.root)
    }

    /// The streams and storages directly in this one, in the order of the directory.
    pub fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.children.iter().filter_map(|&id| Some((id, self.directory.entry(id)?)))
    }

    /// The content of a stream, by the number that [`Storage::entries`] gave.
    pub fn stream(&self, id: u32, findings: &Findings) -> Result<Stream, StorageError> {
        let entry = self.directory.entry(id).ok_or(StorageError::EntryLink { entry: self.root, link: id })?;
        Stream::open(&self.sectors, &self.directory, entry, findings)
    }

    /// A storage nested in this one, by the number that [`Storage::entries`] gave.
    pub fn nested(&self, id: u32, findings: &Findings) -> Result<Self, StorageError> {
        let children = self.directory.children(id, findings)?;
        Ok(Self { sectors: self.sectors.clone(), directory: self.directory.clone(), root: id, children })
    }
}

#[cfg(test)]
mod tests;

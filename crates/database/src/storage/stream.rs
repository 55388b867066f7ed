//! The content of one stream, read as it is asked for.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::chain::Chain;
use super::directory::{Directory, Entry};
use super::sectors::{END_OF_CHAIN, MINI_LIMIT, Sectors};
use super::{Source, StorageError};
use crate::bytes::u32_at;
use crate::findings::Findings;

const MINI_SECTOR: u64 = 64;

/// The content of a stream; reading one does not disturb another.
#[derive(Debug, Clone)]
pub struct Stream {
    content: Content,
    length: u64,
    position: u64,
}

#[derive(Debug, Clone)]
enum Content {
    /// All of a file, or bytes in memory.
    Whole(Arc<Source>),
    Sectors(Arc<Sectors>, Chain),
}

impl Stream {
    pub(super) fn open(
        sectors: &Arc<Sectors>,
        directory: &Directory,
        entry: &Entry,
        findings: &Findings,
    ) -> Result<Self, StorageError> {
        if entry.length < MINI_LIMIT {
            return Ok(Self::from_bytes(read_mini(sectors, directory, entry, findings)?));
        }
        let limit = u64::from(sectors.count()) * sectors.size();
        let mut length = entry.length;
        if length > limit {
            findings.tolerate_storage(too_long(entry, limit))?;
            length = limit;
        }
        Ok(Self { content: Content::Sectors(sectors.clone(), Chain::new(entry.start)), length, position: 0 })
    }

    /// A stream whose content is in memory.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self::from_source(Source::Memory(bytes.into()))
    }

    /// A stream whose content is the file at `path`, which is read when the stream is.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open_file(path: &Path) -> Result<Self, StorageError> {
        Source::open(path).map(Self::from_source)
    }

    fn from_source(source: Source) -> Self {
        Self { length: source.len(), content: Content::Whole(Arc::new(source)), position: 0 }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The whole content.
    ///
    /// # Errors
    /// When the file ends early, a chain of sectors is damaged, or the operating system refuses a read.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StorageError> {
        let mut bytes = vec![0; self.length as usize];
        match &self.content {
            Content::Whole(source) => source.read(&mut bytes, 0)?,
            Content::Sectors(sectors, chain) => chain.clone().read(sectors, 0, &mut bytes)?,
        }
        Ok(bytes)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let take = self.length.saturating_sub(self.position).min(buffer.len() as u64) as usize;
        let Some(buffer) = buffer.get_mut(..take).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = match &mut self.content {
            Content::Whole(source) => source.read(buffer, self.position),
            Content::Sectors(sectors, chain) => chain.read(sectors, self.position, buffer),
        };
        read.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.position += take as u64;
        Ok(take)
    }
}

impl Seek for Stream {
    fn seek(&mut self, target: SeekFrom) -> io::Result<u64> {
        let position = match target {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Reads a stream that is kept in pieces of 64 bytes in the mini stream, which is the root entry's own
/// stream.
fn read_mini(
    sectors: &Sectors,
    directory: &Directory,
    entry: &Entry,
    findings: &Findings,
) -> Result<Vec<u8>, StorageError> {
    let mut bytes = vec![0; entry.length as usize];
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let root = directory.root().ok_or(StorageError::NoRoot)?;
    let expected = entry.length.div_ceil(MINI_SECTOR);
    let mut container = Chain::new(root.start);
    let mut table = Chain::new(sectors.first_mini_table);
    let mut place = entry.start;
    let mut done = 0;
    for chunk in bytes.chunks_mut(MINI_SECTOR as usize) {
        let offset = u64::from(place) * MINI_SECTOR;
        if place >= END_OF_CHAIN || offset + chunk.len() as u64 > root.length {
            findings.tolerate_storage(StorageError::ChainEnds { start: entry.start, got: done, expected })?;
            break;
        }
        container.read(sectors, offset, chunk)?;
        done += 1;
        if done < expected {
            let mut next = [0; 4];
            table.read(sectors, u64::from(place) * 4, &mut next)?;
            place = u32_at(&next, 0).unwrap_or(END_OF_CHAIN);
        }
    }
    bytes.truncate((done * MINI_SECTOR).min(entry.length) as usize);
    Ok(bytes)
}

fn too_long(entry: &Entry, limit: u64) -> StorageError {
    StorageError::StreamLength { name: entry.display_name(), got: entry.length, limit }
}

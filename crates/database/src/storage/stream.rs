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
    let mut table = MiniTable::new(sectors);
    let mut place = entry.start;
    let mut done = 0;
    while done < expected {
        // Pieces that follow each other are read at once.
        let (first, before) = (place, done);
        let mut ends = false;
        while done < expected && u64::from(place) == u64::from(first) + (done - before) {
            let end = u64::from(place) * MINI_SECTOR + MINI_SECTOR.min(entry.length - done * MINI_SECTOR);
            ends = place >= END_OF_CHAIN || end > root.length;
            if ends {
                break;
            }
            done += 1;
            if done < expected {
                place = table.next(place)?;
            }
        }
        let range = (before * MINI_SECTOR) as usize..(done * MINI_SECTOR).min(entry.length) as usize;
        container.read(sectors, u64::from(first) * MINI_SECTOR, bytes.get_mut(range).unwrap_or_default())?;
        if ends {
            findings.tolerate_storage(StorageError::ChainEnds { start: entry.start, got: done, expected })?;
            break;
        }
    }
    bytes.truncate((done * MINI_SECTOR).min(entry.length) as usize);
    Ok(bytes)
}

/// The table that says which piece of the mini stream follows which; one sector of it is kept.
struct MiniTable<'s> {
    sectors: &'s Sectors,
    chain: Chain,
    /// The entries from this number on.
    first: u32,
    entries: Vec<u8>,
}

impl<'s> MiniTable<'s> {
    /// Entries that are read at once; no sector has fewer.
    const ENTRIES: u32 = 128;

    fn new(sectors: &'s Sectors) -> Self {
        Self { sectors, chain: Chain::new(sectors.first_mini_table), first: 0, entries: Vec::new() }
    }

    fn next(&mut self, place: u32) -> Result<u32, StorageError> {
        let first = place / Self::ENTRIES * Self::ENTRIES;
        if self.entries.is_empty() || self.first != first {
            self.entries.resize(4 * Self::ENTRIES as usize, 0);
            self.first = first;
            if self.chain.read(self.sectors, u64::from(first) * 4, &mut self.entries).is_err() {
                // The file may end within the sector: what is asked for may be there all the same.
                self.entries.clear();
                let mut entry = [0; 4];
                self.chain.read(self.sectors, u64::from(place) * 4, &mut entry)?;
                return Ok(u32::from_le_bytes(entry));
            }
        }
        Ok(u32_at(&self.entries, 4 * (place - first) as usize).unwrap_or(END_OF_CHAIN))
    }
}

fn too_long(entry: &Entry, limit: u64) -> StorageError {
    StorageError::StreamLength { name: entry.display_name(), got: entry.length, limit }
}

//! Header, sectors and the allocation table, which is read a sector at a time when a chain passes through it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Source, StorageError};
use crate::bytes::{u16_at, u32_at};
use crate::findings::Findings;

const SIGNATURE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
const HEADER_LENGTH: usize = 512;
/// Places of allocation table sectors that the header itself holds.
const HEADER_PLACES: usize = 109;
/// The largest number that is a sector; those above have meanings of their own.
const LAST_SECTOR: u32 = 0xFFFF_FFFA;
pub(super) const END_OF_CHAIN: u32 = 0xFFFF_FFFE;
const UNUSED: u32 = 0xFFFF_FFFF;
/// Streams shorter than this are kept in the mini stream.
pub(super) const MINI_LIMIT: u64 = 4096;

/// The sectors of a compound file and how they are chained.
#[derive(Debug)]
pub(super) struct Sectors {
    source: Source,
    /// Size of a sector, as a power of two.
    shift: u32,
    /// How many sectors the file has; the last may be cut short.
    count: u32,
    pub version: u16,
    pub first_directory: u32,
    pub first_mini_table: u32,
    table: Mutex<AllocationTable>,
}

/// The parts of the allocation table seen so far.
#[derive(Debug)]
struct AllocationTable {
    /// Sectors that hold the table, in order, as far as they were looked up.
    places: Vec<u32>,
    /// The next sector that lists places.
    next_list: u32,
    lists_read: u32,
    loaded: HashMap<usize, Arc<[u8]>>,
}

impl Sectors {
    pub fn open(source: Source, findings: &Findings) -> Result<Self, StorageError> {
        let mut header = [0; HEADER_LENGTH];
        let mut found = [0; 8];
        if source.len() < 8 {
            return Err(StorageError::Truncated {
                offset: 0,
                length: HEADER_LENGTH,
                file_length: source.len(),
            });
        }
        source.read_padded(&mut header, 0)?;
        found.copy_from_slice(header.get(..8).unwrap_or(&SIGNATURE));
        if found != SIGNATURE {
            return Err(StorageError::Signature { found });
        }
        if source.len() < HEADER_LENGTH as u64 {
            source.read(&mut header, 0)?;
        }
        let word = |offset| u16_at(&header, offset).unwrap_or_default();
        let number = |offset| u32_at(&header, offset).unwrap_or_default();

        let (version, shift) = (word(26), u32::from(word(30)));
        let field = |field, got: u32, expected| StorageError::Header { field, got, expected };
        if !matches!(shift, 9 | 12) {
            return Err(field("sector shift", shift, "9 or 12"));
        }
        if !matches!((version, shift), (3, 9) | (4, 12)) {
            findings.tolerate_storage(field(
                "major version",
                version.into(),
                "3 for 512, 4 for 4096 bytes",
            ))?;
        }
        if word(28) != 0xFFFE {
            findings.tolerate_storage(field("byte order", word(28).into(), "65534"))?;
        }
        if word(32) != 6 {
            return Err(field("mini sector shift", word(32).into(), "6"));
        }
        if u64::from(number(56)) != MINI_LIMIT {
            return Err(field("mini stream cutoff", number(56), "4096"));
        }

        // Sector 0 follows the header, which takes the room of a whole sector.
        let count = (source.len().div_ceil(1 << shift)).saturating_sub(1).min(u64::from(LAST_SECTOR)) as u32;
        let places =
            (0..HEADER_PLACES).map(|index| number(76 + 4 * index)).take_while(|&place| place != UNUSED);
        let table = AllocationTable {
            places: places.collect(),
            next_list: number(68),
            lists_read: 0,
            loaded: HashMap::new(),
        };
        Ok(Self {
            shift,
            count,
            version,
            first_directory: number(48),
            first_mini_table: number(60),
            table: Mutex::new(table),
            source,
        })
    }

    /// The size of a sector in bytes.
    pub fn size(&self) -> u64 {
        1 << self.shift
    }

    /// The length of the file in bytes.
    pub fn file_length(&self) -> u64 {
        self.source.len()
    }

    /// How many sectors the file has.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Reads bytes of a sector and of those after it in the file.
    pub fn read(&self, sector: u32, within: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        self.source.read(buffer, self.offset(sector) + within)
    }

    /// Walks the chain from `sector`, which is passed to `visit` first, until `visit` returns `false` or the
    /// chain ends. The walk itself sets no limit: `visit` has to.
    pub fn walk(&self, mut sector: u32, mut visit: impl FnMut(u32) -> bool) -> Result<(), StorageError> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if sector >= END_OF_CHAIN {
                return Ok(());
            }
            if sector >= self.count {
                return Err(StorageError::SectorOutOfRange { sector, count: self.count });
            }
            if !visit(sector) {
                return Ok(());
            }
            sector = table.next(self, sector)?;
        }
    }

    fn offset(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) << self.shift
    }

    fn whole(&self, sector: u32) -> Result<Arc<[u8]>, StorageError> {
        if sector >= self.count {
            return Err(StorageError::SectorOutOfRange { sector, count: self.count });
        }
        let mut buffer = vec![0; 1 << self.shift];
        self.source.read_padded(&mut buffer, self.offset(sector))?;
        Ok(buffer.into())
    }
}

impl AllocationTable {
    fn next(&mut self, sectors: &Sectors, sector: u32) -> Result<u32, StorageError> {
        let per_sector = 1 << (sectors.shift - 2);
        let (part, entry) = (sector as usize / per_sector, sector as usize % per_sector);
        let content = match self.loaded.get(&part) {
            Some(content) => content,
            None => {
                let content = sectors.whole(self.place(sectors, part)?)?;
                self.loaded.entry(part).or_insert(content)
            }
        };
        Ok(u32_at(content, 4 * entry).unwrap_or(END_OF_CHAIN))
    }

    /// The sector that holds a part of the table; the lists of such sectors are followed only as far as
    /// needed.
    fn place(&mut self, sectors: &Sectors, part: usize) -> Result<u32, StorageError> {
        while self.places.len() <= part {
            if self.next_list > LAST_SECTOR || self.lists_read > sectors.count {
                let (got, expected) = (self.places.len() as u64, part as u64 + 1);
                return Err(StorageError::ChainEnds { start: self.next_list, got, expected });
            }
            let list = sectors.whole(self.next_list)?;
            let entries = list.len() / 4 - 1;
            self.places.extend((0..entries).filter_map(|index| u32_at(&list, 4 * index)));
            self.next_list = u32_at(&list, 4 * entries).unwrap_or(UNUSED);
            self.lists_read += 1;
        }
        Ok(self.places.get(part).copied().unwrap_or(UNUSED))
    }
}

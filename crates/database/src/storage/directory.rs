//! The directory of a compound file: a list of entries that form trees by number.

use std::collections::HashSet;

use super::chain::Chain;
use super::{Sectors, StorageError};
use crate::bytes::{array_at, u16_at, u32_at, u64_at};
use crate::findings::Findings;

const ENTRY_LENGTH: usize = 128;
const NO_ENTRY: u32 = 0xFFFF_FFFF;

/// What a directory entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Unused,
    Storage,
    Stream,
    Root,
}

/// An entry of the directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The name as stored, without its final zero.
    pub name: Vec<u16>,
    pub kind: EntryKind,
    pub class: [u8; 16],
    /// State bits, and the times of creation and last change, as stored.
    pub marks: [u8; 20],
    pub start: u32,
    /// Length in bytes.
    pub length: u64,
    left: u32,
    right: u32,
    child: u32,
}

/// All entries.
#[derive(Debug)]
pub(super) struct Directory {
    entries: Vec<Entry>,
}

impl Directory {
    pub fn read(sectors: &Sectors, findings: &Findings) -> Result<Self, StorageError> {
        let mut chain = Chain::new(sectors.first_directory);
        let length = chain.measure(sectors)? * sectors.size();
        let mut content = vec![0; length as usize];
        chain.read(sectors, 0, &mut content)?;
        let mut entries = Vec::with_capacity(content.len() / ENTRY_LENGTH);
        for (number, bytes) in content.chunks_exact(ENTRY_LENGTH).enumerate() {
            entries.push(Entry::read(number as u32, bytes, sectors.version, findings)?);
        }
        match entries.first() {
            Some(root) if root.kind == EntryKind::Root => Ok(Self { entries }),
            _ => Err(StorageError::NoRoot),
        }
    }

    pub fn root(&self) -> Option<&Entry> {
        self.entries.first()
    }

    pub fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(number as usize)
    }

    /// The numbers of the entries directly in a storage, ascending.
    pub fn children(&self, storage: u32, findings: &Findings) -> Result<Vec<u32>, StorageError> {
        let mut met = HashSet::new();
        let mut open = vec![(storage, self.entry(storage).map_or(NO_ENTRY, |entry| entry.child))];
        while let Some((from, number)) = open.pop() {
            if number == NO_ENTRY {
                continue;
            }
            let entry = self
                .entry(number)
                .filter(|entry| matches!(entry.kind, EntryKind::Stream | EntryKind::Storage));
            let Some(entry) = entry.filter(|_| met.insert(number)) else {
                findings.tolerate_storage(StorageError::EntryLink { entry: from, link: number })?;
                continue;
            };
            open.push((number, entry.left));
            open.push((number, entry.right));
        }
        let mut children: Vec<u32> = met.into_iter().collect();
        children.sort_unstable();
        Ok(children)
    }
}

impl Entry {
    fn read(number: u32, bytes: &[u8], version: u16, findings: &Findings) -> Result<Self, StorageError> {
        let kind = match bytes.get(66) {
            Some(1) => EntryKind::Storage,
            Some(2) => EntryKind::Stream,
            Some(5) => EntryKind::Root,
            _ => EntryKind::Unused,
        };
        let mut name_length = u16_at(bytes, 64).unwrap_or_default();
        if kind != EntryKind::Unused && (!(2..=64).contains(&name_length) || !name_length.is_multiple_of(2)) {
            findings.tolerate_storage(StorageError::EntryName { entry: number, got: name_length })?;
            name_length = name_length.min(64);
        }
        let units = usize::from(name_length / 2).saturating_sub(1);
        let link = |offset| u32_at(bytes, offset).unwrap_or(NO_ENTRY);
        let length = u64_at(bytes, 120).unwrap_or_default();
        Ok(Self {
            name: (0..units).filter_map(|unit| u16_at(bytes, 2 * unit)).collect(),
            kind,
            class: array_at(bytes, 80).unwrap_or_default(),
            marks: array_at(bytes, 96).unwrap_or_default(),
            start: link(116),
            // Version 3 writers may leave anything in the upper half.
            length: if version < 4 { length & 0xFFFF_FFFF } else { length },
            left: link(68),
            right: link(72),
            child: link(76),
        })
    }

    /// The name for messages.
    pub fn display_name(&self) -> String {
        String::from_utf16_lossy(&self.name)
    }
}

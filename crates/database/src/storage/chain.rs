//! A chain of sectors as runs of neighbours, found as far as it is read.

use super::sectors::END_OF_CHAIN;
use super::{Sectors, StorageError};

/// Sectors that follow each other both in the chain and in the file.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Place of the first one in the chain.
    index: u64,
    /// Its number in the file.
    sector: u32,
    count: u32,
}

/// A chain of sectors that holds a stream.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    start: u32,
    runs: Vec<Run>,
    /// How many sectors `runs` covers.
    known: u64,
}

impl Chain {
    pub fn new(start: u32) -> Self {
        Self { start, runs: Vec::new(), known: 0 }
    }

    /// The length of the whole chain in sectors.
    pub fn measure(&mut self, sectors: &Sectors) -> Result<u64, StorageError> {
        // One more than there can be, so that a loop is told from a chain through every sector.
        self.extend(sectors, u64::from(sectors.count()) + 1)?;
        if self.known > u64::from(sectors.count()) {
            return Err(StorageError::ChainLoop { start: self.start, limit: sectors.count().into() });
        }
        Ok(self.known)
    }

    /// Fills `buffer` with the bytes of the chain from `position` on.
    pub fn read(
        &mut self,
        sectors: &Sectors,
        mut position: u64,
        mut buffer: &mut [u8],
    ) -> Result<(), StorageError> {
        if buffer.is_empty() {
            return Ok(());
        }
        let size = sectors.size();
        let wanted = (position + buffer.len() as u64).div_ceil(size);
        self.extend(sectors, wanted)?;
        if self.known < wanted {
            return Err(StorageError::ChainEnds { start: self.start, got: self.known, expected: wanted });
        }
        while !buffer.is_empty() {
            let index = position / size;
            let after = self.runs.partition_point(|run| run.index <= index);
            let Some(run) = after.checked_sub(1).and_then(|before| self.runs.get(before)) else {
                return Err(StorageError::ChainEnds { start: self.start, got: 0, expected: wanted });
            };
            let within = position - run.index * size;
            let take = (u64::from(run.count) * size - within).min(buffer.len() as u64);
            let (now, later) = buffer.split_at_mut(take as usize);
            sectors.read(run.sector, within, now)?;
            position += take;
            buffer = later;
        }
        Ok(())
    }

    /// Follows the chain until `wanted` sectors are known or it ends.
    fn extend(&mut self, sectors: &Sectors, wanted: u64) -> Result<(), StorageError> {
        if self.known >= wanted {
            return Ok(());
        }
        // The walk resumes at the last known sector, which is met again.
        let mut resumed = self.runs.is_empty();
        let from = self.runs.last().map_or(self.start, |run| run.sector + (run.count - 1));
        if from >= END_OF_CHAIN {
            return Ok(());
        }
        sectors.walk(from, |sector| {
            if !resumed {
                resumed = true;
                return true;
            }
            match self.runs.last_mut() {
                Some(run) if run.sector.checked_add(run.count) == Some(sector) => run.count += 1,
                _ => self.runs.push(Run { index: self.known, sector, count: 1 }),
            }
            self.known += 1;
            self.known < wanted
        })
    }
}

//! A folder's blocks as they are stored, read in their order across the cabinets of a set.

use std::sync::{Arc, Mutex, PoisonError};

use crate::block::{self, BLOCK_SIZE, BlockHeader, MAX_STORED};
use crate::error::CabinetError;
use crate::folder::{Folder, Run};
use crate::padded::Padded;
use crate::part::Part;

/// The files of a set that are open so far.
pub(crate) type Parts = Arc<Mutex<Vec<Part>>>;

/// Where reading has come to.
pub(crate) struct Blocks {
    parts: Parts,
    runs: Vec<Run>,
    /// They go on in the following cabinet, which is not open yet.
    continues: bool,
    run: usize,
    /// Block within the run, and its offset in the part.
    block: u16,
    offset: Option<u64>,
    /// Stored bytes of the block read last.
    pub stored: Padded,
    /// Set while a block is only partly read because it goes on in the next cabinet.
    partial: bool,
    /// Bytes of the folder's data in the blocks that are read.
    read: u64,
}

/// What reading found.
pub(crate) enum Found {
    /// A block in `stored`: its size after decompression, and its part and offset there.
    Block { size: usize, part: usize, offset: u64 },
    /// The folder's data is at its end.
    End,
    /// The following cabinet has to be opened first.
    NeedsNext,
}

impl Blocks {
    /// The blocks of a folder, before the first one.
    pub fn new(folder: &Folder, parts: &Parts) -> Self {
        Self {
            parts: parts.clone(),
            runs: folder.runs.clone(),
            continues: folder.continues,
            run: 0,
            block: 0,
            offset: None,
            stored: Padded::new(),
            partial: false,
            read: 0,
        }
    }

    /// Goes on with what the following cabinet has of the folder.
    pub fn extend(&mut self, folder: &Folder) {
        self.runs.extend(folder.runs.iter().skip(self.runs.len()));
        self.continues = folder.continues;
    }

    /// Bytes of the folder's data in the blocks that are read.
    pub fn passed(&self) -> u64 {
        self.read
    }

    /// How errors call a part.
    pub fn label(&self, part: usize) -> String {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.get(part).map(Part::label).unwrap_or_default()
    }

    /// Reads the next block.
    pub fn read(&mut self) -> Result<Found, CabinetError> {
        let parts = self.parts.clone();
        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.partial {
            self.stored.clear();
        }
        loop {
            let Some(run) = self.runs.get(self.run).copied() else {
                return Ok(if self.continues { Found::NeedsNext } else { Found::End });
            };
            if self.block >= run.blocks {
                self.run += 1;
                self.block = 0;
                self.offset = None;
                continue;
            }
            let Some(part) = parts.get_mut(run.part) else { return Ok(Found::End) };
            let offset = self.offset.unwrap_or(run.offset);
            let header = self.read_piece(part, &run, offset)?;
            self.block += 1;
            self.offset = Some(offset + piece_size(&run, header));
            if header.uncompressed == 0 {
                let last = self.block == run.blocks;
                let more = self.run + 1 < self.runs.len() || self.continues;
                if !last || !more {
                    return Err(self.size_error(part, offset, 0, "only a block that goes on may be empty"));
                }
                self.partial = true;
                continue;
            }
            self.partial = false;
            let size = usize::from(header.uncompressed);
            if size > BLOCK_SIZE {
                return Err(self.size_error(part, offset, size, "a block yields at most 32768 bytes"));
            }
            self.read += size as u64;
            return Ok(Found::Block { size, part: run.part, offset });
        }
    }

    /// Reads one stored block, or a part of one, and appends it to `stored`.
    fn read_piece(&mut self, part: &mut Part, run: &Run, offset: u64) -> Result<BlockHeader, CabinetError> {
        let header = part.read_array_at::<{ block::HEADER_SIZE }>("the header of a block", offset)?;
        let header = BlockHeader::from_bytes(header);
        let before = self.stored.len();
        let length = before + usize::from(header.stored);
        if length > MAX_STORED {
            let uncompressed = usize::from(header.uncompressed);
            return Err(CabinetError::BlockSize {
                part: part.label(),
                offset,
                compressed: length,
                uncompressed,
                rule: "a block has at most 38912 stored bytes",
            });
        }
        let mut reserved = [0; u8::MAX as usize];
        let reserved = reserved.get_mut(..usize::from(run.reserved)).unwrap_or_default();
        let reserved_offset = offset + block::HEADER_SIZE as u64;
        part.read_exact_at("the reserved area of a block", reserved_offset, reserved)?;
        let data_offset = reserved_offset + u64::from(run.reserved);
        part.require("a block", data_offset, u64::from(header.stored))?;
        let data = self.stored.grow(length - before);
        part.read_exact_at("a block", data_offset, data)?;
        verify(header, reserved, data).map_err(|computed| CabinetError::Checksum {
            part: part.label(),
            offset,
            stored: header.checksum,
            computed,
        })?;
        Ok(header)
    }

    fn size_error(&self, part: &Part, offset: u64, uncompressed: usize, rule: &'static str) -> CabinetError {
        CabinetError::BlockSize {
            part: part.label(),
            offset,
            compressed: self.stored.len(),
            uncompressed,
            rule,
        }
    }
}

fn piece_size(run: &Run, header: BlockHeader) -> u64 {
    block::HEADER_SIZE as u64 + u64::from(run.reserved) + u64::from(header.stored)
}

/// Compares the checksum; on a difference gives the computed one. Writers differ in whether the reserved area counts, so
/// either is right. 0 means that none was computed.
fn verify(header: BlockHeader, reserved: &[u8], data: &[u8]) -> Result<(), u32> {
    if header.checksum == 0 {
        return Ok(());
    }
    let computed = header.compute_checksum(&[], data);
    if computed == header.checksum || header.compute_checksum(reserved, data) == header.checksum {
        return Ok(());
    }
    Err(computed)
}

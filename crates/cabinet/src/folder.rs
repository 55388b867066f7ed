//! A folder of a set: where its data blocks lie, and the reader that goes through them in order.

use std::sync::Arc;

use crate::ahead::{Ahead, Stored};
use crate::block::{self, BLOCK_SIZE, BlockHeader, MAX_STORED};
use crate::decoder::{Compression, Decoder, Output};
use crate::error::{CabinetError, DecodeError};
use crate::padded::Padded;
use crate::part::Part;

/// The blocks of a folder in one part of the set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Index of the part.
    pub part: usize,
    /// Offset of the first block in the part.
    pub offset: u64,
    /// Number of blocks.
    pub blocks: u16,
    /// Bytes of reserved area in each block's header.
    pub reserved: u8,
}

/// A folder, possibly in several parts.
#[derive(Debug)]
pub(crate) struct Folder {
    pub compression: Compression,
    pub runs: Vec<Run>,
    /// It goes on in the following cabinet, which is not open yet.
    pub continues: bool,
    /// It starts in a cabinet before the one that was opened first.
    pub starts_before: bool,
}

/// What a step of the reader found.
pub(crate) enum Step {
    /// The next block is decompressed.
    Block,
    /// The folder's data is at its end.
    End,
    /// The following cabinet has to be opened first; then the step can be repeated.
    NeedsNext,
}

/// Goes through a folder's blocks; holds one block and what the decoder needs.
pub(crate) struct FolderReader {
    /// Index of the folder in the set.
    pub folder: usize,
    work: Work,
    run: usize,
    /// Block within the run, and its offset in the part.
    block: u16,
    offset: Option<u64>,
    /// Range of the current block in the folder's data.
    pub start: u64,
    pub end: u64,
    /// Stored bytes of the block being read.
    stored: Padded,
    /// Places for those of others.
    spare: Vec<Padded>,
    /// Set while a block is only partly read because it goes on in the next cabinet.
    partial: bool,
    /// Bytes of the folder's data in the blocks that are read.
    read: u64,
    /// What reading ahead came to: the step after all blocks that are read.
    stopped: Option<Result<Step, CabinetError>>,
}

/// Who decompresses.
enum Work {
    /// Whoever reads.
    Here(Decoder),
    /// Threads beside, and what they made of the current block.
    Beside(Box<Ahead>, Output),
}

impl Work {
    /// The bytes of the current block.
    fn output(&self) -> &[u8] {
        match self {
            Self::Here(decoder) => decoder.output(),
            Self::Beside(_, output) => output.bytes(),
        }
    }
}

/// What reading found.
enum Found {
    /// A block in `stored`: its size after decompression, and its part and offset there.
    Block { size: usize, part: usize, offset: u64 },
    /// None.
    Nothing(Step),
}

/// Folders with fewer blocks are decompressed sooner than threads are started.
const WORTH_THREADS: usize = 8;

impl FolderReader {
    /// A reader before the first block of the folder with this index, which may use so many threads beside.
    pub fn new(index: usize, folder: &Folder, threads: usize) -> Self {
        let blocks: usize = folder.runs.iter().map(|run| usize::from(run.blocks)).sum();
        let threads = if blocks < WORTH_THREADS { 0 } else { threads };
        let work = match Ahead::start(folder.compression, threads) {
            Some(ahead) => Work::Beside(Box::new(ahead), Output::default()),
            None => Work::Here(Decoder::new(folder.compression)),
        };
        Self {
            folder: index,
            work,
            run: 0,
            block: 0,
            offset: None,
            start: 0,
            end: 0,
            stored: Padded::new(),
            spare: Vec::new(),
            partial: false,
            read: 0,
            stopped: None,
        }
    }

    /// The bytes of the current block from `position` of the folder's data on.
    pub fn bytes_from(&self, position: u64) -> &[u8] {
        let skipped = position.checked_sub(self.start).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| self.work.output().get(skipped..)).unwrap_or_default()
    }

    /// Whether a thread beside has decompressed all that was read, and more would be read.
    pub fn is_ahead(&self) -> bool {
        self.stopped.is_none() && matches!(&self.work, Work::Beside(ahead, _) if ahead.waits())
    }

    /// Reads and decompresses the next block.
    pub fn step(&mut self, folder: &Folder, parts: &mut [Part]) -> Result<Step, CabinetError> {
        if matches!(self.work, Work::Beside(..)) {
            self.read_ahead(folder, parts);
            return self.take_next(parts);
        }
        match self.read(folder, parts)? {
            Found::Nothing(step) => Ok(step),
            Found::Block { size, part, offset } => {
                let decoded = match &mut self.work {
                    Work::Here(decoder) => decoder.decode(&self.stored, size),
                    Work::Beside(..) => Ok(()),
                };
                self.decoded(decoded, size, parts.get(part), offset)
            }
        }
    }

    /// Reads as many blocks as threads beside may have.
    fn read_ahead(&mut self, folder: &Folder, parts: &mut [Part]) {
        while self.stopped.is_none() && matches!(&self.work, Work::Beside(ahead, _) if ahead.has_room()) {
            let before = self.read;
            match self.read(folder, parts) {
                Ok(Found::Block { size, part, offset }) => {
                    let bytes =
                        std::mem::replace(&mut self.stored, self.spare.pop().unwrap_or_else(Padded::new));
                    if let Work::Beside(ahead, _) = &self.work {
                        ahead.push(Stored { bytes, size, before, part, offset });
                    }
                }
                Ok(Found::Nothing(step)) => self.stopped = Some(Ok(step)),
                Err(error) => self.stopped = Some(Err(error)),
            }
        }
    }

    /// Takes the next block from threads beside.
    fn take_next(&mut self, parts: &[Part]) -> Result<Step, CabinetError> {
        let Work::Beside(ahead, output) = &mut self.work else { return Ok(Step::End) };
        let Some((stored, result)) = ahead.pop() else {
            return self.stopped.take().unwrap_or(Ok(Step::End));
        };
        let result = result.map(|next| ahead.give_back(std::mem::replace(output, next)));
        let (size, part, offset) = (stored.size, stored.part, stored.offset);
        self.spare.extend(Arc::into_inner(stored).map(|stored| stored.bytes));
        self.decoded(result, size, parts.get(part), offset)
    }

    /// Goes on behind a block that was decompressed.
    fn decoded(
        &mut self,
        result: Result<(), DecodeError>,
        size: usize,
        part: Option<&Part>,
        offset: u64,
    ) -> Result<Step, CabinetError> {
        result.map_err(|source| CabinetError::Block {
            part: part.map(Part::label).unwrap_or_default(),
            offset,
            folder: self.folder,
            source,
        })?;
        self.start = self.end;
        self.end += size as u64;
        Ok(Step::Block)
    }

    /// Reads the next block.
    fn read(&mut self, folder: &Folder, parts: &mut [Part]) -> Result<Found, CabinetError> {
        if !self.partial {
            self.stored.clear();
        }
        loop {
            let Some(run) = folder.runs.get(self.run) else {
                return Ok(Found::Nothing(if folder.continues { Step::NeedsNext } else { Step::End }));
            };
            if self.block >= run.blocks {
                self.run += 1;
                self.block = 0;
                self.offset = None;
                continue;
            }
            let Some(part) = parts.get_mut(run.part) else { return Ok(Found::Nothing(Step::End)) };
            let offset = self.offset.unwrap_or(run.offset);
            let header = self.read_piece(part, run, offset)?;
            self.block += 1;
            self.offset = Some(offset + piece_size(run, header));
            if header.uncompressed == 0 {
                let last = self.block == run.blocks;
                let more = self.run + 1 < folder.runs.len() || folder.continues;
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

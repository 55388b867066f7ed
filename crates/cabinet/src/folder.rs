//! A folder of a set: where its data blocks lie, and the reader that goes through their bytes in order.

use crate::ahead::{Ahead, Popped};
use crate::batch::Batch;
use crate::blocks::{Blocks, Found, Parts};
use crate::decoder::{Compression, Decoder};
use crate::error::{CabinetError, DecodeError};

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
    /// The next block, or several, are decompressed.
    Block,
    /// The folder's data is at its end.
    End,
    /// The following cabinet has to be opened first; then the step can be repeated.
    NeedsNext,
}

/// Goes through a folder's blocks; holds one, or a batch of them, and what the decoder needs.
pub(crate) struct FolderReader {
    /// Index of the folder in the set.
    pub folder: usize,
    work: Work,
    /// Range of the current block, or blocks, in the folder's data.
    pub start: u64,
    pub end: u64,
}

/// Who decompresses.
enum Work {
    /// Whoever reads.
    Here(Box<Blocks>, Decoder),
    /// Threads beside, and the current batch of blocks.
    Beside(Box<Ahead>, Batch),
}

/// Folders with fewer blocks are decompressed sooner than threads are started.
const WORTH_THREADS: usize = 8;

impl FolderReader {
    /// A reader before the first block of the folder with this index, which may use so many threads beside.
    pub fn new(index: usize, folder: &Folder, parts: &Parts, threads: usize) -> Self {
        let count: usize = folder.runs.iter().map(|run| usize::from(run.blocks)).sum();
        let threads = if count < WORTH_THREADS { 0 } else { threads };
        let blocks = || Blocks::new(folder, parts);
        let work = match Ahead::start(folder.compression, threads, blocks) {
            Some(ahead) => Work::Beside(Box::new(ahead), Batch::new()),
            None => Work::Here(Box::new(blocks()), Decoder::new(folder.compression)),
        };
        Self { folder: index, work, start: 0, end: 0 }
    }

    /// The bytes of the current block, or blocks, from `position` of the folder's data on.
    pub fn bytes_from(&self, position: u64) -> &[u8] {
        let bytes = match &self.work {
            Work::Here(_, decoder) => decoder.output(),
            Work::Beside(_, batch) => batch.bytes(),
        };
        let skipped = position.checked_sub(self.start).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| bytes.get(skipped..)).unwrap_or_default()
    }

    /// Goes on with what the following cabinet has of the folder.
    pub fn extend(&mut self, folder: &Folder) {
        match &mut self.work {
            Work::Here(blocks, _) => blocks.extend(folder),
            Work::Beside(ahead, _) => ahead.extend(folder),
        }
    }

    /// Reads and decompresses the next block, or several.
    pub fn step(&mut self) -> Result<Step, CabinetError> {
        let folder = self.folder;
        let damaged = |(source, part, offset): (DecodeError, String, u64)| CabinetError::Block {
            part,
            offset,
            folder,
            source,
        };
        let size = match &mut self.work {
            Work::Here(blocks, decoder) => match blocks.read()? {
                Found::End => return Ok(Step::End),
                Found::NeedsNext => return Ok(Step::NeedsNext),
                Found::Block { size, part, offset } => {
                    let decoded = decoder.decode(&blocks.stored, size);
                    decoded.map_err(|damage| damaged((damage, blocks.label(part), offset)))?;
                    size
                }
            },
            Work::Beside(ahead, batch) => {
                // What comes before a damaged block is handed out first.
                if let Some((damage, part, offset)) = batch.take_damage() {
                    return Err(damaged((damage, ahead.label(part), offset)));
                }
                match ahead.pop() {
                    Popped::Batch(next) => ahead.give_back(std::mem::replace(batch, next)),
                    Popped::Nothing(stopped) => return stopped,
                    Popped::Failed => return Err(damaged((DecodeError::ThreadFailed, String::new(), 0))),
                }
                if batch.bytes().is_empty()
                    && let Some((damage, part, offset)) = batch.take_damage()
                {
                    return Err(damaged((damage, ahead.label(part), offset)));
                }
                batch.bytes().len()
            }
        };
        self.start = self.end;
        self.end += size as u64;
        Ok(Step::Block)
    }
}

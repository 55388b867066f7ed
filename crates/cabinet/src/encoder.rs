//! The encoder of a folder: what a writer makes of its blocks.

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::block::BLOCK_SIZE;
use crate::decoder;
use crate::error::CabinetError;
use crate::lzx::Compressor;

const MSZIP_SIGNATURE: [u8; 2] = *b"CK";
/// What deflate adds to a block that it stores as it is. A block that grows by more is stored so instead: the format's
/// readers count on it.
const STORED_OVERHEAD: usize = 5;
/// Room for what deflate makes of a block at first, codes of nine bits a byte at worst. With less, zlib-rs 0.6.8 panics at
/// level 1.
const DEFLATE_ROOM: usize = BLOCK_SIZE + BLOCK_SIZE / 4;

/// How a writer compresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WriterCompression {
    /// Not at all.
    Stored,
    /// Deflate at a level from 0 (none) to 9 (smallest).
    Mszip {
        /// The level; more than 9 counts as 9.
        level: u8,
    },
    /// LZX, which is smaller and slower.
    Lzx {
        /// Binary logarithm of the window's size in bytes, 15 to 21; others count as the nearest of these.
        window_bits: u8,
    },
}

impl WriterCompression {
    /// What readers find.
    pub(crate) fn stored_type(self) -> decoder::Compression {
        match self {
            Self::Stored => decoder::Compression::Stored,
            Self::Mszip { .. } => decoder::Compression::Mszip,
            Self::Lzx { window_bits } => decoder::Compression::Lzx { window_bits: window_bits.clamp(15, 21) },
        }
    }
}

/// A block that is ready: its stored bytes, and its length before.
pub(crate) type Encoded = (Vec<u8>, usize);

/// The state that compression carries from block to block of a folder.
pub(crate) enum Encoder {
    Stored,
    Mszip {
        deflate: Compress,
        /// The block before, which is the dictionary.
        previous: Vec<u8>,
    },
    Lzx(Box<Compressor>),
}

impl Encoder {
    /// An encoder at the start of a folder, which holds back so many blocks at most.
    pub fn new(compression: WriterCompression, most_waiting: usize) -> Self {
        match compression {
            WriterCompression::Stored => Self::Stored,
            WriterCompression::Mszip { level } => Self::Mszip {
                deflate: Compress::new(Compression::new(u32::from(level.min(9))), false),
                previous: Vec::new(),
            },
            WriterCompression::Lzx { window_bits } => {
                Self::Lzx(Box::new(Compressor::new(u32::from(window_bits.clamp(15, 21)), most_waiting)))
            }
        }
    }

    /// Takes the next block, 32768 bytes unless it is the last one, and gives those that are ready; `file` is for errors.
    pub fn add(&mut self, block: Vec<u8>, file: &str) -> Result<Vec<Encoded>, CabinetError> {
        let size = block.len();
        match self {
            Self::Stored => Ok(vec![(block, size)]),
            Self::Mszip { deflate, previous } => {
                let stored = deflated(deflate, previous, &block)
                    .map_err(|reason| CabinetError::Compress { file: file.to_owned(), reason })?;
                *previous = block;
                Ok(vec![(stored, size)])
            }
            Self::Lzx(compressor) => {
                compressor.add(block);
                Ok(compressor.take())
            }
        }
    }

    /// How many blocks were taken and are not ready.
    pub fn waiting(&self) -> u64 {
        match self {
            Self::Stored | Self::Mszip { .. } => 0,
            Self::Lzx(compressor) => compressor.waiting(),
        }
    }

    /// Ends the folder, and gives the blocks that were not ready before.
    pub fn finish(self) -> Vec<Encoded> {
        match self {
            Self::Stored | Self::Mszip { .. } => Vec::new(),
            Self::Lzx(mut compressor) => {
                compressor.finish();
                compressor.take()
            }
        }
    }
}

/// An MSZIP block: `CK` and a deflate stream of its own, with the block before as dictionary.
fn deflated(deflate: &mut Compress, previous: &[u8], block: &[u8]) -> Result<Vec<u8>, String> {
    deflate.reset();
    if !previous.is_empty() {
        deflate.set_dictionary(previous).map_err(|cause| cause.to_string())?;
    }
    let mut stored = MSZIP_SIGNATURE.to_vec();
    stored.resize(MSZIP_SIGNATURE.len() + DEFLATE_ROOM, 0);
    let room = stored.get_mut(MSZIP_SIGNATURE.len()..).unwrap_or_default();
    let status = deflate.compress(block, room, FlushCompress::Finish).map_err(|cause| cause.to_string())?;
    let length = deflate.total_out() as usize;
    if status == Status::StreamEnd && length <= block.len() + STORED_OVERHEAD {
        stored.truncate(MSZIP_SIGNATURE.len() + length);
        Ok(stored)
    } else {
        Ok(uncompressed(block))
    }
}

/// An MSZIP block of one deflate block without compression: final, with its length and the complement.
fn uncompressed(block: &[u8]) -> Vec<u8> {
    let length = block.len() as u16;
    let mut stored = MSZIP_SIGNATURE.to_vec();
    stored.push(1);
    stored.extend(length.to_le_bytes());
    stored.extend((!length).to_le_bytes());
    stored.extend(block);
    stored
}

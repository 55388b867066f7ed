//! MSZIP: each block is `CK` and one deflate stream, with what came before in the folder as its dictionary ([MS-MCI]).
//!
//! The map: `inflate` decodes a stream, `sketch` does most of that before it is known what came before, `codes` has its prefix codes
//! as tables, `bits` its bits. The decoder is our own, since a
//! folder is one buffer to it: the dictionary need not be copied, and the output is where it is wanted.

mod bits;
mod codes;
mod inflate;
mod sketch;

use std::ops::Range;

use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;
use crate::padded::Padded;
pub(crate) use inflate::Inflate;
use inflate::Known;
pub(crate) use inflate::{Buffer, USABLE};
pub(crate) use sketch::Sketch;

/// What comes before the deflate stream of a block.
const SIGNATURE: &[u8] = b"CK";

/// A folder's MSZIP decoder.
pub(crate) struct Mszip {
    inflate: Inflate,
    /// What was decompressed last; the last block is `start..end`.
    buffer: Box<Buffer>,
    start: usize,
    end: usize,
}

impl Mszip {
    pub fn new() -> Self {
        Self { inflate: Inflate::new(), buffer: Box::new([0; _]), start: 0, end: 0 }
    }

    /// Decompresses one block to exactly `size` bytes, at most 32768.
    pub fn decode(&mut self, input: &Padded, size: usize) -> Result<(), DecodeError> {
        if self.end + size > USABLE {
            let dictionary = self.end - BLOCK_SIZE.min(self.end)..self.end;
            let kept = dictionary.len();
            self.buffer.copy_within(dictionary, 0);
            self.end = kept;
        }
        self.start = self.end;
        decode(&mut self.inflate, input, &mut self.buffer, 0, self.start..self.start + size)?;
        self.end = self.start + size;
        Ok(())
    }

    /// The bytes of the block decoded last.
    pub fn output(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

/// Decompresses one block to a place in a buffer, which ends at [`USABLE`] at most; what came before is there from `known` on.
pub(crate) fn decode(
    inflate: &mut Inflate,
    input: &Padded,
    buffer: &mut Buffer,
    known: usize,
    place: Range<usize>,
) -> Result<(), DecodeError> {
    check_signature(input)?;
    inflate.run(input, SIGNATURE.len(), &mut Known { buffer, from: known }, place.start, place.end)
}

/// Refuses a block that does not start as every one does.
fn check_signature(input: &Padded) -> Result<(), DecodeError> {
    if input.bytes().starts_with(SIGNATURE) {
        return Ok(());
    }
    Err(DecodeError::MszipSignature { found: input.bytes().iter().take(SIGNATURE.len()).copied().collect() })
}

#[cfg(test)]
mod tests;

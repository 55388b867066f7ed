//! MSZIP: each block is `CK` and one deflate stream, with what came before in the folder as its dictionary ([MS-MCI]).
//!
//! The map: `inflate` decodes a stream, `sketch` does most of that before it is known what came before, `codes` has its prefix codes
//! as tables, `bits` its bits. The decoder is our own, since a
//! folder is one buffer to it: the dictionary need not be copied, and the output is where it is wanted.

mod bits;
mod codes;
mod inflate;
mod sketch;

use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;
use crate::padded::Padded;
pub(crate) use inflate::Inflate;
use inflate::{Buffer, USABLE};
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
        check_signature(input)?;
        self.start_block(size);
        self.inflate.run(input, SIGNATURE.len(), &mut *self.buffer, self.start, self.start + size)?;
        self.end = self.start + size;
        Ok(())
    }

    /// The same for a block that is sketched already.
    pub fn complete(&mut self, sketch: &Sketch) {
        self.start_block(sketch.size());
        sketch.complete(&mut self.buffer, self.start);
        self.end = self.start + sketch.size();
    }

    /// Makes room for a block behind what came before it.
    fn start_block(&mut self, size: usize) {
        if self.end + size > USABLE {
            let dictionary = self.end - BLOCK_SIZE.min(self.end)..self.end;
            let kept = dictionary.len();
            self.buffer.copy_within(dictionary, 0);
            self.end = kept;
        }
        self.start = self.end;
    }

    /// The bytes of the block decoded last.
    pub fn output(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
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

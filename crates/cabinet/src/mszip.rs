//! MSZIP: each block is `CK` and one deflate stream, with what came before in the folder as its dictionary ([MS-MCI]).
//!
//! The map: `inflate` decodes a stream, `codes` has its prefix codes as tables, `bits` its bits. The decoder is our own, since a
//! folder is one buffer to it: the dictionary need not be copied, and the output is where it is wanted.

mod bits;
mod codes;
mod inflate;

use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;
use inflate::{Buffer, Inflate, USABLE};

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
    pub fn decode(&mut self, input: &[u8], size: usize) -> Result<(), DecodeError> {
        let Some(deflated) = input.strip_prefix(b"CK") else {
            return Err(DecodeError::MszipSignature { found: input.iter().take(2).copied().collect() });
        };
        if self.end + size > USABLE {
            let dictionary = self.end - BLOCK_SIZE.min(self.end)..self.end;
            let kept = dictionary.len();
            self.buffer.copy_within(dictionary, 0);
            self.end = kept;
        }
        self.start = self.end;
        self.inflate.run(deflated, &mut self.buffer, self.start, self.start + size)?;
        self.end = self.start + size;
        Ok(())
    }

    /// The bytes of the block decoded last.
    pub fn output(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;

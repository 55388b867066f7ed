//! MSZIP: each block is `CK` and one deflate stream, with what came before in the folder as its dictionary ([MS-MCI]).

use flate2::{Decompress, FlushDecompress, Status};

use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;

/// A folder's MSZIP decoder.
pub(crate) struct Mszip {
    inflate: Decompress,
    /// The last 32 KB of output before the current block: its dictionary.
    history: Vec<u8>,
    output: Vec<u8>,
}

impl Mszip {
    pub fn new() -> Self {
        Self { inflate: Decompress::new(false), history: Vec::new(), output: Vec::new() }
    }

    /// Decompresses one block to exactly `size` bytes.
    pub fn decode(&mut self, input: &[u8], size: usize) -> Result<(), DecodeError> {
        let Some(deflated) = input.strip_prefix(b"CK") else {
            return Err(DecodeError::MszipSignature { found: input.iter().take(2).copied().collect() });
        };
        self.remember_output();
        self.inflate.reset(false);
        if !self.history.is_empty() {
            self.inflate
                .set_dictionary(&self.history)
                .map_err(|error| DecodeError::Deflate { output: 0, reason: error.to_string() })?;
        }
        self.output.resize(size, 0);
        let status = self.inflate.decompress(deflated, &mut self.output, FlushDecompress::Finish);
        let got = self.inflate.total_out();
        match status {
            Err(error) => Err(DecodeError::Deflate { output: got, reason: error.to_string() }),
            Ok(_) if got != size as u64 => Err(DecodeError::OutputLength { got, expected: size as u64 }),
            // Output that fits while the stream goes on: the final code may be left, but no further byte may come.
            Ok(Status::StreamEnd) => Ok(()),
            Ok(_) => self.expect_end(deflated, size),
        }
    }

    /// The bytes of the block decoded last.
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// Makes the last 32 KB before the coming block its dictionary.
    fn remember_output(&mut self) {
        if self.output.len() >= BLOCK_SIZE {
            std::mem::swap(&mut self.history, &mut self.output);
        } else {
            self.history.extend_from_slice(&self.output);
        }
        let surplus = self.history.len().saturating_sub(BLOCK_SIZE);
        self.history.drain(..surplus);
        self.output.clear();
    }

    fn expect_end(&mut self, deflated: &[u8], size: usize) -> Result<(), DecodeError> {
        let consumed = usize::try_from(self.inflate.total_in()).unwrap_or(usize::MAX);
        let mut surplus = [0; 1];
        let rest = deflated.get(consumed..).unwrap_or_default();
        match self.inflate.decompress(rest, &mut surplus, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) if self.inflate.total_out() == size as u64 => Ok(()),
            Ok(_) if self.inflate.total_out() == size as u64 => Err(DecodeError::InputEnds { output: size }),
            Ok(_) => Err(DecodeError::OutputLength { got: self.inflate.total_out(), expected: size as u64 }),
            Err(error) => Err(DecodeError::Deflate { output: size as u64, reason: error.to_string() }),
        }
    }
}

//! Quantum: an LZ77 window with an adaptive arithmetic coder. Microsoft never documented it; Matthew Russotto's
//! description ("Quantum compression format") is the public one.
//!
//! Each data block of a cabinet restarts the arithmetic coder; the models and the window go on through the folder.

mod coder;
#[cfg(test)]
mod encoder;
mod model;

use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;
use crate::slots;
use crate::window::Window;
use coder::Coder;
use model::Model;

/// Position slots of the largest window that a cabinet has (2^21).
const MAX_SLOTS: usize = 42;
/// Most position slots for matches of 3 and of 4 bytes, whatever the window.
const SLOTS_OF_LENGTH_3: usize = 24;
const SLOTS_OF_LENGTH_4: usize = 36;
/// Length slots for matches of 5 bytes and more.
const LENGTH_SLOTS: usize = 27;
const SELECTORS: usize = 7;
const LITERALS_PER_MODEL: usize = 64;

/// For each position slot: the first offset, and how many bits follow.
const POSITIONS: [(u32, u32); MAX_SLOTS] = slots::with_bases([
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14,
    15, 15, 16, 16, 17, 17, 18, 18, 19, 19,
]);
/// For each length slot: the first length beyond 5, and how many bits follow. The last slot is a single length.
const LENGTHS: [(u32, u32); LENGTH_SLOTS] =
    slots::with_bases([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]);

/// A folder's Quantum decoder.
pub(crate) struct Quantum {
    window: Window,
    selectors: Model,
    literals: [Model; 4],
    positions_of_length_3: Model,
    positions_of_length_4: Model,
    positions: Model,
    lengths: Model,
    /// Length of the block before, to refuse blocks after a short one.
    previous: usize,
}

impl Quantum {
    /// A decoder for a window of 2^`window_bits` bytes, 10 to 21.
    pub fn new(window_bits: u32) -> Self {
        let slots = (window_bits as usize * 2).min(MAX_SLOTS);
        Self {
            // The window's own size bounds the offsets that can be written, so a larger one does no harm.
            window: Window::new((1 << window_bits).max(BLOCK_SIZE)),
            selectors: Model::new(SELECTORS),
            literals: [(); 4].map(|()| Model::new(LITERALS_PER_MODEL)),
            positions_of_length_3: Model::new(slots.min(SLOTS_OF_LENGTH_3)),
            positions_of_length_4: Model::new(slots.min(SLOTS_OF_LENGTH_4)),
            positions: Model::new(slots),
            lengths: Model::new(LENGTH_SLOTS),
            previous: BLOCK_SIZE,
        }
    }

    /// Decompresses one block to exactly `size` bytes, at most 32768.
    pub fn decode(&mut self, input: &[u8], size: usize) -> Result<(), DecodeError> {
        if self.previous != BLOCK_SIZE {
            return Err(DecodeError::AfterShortBlock { previous: self.previous });
        }
        self.previous = size;
        self.window.start_block();
        let mut coder = Coder::new(input);
        while self.window.written() < size {
            let output = self.window.written();
            self.decode_one(&mut coder, size - output)
                .map_err(|error| error.unwrap_or(DecodeError::ArithmeticCoder { output }))?;
            if coder.overrun() {
                return Err(DecodeError::InputEnds { output: self.window.written() });
            }
        }
        Ok(())
    }

    /// The bytes of the block decoded last.
    pub fn output(&self) -> &[u8] {
        self.window.block()
    }

    /// Decodes a literal or a match of at most `left` bytes. `Err(None)`: the coder's state is impossible.
    fn decode_one(&mut self, coder: &mut Coder<'_>, left: usize) -> Result<(), Option<DecodeError>> {
        let selector = coder.decode(&mut self.selectors).ok_or(None)?;
        if let Some(model) = self.literals.get_mut(selector) {
            let low = coder.decode(model).ok_or(None)?;
            self.window.append(&[(selector * LITERALS_PER_MODEL + low) as u8]);
            return Ok(());
        }
        let (length, positions) = match selector {
            4 => (3, &mut self.positions_of_length_3),
            5 => (4, &mut self.positions_of_length_4),
            _ => {
                let slot = coder.decode(&mut self.lengths).ok_or(None)?;
                let (base, extra) = LENGTHS.get(slot).copied().ok_or(None)?;
                (5 + (base + coder.raw_bits(extra)) as usize, &mut self.positions)
            }
        };
        let slot = coder.decode(positions).ok_or(None)?;
        let (base, extra) = POSITIONS.get(slot).copied().ok_or(None)?;
        let distance = (base + coder.raw_bits(extra)) as usize + 1;
        if length > left {
            return Err(Some(DecodeError::MatchEnd { length, left }));
        }
        let mut cursor = self.window.cursor().ok_or(None)?;
        if !cursor.reaches(distance, 0) {
            return Err(Some(cursor.beyond(distance, 0)));
        }
        cursor.copy(distance, length);
        self.window.advance(length);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::encoder::encode;
    use super::*;
    use crate::decoder::Compression;
    use crate::test_cabinet::{Random, cabextract, cabinet_of};

    #[test]
    fn every_window_is_decoded_as_cabextract_does() {
        for window_bits in 10..=21 {
            let mut random = Random(u64::from(window_bits));
            let total = if window_bits == 21 { 2_500_000 } else { 200_001 };
            let (plain, blocks) = encode(&mut random, window_bits, total);
            let mut decoder = Quantum::new(window_bits);
            let mut output = Vec::new();
            for (number, (stored, size)) in blocks.iter().enumerate() {
                decoder.decode(stored, *size).unwrap_or_else(|error| panic!("block {number}: {error}"));
                output.extend_from_slice(decoder.output());
            }
            assert!(output == plain, "window 2^{window_bits}");
            let compression = Compression::Quantum { window_bits: window_bits as u8 };
            if let Some(expected) = cabextract(&cabinet_of(compression, &blocks)) {
                assert!(expected == plain, "window 2^{window_bits}: cabextract has other content");
            }
        }
    }

    #[test]
    fn changed_streams_never_panic() {
        let mut random = Random(5);
        let (_, blocks) = encode(&mut random, 12, 40_000);
        for _ in 0..300 {
            let mut decoder = Quantum::new(12);
            for (stored, size) in &blocks {
                let mut stored = stored.clone();
                for _ in 0..=random.below(4) {
                    let place = random.below(stored.len());
                    stored[place] ^= 1 << random.below(8);
                }
                stored.truncate(stored.len() - random.below(2));
                if decoder.decode(&stored, *size).is_err() {
                    break;
                }
                assert_eq!(decoder.output().len(), *size);
            }
        }
    }
}

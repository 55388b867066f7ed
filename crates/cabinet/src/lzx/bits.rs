//! The bit stream of LZX: 16-bit little-endian words, the highest bit of each first ([MS-PATCH] 2.1).

use crate::padded::{Padded, View};

/// Reads bits from one block's stored bytes. Past the end it yields others; [`Bits::overrun`] tells afterwards, which keeps the
/// check out of the inner loop.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    input: View<'a>,
    /// Where the next word to load starts. May pass the end.
    position: usize,
    /// The next bits, highest first. Bits below the counted ones are either zero or already those that follow.
    buffer: u64,
    /// Counted bits in `buffer`, in the lowest eight bits; above them is what is left of the numbers that were taken from it.
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(input: &'a Padded) -> Self {
        Self { input: input.view(), position: 0, buffer: 0, count: 0 }
    }

    /// Makes at least 48 bits available: a main symbol (16), and either a length symbol (16) or up to 17 more.
    #[inline(always)]
    pub fn refill(&mut self) {
        // Four words, the first one highest: reverse all bytes, then exchange the two of each word back.
        let reversed = u64::from_be_bytes(self.input.word(self.position));
        let words = ((reversed & 0x00ff_00ff_00ff_00ff) << 8) | ((reversed >> 8) & 0x00ff_00ff_00ff_00ff);
        // Without a condition: what is there already is the same as what is added to it.
        self.buffer |= words >> (self.count & 63);
        self.position += 2 * (3 - (self.count >> 4 & 3)) as usize;
        self.count |= 48;
    }

    /// The next 64 bits, of which only those that a refill guarantees are meaningful.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        self.buffer
    }

    /// Drops bits, which have to be available; only the lowest eight bits of the number count.
    #[inline(always)]
    pub fn consume(&mut self, count: u32) {
        self.buffer <<= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// Takes 0 to 32 available bits.
    #[inline(always)]
    pub fn take(&mut self, count: u32) -> u32 {
        let value = (self.buffer >> 1) >> (63 - count);
        self.consume(count);
        value as u32
    }

    /// Refills and takes 0 to 32 bits.
    pub fn read(&mut self, count: u32) -> u32 {
        self.refill();
        self.take(count)
    }

    /// True when more bits were taken than there are.
    pub fn overrun(&self) -> bool {
        self.place() > self.input.len()
    }

    /// Drops 1 to 16 bits up to the start of a word and gives the offset in bytes of that word: where the raw bytes of an
    /// uncompressed block start. An aligned stream loses a whole word.
    pub fn skip_to_bytes(&mut self) -> usize {
        self.refill();
        let partial = self.count & 15;
        self.consume(if partial == 0 { 16 } else { partial });
        self.place()
    }

    /// The bytes from `offset` on, as far as they go.
    pub fn bytes_from(&self, offset: usize) -> &'a [u8] {
        self.input.from(offset)
    }

    /// Offset of the next byte when no bits are held.
    pub fn place(&self) -> usize {
        self.position.saturating_sub((self.count >> 3 & 7) as usize)
    }

    /// Goes on with bits at a byte offset.
    pub fn restart_at(&mut self, offset: usize) {
        self.position = offset;
        self.buffer = 0;
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded(bytes: &[u8]) -> Padded {
        let mut padded = Padded::new();
        padded.set(bytes);
        padded
    }

    #[test]
    fn bits_come_highest_first_from_little_endian_words() {
        let data: Vec<u8> = (0u8..40).map(|index| index.wrapping_mul(37)).collect();
        let mut expected = Vec::new();
        for word in data.as_chunks::<2>().0 {
            let word = u16::from_le_bytes(*word);
            expected.extend((0..16).rev().map(|bit| u32::from(word >> bit & 1)));
        }
        let input = padded(&data);
        for width in 1..=17 {
            let mut bits = Bits::new(&input);
            for chunk in expected.chunks_exact(width) {
                let value = chunk.iter().fold(0, |value, bit| value << 1 | bit);
                assert_eq!(bits.read(width as u32), value);
            }
            assert!(!bits.overrun());
        }
    }

    #[test]
    fn reading_past_the_end_yields_zeros_and_is_told() {
        let input = padded(&[0xff, 0xff]);
        let mut bits = Bits::new(&input);
        assert_eq!(bits.read(16), 0xffff);
        assert!(!bits.overrun());
        assert_eq!(bits.read(1), 0);
        assert!(bits.overrun());
    }

    #[test]
    fn raw_bytes_start_at_the_next_word_and_never_at_once() {
        let input = padded(&[0; 12]);
        for (taken, offset) in [(0, 2), (1, 2), (15, 2), (16, 4), (17, 4), (32, 6)] {
            let mut bits = Bits::new(&input);
            bits.read(taken);
            assert_eq!(bits.skip_to_bytes(), offset, "after {taken} bits");
        }
    }
}

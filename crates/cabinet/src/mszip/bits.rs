//! The bits of a deflate stream, lowest first.

use crate::padded::{Padded, View};

/// Bits that are at hand after [`Bits::refill`], at least.
pub(super) const AT_HAND: u32 = 56;

/// Takes bits from bytes. Beyond their end there are others, and [`Bits::is_beyond`] tells.
#[derive(Clone, Copy)]
pub(super) struct Bits<'i> {
    input: View<'i>,
    /// The next byte that is not in `word` yet, or only in part.
    position: usize,
    word: u64,
    /// Bits at hand, in the lowest eight bits; above them is what is left of the numbers that were taken from it.
    count: u32,
}

impl<'i> Bits<'i> {
    /// From a byte of the input on.
    pub fn new(input: &'i Padded, from: usize) -> Self {
        Self { input: input.view(), position: from, word: 0, count: 0 }
    }

    /// Brings the bits at hand to [`AT_HAND`] or more.
    #[inline(always)]
    pub fn refill(&mut self) {
        self.word |= u64::from_le_bytes(self.input.word(self.position)) << (self.count & 63);
        self.position += (7 - (self.count >> 3 & 7)) as usize;
        self.count |= AT_HAND;
    }

    /// The bits at hand, lowest first.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        self.word
    }

    /// Takes bits that are at hand; only the lowest eight bits of the number count.
    #[inline(always)]
    pub fn take(&mut self, count: u32) {
        self.word >>= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// The next bits, at most 16 of those at hand.
    pub fn number(&mut self, count: u32) -> u32 {
        let number = (self.word & ((1 << count) - 1)) as u32;
        self.take(count);
        number
    }

    /// Bytes that were taken from the input, not counting whole ones at hand.
    fn taken(&self) -> usize {
        self.position - (self.count >> 3 & 7) as usize
    }

    /// Whether more bits were taken than there are.
    pub fn is_beyond(&self) -> bool {
        self.taken() > self.input.len()
    }

    /// Goes to the next whole byte and takes bytes as they are.
    pub fn bytes(&mut self, count: usize) -> Option<&'i [u8]> {
        let start = self.taken();
        let bytes = self.input.from(start).get(..count)?;
        (self.position, self.word, self.count) = (start + count, 0, 0);
        Some(bytes)
    }
}

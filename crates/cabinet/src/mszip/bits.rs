//! The bits of a deflate stream, lowest first.

use crate::block::MAX_STORED;

/// Bits that are at hand after [`Bits::refill`], at least.
pub(super) const AT_HAND: u32 = 56;
/// A power of two with room for every block and for what a decoder takes beyond its end before it notices.
const ROOM: usize = 1 << 16;
/// Zeros behind the input; a decoder that goes on beyond them finds what an earlier block left there, and fails anyway.
const ZEROS: usize = 64;

const _: () = assert!(MAX_STORED + ZEROS <= ROOM);

/// The compressed bytes of a block in a place of known size: no access to it needs a check.
pub(super) struct Input {
    bytes: Box<[u8; ROOM + 8]>,
    length: usize,
}

impl Input {
    pub fn new() -> Self {
        Self { bytes: Box::new([0; ROOM + 8]), length: 0 }
    }

    /// Takes a block's bytes, at most [`MAX_STORED`].
    pub fn set(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(MAX_STORED);
        if let (Some(place), Some(bytes)) = (self.bytes.get_mut(..length), bytes.get(..length)) {
            place.copy_from_slice(bytes);
        }
        if let Some(behind) = self.bytes.get_mut(length..length + ZEROS) {
            behind.fill(0);
        }
        self.length = length;
    }

    pub fn bits(&self) -> Bits<'_> {
        Bits { bytes: &self.bytes, length: self.length, position: 0, word: 0, count: 0 }
    }
}

/// Takes bits from bytes. Beyond their end there are others, and [`Bits::is_beyond`] tells.
#[derive(Clone, Copy)]
pub(super) struct Bits<'i> {
    bytes: &'i [u8; ROOM + 8],
    length: usize,
    /// The next byte that is not in `word` yet, or only in part.
    position: usize,
    word: u64,
    /// Bits at hand, in the lowest eight bits; above them is what is left of the numbers that were taken from it.
    count: u32,
}

impl<'i> Bits<'i> {
    /// Brings the bits at hand to [`AT_HAND`] or more.
    #[inline(always)]
    pub fn refill(&mut self) {
        let next = self.position & (ROOM - 1);
        let next = self.bytes.get(next..next + 8).and_then(|bytes| bytes.first_chunk::<8>());
        self.word |= u64::from_le_bytes(next.copied().unwrap_or_default()) << (self.count & 63);
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
        self.taken() > self.length
    }

    /// Goes to the next whole byte and takes bytes as they are.
    pub fn bytes(&mut self, count: usize) -> Option<&'i [u8]> {
        let start = self.taken();
        let bytes = self.bytes.get(..self.length)?.get(start..)?.get(..count)?;
        (self.position, self.word, self.count) = (start + count, 0, 0);
        Some(bytes)
    }
}

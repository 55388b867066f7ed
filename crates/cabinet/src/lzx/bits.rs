//! The bit stream of LZX: 16-bit little-endian words, the highest bit of each first ([MS-PATCH] 2.1).

/// Reads bits from one block's stored bytes. Past the end it yields zeros; [`Bits::overrun`] tells afterwards, which keeps
/// the check out of the inner loop.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    /// Where the next word to load starts. May pass the end.
    position: usize,
    /// The next bits, highest first. Bits below the counted ones are either zero or already those that follow.
    buffer: u64,
    /// Counted bits in `buffer`.
    count: u32,
}

impl<'a> Bits<'a> {
    /// Bits that [`Bits::refill`] guarantees: a main symbol (16), a length symbol (16) and 16 more.
    pub const REFILLED: u32 = 48;

    pub fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0, buffer: 0, count: 0 }
    }

    /// Makes at least [`Bits::REFILLED`] bits available.
    #[inline(always)]
    pub fn refill(&mut self) {
        let Some(bytes) = self.data.get(self.position..).and_then(|rest| rest.first_chunk::<8>()) else {
            *self = self.refilled_at_end();
            return;
        };
        // Four words, the first one highest: reverse all bytes, then exchange the two of each word back.
        let reversed = u64::from_be_bytes(*bytes);
        let words = ((reversed & 0x00ff_00ff_00ff_00ff) << 8) | ((reversed >> 8) & 0x00ff_00ff_00ff_00ff);
        // Without a condition: what is there already is the same as what is added to it.
        self.buffer |= words >> self.count;
        let loaded = (63 - self.count) / 16;
        self.position += loaded as usize * 2;
        self.count += loaded * 16;
    }

    /// By value, so that the reader of an inner loop can stay in registers.
    #[cold]
    #[inline(never)]
    fn refilled_at_end(mut self) -> Self {
        while self.count < Self::REFILLED {
            let low = self.data.get(self.position).copied().unwrap_or(0);
            let high = self.data.get(self.position + 1).copied().unwrap_or(0);
            self.buffer |= u64::from(u16::from_le_bytes([low, high])) << (48 - self.count);
            self.position += 2;
            self.count += 16;
        }
        self
    }

    /// The next 64 bits, of which only those that a refill guarantees are meaningful.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        self.buffer
    }

    /// Counted bits.
    #[inline(always)]
    pub fn available(&self) -> u32 {
        self.count
    }

    /// Drops `count` bits, which have to be available.
    #[inline(always)]
    pub fn consume(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
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
        self.place() > self.data.len()
    }

    /// Drops 1 to 16 bits up to the start of a word and gives the offset in bytes of that word: where the raw bytes of an
    /// uncompressed block start. An aligned stream loses a whole word.
    pub fn skip_to_bytes(&mut self) -> usize {
        self.refill();
        let partial = self.count % 16;
        self.consume(if partial == 0 { 16 } else { partial });
        self.place()
    }

    /// The bytes from `offset` on, as far as they go.
    pub fn bytes_from(&self, offset: usize) -> &'a [u8] {
        self.data.get(offset..).unwrap_or_default()
    }

    /// Offset of the next byte when no bits are held.
    pub fn place(&self) -> usize {
        self.position.saturating_sub(self.count as usize / 8)
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

    #[test]
    fn bits_come_highest_first_from_little_endian_words() {
        let data: Vec<u8> = (0u8..40).map(|index| index.wrapping_mul(37)).collect();
        let mut expected = Vec::new();
        for word in data.as_chunks::<2>().0 {
            let word = u16::from_le_bytes(*word);
            expected.extend((0..16).rev().map(|bit| u32::from(word >> bit & 1)));
        }
        for width in 1..=17 {
            let mut bits = Bits::new(&data);
            for chunk in expected.chunks_exact(width) {
                let value = chunk.iter().fold(0, |value, bit| value << 1 | bit);
                assert_eq!(bits.read(width as u32), value);
            }
            assert!(!bits.overrun());
        }
    }

    #[test]
    fn reading_past_the_end_yields_zeros_and_is_told() {
        let mut bits = Bits::new(&[0xff, 0xff]);
        assert_eq!(bits.read(16), 0xffff);
        assert!(!bits.overrun());
        assert_eq!(bits.read(1), 0);
        assert!(bits.overrun());
    }

    #[test]
    fn raw_bytes_start_at_the_next_word_and_never_at_once() {
        let data = [0; 12];
        for (taken, offset) in [(0, 2), (1, 2), (15, 2), (16, 4), (17, 4), (32, 6)] {
            let mut bits = Bits::new(&data);
            bits.read(taken);
            assert_eq!(bits.skip_to_bytes(), offset, "after {taken} bits");
        }
    }
}

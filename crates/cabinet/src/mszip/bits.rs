//! The bits of a deflate stream, lowest first.

/// Bits that are at hand after [`Bits::refill`], at least.
pub(super) const AT_HAND: u32 = 56;

/// Takes bits from bytes. Beyond their end it gives zeros, and counts them.
#[derive(Clone, Copy)]
pub(super) struct Bits<'i> {
    input: &'i [u8],
    /// The next byte that is not in `word` yet.
    position: usize,
    word: u64,
    count: u32,
    /// Bytes that were not there.
    absent: u32,
}

impl<'i> Bits<'i> {
    pub fn new(input: &'i [u8]) -> Self {
        Self { input, position: 0, word: 0, count: 0, absent: 0 }
    }

    /// Whether so many times [`Bits::refill_amid`] is possible.
    #[inline(always)]
    pub fn is_amid(&self, times: usize) -> bool {
        self.position + 8 * times <= self.input.len()
    }

    /// [`Bits::refill`] where [`Bits::is_amid`]: it calls nothing, so that the inner loop keeps all of this in registers.
    #[inline(always)]
    pub fn refill_amid(&mut self) {
        if let Some(bytes) = self.input.get(self.position..).and_then(|rest| rest.first_chunk::<8>()) {
            self.word |= u64::from_le_bytes(*bytes) << self.count;
            self.position += ((63 - self.count) >> 3) as usize;
            self.count |= 56;
        }
    }

    /// Brings the bits at hand to [`AT_HAND`] or more.
    #[inline(always)]
    pub fn refill(&mut self) {
        match self.input.get(self.position..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(_) => self.refill_amid(),
            None => self.refill_at_end(),
        }
    }

    #[inline(never)]
    fn refill_at_end(&mut self) {
        while self.count < AT_HAND {
            match self.input.get(self.position) {
                Some(byte) => {
                    self.word |= u64::from(*byte) << self.count;
                    self.position += 1;
                }
                None => self.absent += 1,
            }
            self.count += 8;
        }
    }

    /// The bits at hand, lowest first.
    #[inline(always)]
    pub fn peek(&self) -> u64 {
        self.word
    }

    /// Takes bits that are at hand; only the lowest eight bits of the number count.
    #[inline(always)]
    pub fn take(&mut self, count: u32) {
        let count = count & 63;
        self.word >>= count;
        self.count = self.count.wrapping_sub(count);
    }

    /// The next bits, at most 16 of those at hand.
    pub fn number(&mut self, count: u32) -> u32 {
        let number = (self.word & ((1 << count) - 1)) as u32;
        self.take(count);
        number
    }

    /// Whether more bits were taken than there are.
    pub fn is_beyond(&self) -> bool {
        self.count < self.absent * 8
    }

    /// Goes to the next whole byte and takes bytes as they are.
    pub fn bytes(&mut self, count: usize) -> Option<&'i [u8]> {
        // Whole bytes at hand that are in the input go back to it.
        let back = (self.count / 8).checked_sub(self.absent)? as usize;
        let start = self.position.checked_sub(back)?;
        let bytes = self.input.get(start..)?.get(..count)?;
        (self.position, self.word, self.count, self.absent) = (start + count, 0, 0, 0);
        Some(bytes)
    }
}

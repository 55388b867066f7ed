//! The arithmetic decoder: 16-bit range with renormalisation bit by bit, and raw bits between symbols.

use super::model::Model;

/// Decodes one block's bits, highest bit of each byte first. Past the end it yields zeros; see [`Coder::overrun`].
pub(crate) struct Coder<'a> {
    data: &'a [u8],
    /// Bits taken so far.
    position: usize,
    low: u16,
    high: u16,
    code: u16,
}

impl<'a> Coder<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        let mut coder = Self { data, position: 0, low: 0, high: 0xffff, code: 0 };
        coder.code = coder.raw_bits(16) as u16;
        coder
    }

    /// Takes 0 to 31 bits that are not arithmetically coded.
    pub fn raw_bits(&mut self, count: u32) -> u32 {
        (0..count).fold(0, |value, _| value << 1 | u32::from(self.next_bit()))
    }

    fn next_bit(&mut self) -> u16 {
        let byte = self.data.get(self.position / 8).copied().unwrap_or(0);
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        u16::from(bit)
    }

    /// True when symbols were decoded from bits that are not there. The coder reads 16 bits ahead, and the byte that
    /// ends a block is not stored, so that much may be missing.
    pub fn overrun(&self) -> bool {
        self.position > self.data.len() * 8 + 24
    }

    /// Decodes one symbol and counts it; `None` when the state is impossible.
    pub fn decode(&mut self, model: &mut Model) -> Option<usize> {
        let range = u32::from(self.high.checked_sub(self.low)?) + 1;
        let total = u32::from(model.total());
        let place = u32::from(self.code.checked_sub(self.low)?) + 1;
        let frequency = u16::try_from((place * total).checked_sub(1)? / range).ok()?;
        let share = model.find(frequency)?;
        self.high = (u32::from(self.low) + u32::from(share.high) * range / total).checked_sub(1)? as u16;
        self.low = (u32::from(self.low) + u32::from(share.low) * range / total) as u16;
        self.renormalise();
        model.count(share.index)
    }

    fn renormalise(&mut self) {
        // Each turn doubles the range, so sixteen are the most there can be.
        for _ in 0..16 {
            if (self.low ^ self.high) & 0x8000 != 0 {
                if self.low & 0x4000 == 0 || self.high & 0x4000 != 0 {
                    return;
                }
                // Both close to the middle from either side: drop the second bit.
                self.code ^= 0x4000;
                self.low &= 0x3fff;
                self.high |= 0x4000;
            }
            self.low <<= 1;
            self.high = self.high << 1 | 1;
            self.code = self.code << 1 | self.next_bit();
        }
    }
}

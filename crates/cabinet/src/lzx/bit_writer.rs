//! The bit stream of LZX, written: 16-bit little-endian words, the highest bit of each first.

/// Collects the bits of one frame.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// Bits that make no word yet, lowest.
    buffer: u64,
    count: u32,
}

impl BitWriter {
    /// Appends the lowest `count` bits of a value, 0 to 32.
    pub fn put(&mut self, value: u32, count: u32) {
        self.buffer = self.buffer << count | u64::from(value);
        self.count += count;
        while self.count >= 16 {
            self.count -= 16;
            self.bytes.extend(((self.buffer >> self.count) as u16).to_le_bytes());
        }
    }

    /// Fills the last word with zeros.
    pub fn align(&mut self) {
        if self.count > 0 {
            self.put(0, 16 - self.count);
        }
    }

    /// Appends whole bytes; the stream has to be aligned.
    pub fn put_bytes(&mut self, bytes: &[u8]) {
        debug_assert_eq!(self.count, 0);
        self.bytes.extend_from_slice(bytes);
    }

    /// Aligns, and takes what there is.
    pub fn take(&mut self) -> Vec<u8> {
        self.align();
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lzx::bits::Bits;
    use crate::padded::Padded;

    #[test]
    fn written_bits_are_read() {
        let values: Vec<(u32, u32)> =
            (0..200).map(|index: u32| (index.wrapping_mul(2_654_435_761) >> 7, index % 33)).collect();
        let masked = |(value, count): (u32, u32)| (u64::from(value) & ((1 << count) - 1)) as u32;
        let mut writer = BitWriter::default();
        values.iter().for_each(|&value| writer.put(masked(value), value.1));
        let bytes = writer.take();
        assert!(bytes.len().is_multiple_of(2));
        let mut input = Padded::new();
        input.set(&bytes);
        let mut bits = Bits::new(&input);
        for &value in &values {
            assert_eq!(bits.read(value.1), masked(value));
        }
        assert!(!bits.overrun());
    }
}

//! CFDATA, one data block: its header, its limits, its checksum ([MS-CAB] 2.5 and 3.1).

/// Bytes that every block but the last of a folder yields.
pub(crate) const BLOCK_SIZE: usize = 32_768;

/// The most stored bytes of one block. The format's own text names no limit but the field's 16 bits; compressors may
/// expand 32 KB by up to 6144 bytes, and readers have always refused more.
pub(crate) const MAX_STORED: usize = BLOCK_SIZE + 6144;

/// Bytes of the fixed part of a block's header.
pub(crate) const HEADER_SIZE: usize = 8;

/// The fixed part of a block's header; the reserved bytes of the cabinet and the stored bytes follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    /// Checksum, 0 when none was computed.
    pub checksum: u32,
    /// Stored bytes.
    pub stored: u16,
    /// Bytes after decompression; 0 when the block goes on in the next cabinet.
    pub uncompressed: u16,
}

impl BlockHeader {
    /// Reads the 8 bytes.
    pub fn from_bytes(bytes: [u8; HEADER_SIZE]) -> Self {
        let [c0, c1, c2, c3, s0, s1, u0, u1] = bytes;
        Self {
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
            stored: u16::from_le_bytes([s0, s1]),
            uncompressed: u16::from_le_bytes([u0, u1]),
        }
    }

    /// The 8 bytes as stored.
    pub fn to_bytes(self) -> [u8; HEADER_SIZE] {
        let [c0, c1, c2, c3] = self.checksum.to_le_bytes();
        let [s0, s1] = self.stored.to_le_bytes();
        let [u0, u1] = self.uncompressed.to_le_bytes();
        [c0, c1, c2, c3, s0, s1, u0, u1]
    }

    /// The checksum over the data, then over the two lengths, then over `reserved`.
    pub fn compute_checksum(self, reserved: &[u8], data: &[u8]) -> u32 {
        let [_, _, _, _, s0, s1, u0, u1] = self.to_bytes();
        let sum = checksum(data, 0) ^ u32::from_le_bytes([s0, s1, u0, u1]);
        checksum(reserved, sum)
    }
}

/// The exclusive or of the bytes taken as 32-bit words; the one to three bytes at the end count in the opposite order.
pub(crate) fn checksum(data: &[u8], seed: u32) -> u32 {
    let (words, rest) = data.as_chunks::<4>();
    let sum = words.iter().fold(seed, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |last, byte| (last << 8) | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_takes_the_last_bytes_in_opposite_order() {
        let cases: [(&[u8], u32); 6] = [
            (b"", 0),
            (&[1], 0x01),
            (&[1, 2], 0x0102),
            (&[1, 2, 3], 0x01_0203),
            (&[1, 2, 3, 4], 0x0403_0201),
            (&[1, 2, 3, 4, 0xff], 0x0403_02fe),
        ];
        for (data, expected) in cases {
            assert_eq!(checksum(data, 0), expected, "{data:?}");
        }
    }

    #[test]
    fn header_survives_writing_and_reading() {
        let header = BlockHeader { checksum: 0x1234_5678, stored: 513, uncompressed: 32_768 };
        assert_eq!(BlockHeader::from_bytes(header.to_bytes()), header);
    }
}

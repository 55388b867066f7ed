//! The decoder of a folder, by its compression type ([MS-CAB] 2.2, `typeCompress`).

use crate::error::DecodeError;
use crate::lzx::Lzx;
use crate::mszip::Mszip;
use crate::padded::Padded;
use crate::quantum::Quantum;

/// How a folder's data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    Stored,
    /// Deflate, block by block.
    Mszip,
    /// Quantum with a window of 2^`window_bits` bytes, 10 to 21.
    Quantum {
        /// Binary logarithm of the window's size in bytes.
        window_bits: u8,
    },
    /// LZX with a window of 2^`window_bits` bytes, 15 to 21.
    Lzx {
        /// Binary logarithm of the window's size in bytes.
        window_bits: u8,
    },
}

impl Compression {
    /// Reads the stored type: kind in the lowest four bits, binary logarithm of the window from bit 8. `None` when it is
    /// not defined. Quantum's level (bits 4 to 7) makes no difference to a reader.
    pub(crate) fn from_raw(raw: u16) -> Option<Self> {
        let window_bits = (raw >> 8 & 0x1f) as u8;
        match raw & 0x0f {
            0 => Some(Self::Stored),
            1 => Some(Self::Mszip),
            2 if (10..=21).contains(&window_bits) => Some(Self::Quantum { window_bits }),
            3 if (15..=21).contains(&window_bits) => Some(Self::Lzx { window_bits }),
            _ => None,
        }
    }

    /// The stored type.
    pub(crate) fn to_raw(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Mszip => 1,
            Self::Quantum { window_bits } => 2 | u16::from(window_bits) << 8,
            Self::Lzx { window_bits } => 3 | u16::from(window_bits) << 8,
        }
    }
}

/// The state that decompression carries from block to block, and the output of the last block.
pub(crate) enum Decoder {
    Stored(Vec<u8>),
    Mszip(Box<Mszip>),
    Quantum(Box<Quantum>),
    Lzx(Box<Lzx>),
}

impl Decoder {
    /// A decoder at the start of a folder.
    pub fn new(compression: Compression) -> Self {
        match compression {
            Compression::Stored => Self::Stored(Vec::new()),
            Compression::Mszip => Self::Mszip(Box::new(Mszip::new())),
            Compression::Quantum { window_bits } => {
                Self::Quantum(Box::new(Quantum::new(u32::from(window_bits))))
            }
            Compression::Lzx { window_bits } => Self::Lzx(Box::new(Lzx::new(u32::from(window_bits)))),
        }
    }

    /// Decompresses the next block to exactly `size` bytes, at most 32768.
    pub fn decode(&mut self, input: &Padded, size: usize) -> Result<(), DecodeError> {
        match self {
            Self::Stored(_) if input.len() != size => {
                Err(DecodeError::OutputLength { got: input.len() as u64, expected: size as u64 })
            }
            Self::Stored(output) => {
                output.clear();
                output.extend_from_slice(input.bytes());
                Ok(())
            }
            Self::Mszip(decoder) => decoder.decode(input, size),
            Self::Quantum(decoder) => decoder.decode(input.bytes(), size),
            Self::Lzx(decoder) => decoder.decode(input, size),
        }
    }

    /// As [`Decoder::decode`], for bytes that are asked for with [`Decoder::to_hand_over`] only.
    pub fn decode_to_hand_over(&mut self, input: &Padded, size: usize) -> Result<(), DecodeError> {
        match self {
            Self::Lzx(decoder) => decoder.decode_untranslated(input, size),
            decoder => decoder.decode(input, size),
        }
    }

    /// The bytes of the block decoded last, and of LZX what calls have still to be translated with.
    pub fn to_hand_over(&self) -> (&[u8], Option<i32>) {
        match self {
            Self::Lzx(decoder) => (decoder.untranslated(), decoder.translation_size()),
            decoder => (decoder.output(), None),
        }
    }

    /// The bytes of the block decoded last.
    pub fn output(&self) -> &[u8] {
        match self {
            Self::Stored(output) => output,
            Self::Mszip(decoder) => decoder.output(),
            Self::Quantum(decoder) => decoder.output(),
            Self::Lzx(decoder) => decoder.output(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_types_are_read_and_written() {
        let cases = [
            (0x0000, Some(Compression::Stored)),
            (0x0001, Some(Compression::Mszip)),
            (0x1203, Some(Compression::Lzx { window_bits: 18 })),
            (0x1503, Some(Compression::Lzx { window_bits: 21 })),
            (0x1602, None),
            (0x0e03, None),
            (0x1603, None),
            (0x0902, None),
            (0x0004, None),
        ];
        for (raw, compression) in cases {
            assert_eq!(Compression::from_raw(raw), compression, "{raw:#06x}");
            if let Some(compression) = compression {
                assert_eq!(compression.to_raw(), raw);
            }
        }
        assert_eq!(Compression::from_raw(0x1272), Some(Compression::Quantum { window_bits: 18 }));
    }
}

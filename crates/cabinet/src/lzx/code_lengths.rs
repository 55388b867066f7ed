//! How LZX stores the code lengths of its trees ([MS-PATCH] 2.4): packed with a Huffman code of their own, the pretree.

use super::bits::Bits;
use super::huffman::{Huffman, MAX_LENGTH};
use crate::error::DecodeError;

/// Reads code lengths, given as differences to those of the block before and packed with a code of their own.
pub(crate) fn read_lengths(
    bits: &mut Bits<'_>,
    pretree: &mut Huffman<8, 256>,
    lengths: &mut [u8],
    tree: &'static str,
) -> Result<(), DecodeError> {
    let mut pretree_lengths = [0; 20];
    pretree_lengths.fill_with(|| bits.read(4) as u8);
    pretree.build(&pretree_lengths)?;
    let mut rest = lengths;
    while let Some(first) = rest.first().copied() {
        bits.refill();
        let symbol = pretree.decode(bits)?;
        let (run, length) = match symbol {
            17 => (4 + bits.take(4) as usize, 0),
            18 => (20 + bits.take(5) as usize, 0),
            19 => {
                let run = 4 + bits.take(1) as usize;
                let symbol = pretree.decode(bits)?;
                (run, shorter_by(first, symbol).ok_or(DecodeError::UnusedCode { tree: "pre" })?)
            }
            symbol => (1, shorter_by(first, symbol).ok_or(DecodeError::UnusedCode { tree: "pre" })?),
        };
        let left = rest.len();
        let Some((same, others)) = rest.split_at_mut_checked(run) else {
            return Err(DecodeError::CodeLengthRun { tree, run, left });
        };
        same.fill(length);
        rest = others;
    }
    Ok(())
}

/// A code length less `difference`, modulo 17; `None` for what is no difference.
fn shorter_by(length: u8, difference: usize) -> Option<u8> {
    let difference = u8::try_from(difference).ok().filter(|value| usize::from(*value) <= MAX_LENGTH)?;
    Some((length + 17 - difference) % 17)
}

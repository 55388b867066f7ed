//! How LZX stores the code lengths of its trees ([MS-PATCH] 2.4): packed with a Huffman code of their own, the pretree.

use super::bit_writer::BitWriter;
use super::bits::Bits;
use super::code::Code;
use super::huffman::{Huffman, MAX_LENGTH};
use crate::error::DecodeError;

/// Symbols of the pretree: 17 differences, two runs of zeros, a run of one length.
const PRETREE_SYMBOLS: usize = 20;
const SHORT_ZEROS: usize = 17;
const LONG_ZEROS: usize = 18;
const SAME: usize = 19;

/// Reads code lengths, given as differences to those of the block before and packed with a code of their own.
pub(crate) fn read_lengths(
    bits: &mut Bits<'_>,
    pretree: &mut Huffman<8, 256>,
    lengths: &mut [u8],
    tree: &'static str,
) -> Result<(), DecodeError> {
    let mut pretree_lengths = [0; PRETREE_SYMBOLS];
    pretree_lengths.fill_with(|| bits.read(4) as u8);
    pretree.build(&pretree_lengths)?;
    let mut rest = lengths;
    while let Some(first) = rest.first().copied() {
        bits.refill();
        let symbol = pretree.decode(bits)? as usize;
        let (run, length) = match symbol {
            SHORT_ZEROS => (4 + bits.take(4) as usize, 0),
            LONG_ZEROS => (20 + bits.take(5) as usize, 0),
            SAME => {
                let run = 4 + bits.take(1) as usize;
                let symbol = pretree.decode(bits)? as usize;
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

/// One symbol of the pretree, the plain bits after it, and the difference that follows a run of one length.
struct Piece {
    symbol: usize,
    value: u32,
    bits: u32,
    difference: Option<usize>,
}

/// Writes code lengths; `before` are those of the block before.
pub(crate) fn write_lengths(out: &mut BitWriter, before: &[u8], lengths: &[u8]) {
    let pieces = pieces(before, lengths);
    let mut frequencies = [0; PRETREE_SYMBOLS];
    for symbol in pieces.iter().flat_map(|piece| [Some(piece.symbol), piece.difference]).flatten() {
        if let Some(count) = frequencies.get_mut(symbol) {
            *count += 1;
        }
    }
    // Four bits hold lengths up to 15.
    let code = Code::new(&frequencies, 15);
    code.lengths().iter().for_each(|length| out.put(u32::from(*length), 4));
    for piece in pieces {
        code.put(piece.symbol, out);
        out.put(piece.value, piece.bits);
        if let Some(difference) = piece.difference {
            code.put(difference, out);
        }
    }
}

fn pieces(before: &[u8], lengths: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut before, mut rest) = (before, lengths);
    while let (Some((&old, _)), Some((&length, _))) = (before.split_first(), rest.split_first()) {
        let difference = (usize::from(old) + 17 - usize::from(length)) % 17;
        let same = rest.iter().take_while(|other| **other == length).count();
        let (run, piece) = match (length, same) {
            (0, 20..) => {
                let run = same.min(51);
                (run, Piece { symbol: LONG_ZEROS, value: run as u32 - 20, bits: 5, difference: None })
            }
            (0, 4..) => {
                (same, Piece { symbol: SHORT_ZEROS, value: same as u32 - 4, bits: 4, difference: None })
            }
            (_, 4..) => {
                let run = same.min(5);
                (run, Piece { symbol: SAME, value: run as u32 - 4, bits: 1, difference: Some(difference) })
            }
            _ => (1, Piece { symbol: difference, value: 0, bits: 0, difference: None }),
        };
        pieces.push(piece);
        before = before.get(run..).unwrap_or_default();
        rest = rest.get(run..).unwrap_or_default();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::padded::Padded;

    #[test]
    fn written_lengths_are_read() {
        let before: Vec<u8> = (0..300).map(|index: usize| (index * 7 % 17) as u8).collect();
        let runs = [(0, 60), (3, 9), (0, 4), (16, 2), (0, 3), (5, 4), (1, 200), (0, 18)];
        let lengths: Vec<u8> = runs.iter().flat_map(|&(length, count)| vec![length; count]).collect();
        assert_eq!(lengths.len(), before.len());
        let mut out = BitWriter::default();
        write_lengths(&mut out, &before, &lengths);
        let bytes = out.take();
        let mut read = before.clone();
        let mut pretree = Huffman::new("pre");
        let mut input = Padded::new();
        input.set(&bytes);
        read_lengths(&mut Bits::new(&input), &mut pretree, &mut read, "main").unwrap();
        assert_eq!(read, lengths);
    }
}

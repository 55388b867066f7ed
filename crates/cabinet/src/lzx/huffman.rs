//! Canonical Huffman codes of up to 16 bits: a table for the short codes, a comparison per length for the long ones.

use super::bits::Bits;
use crate::error::DecodeError;

/// The longest code that LZX has.
pub(crate) const MAX_LENGTH: usize = 16;

/// A Huffman decoder with a table of `SIZE` = 2^`BITS` entries. Codes may be incomplete: a bit pattern without a symbol is
/// an error only where it occurs, because compressors leave the length tree empty when they do not use it.
///
/// An entry has in its lowest eight bits how many bits the code has, and above them what its symbol stands for.
pub(crate) struct Huffman<const BITS: u32, const SIZE: usize> {
    tree: &'static str,
    meaning: fn(u16) -> u32,
    /// By the next `BITS` bits: an entry, or 0 for a longer code.
    table: Box<[u32; SIZE]>,
    /// Symbols in the order of their codes.
    symbols: Vec<u16>,
    /// Per length: the first code of the next greater length, as 16 bits. Codes below it have at most this length.
    limits: [u32; MAX_LENGTH + 1],
    /// Per length: index into `symbols` of the code 0 of this length (may be below zero: wrapping).
    bases: [u32; MAX_LENGTH + 1],
}

impl<const BITS: u32, const SIZE: usize> Huffman<BITS, SIZE> {
    /// A code without symbols; `tree` is its name in errors.
    pub fn new(tree: &'static str) -> Self {
        Self::with_meanings(tree, |symbol| u32::from(symbol) << 8)
    }

    /// The same with what symbols stand for, above the lowest eight bits, in place of their numbers.
    pub fn with_meanings(tree: &'static str, meaning: fn(u16) -> u32) -> Self {
        debug_assert_eq!(SIZE, 1 << BITS);
        Self {
            tree,
            meaning,
            table: Box::new([0; SIZE]),
            symbols: Vec::new(),
            limits: [0; MAX_LENGTH + 1],
            bases: [0; MAX_LENGTH + 1],
        }
    }

    /// Makes this the canonical code with these lengths, 0 for symbols that do not occur. Lengths are 0 to 16.
    pub fn build(&mut self, lengths: &[u8]) -> Result<(), DecodeError> {
        let mut counts = [0u32; MAX_LENGTH + 1];
        for length in lengths {
            if let Some(count) = counts.get_mut(usize::from(*length)) {
                *count += 1;
            }
        }
        self.place_lengths(&counts)?;
        self.sort_symbols(lengths, &counts);
        self.fill_table(&counts);
        Ok(())
    }

    /// Computes limits and bases, and refuses lengths that no prefix code can have.
    fn place_lengths(&mut self, counts: &[u32; MAX_LENGTH + 1]) -> Result<(), DecodeError> {
        let mut code = 0u32;
        let mut index = 0u32;
        let places = counts.iter().zip(&mut self.limits).zip(&mut self.bases).enumerate().skip(1);
        for (length, ((count, limit), base)) in places {
            let shift = MAX_LENGTH - length;
            *base = index.wrapping_sub(code >> shift);
            code += count << shift;
            index += count;
            *limit = code;
        }
        if code > 1 << MAX_LENGTH {
            return Err(DecodeError::CodeLengths { tree: self.tree });
        }
        Ok(())
    }

    fn sort_symbols(&mut self, lengths: &[u8], counts: &[u32; MAX_LENGTH + 1]) {
        let mut next = [0usize; MAX_LENGTH + 1];
        let mut start = 0;
        for (place, count) in next.iter_mut().zip(counts).skip(1) {
            *place = start;
            start += *count as usize;
        }
        self.symbols.clear();
        self.symbols.resize(start, 0);
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length != 0) {
            let Some(place) = next.get_mut(usize::from(*length)) else { continue };
            if let Some(slot) = self.symbols.get_mut(*place) {
                *slot = symbol as u16;
            }
            *place += 1;
        }
    }

    fn fill_table(&mut self, counts: &[u32; MAX_LENGTH + 1]) {
        let mut symbols = self.symbols.iter();
        let mut free = self.table.as_mut_slice();
        for (length, count) in counts.iter().enumerate().skip(1).take(BITS as usize) {
            let span = 1 << (BITS as usize - length);
            for symbol in symbols.by_ref().take(*count as usize) {
                let Some((entries, rest)) = free.split_at_mut_checked(span) else { return };
                entries.fill((self.meaning)(*symbol) + length as u32);
                free = rest;
            }
        }
        free.fill(0);
    }

    /// The table, for the inner loop.
    #[inline(always)]
    pub fn table(&self) -> Table<'_, BITS, SIZE> {
        Table(&self.table)
    }

    /// Takes the next code, for which 16 bits have to be available.
    #[inline(always)]
    pub fn decode(&self, bits: &mut Bits<'_>) -> Result<u32, DecodeError> {
        let entry = match self.table().look(bits) {
            0 => self.find_long(bits.peek()).ok_or(DecodeError::UnusedCode { tree: self.tree })?,
            entry => entry,
        };
        bits.consume(entry);
        Ok(entry >> 8)
    }

    /// The entry of a code that is not in the table, from the next bits.
    #[inline(never)]
    pub fn find_long(&self, bits: u64) -> Option<u32> {
        let code = (bits >> 48) as u32;
        let mut lengths = self.limits.iter().zip(&self.bases).enumerate().skip(BITS as usize + 1);
        let (length, (_, base)) = lengths.find(|(_, (limit, _))| code < **limit)?;
        let index = base.wrapping_add(code >> (MAX_LENGTH - length));
        let symbol = self.symbols.get(index as usize).copied()?;
        Some((self.meaning)(symbol) + length as u32)
    }
}

/// The table of a [`Huffman`] decoder.
#[derive(Clone, Copy)]
pub(crate) struct Table<'h, const BITS: u32, const SIZE: usize>(&'h [u32; SIZE]);

impl<const BITS: u32, const SIZE: usize> Table<'_, BITS, SIZE> {
    /// The entry of the next code, which is not taken; 0 when it is longer than the table's bits.
    #[inline(always)]
    pub fn look(self, bits: &Bits<'_>) -> u32 {
        let index = (bits.peek() >> (64 - BITS)) as usize;
        self.0.get(index).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::padded::Padded;

    /// The codes of a canonical code, highest bit first.
    fn codes(lengths: &[u8]) -> Vec<Option<(u32, u32)>> {
        let mut codes = vec![None; lengths.len()];
        let mut code = 0;
        for length in 1..=16u8 {
            code <<= 1;
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, of)| **of == length) {
                codes[symbol] = Some((code, u32::from(length)));
                code += 1;
            }
        }
        codes
    }

    fn bytes_of_code(code: u32, length: u32) -> [u8; 4] {
        let [b0, b1, b2, b3] = (code << (32 - length)).to_be_bytes();
        [b1, b0, b3, b2]
    }

    #[test]
    fn every_code_decodes_to_its_symbol() {
        let mut staircase: Vec<u8> = (1..=16).collect();
        staircase.push(16);
        let complete = vec![9; 512];
        let incomplete = [0, 3, 0, 14, 2, 16, 7, 0];
        for lengths in [&staircase[..], &complete, &incomplete, &[1], &[0, 16]] {
            let mut huffman = Huffman::<6, 64>::new("main");
            huffman.build(lengths).unwrap();
            for (symbol, code) in codes(lengths).into_iter().enumerate() {
                let Some((code, length)) = code else { continue };
                let bytes = bytes_of_code(code, length);
                let mut input = Padded::new();
                input.set(&bytes);
                let mut bits = Bits::new(&input);
                bits.refill();
                assert_eq!(huffman.decode(&mut bits), Ok(symbol as u32));
            }
        }
    }

    #[test]
    fn bit_patterns_without_a_symbol_are_errors() {
        for lengths in [&[0; 20][..], &[1], &[0, 16], &[2, 2, 2]] {
            let mut huffman = Huffman::<6, 64>::new("length");
            huffman.build(lengths).unwrap();
            let mut input = Padded::new();
            input.set(&[0xff; 8]);
            let mut bits = Bits::new(&input);
            bits.refill();
            assert_eq!(huffman.decode(&mut bits), Err(DecodeError::UnusedCode { tree: "length" }));
        }
    }

    #[test]
    fn oversubscribed_lengths_are_refused() {
        for lengths in [&[1, 1, 1][..], &[1, 2, 2, 16], &[16; 65_537]] {
            let mut huffman = Huffman::<6, 64>::new("aligned");
            assert_eq!(huffman.build(lengths), Err(DecodeError::CodeLengths { tree: "aligned" }));
        }
    }
}

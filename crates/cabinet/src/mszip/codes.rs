//! The prefix codes of deflate (RFC 1951, 3.2.2) as tables: the low bits of the stream are the place of what they stand for.
//!
//! An entry has in its lowest eight bits how many bits it takes altogether, and above them what it stands for. Codes longer
//! than the table's bits go on in a second table behind it.

use crate::error::DecodeError;

/// A literal, or two: the bytes from bit 16 on.
pub(super) const LITERAL: u32 = 1 << 15;
/// Two literals.
pub(super) const PAIR: u32 = 1 << 8;
/// Neither a literal nor a number: one of the two below, or a bit pattern that stands for no symbol.
pub(super) const SPECIAL: u32 = 1 << 14;
/// The end of a deflate block.
pub(super) const END: u32 = 1 << 13;
/// A second table: its first place from bit 16 on, its bits from bit 8 on.
pub(super) const TABLE: u32 = 1 << 12;

/// The longest code.
const LONGEST: usize = 15;

/// A number with extra bits: the smallest from bit 16 on, the length of the code alone from bit 8 on, and how many bits code
/// and extra bits take in the lowest eight.
pub(super) const fn number(smallest: u32, extra: u32) -> u32 {
    smallest << 16 | extra
}

/// The decoding table of a code; `SIZE` is a power of two that has room for all second tables.
pub(super) struct Table<const SIZE: usize> {
    entries: Box<[u32; SIZE]>,
}

impl<const SIZE: usize> Table<SIZE> {
    pub fn new() -> Self {
        Self { entries: Box::new([0; SIZE]) }
    }

    /// The entries as an array, for the inner loop.
    #[inline(always)]
    pub fn entries(&self) -> &[u32; SIZE] {
        &self.entries
    }

    /// Makes the table of a code from the lengths of its symbols' codes and from what the symbols stand for, with places for
    /// codes of `bits` bits in the first table.
    pub fn build(
        &mut self,
        tree: &'static str,
        lengths: &[u8],
        meanings: &[u32],
        bits: usize,
    ) -> Result<(), DecodeError> {
        let mut counts = [0_u32; LONGEST + 1];
        for length in lengths.iter().filter(|length| **length > 0) {
            *at(&mut counts, usize::from(*length)) += 1;
        }
        let used: u32 = counts.iter().sum();
        // Room that is left, in codes of the longest length.
        let taken: u32 =
            counts.iter().enumerate().skip(1).map(|(length, count)| count << (LONGEST - length)).sum();
        if taken > 1 << LONGEST {
            return Err(DecodeError::CodeLengths { tree });
        }
        let complete = taken == 1 << LONGEST;
        // One code alone cannot fill its tree; anything else that leaves room is damage.
        if !complete && used != *at(&mut counts, 1) {
            return Err(DecodeError::IncompleteCode { tree });
        }
        if !complete {
            self.entries.fill(SPECIAL | 1);
        }
        let mut sorted = [0_u16; 288];
        let mut places = [0_usize; LONGEST + 2];
        for length in 1..=LONGEST {
            *at(&mut places, length + 1) = *at(&mut places, length) + *at(&mut counts, length) as usize;
        }
        for (symbol, length) in (0..).zip(lengths).filter(|(_, length)| **length > 0) {
            let place = at(&mut places, usize::from(*length));
            *at(&mut sorted, *place) = symbol;
            *place += 1;
        }
        self.fill(&sorted, &counts, meanings, bits);
        Ok(())
    }

    /// Lets places of the first table stand for two literals where the codes of both fit.
    pub fn pair_literals(&mut self, bits: usize) {
        // From the last place on: what follows a literal is at a lower one, and still by itself.
        for place in (0..1 << bits).rev() {
            let first = self.entries.get(place).copied().unwrap_or(SPECIAL);
            let taken = first & 0xff;
            let second = self.entries.get(place >> (taken & 0xf)).copied().unwrap_or(SPECIAL);
            let both = taken + (second & 0xff);
            if first & second & LITERAL != 0 && both <= bits as u32 {
                self.set(place, LITERAL | PAIR | both | first & 0xff_0000 | (second & 0xff_0000) << 8);
            }
        }
    }

    /// Puts the symbols into the tables in the order of their codes, which are taken bit-reversed.
    fn fill(&mut self, sorted: &[u16; 288], counts: &[u32; LONGEST + 1], meanings: &[u32], bits: usize) {
        let mut symbols =
            sorted.iter().map(|symbol| meanings.get(usize::from(*symbol)).copied().unwrap_or(SPECIAL));
        let mut code = 0_usize;
        // Where the next second table starts, and the one being filled: first place, prefix, bits.
        let mut free = 1 << bits;
        let mut second = (0, usize::MAX, 0);
        for (length, count) in counts.iter().enumerate().skip(1) {
            if length <= bits {
                // What is there so far stands for codes with either next bit.
                self.entries.copy_within(..1 << (length - 1), 1 << (length - 1));
            }
            for left in (1..=*count).rev() {
                let meaning = symbols.next().unwrap_or(SPECIAL);
                if length <= bits {
                    self.set(code, entry(meaning, length));
                } else {
                    let prefix = code & ((1 << bits) - 1);
                    if second.1 != prefix {
                        // As many bits as the codes with this prefix need.
                        let mut more = length - bits;
                        let mut room = left as usize;
                        while room < 1 << more && bits + more < LONGEST {
                            more += 1;
                            room = (room << 1) + counts.get(bits + more).map_or(0, |count| *count as usize);
                        }
                        second = (free, prefix, more);
                        free += 1 << more;
                        let to_second =
                            (second.0 as u32) << 16 | SPECIAL | TABLE | (more as u32) << 8 | bits as u32;
                        self.set(prefix, to_second);
                    }
                    let (start, _, more) = second;
                    let within = code >> bits;
                    self.repeat(
                        start + within,
                        1 << (length - bits),
                        start + (1 << more),
                        entry(meaning, length - bits),
                    );
                }
                code = next(code, length);
            }
        }
    }

    /// Puts an entry into every `step`th place before `end`.
    fn repeat(&mut self, first: usize, step: usize, end: usize, entry: u32) {
        for place in self.entries.iter_mut().take(end).skip(first).step_by(step) {
            *place = entry;
        }
    }

    fn set(&mut self, place: usize, entry: u32) {
        if let Some(place) = self.entries.get_mut(place) {
            *place = entry;
        }
    }
}

/// The entry of a symbol whose code has this many bits in its table.
fn entry(meaning: u32, length: usize) -> u32 {
    // A number's extra bits come after its code.
    meaning
        + ((length as u32) << 8 | length as u32) * u32::from(meaning & (LITERAL | SPECIAL) == 0)
        + (length as u32) * u32::from(meaning & (LITERAL | SPECIAL) != 0)
}

/// The code after this one of the same length, both bit-reversed: the highest zero becomes one, and what is above it zero.
fn next(code: usize, length: usize) -> usize {
    let zeros = !code & ((1 << length) - 1);
    let bit = zeros.checked_ilog2().map_or(0, |bit| 1_usize << bit);
    code & bit.saturating_sub(1) | bit
}

/// An element that is there, or the last one.
fn at<T, const N: usize>(array: &mut [T; N], index: usize) -> &mut T {
    #[allow(clippy::indexing_slicing)] // the index is in range by `min`
    &mut array[index.min(N - 1)]
}

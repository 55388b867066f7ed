//! Deflate (RFC 1951) into a buffer that has what came before.

use super::bits::Bits;
use super::codes::{END, LITERAL, SPECIAL, TABLE, Table, number};
use crate::error::DecodeError;
use crate::padded::Padded;
use crate::window::repeat;

pub(super) const LONGEST_MATCH: usize = 258;
/// Bytes of a match that are copied at once.
pub(super) const STEP: usize = 16;
/// Bytes that a match may write behind its end.
pub(super) const SURPLUS: usize = 2 * STEP;
/// A place in the buffer, masked: the compiler sees that it is in it.
pub(super) const MASK: usize = (1 << 18) - 1;
/// What came before, the output, and room behind it that a step of the inner loop may write to.
pub(crate) type Buffer = [u8; MASK + 1 + STEP];
/// The end of the output is never beyond this.
pub(crate) const USABLE: usize = MASK + 1 - 6 - LONGEST_MATCH - SURPLUS;

/// Bits of the first tables.
const SYMBOL_BITS: usize = 11;
const DISTANCE_BITS: usize = 8;
const LENGTH_BITS: usize = 7;
const SYMBOLS: usize = 288;
const DISTANCES: usize = 32;
/// The order in which the lengths of the code for code lengths come (RFC 1951, 3.2.7).
const LENGTH_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// The longest match has a symbol of its own, the last one.
const LENGTH_SYMBOLS: u32 = 29;

/// Inflates streams, one after the other.
pub(crate) struct Inflate {
    codes: Codes,
}

impl Inflate {
    pub fn new() -> Self {
        Self { codes: Codes::new() }
    }

    /// Inflates the stream that starts at `from` to `target[start..end]`; matches may reach back to the target's start. The end is [`USABLE`] at
    /// most.
    pub(super) fn run<T: Target>(
        &mut self,
        input: &Padded,
        from: usize,
        target: &mut T,
        start: usize,
        end: usize,
    ) -> Result<(), DecodeError> {
        let mut bits = Bits::new(input, from);
        let mut out = Output { buffer: target, start, position: start, end };
        let result = self.codes.stream(&mut bits, &mut out);
        match bits.is_beyond() {
            true => Err(DecodeError::InputEnds { output: out.written() }),
            false => result,
        }
    }
}

/// The tables of the codes, which are made anew for each deflate block.
struct Codes {
    symbols: Table<4096>,
    distances: Table<512>,
    lengths: Table<128>,
    symbol_meanings: [u32; SYMBOLS],
    distance_meanings: [u32; DISTANCES],
    length_meanings: [u32; 19],
}

impl Codes {
    fn new() -> Self {
        let mut symbol_meanings = [SPECIAL; SYMBOLS];
        let (literals, others) = symbol_meanings.split_at_mut(256);
        for (byte, meaning) in (0..).zip(literals) {
            *meaning = LITERAL | byte << 16;
        }
        let mut smallest = 3;
        for (symbol, meaning) in (0..=LENGTH_SYMBOLS).zip(others) {
            // Symbols 256 to 285 (3.2.5): the end of the block, then lengths.
            *meaning = match symbol {
                0 => SPECIAL | END,
                LENGTH_SYMBOLS => number(LONGEST_MATCH as u32, 0),
                _ => {
                    let extra = ((symbol - 1) / 4).saturating_sub(1);
                    let meaning = number(smallest, extra);
                    smallest += 1 << extra;
                    meaning
                }
            };
        }
        let mut distance_meanings = [SPECIAL; DISTANCES];
        let mut smallest = 1;
        for (symbol, meaning) in (0_u32..30).zip(&mut distance_meanings) {
            let extra = (symbol / 2).saturating_sub(1);
            *meaning = number(smallest, extra);
            smallest += 1 << extra;
        }
        let mut length_meanings = [0; 19];
        for (symbol, meaning) in (0..).zip(&mut length_meanings) {
            *meaning = LITERAL | symbol << 16;
        }
        Self {
            symbols: Table::new(),
            distances: Table::new(),
            lengths: Table::new(),
            symbol_meanings,
            distance_meanings,
            length_meanings,
        }
    }

    /// The blocks of a stream.
    fn stream<T: Target>(&mut self, bits: &mut Bits, out: &mut Output<'_, T>) -> Result<(), DecodeError> {
        loop {
            bits.refill();
            let is_last = bits.number(1) == 1;
            match bits.number(2) {
                0 => out.stored(bits)?,
                1 => {
                    self.fixed_codes()?;
                    self.block(bits, out)?;
                }
                2 => {
                    self.read_codes(bits, out)?;
                    self.block(bits, out)?;
                }
                _ => return Err(out.damaged("a block of a type that is not defined")),
            }
            if bits.is_beyond() {
                return Err(DecodeError::InputEnds { output: out.written() });
            }
            if is_last {
                return match out.position == out.end {
                    true => Ok(()),
                    false => Err(out.wrong_length()),
                };
            }
        }
    }

    fn fixed_codes(&mut self) -> Result<(), DecodeError> {
        let mut lengths = [8; SYMBOLS];
        for (symbol, length) in lengths.iter_mut().enumerate() {
            *length = match symbol {
                144..256 => 9,
                256..280 => 7,
                _ => 8,
            };
        }
        self.symbols.build("main", &lengths, &self.symbol_meanings, SYMBOL_BITS)?;
        self.distances.build("distance", &[5; DISTANCES], &self.distance_meanings, DISTANCE_BITS)
    }

    /// Reads the codes of a block with codes of its own (3.2.7).
    fn read_codes<T: Target>(&mut self, bits: &mut Bits, out: &Output<'_, T>) -> Result<(), DecodeError> {
        let symbols = bits.number(5) as usize + 257;
        let distances = bits.number(5) as usize + 1;
        let count = bits.number(4) as usize + 4;
        if symbols > 286 || distances > 30 {
            return Err(out.damaged("more symbols than there are"));
        }
        let mut code_lengths = [0; 19];
        for symbol in LENGTH_ORDER.iter().take(count) {
            bits.refill();
            if let Some(length) = code_lengths.get_mut(*symbol) {
                *length = bits.number(3) as u8;
            }
        }
        self.lengths.build("length", &code_lengths, &self.length_meanings, LENGTH_BITS)?;
        let mut lengths = [0_u8; 286 + 30];
        let mut place = 0;
        while place < symbols + distances {
            bits.refill();
            let index = bits.peek() as usize & ((1 << LENGTH_BITS) - 1);
            let entry = self.lengths.entries().get(index).copied().unwrap_or(SPECIAL);
            if entry & SPECIAL != 0 {
                return Err(DecodeError::UnusedCode { tree: "length" });
            }
            bits.take(entry & 0xff);
            let (length, run) = match entry >> 16 & 0x1f {
                16 => {
                    let before = place.checked_sub(1).and_then(|before| lengths.get(before));
                    let before =
                        *before.ok_or_else(|| out.damaged("a code length is repeated before the first"))?;
                    (before, 3 + bits.number(2))
                }
                17 => (0, 3 + bits.number(3)),
                18 => (0, 11 + bits.number(7)),
                length => (length as u8, 1),
            };
            let (run, left) = (run as usize, symbols + distances - place);
            if run > left {
                return Err(DecodeError::CodeLengthRun { tree: "main", run, left });
            }
            if let Some(lengths) = lengths.get_mut(place..place + run) {
                lengths.fill(length);
            }
            place += run;
        }
        let (main, rest) = lengths.split_at(symbols);
        self.symbols.build("main", main, &self.symbol_meanings, SYMBOL_BITS)?;
        self.symbols.pair_literals(SYMBOL_BITS);
        let distances = rest.get(..distances).unwrap_or_default();
        self.distances.build("distance", distances, &self.distance_meanings, DISTANCE_BITS)
    }

    /// The symbols of one block. All that a step needs is in variables here, and the places of both buffers are masked, so
    /// that the loop has no branch but those that the data asks for.
    fn block<T: Target>(&self, bits: &mut Bits, out: &mut Output<'_, T>) -> Result<(), DecodeError> {
        const MAIN: u64 = (1 << SYMBOL_BITS) - 1;
        const DISTANCE: u64 = (1 << DISTANCE_BITS) - 1;
        let (symbols, distances) = (self.symbols.entries(), self.distances.entries());
        let look = |place: u64| symbols.get(place as usize & 4095).copied().unwrap_or(SPECIAL);
        let look_far = |place: u64| distances.get(place as usize & 511).copied().unwrap_or(SPECIAL);
        let mut at = *bits;
        let end = out.end;
        let mut position = out.position;
        let buffer = &mut *out.buffer;
        at.refill();
        let mut entry = look(at.peek() & MAIN);
        // Here at least AT_HAND bits are at hand, of which none of `entry` is taken. Input that ends is met with other bytes:
        // what they stand for grows the output until its end, or ends the block.
        let result = loop {
            if position > end {
                break Err(Stop::Length);
            }
            // Masked
            {
                let mask = ((entry << 16) as i32 >> 31) as u32;
                buffer.put(position, (entry >> 16) as u16);
                at.take(entry & mask);
                position += ((1 + (entry >> 8 & 1)) & mask) as usize;
                entry = look(at.peek() & MAIN);
            }
            if entry & LITERAL != 0 {
                at.take(entry);
                buffer.put(position, (entry >> 16) as u16);
                position += 1 + (entry >> 8 & 1) as usize;
                entry = look(at.peek() & MAIN);
                if entry & LITERAL != 0 {
                    at.take(entry);
                    buffer.put(position, (entry >> 16) as u16);
                    position += 1 + (entry >> 8 & 1) as usize;
                    entry = look(at.peek() & MAIN);
                    at.refill();
                    continue;
                }
            }
            if entry & SPECIAL != 0 {
                if entry & TABLE != 0 {
                    at.take(entry);
                    entry = look(u64::from(entry >> 16) + (at.peek() & ((1 << (entry >> 8 & 0xf)) - 1)));
                    if entry & LITERAL != 0 {
                        at.take(entry);
                        buffer.put(position, (entry >> 16) as u16);
                        position += 1 + (entry >> 8 & 1) as usize;
                        entry = look(at.peek() & MAIN);
                        at.refill();
                        continue;
                    }
                }
                if entry & END != 0 {
                    at.take(entry);
                    break Ok(());
                }
                if entry & SPECIAL != 0 {
                    break Err(Stop::Main);
                }
            }
            let length = value(&mut at, entry);
            entry = look_far(at.peek() & DISTANCE);
            at.refill();
            if entry & SPECIAL != 0 {
                if entry & TABLE != 0 {
                    at.take(entry);
                    let more = at.peek() & ((1 << (entry >> 8 & 0xf)) - 1);
                    entry = look_far(u64::from(entry >> 16) + more);
                }
                if entry & SPECIAL != 0 {
                    break Err(Stop::Distance);
                }
            }
            let distance = value(&mut at, entry);
            if distance > buffer.available(position) {
                break Err(Stop::Start(distance));
            }
            // A distance takes 28 bits at most: the next symbol is at hand, and found while the match is copied.
            entry = look(at.peek() & MAIN);
            at.refill();
            buffer.copy(position, distance, length);
            position += length;
        };
        (*bits, out.position) = (at, position);
        match result {
            _ if position > end => Err(out.wrong_length()),
            Ok(()) => Ok(()),
            Err(Stop::Length) => Err(out.wrong_length()),
            Err(Stop::Main) => Err(DecodeError::UnusedCode { tree: "main" }),
            Err(Stop::Distance) => Err(DecodeError::UnusedCode { tree: "distance" }),
            Err(Stop::Start(distance)) => Err(DecodeError::MatchStart {
                distance: distance as u64,
                available: out.buffer.available(position) as u64,
            }),
        }
    }
}

/// Why the symbols of a block end before its end.
enum Stop {
    /// More output than there may be.
    Length,
    /// A bit pattern that stands for no symbol.
    Main,
    /// The same in the code of distances.
    Distance,
    /// A match from so far back that nothing is there.
    Start(usize),
}

/// What is inflated to.
pub(super) trait Target {
    /// Puts a literal.
    fn put(&mut self, position: usize, pair: u16);
    /// How far back a match may start.
    fn available(&self, position: usize) -> usize;
    /// Puts a match; [`SURPLUS`] bytes behind it may change.
    fn copy(&mut self, position: usize, distance: usize, length: usize);
    /// Puts bytes as they are.
    fn put_all(&mut self, position: usize, bytes: &[u8]);
}

/// A buffer that has what came before, from some place on.
pub(super) struct Known<'b> {
    pub buffer: &'b mut Buffer,
    pub from: usize,
}

impl Target for Known<'_> {
    #[inline(always)]
    fn put(&mut self, position: usize, pair: u16) {
        let place = position & MASK;
        let place = self.buffer.get_mut(place..place + 2).and_then(|place| place.first_chunk_mut::<2>());
        if let Some(place) = place {
            *place = pair.to_le_bytes();
        }
    }

    #[inline(always)]
    fn available(&self, position: usize) -> usize {
        position - self.from
    }

    #[inline(always)]
    fn copy(&mut self, position: usize, distance: usize, length: usize) {
        copy(self.buffer, position, distance, length);
    }

    fn put_all(&mut self, position: usize, bytes: &[u8]) {
        if let Some(place) = self.buffer.get_mut(position..position + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// Where the bytes go.
struct Output<'b, T> {
    buffer: &'b mut T,
    start: usize,
    position: usize,
    end: usize,
}

impl<T: Target> Output<'_, T> {
    fn written(&self) -> usize {
        self.position - self.start
    }

    fn damaged(&self, reason: &'static str) -> DecodeError {
        DecodeError::Deflate { output: self.written() as u64, reason }
    }

    fn wrong_length(&self) -> DecodeError {
        let expected = (self.end - self.start) as u64;
        // How much more would come is not asked.
        DecodeError::OutputLength { got: (self.written() as u64).min(expected + 1), expected }
    }

    /// A block that is stored as it is (3.2.4).
    fn stored(&mut self, bits: &mut Bits) -> Result<(), DecodeError> {
        let ends = DecodeError::InputEnds { output: self.written() };
        let Some(&[l0, l1, n0, n1]) = bits.bytes(4) else { return Err(ends) };
        let length = u16::from_le_bytes([l0, l1]);
        if length != !u16::from_le_bytes([n0, n1]) {
            return Err(self.damaged("the length of a stored block is not the complement of what follows it"));
        }
        let Some(bytes) = bits.bytes(usize::from(length)) else { return Err(ends) };
        let before = self.position;
        self.position += bytes.len();
        if self.position > self.end {
            return Err(self.wrong_length());
        }
        self.buffer.put_all(before, bytes);
        Ok(())
    }
}

/// Takes a number: its code and its extra bits.
#[inline(always)]
fn value(bits: &mut Bits, entry: u32) -> usize {
    let word = bits.peek();
    let taken = entry & 0x3f;
    bits.take(taken);
    let extra = (word & ((1 << taken) - 1)) >> (entry >> 8 & 0xf);
    (entry >> 16) as usize + extra as usize
}

/// Copies [`STEP`] bytes.
#[inline(always)]
fn copy_step(buffer: &mut Buffer, source: usize, target: usize) {
    let (source, target) = (source & MASK, target & MASK);
    let step = buffer.get(source..source + STEP).and_then(|step| step.first_chunk::<STEP>()).copied();
    let place = buffer.get_mut(target..target + STEP).and_then(|place| place.first_chunk_mut::<STEP>());
    if let (Some(step), Some(place)) = (step, place) {
        *place = step;
    }
}

/// Copies a match; up to [`SURPLUS`] bytes too many are written.
#[inline(always)]
pub(super) fn copy(buffer: &mut Buffer, target: usize, distance: usize, length: usize) {
    let source = target - distance;
    if distance >= STEP {
        copy_step(buffer, source, target);
        copy_step(buffer, source + STEP, target + STEP);
        let mut done = 2 * STEP;
        while done < length {
            copy_step(buffer, source + done, target + done);
            done += STEP;
        }
        return;
    }
    copy_overlapping(buffer, source, target, length);
}

/// Copies a match that repeats what it writes, seldom enough to be apart.
#[inline(never)]
fn copy_overlapping(buffer: &mut Buffer, source: usize, target: usize, length: usize) {
    repeat(buffer, source, target, length);
}

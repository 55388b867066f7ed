//! LZX as cabinets use it: windows of 2^15 to 2^21 bytes, blocks of verbatim, aligned and uncompressed kind, and the
//! translation of x86 calls ([MS-PATCH] 2.1 to 2.6 describe the same stream without the latter's cabinet form).
//!
//! Each data block of the cabinet is one frame of 32 KB (the last one may be shorter) whose bits start afresh at a byte;
//! LZX's own blocks, the trees and the repeated offsets go on across frames.

mod bit_writer;
mod bits;
mod code;
mod code_lengths;
mod compressor;
#[cfg(test)]
mod encoder;
mod huffman;
mod matches;
mod parse;
mod translation;

use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;
use crate::padded::Padded;
use crate::slots;
use crate::window::Window;
use bits::Bits;
use code_lengths::read_lengths;
use huffman::Huffman;

pub(crate) use compressor::{Compressor, MOST_FRAMES};
pub(crate) use translation::Translation;

/// Literals come first in the main tree.
const LITERALS: usize = 256;
/// Symbols of the main tree per position slot: seven short lengths, and "longer".
const LENGTHS_PER_SLOT: usize = 8;
/// Position slots of the largest window that a cabinet has (2^21).
const MAX_SLOTS: usize = 50;
const MAIN_SYMBOLS: usize = LITERALS + MAX_SLOTS * LENGTHS_PER_SLOT;
const LENGTH_SYMBOLS: usize = 249;
const MIN_MATCH: usize = 2;
/// The length of a match whose symbol does not say all of it.
const LONGER: usize = LENGTHS_PER_SLOT - 1 + MIN_MATCH;
/// The meaning of a symbol that is a literal.
const LITERAL: u32 = 1 << 31;

/// For each position slot: the first formatted offset, and how many bits follow.
const SLOTS: [(u32, u32); MAX_SLOTS] = slots::with_bases([
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14,
    15, 15, 16, 16, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17, 17,
]);

/// The same with room for a masked index.
const SLOT_TABLE: [(u32, u32); 64] = {
    let mut table = [(0, 0); 64];
    let (slots, _) = table.split_at_mut(MAX_SLOTS);
    slots.copy_from_slice(&SLOTS);
    table
};

/// Position slots of a window of 2^`bits` bytes.
fn slots_of_window(bits: u32) -> usize {
    match bits {
        21 => 50,
        20 => 42,
        bits => bits as usize * 2,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Verbatim,
    Aligned,
    Uncompressed,
}

/// A folder's LZX decoder.
pub(crate) struct Lzx {
    state: State,
    /// Known once the first frame is translated.
    translation: Option<Translation>,
}

/// All of it but the input.
struct State {
    window: Window,
    repeated: [u32; 3],
    kind: BlockKind,
    /// Bytes of output left in the LZX block.
    left: usize,
    /// An uncompressed block of odd length is followed by a byte that means nothing.
    odd_byte: bool,
    main_symbols: usize,
    main_lengths: [u8; MAIN_SYMBOLS],
    length_lengths: [u8; LENGTH_SYMBOLS],
    main: Huffman<11, 2048>,
    length: Huffman<10, 1024>,
    aligned: Huffman<7, 128>,
    pretree: Huffman<8, 256>,
    /// What the operands of calls are relative to, 0 when they stay as they are. Known once the first frame is read.
    translation_size: Option<i32>,
    /// Length of the frame before, to refuse frames after a short one.
    previous: usize,
}

impl Lzx {
    /// A decoder for a window of 2^`window_bits` bytes, 15 to 21.
    pub fn new(window_bits: u32) -> Self {
        Self { state: State::new(window_bits), translation: None }
    }

    /// Decompresses one frame to exactly `size` bytes, at most 32768.
    pub fn decode(&mut self, input: &Padded, size: usize) -> Result<(), DecodeError> {
        self.decode_untranslated(input, size)?;
        if let Some(size) = self.translation_size() {
            let translation = self.translation.get_or_insert_with(|| Translation::new(size));
            translation.apply(self.state.window.block());
        }
        Ok(())
    }

    /// The same without the translation of calls.
    pub fn decode_untranslated(&mut self, input: &Padded, size: usize) -> Result<(), DecodeError> {
        self.state.decode(Bits::new(input), size)
    }

    /// The bytes of the frame decoded last.
    pub fn output(&self) -> &[u8] {
        let translated = self.translation.as_ref().and_then(Translation::translated);
        translated.unwrap_or_else(|| self.untranslated())
    }

    /// The same as they are in the window.
    pub fn untranslated(&self) -> &[u8] {
        self.state.window.block()
    }

    /// What the operands of calls are relative to.
    pub fn translation_size(&self) -> Option<i32> {
        self.state.translation_size
    }
}

impl State {
    fn new(window_bits: u32) -> Self {
        let main_symbols = LITERALS + slots_of_window(window_bits) * LENGTHS_PER_SLOT;
        Self {
            window: Window::new(1 << window_bits),
            repeated: [1; 3],
            kind: BlockKind::Verbatim,
            left: 0,
            odd_byte: false,
            main_symbols: main_symbols.min(MAIN_SYMBOLS),
            main_lengths: [0; MAIN_SYMBOLS],
            length_lengths: [0; LENGTH_SYMBOLS],
            main: Huffman::with_meanings("main", meaning),
            length: Huffman::new("length"),
            aligned: Huffman::new("aligned offset"),
            pretree: Huffman::new("pre"),
            translation_size: None,
            previous: BLOCK_SIZE,
        }
    }

    fn decode(&mut self, mut bits: Bits<'_>, size: usize) -> Result<(), DecodeError> {
        if self.previous != BLOCK_SIZE {
            return Err(DecodeError::AfterShortBlock { previous: self.previous });
        }
        self.previous = size;
        self.window.start_block();
        if self.translation_size.is_none() {
            self.translation_size = Some(read_translation_size(&mut bits));
        }
        while self.window.written() < size {
            if self.left == 0 {
                self.start_lzx_block(&mut bits)?;
            }
            let run = self.left.min(size - self.window.written());
            match self.kind {
                BlockKind::Verbatim => self.decode_run::<false>(&mut bits, run)?,
                BlockKind::Aligned => self.decode_run::<true>(&mut bits, run)?,
                BlockKind::Uncompressed => self.copy_run(&mut bits, run)?,
            }
            self.left -= run;
            if bits.overrun() {
                return Err(DecodeError::InputEnds { output: self.window.written() });
            }
        }
        Ok(())
    }

    /// Reads the header of an LZX block with its trees.
    fn start_lzx_block(&mut self, bits: &mut Bits<'_>) -> Result<(), DecodeError> {
        if self.odd_byte {
            self.odd_byte = false;
            bits.restart_at(bits.place() + 1);
        }
        let kind = bits.read(3);
        self.left = bits.read(24) as usize;
        self.kind = match kind {
            1 => BlockKind::Verbatim,
            2 => BlockKind::Aligned,
            3 => BlockKind::Uncompressed,
            found => return Err(DecodeError::LzxBlockType { found }),
        };
        match self.kind {
            BlockKind::Uncompressed => return self.start_uncompressed(bits),
            BlockKind::Aligned => {
                let mut lengths = [0; 8];
                lengths.fill_with(|| bits.read(3) as u8);
                self.aligned.build(&lengths)?;
            }
            BlockKind::Verbatim => {}
        }
        self.read_trees(bits)?;
        if bits.overrun() {
            return Err(DecodeError::InputEnds { output: self.window.written() });
        }
        Ok(())
    }

    fn read_trees(&mut self, bits: &mut Bits<'_>) -> Result<(), DecodeError> {
        let (literals, matches) = self.main_lengths.split_at_mut(LITERALS);
        read_lengths(bits, &mut self.pretree, literals, "main")?;
        let matches = matches.get_mut(..self.main_symbols - LITERALS).unwrap_or_default();
        read_lengths(bits, &mut self.pretree, matches, "main")?;
        self.main.build(&self.main_lengths)?;
        read_lengths(bits, &mut self.pretree, &mut self.length_lengths, "length")?;
        self.length.build(&self.length_lengths)
    }

    /// The three repeated offsets come as little-endian words of 32 bits, then the raw bytes.
    fn start_uncompressed(&mut self, bits: &mut Bits<'_>) -> Result<(), DecodeError> {
        let mut offset = bits.skip_to_bytes();
        for repeated in &mut self.repeated {
            let Some(bytes) = bits.bytes_from(offset).first_chunk::<4>() else {
                return Err(DecodeError::InputEnds { output: self.window.written() });
            };
            *repeated = u32::from_le_bytes(*bytes);
            offset += 4;
        }
        self.odd_byte = self.left % 2 == 1;
        bits.restart_at(offset);
        Ok(())
    }

    /// Copies raw bytes of an uncompressed block. In it the bit reader holds no bits, only its place.
    fn copy_run(&mut self, bits: &mut Bits<'_>, run: usize) -> Result<(), DecodeError> {
        let start = bits.place();
        let Some(raw) = bits.bytes_from(start).get(..run) else {
            return Err(DecodeError::InputEnds { output: self.window.written() });
        };
        self.window.append(raw);
        let mut next = start + run;
        // At the end of this frame's bytes the odd byte may come with the next frame.
        if run == self.left && self.odd_byte && !bits.bytes_from(next).is_empty() {
            self.odd_byte = false;
            next += 1;
        }
        bits.restart_at(next);
        Ok(())
    }

    /// Decodes symbols until `run` bytes are written. All that a step needs is in variables here.
    #[inline(never)]
    fn decode_run<const ALIGNED: bool>(
        &mut self,
        stream: &mut Bits<'_>,
        run: usize,
    ) -> Result<(), DecodeError> {
        let unused = |tree| DecodeError::UnusedCode { tree };
        let table = self.main.table();
        let Some(mut cursor) = self.window.cursor() else { return Err(unused("main")) };
        let mut bits = *stream;
        let [mut r0, mut r1, mut r2] = self.repeated;
        let start = cursor.position;
        let end = start + run;
        bits.refill();
        let mut entry = table.look(&bits);
        // Here 48 bits are available, of which none of `entry` is taken.
        while cursor.position < end {
            if entry == 0 {
                entry = self.main.find_long(bits.peek()).ok_or_else(|| unused("main"))?;
            }
            if entry & LITERAL != 0 {
                bits.consume(entry);
                cursor.push((entry >> 8) as u8);
                entry = table.look(&bits);
                // One more is at hand, even after a long code.
                if entry & LITERAL != 0 && cursor.position < end {
                    bits.consume(entry);
                    cursor.push((entry >> 8) as u8);
                    entry = table.look(&bits);
                }
                bits.refill();
                continue;
            }
            let mut length = (entry >> 8 & 0xff) as usize;
            let slot = entry >> 16 & 63;
            let (base, extra) = SLOT_TABLE.get(slot as usize).copied().unwrap_or_default();
            let follows;
            if length == LONGER {
                bits.consume(entry - extra);
                bits.refill();
                length += self.length.decode(&mut bits)? as usize;
                follows = match ALIGNED && extra >= 3 {
                    true => {
                        let high = bits.take(extra - 3) << 3;
                        high + self.aligned.decode(&mut bits)?
                    }
                    false => bits.take(extra),
                };
            } else if ALIGNED && extra >= 3 {
                bits.consume(entry - extra);
                let high = bits.take(extra - 3) << 3;
                follows = high + self.aligned.decode(&mut bits)?;
            } else {
                // The entry says how many bits there are altogether, so that the next symbol need not wait for the slot.
                let word = bits.peek() << (entry.wrapping_sub(extra) & 63);
                follows = ((word >> 1) >> (63 - extra)) as u32;
                bits.consume(entry);
            }
            let distance = if slot > 2 {
                (r1, r2) = (r0, r1);
                base + follows - 2
            } else {
                match slot {
                    0 => r0,
                    1 => std::mem::replace(&mut r1, r0),
                    _ => std::mem::replace(&mut r2, r0),
                }
            };
            r0 = distance;
            // The next symbol is at hand, and found while the match is copied.
            entry = table.look(&bits);
            bits.refill();
            let (left, written) = (end - cursor.position, cursor.position - start);
            if length > left {
                return Err(DecodeError::MatchEnd { length, left });
            }
            if !cursor.reaches(distance as usize, written) {
                return Err(cursor.beyond(distance as usize, written));
            }
            cursor.copy(distance as usize, length);
        }
        self.repeated = [r0, r1, r2];
        self.window.advance(run);
        *stream = bits;
        Ok(())
    }
}

/// What a symbol of the main tree stands for: a literal from bit 8 on, or the length of a match there, [`LONGER`] when more of it
/// follows, and its position slot from bit 16 on.
fn meaning(symbol: u16) -> u32 {
    let symbol = u32::from(symbol);
    match symbol.checked_sub(LITERALS as u32) {
        None => LITERAL | symbol << 8,
        Some(symbol) => {
            let (slot, length) = (symbol / LENGTHS_PER_SLOT as u32, symbol % LENGTHS_PER_SLOT as u32);
            let (_, extra) = SLOTS.get(slot as usize).copied().unwrap_or_default();
            slot << 16 | (length + MIN_MATCH as u32) << 8 | extra
        }
    }
}

/// The stream's first bit says whether calls are translated; then the 32 bits of the size that they are relative to.
fn read_translation_size(bits: &mut Bits<'_>) -> i32 {
    match bits.read(1) {
        0 => 0,
        _ => {
            let high = bits.read(16);
            (high << 16 | bits.read(16)) as i32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::encoder::Encoder;
    use super::*;
    use crate::decoder::Compression;
    use crate::test_cabinet::{Random, cabextract, cabinet_of};

    fn decode(window_bits: u32, frames: &[(Vec<u8>, usize)]) -> Vec<u8> {
        let mut decoder = Lzx::new(window_bits);
        let mut output = Vec::new();
        for (number, (stored, size)) in frames.iter().enumerate() {
            decoder
                .decode(&Padded::of(stored), *size)
                .unwrap_or_else(|error| panic!("frame {number}: {error}"));
            output.extend_from_slice(decoder.output());
        }
        output
    }

    #[test]
    fn every_window_and_block_kind_is_decoded() {
        for window_bits in 15..=21 {
            for seed in 1..=2 {
                let mut random = Random(seed * 1000 + u64::from(window_bits));
                let mut encoder = Encoder::new(&mut random, window_bits, 0);
                // Around the ring once at least, for the smaller windows.
                encoder.run(150_000 + (2 << window_bits.min(18)));
                let output = decode(window_bits, &encoder.frames);
                let difference =
                    output.iter().zip(&encoder.plain).position(|(got, expected)| got != expected);
                assert_eq!(difference, None, "window 2^{window_bits}, seed {seed}");
                assert_eq!(output.len(), encoder.plain.len());
            }
        }
    }

    #[test]
    fn the_largest_ring_is_passed() {
        let mut random = Random(7);
        let mut encoder = Encoder::new(&mut random, 21, 0);
        encoder.run(2_500_000);
        assert!(decode(21, &encoder.frames) == encoder.plain);
    }

    #[test]
    fn calls_are_translated_as_cabextract_does() {
        for (window_bits, translation) in
            [(15, 0), (15, 12_000_000), (17, 1000), (19, 250_000), (21, 0x7fff_ffff)]
        {
            let mut random = Random(u64::from(translation) + 3);
            let mut encoder = Encoder::new(&mut random, window_bits, translation);
            encoder.run(300_001);
            let output = decode(window_bits, &encoder.frames);
            assert_eq!(output == encoder.plain, translation == 0);
            let compression = Compression::Lzx { window_bits: window_bits as u8 };
            let Some(expected) = cabextract(&cabinet_of(compression, &encoder.frames)) else { return };
            assert!(output == expected, "window 2^{window_bits}, translation {translation}");
        }
    }

    #[test]
    fn changed_streams_never_panic() {
        let mut random = Random(11);
        let mut encoder = Encoder::new(&mut random, 15, 12_000_000);
        encoder.run(100_000);
        let frames = encoder.frames;
        for _ in 0..500 {
            let mut decoder = Lzx::new(15);
            for (stored, size) in &frames {
                let mut stored = stored.clone();
                for _ in 0..random.below(4) {
                    let place = random.below(stored.len());
                    stored[place] ^= 1 << random.below(8);
                }
                stored.truncate(stored.len() - random.below(3));
                if decoder.decode(&Padded::of(&stored), *size).is_err() {
                    break;
                }
                assert_eq!(decoder.output().len(), *size);
            }
        }
    }

    #[test]
    fn damaged_streams_are_named() {
        let mut decoder = Lzx::new(15);
        assert_eq!(decoder.decode(&Padded::of(&[0, 0]), 10), Err(DecodeError::LzxBlockType { found: 0 }));
        let mut decoder = Lzx::new(15);
        // No translation, an uncompressed block of 4 bytes, whose three offsets are missing.
        let input = [0x00, 0x30, 0x40, 0x00];
        assert_eq!(decoder.decode(&Padded::of(&input), 4), Err(DecodeError::InputEnds { output: 0 }));
        let mut decoder = Lzx::new(15);
        let mut input = input.to_vec();
        input.extend([1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 8, 7, 6]);
        assert_eq!(decoder.decode(&Padded::of(&input), 4), Ok(()));
        assert_eq!(decoder.output(), [9, 8, 7, 6]);
        assert_eq!(decoder.decode(&Padded::of(&input), 4), Err(DecodeError::AfterShortBlock { previous: 4 }));
    }
}

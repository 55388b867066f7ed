//! An LZX encoder for tests: it chooses literals, matches and block kinds at random, so that the decoder meets every window,
//! slot and tree that real cabinets rarely use. It does not try to compress.

use super::{LENGTH_SYMBOLS, LENGTHS_PER_SLOT, LITERALS, MAIN_SYMBOLS, SLOTS, slots_of_window};
use crate::block::BLOCK_SIZE;
use crate::test_cabinet::Random;

/// Bits into 16-bit little-endian words, highest first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    word: u16,
    used: u32,
}

impl BitWriter {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.word = self.word << 1 | (value >> bit & 1) as u16;
            self.used += 1;
            if self.used == 16 {
                self.bytes.extend(self.word.to_le_bytes());
                self.used = 0;
            }
        }
    }

    fn align(&mut self) {
        while self.used != 0 {
            self.put(0, 1);
        }
    }
}

/// A canonical code: the code and its length for each symbol.
fn codes(lengths: &[u8]) -> Vec<(u32, u32)> {
    let mut codes = vec![(0, 0); lengths.len()];
    let mut code = 0;
    for length in 1..=16 {
        code <<= 1;
        for symbol in (0..lengths.len()).filter(|symbol| lengths[*symbol] == length) {
            codes[symbol] = (code, u32::from(length));
            code += 1;
        }
    }
    codes
}

/// Lengths of a complete code for the used symbols: some short codes, the rest alike.
fn lengths_for(used: &[bool], random: &mut Random) -> Vec<u8> {
    let mut lengths = vec![0; used.len()];
    let mut symbols: Vec<usize> = (0..used.len()).filter(|symbol| used[*symbol]).collect();
    // A complete code has two symbols at least.
    if symbols.len() == 1 {
        symbols.extend(used.iter().position(|used| !used));
    }
    for index in (1..symbols.len()).rev() {
        symbols.swap(index, random.below(index + 1));
    }
    let stairs = random.below(6).min(symbols.len().saturating_sub(2));
    for (stair, symbol) in symbols.drain(..stairs).enumerate() {
        lengths[symbol] = stair as u8 + 1;
    }
    let depth = symbols.len().next_power_of_two().trailing_zeros() as u8;
    let short = (1 << depth) - symbols.len();
    for (index, symbol) in symbols.into_iter().enumerate() {
        lengths[symbol] = stairs as u8 + depth - u8::from(index < short);
    }
    lengths
}

enum Token {
    Literal(u8),
    Match { symbol: usize, length_symbol: Option<usize>, value: u32, extra: u32, length: usize },
}

impl Token {
    fn length(&self) -> usize {
        match self {
            Self::Literal(_) => 1,
            Self::Match { length, .. } => *length,
        }
    }
}

/// What the encoder knows of the stream.
pub(crate) struct Encoder<'a> {
    random: &'a mut Random,
    window_bits: u32,
    bits: BitWriter,
    /// The output so far, before call translation.
    pub plain: Vec<u8>,
    repeated: [u32; 3],
    main_lengths: Vec<u8>,
    length_lengths: Vec<u8>,
    /// Finished frames: stored bytes and decompressed length.
    pub frames: Vec<(Vec<u8>, usize)>,
}

impl<'a> Encoder<'a> {
    /// An encoder for a stream that translates calls relative to `translation`, or not at all for 0.
    pub fn new(random: &'a mut Random, window_bits: u32, translation: u32) -> Self {
        let mut bits = BitWriter::default();
        bits.put(u32::from(translation != 0), 1);
        if translation != 0 {
            bits.put(translation >> 16, 16);
            bits.put(translation & 0xffff, 16);
        }
        Self {
            random,
            window_bits,
            bits,
            plain: Vec::new(),
            repeated: [1; 3],
            main_lengths: vec![0; MAIN_SYMBOLS],
            length_lengths: vec![0; LENGTH_SYMBOLS],
            frames: Vec::new(),
        }
    }

    /// Encodes random blocks until there are `total` bytes of output.
    pub fn run(&mut self, total: usize) {
        while self.plain.len() < total {
            let size = (1 + self.random.below(90_000)).min(total - self.plain.len());
            match self.random.below(4) {
                0 => self.uncompressed_block(size.min(5000)),
                1 => self.compressed_block(size, true),
                _ => self.compressed_block(size, false),
            }
        }
        self.end_frame();
    }

    fn frame_left(&self) -> usize {
        BLOCK_SIZE - self.plain.len() % BLOCK_SIZE
    }

    fn end_frame(&mut self) {
        self.bits.align();
        let before: usize = self.frames.iter().map(|(_, size)| size).sum();
        let size = self.plain.len() - before;
        if size > 0 {
            self.frames.push((std::mem::take(&mut self.bits.bytes), size));
        }
    }

    fn end_full_frame(&mut self) {
        if self.plain.len().is_multiple_of(BLOCK_SIZE) {
            self.end_frame();
        }
    }

    fn uncompressed_block(&mut self, size: usize) {
        self.bits.put(3, 3);
        self.bits.put(size as u32, 24);
        self.bits.put(0, 1);
        self.bits.align();
        for repeated in self.repeated {
            self.bits.bytes.extend(repeated.to_le_bytes());
        }
        for index in 0..size {
            let byte = self.random.below(256) as u8;
            self.bits.bytes.push(byte);
            self.plain.push(byte);
            // Like other compressors, put the odd byte into the frame in which the block ends.
            if index + 1 == size && size % 2 == 1 {
                self.bits.bytes.push(0);
            }
            self.end_full_frame();
        }
    }

    fn compressed_block(&mut self, size: usize, aligned: bool) {
        let start = self.plain.len();
        let mut tokens = Vec::new();
        while self.plain.len() < start + size {
            let left = self.frame_left().min(start + size - self.plain.len());
            tokens.push(self.token(left));
        }
        self.bits.put(if aligned { 2 } else { 1 }, 3);
        self.bits.put(size as u32, 24);
        let aligned_lengths = [7, 1, 3, 2, 5, 4, 6, 7];
        if aligned {
            aligned_lengths.iter().for_each(|length| self.bits.put(u32::from(*length), 3));
        }
        self.trees(&tokens);
        let main = codes(&self.main_lengths);
        let length = codes(&self.length_lengths);
        let low = codes(&aligned_lengths);
        let mut done = start;
        for token in tokens {
            match token {
                Token::Literal(byte) => self.put_code(main[usize::from(byte)]),
                Token::Match { symbol, length_symbol, value, extra, .. } => {
                    self.put_code(main[symbol]);
                    if let Some(symbol) = length_symbol {
                        self.put_code(length[symbol]);
                    }
                    if aligned && extra >= 3 {
                        self.bits.put(value >> 3, extra - 3);
                        self.put_code(low[(value & 7) as usize]);
                    } else {
                        self.bits.put(value, extra);
                    }
                }
            }
            done += token.length();
            if done.is_multiple_of(BLOCK_SIZE) {
                self.bits.align();
                self.frames.push((std::mem::take(&mut self.bits.bytes), BLOCK_SIZE));
            }
        }
    }

    fn put_code(&mut self, (code, length): (u32, u32)) {
        assert!(length > 0);
        self.bits.put(code, length);
    }

    /// A random token of at most `left` bytes; its bytes are appended to the output.
    fn token(&mut self, left: usize) -> Token {
        if left < 2 || self.plain.len() < 4 || self.random.below(3) == 0 {
            // E8 often, for call translation.
            let byte = if self.random.below(20) == 0 { 0xe8 } else { self.random.below(40) as u8 };
            self.plain.push(byte);
            return Token::Literal(byte);
        }
        let limit = if self.random.below(8) == 0 { 256 } else { 20 };
        let length = (2 + self.random.below(limit)).min(left);
        let reach = self.plain.len().min((1 << self.window_bits) - 3);
        let choice = self.random.below(6);
        let (slot, value, extra) = match self.repeated.get(choice) {
            Some(distance) if (*distance as usize) <= reach => {
                self.repeated.swap(0, choice);
                (choice, 0, 0)
            }
            _ => {
                let bits = self.random.below(22);
                let distance = (1 + self.random.below(1 << bits)).min(reach) as u32;
                self.repeated = [distance, self.repeated[0], self.repeated[1]];
                let formatted = distance + 2;
                let slots = SLOTS.iter().take(slots_of_window(self.window_bits));
                let slot = slots.take_while(|(base, _)| *base <= formatted).count() - 1;
                (slot, formatted - SLOTS[slot].0, SLOTS[slot].1)
            }
        };
        for _ in 0..length {
            self.plain.push(self.plain[self.plain.len() - self.repeated[0] as usize]);
        }
        let header = (length - 2).min(LENGTHS_PER_SLOT - 1);
        let length_symbol = (header == LENGTHS_PER_SLOT - 1).then(|| length - 2 - header);
        Token::Match {
            symbol: LITERALS + slot * LENGTHS_PER_SLOT + header,
            length_symbol,
            value,
            extra,
            length,
        }
    }

    fn trees(&mut self, tokens: &[Token]) {
        let mut main_used = vec![false; LITERALS + slots_of_window(self.window_bits) * LENGTHS_PER_SLOT];
        let mut length_used = vec![false; LENGTH_SYMBOLS];
        for token in tokens {
            match token {
                Token::Literal(byte) => main_used[usize::from(*byte)] = true,
                Token::Match { symbol, length_symbol, .. } => {
                    main_used[*symbol] = true;
                    length_symbol.iter().for_each(|symbol| length_used[*symbol] = true);
                }
            }
        }
        let main = lengths_for(&main_used, self.random);
        let length = if length_used.contains(&true) {
            lengths_for(&length_used, self.random)
        } else {
            vec![0; LENGTH_SYMBOLS]
        };
        let before = std::mem::take(&mut self.main_lengths);
        self.put_lengths(&before[..LITERALS], &main[..LITERALS]);
        self.put_lengths(&before[LITERALS..main.len()], &main[LITERALS..]);
        let before = std::mem::take(&mut self.length_lengths);
        self.put_lengths(&before, &length);
        self.main_lengths = main;
        self.main_lengths.resize(MAIN_SYMBOLS, 0);
        self.length_lengths = length;
    }

    fn put_lengths(&mut self, before: &[u8], lengths: &[u8]) {
        let mut pretree = [4; 20];
        pretree[12..].fill(5);
        pretree.iter().for_each(|length| self.bits.put(u32::from(*length), 4));
        let codes = codes(&pretree);
        let mut index = 0;
        while index < lengths.len() {
            let length = lengths[index];
            let same = lengths[index..].iter().take_while(|other| **other == length).count();
            let difference = |index: usize| usize::from((before[index] + 17 - length) % 17);
            let run = match (length, same) {
                (0, 20..) => {
                    let run = same.min(51);
                    self.put_code(codes[18]);
                    self.bits.put(run as u32 - 20, 5);
                    run
                }
                (0, 4..) => {
                    self.put_code(codes[17]);
                    self.bits.put(same as u32 - 4, 4);
                    same
                }
                (_, 4..) => {
                    let run = same.min(5);
                    self.put_code(codes[19]);
                    self.bits.put(run as u32 - 4, 1);
                    self.put_code(codes[difference(index)]);
                    run
                }
                _ => {
                    self.put_code(codes[difference(index)]);
                    1
                }
            };
            index += run;
        }
    }
}

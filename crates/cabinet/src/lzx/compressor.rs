//! LZX, compressed: frames become tokens, frames that are alike become one LZX block, and each block is of the kind that
//! takes the least room.

use super::bit_writer::BitWriter;
use super::code::Code;
use super::code_lengths::write_lengths;
use super::huffman::MAX_LENGTH;
use super::matches::Matches;
use super::parse::{Costs, Found, Frequencies, Token, parse};
use super::translation;
use super::{LENGTH_SYMBOLS, LENGTHS_PER_SLOT, LITERALS, MAIN_SYMBOLS, slots_of_window};

/// The longest code of an aligned offset tree.
const ALIGNED_LIMIT: u8 = 7;
/// So many frames make one LZX block, where nobody wants less.
pub(crate) const MOST_FRAMES: usize = 16;
/// What a block of its own costs in bits: its trees.
const BLOCK_COST: u64 = 1200;
/// A frame that takes more bits than it has, and these, gets a block of its own.
const FRAME_SURPLUS: u64 = 1000;
/// What other compressors give as size of the files for the translation of calls.
const TRANSLATION_SIZE: i32 = 12_000_000;
const VERBATIM: u32 = 1;
const ALIGNED: u32 = 2;
const UNCOMPRESSED: u32 = 3;

/// A frame as it waits for its block.
struct Frame {
    /// Its bytes, after translation.
    bytes: Vec<u8>,
    tokens: Vec<Token>,
    frequencies: Frequencies,
    /// The repeated offsets after it.
    repeated: [u32; 3],
}

/// The compressor of one folder.
pub(crate) struct Compressor {
    window: Matches,
    found: Found,
    /// Bytes taken so far.
    position: usize,
    repeated: [u32; 3],
    /// What the frames so far are like, the last ones counting most; none at first.
    learned: Option<Frequencies>,
    waiting: Vec<Frame>,
    /// The sum of those that wait.
    together: Frequencies,
    bits: BitWriter,
    main_symbols: usize,
    main_lengths: Vec<u8>,
    length_lengths: Vec<u8>,
    /// Stored bytes and length of the frames that are ready.
    ready: Vec<(Vec<u8>, usize)>,
    most_waiting: usize,
}

impl Compressor {
    /// A compressor for a window of 2^`window_bits` bytes, 15 to 21, that holds back so many frames at most.
    pub fn new(window_bits: u32, most_waiting: usize) -> Self {
        let mut bits = BitWriter::default();
        bits.put(1, 1);
        bits.put(TRANSLATION_SIZE as u32 >> 16, 16);
        bits.put(TRANSLATION_SIZE as u32 & 0xffff, 16);
        let main_symbols = (LITERALS + slots_of_window(window_bits) * LENGTHS_PER_SLOT).min(MAIN_SYMBOLS);
        Self {
            window: Matches::new(window_bits),
            found: Found::default(),
            position: 0,
            repeated: [1; 3],
            learned: None,
            waiting: Vec::new(),
            together: Frequencies::new(),
            bits,
            main_symbols,
            main_lengths: vec![0; main_symbols],
            length_lengths: vec![0; LENGTH_SYMBOLS],
            ready: Vec::new(),
            most_waiting,
        }
    }

    /// Takes a frame: 32768 bytes, or less for the last one.
    pub fn add(&mut self, mut bytes: Vec<u8>) {
        translation::make_absolute(&mut bytes, self.position, TRANSLATION_SIZE);
        let size = bytes.len();
        self.window.append(&bytes);
        self.found.collect(&mut self.window, self.position, size);
        let mut costs = self.learned.as_ref().map(Costs::new);
        if costs.is_none() {
            // The first frame is looked at twice: the first time shows what it is like.
            let (tokens, _) =
                parse(&self.window, &self.found, self.position, size, &Costs::assumed(), self.repeated);
            costs = Some(Costs::new(&counted(&tokens)));
        }
        let costs = costs.unwrap_or_else(Costs::assumed);
        let (tokens, repeated) = parse(&self.window, &self.found, self.position, size, &costs, self.repeated);
        let frequencies = counted(&tokens);
        self.repeated = repeated;
        self.position += size;
        match &mut self.learned {
            Some(learned) => learned.add(&frequencies, 2),
            None => self.learned = Some(frequencies.clone()),
        }
        if !self.waiting.is_empty() {
            let mut both = self.together.clone();
            both.add(&frequencies, 1);
            let apart = self.together.estimate() + frequencies.estimate() + BLOCK_COST;
            if self.waiting.len() >= self.most_waiting || both.estimate() > apart {
                self.end_block();
            }
        }
        self.together.add(&frequencies, 1);
        self.waiting.push(Frame { bytes, tokens, frequencies, repeated });
    }

    /// Ends the last block.
    pub fn finish(&mut self) {
        self.end_block();
    }

    /// How many frames wait for the end of their block.
    pub fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// The frames that are ready: their stored bytes, and their length.
    pub fn take(&mut self) -> Vec<(Vec<u8>, usize)> {
        std::mem::take(&mut self.ready)
    }

    fn end_block(&mut self) {
        let frames = std::mem::take(&mut self.waiting);
        let together = std::mem::replace(&mut self.together, Frequencies::new());
        if frames.is_empty() {
            return;
        }
        let plan = Plan::new(together, self.main_symbols);
        let grows = |frame: &Frame| {
            plan.bits(&frame.frequencies, &frame.tokens) > frame.bytes.len() as u64 * 8 + FRAME_SURPLUS
        };
        if frames.len() > 1 && frames.iter().any(grows) {
            for frame in frames {
                let plan = Plan::new(frame.frequencies.clone(), self.main_symbols);
                self.write_block(&plan, &[frame]);
            }
        } else {
            self.write_block(&plan, &frames);
        }
    }

    fn write_block(&mut self, plan: &Plan, frames: &[Frame]) {
        let size: usize = frames.iter().map(|frame| frame.bytes.len()).sum();
        let bits: u64 = frames.iter().map(|frame| plan.bits(&frame.frequencies, &frame.tokens)).sum();
        // After an odd number of raw bytes readers differ in where they go on.
        if bits + BLOCK_COST >= size as u64 * 8 && size.is_multiple_of(2) {
            return self.write_uncompressed(frames, size);
        }
        self.bits.put(if plan.uses_aligned { ALIGNED } else { VERBATIM }, 3);
        self.bits.put(size as u32, 24);
        if plan.uses_aligned {
            plan.aligned.lengths().iter().for_each(|length| self.bits.put(u32::from(*length), 3));
        }
        let (literals, matches) = plan.main.lengths().split_at(LITERALS);
        let (literals_before, matches_before) = self.main_lengths.split_at(LITERALS);
        write_lengths(&mut self.bits, literals_before, literals);
        write_lengths(&mut self.bits, matches_before, matches);
        write_lengths(&mut self.bits, &self.length_lengths, plan.length.lengths());
        self.main_lengths = plan.main.lengths().to_vec();
        self.length_lengths = plan.length.lengths().to_vec();
        for frame in frames {
            frame.tokens.iter().for_each(|token| plan.put(*token, &mut self.bits));
            self.ready.push((self.bits.take(), frame.bytes.len()));
        }
    }

    /// The repeated offsets in the header are those that readers go on with.
    fn write_uncompressed(&mut self, frames: &[Frame], size: usize) {
        self.bits.put(UNCOMPRESSED, 3);
        self.bits.put(size as u32, 24);
        self.bits.align();
        let repeated = frames.last().map_or([1; 3], |frame| frame.repeated);
        repeated.iter().for_each(|offset| self.bits.put_bytes(&offset.to_le_bytes()));
        for frame in frames {
            self.bits.put_bytes(&frame.bytes);
            self.ready.push((self.bits.take(), frame.bytes.len()));
        }
    }
}

fn counted(tokens: &[Token]) -> Frequencies {
    let mut frequencies = Frequencies::new();
    tokens.iter().for_each(|token| frequencies.count(*token));
    frequencies
}

/// The codes of a block.
struct Plan {
    main: Code,
    length: Code,
    aligned: Code,
    uses_aligned: bool,
}

impl Plan {
    fn new(mut frequencies: Frequencies, main_symbols: usize) -> Self {
        // Some readers want a length tree even where no symbol of it occurs.
        if frequencies.length.iter().all(|count| *count == 0) {
            frequencies.length.iter_mut().take(1).for_each(|count| *count = 1);
        }
        frequencies.main.truncate(main_symbols);
        let aligned = Code::new(&frequencies.aligned, ALIGNED_LIMIT);
        let offsets: u64 = frequencies.aligned.iter().map(|count| u64::from(*count)).sum();
        // The tree of eight lengths takes three bits each.
        let uses_aligned = aligned.cost(&frequencies.aligned) + 24 < offsets * 3;
        Self {
            main: Code::new(&frequencies.main, MAX_LENGTH as u8),
            length: Code::new(&frequencies.length, MAX_LENGTH as u8),
            aligned,
            uses_aligned,
        }
    }

    /// The bits that a frame takes.
    fn bits(&self, frequencies: &Frequencies, tokens: &[Token]) -> u64 {
        let footers = tokens.iter().filter_map(|token| token.match_symbols());
        let plain: u64 = footers.map(|symbols| u64::from(symbols.footer_bits)).sum();
        self.main.cost(&frequencies.main) + self.length.cost(&frequencies.length) + plain
    }

    fn put(&self, token: Token, out: &mut BitWriter) {
        let Some(symbols) = token.match_symbols() else { return self.main.put(token.code as usize, out) };
        self.main.put(symbols.main, out);
        if let Some(length) = symbols.length {
            self.length.put(length, out);
        }
        if self.uses_aligned && symbols.footer_bits >= 3 {
            out.put(symbols.footer >> 3, symbols.footer_bits - 3);
            self.aligned.put((symbols.footer & 7) as usize, out);
        } else {
            out.put(symbols.footer, symbols.footer_bits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::{BLOCK_SIZE, MAX_STORED};
    use crate::decoder::Compression;
    use crate::lzx::Lzx;
    use crate::test_cabinet::{Random, cabextract, cabinet_of};

    fn compress(window_bits: u32, bytes: &[u8]) -> Vec<(Vec<u8>, usize)> {
        let mut compressor = Compressor::new(window_bits, MOST_FRAMES);
        bytes.chunks(BLOCK_SIZE).for_each(|frame| compressor.add(frame.to_vec()));
        compressor.finish();
        compressor.take()
    }

    fn check(window_bits: u32, bytes: &[u8], what: &str) -> usize {
        let frames = compress(window_bits, bytes);
        let mut decoder = Lzx::new(window_bits);
        let mut output = Vec::new();
        for (stored, size) in &frames {
            assert!(stored.len() <= MAX_STORED, "{what}: a frame of {} bytes", stored.len());
            decoder
                .decode(&crate::padded::Padded::of(stored), *size)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            output.extend_from_slice(decoder.output());
        }
        assert!(output == bytes, "{what}: other bytes come back");
        let compression = Compression::Lzx { window_bits: window_bits as u8 };
        if let Some(expected) = cabextract(&cabinet_of(compression, &frames)) {
            assert!(expected == bytes, "{what}: cabextract gives other bytes");
        }
        frames.iter().map(|(stored, _)| stored.len()).sum()
    }

    /// Words that repeat, with calls among them.
    fn text(length: usize, random: &mut Random) -> Vec<u8> {
        let words: Vec<Vec<u8>> = (0..200)
            .map(|_| (0..2 + random.below(9)).map(|_| b'a' + random.below(20) as u8).collect())
            .collect();
        let mut text = Vec::new();
        while text.len() < length {
            text.extend(&words[random.below(words.len()) * random.below(words.len()) / words.len()]);
            if random.below(30) == 0 {
                text.push(0xe8);
                text.extend((random.below(100_000) as u32).to_le_bytes());
            }
        }
        text.truncate(length);
        text
    }

    #[test]
    fn what_is_compressed_comes_back_here_and_in_cabextract() {
        let mut random = Random(5);
        let noise: Vec<u8> = (0..100_001).map(|_| random.below(256) as u8).collect();
        let words = text(200_000, &mut random);
        let cases = [
            ("nothing much", vec![7]),
            ("two bytes", vec![7, 7]),
            ("one byte again and again", vec![0; 100_000]),
            ("noise", noise.clone()),
            ("even noise", noise[..65_536].to_vec()),
            ("words", words.clone()),
            ("words, noise, words", [&words[..70_000], &noise[..90_000], &words[..]].concat()),
        ];
        for (what, bytes) in cases {
            let size = check(17, &bytes, what);
            assert!(size <= bytes.len() + bytes.len() / 200 + 200, "{what}: {} became {size}", bytes.len());
        }
        for window_bits in [15, 21] {
            let size = check(window_bits, &words, "words");
            assert!(size * 10 < words.len() * 6, "{size}");
        }
    }
}

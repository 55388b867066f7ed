//! How a frame is best made of literals and matches: the cheapest way through it, with the costs that the frames before
//! suggest.

use super::matches::{LONGEST, Matches};
use super::{LENGTH_SYMBOLS, LENGTHS_PER_SLOT, LITERALS, MAIN_SYMBOLS, MIN_MATCH, SLOTS};

/// A match of this length is taken without looking for a better way.
const LONG_ENOUGH: usize = 64;
/// Costs are counted in parts of a bit.
const PARTS: u32 = 16;
const UNREACHED: u32 = u32::MAX;

/// A literal or a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Token {
    /// 1 for a literal, else the length of the match.
    pub length: u16,
    /// The literal's byte, or LZX's formatted offset: 0 to 2 for the repeated ones, else the distance and 2.
    pub code: u32,
}

/// The symbols of a match in the bit stream.
pub(crate) struct MatchSymbols {
    pub main: usize,
    pub length: Option<usize>,
    /// Bits that follow the main symbol, and how many they are.
    pub footer: u32,
    pub footer_bits: u32,
}

impl Token {
    /// The symbols, unless it is a literal.
    pub fn match_symbols(self) -> Option<MatchSymbols> {
        if self.length == 1 {
            return None;
        }
        let (slot, base, footer_bits) = slot_of(self.code);
        let (header, length) = length_symbols(usize::from(self.length));
        Some(MatchSymbols {
            main: LITERALS + slot * LENGTHS_PER_SLOT + header,
            length,
            footer: self.code - base,
            footer_bits,
        })
    }
}

/// The slot of a formatted offset with its first offset and its bits.
fn slot_of(code: u32) -> (usize, u32, u32) {
    let slot = SLOTS.partition_point(|(base, _)| *base <= code) - 1;
    let (base, bits) = SLOTS.get(slot).copied().unwrap_or_default();
    (slot, base, bits)
}

/// The part of a length in the main symbol, and its length symbol if it has one.
fn length_symbols(length: usize) -> (usize, Option<usize>) {
    let header = (length - MIN_MATCH).min(LENGTHS_PER_SLOT - 1);
    (header, (header == LENGTHS_PER_SLOT - 1).then(|| length - MIN_MATCH - header))
}

/// How often the symbols of the trees occur.
#[derive(Debug, Clone)]
pub(crate) struct Frequencies {
    pub main: Vec<u32>,
    pub length: Vec<u32>,
    pub aligned: [u32; 8],
}

impl Frequencies {
    /// None at all.
    pub fn new() -> Self {
        Self { main: vec![0; MAIN_SYMBOLS], length: vec![0; LENGTH_SYMBOLS], aligned: [0; 8] }
    }

    /// Counts the symbols of a token.
    pub fn count(&mut self, token: Token) {
        let Some(symbols) = token.match_symbols() else {
            return increment(&mut self.main, token.code as usize);
        };
        increment(&mut self.main, symbols.main);
        if let Some(length) = symbols.length {
            increment(&mut self.length, length);
        }
        if symbols.footer_bits >= 3 {
            increment(&mut self.aligned, (symbols.footer & 7) as usize);
        }
    }

    /// Adds others; `older` says by what these are divided first.
    pub fn add(&mut self, other: &Self, older: u32) {
        let one = self.main.iter_mut().chain(&mut self.length).chain(&mut self.aligned);
        let more = other.main.iter().chain(&other.length).chain(&other.aligned);
        one.zip(more).for_each(|(count, more)| *count = *count / older + more);
    }

    /// About how many bits the symbols take, without the plain bits of offsets.
    pub fn estimate(&self) -> u64 {
        (entropy(&self.main) + entropy(&self.length)) as u64
    }
}

fn increment(counts: &mut [u32], index: usize) {
    if let Some(count) = counts.get_mut(index) {
        *count += 1;
    }
}

fn entropy(counts: &[u32]) -> f32 {
    let total: u32 = counts.iter().sum();
    let bits = |count: u32| count as f32 * (total as f32 / count as f32).log2();
    counts.iter().filter(|count| **count > 0).map(|count| bits(*count)).sum()
}

/// What symbols cost, in parts of a bit.
pub(crate) struct Costs {
    main: Vec<u32>,
    length: Vec<u32>,
}

impl Costs {
    /// The costs that these frequencies give. What did not occur is a bit dearer than what occurred once.
    pub fn new(frequencies: &Frequencies) -> Self {
        let costs = |counts: &[u32]| -> Vec<u32> {
            let total = counts.iter().sum::<u32>().max(1) as f32;
            let cost = |count: &u32| {
                let share = if *count == 0 { 0.5 } else { *count as f32 };
                ((total / share).log2().clamp(0.5, 16.0) * PARTS as f32) as u32
            };
            counts.iter().map(cost).collect()
        };
        Self { main: costs(&frequencies.main), length: costs(&frequencies.length) }
    }

    /// What is assumed before anything is known.
    pub fn assumed() -> Self {
        Self { main: vec![9 * PARTS; MAIN_SYMBOLS], length: vec![6 * PARTS; LENGTH_SYMBOLS] }
    }

    fn literal(&self, byte: u8) -> u32 {
        self.main.get(usize::from(byte)).copied().unwrap_or(0)
    }

    fn of_match(&self, slot: usize, footer_bits: u32, length: usize) -> u32 {
        let (header, symbol) = length_symbols(length);
        let main = self.main.get(LITERALS + slot * LENGTHS_PER_SLOT + header).copied().unwrap_or(0);
        let length = symbol.and_then(|symbol| self.length.get(symbol)).copied().unwrap_or(0);
        main + length + footer_bits * PARTS
    }
}

/// The cheapest known way to a position of the frame: the last token, and the repeated offsets after it.
#[derive(Debug, Clone, Copy)]
struct Node {
    cost: u32,
    token: Token,
    repeated: [u32; 3],
}

const FAR: Node = Node { cost: UNREACHED, token: Token { length: 1, code: 0 }, repeated: [1; 3] };

/// The matches of a frame.
#[derive(Debug, Default)]
pub(crate) struct Found {
    matches: Vec<(usize, usize)>,
    /// For each position the end of its matches.
    ends: Vec<usize>,
}

impl Found {
    /// Looks for the matches of the frame that was appended last, `size` bytes at `start`.
    pub fn collect(&mut self, window: &mut Matches, start: usize, size: usize) {
        self.matches.clear();
        self.ends.clear();
        let mut here = Vec::new();
        let mut skip = 0;
        for index in 0..size {
            if skip > 0 {
                skip -= 1;
                window.insert(start + index);
            } else {
                window.find(start + index, LONGEST.min(size - index), &mut here);
                self.matches.extend_from_slice(&here);
                if let Some((length, _)) = here.last()
                    && *length >= LONG_ENOUGH
                {
                    skip = length - 1;
                }
            }
            self.ends.push(self.matches.len());
        }
    }

    fn at(&self, index: usize) -> &[(usize, usize)] {
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(index).copied().unwrap_or(start);
        self.matches.get(start..end).unwrap_or_default()
    }
}

/// The tokens of the frame of `size` bytes at `start`, and the repeated offsets after it.
pub(crate) fn parse(
    window: &Matches,
    found: &Found,
    start: usize,
    size: usize,
    costs: &Costs,
    repeated: [u32; 3],
) -> (Vec<Token>, [u32; 3]) {
    let mut nodes = vec![FAR; size + 1];
    if let Some(first) = nodes.first_mut() {
        *first = Node { cost: 0, repeated, ..FAR };
    }
    let mut index = 0;
    while index < size {
        let repeated = settle(&mut nodes, index);
        index = expand(window, found, start, costs, &mut nodes, index, repeated);
    }
    let repeated = settle(&mut nodes, size);
    (way(&nodes), repeated)
}

/// The repeated offsets at a node whose way is final.
fn settle(nodes: &mut [Node], index: usize) -> [u32; 3] {
    let Some(node) = nodes.get(index).copied() else { return [1; 3] };
    if index == 0 {
        return node.repeated;
    }
    let before = nodes.get(index - usize::from(node.token.length)).map_or([1; 3], |node| node.repeated);
    let [r0, r1, r2] = before;
    let repeated = match (node.token.length, node.token.code) {
        (1, _) | (_, 0) => before,
        (_, 1) => [r1, r0, r2],
        (_, 2) => [r2, r1, r0],
        (_, code) => [code - 2, r0, r1],
    };
    if let Some(node) = nodes.get_mut(index) {
        node.repeated = repeated;
    }
    repeated
}

/// Tries everything that can come next, and gives the next position to go on from.
fn expand(
    window: &Matches,
    found: &Found,
    start: usize,
    costs: &Costs,
    nodes: &mut [Node],
    index: usize,
    repeated: [u32; 3],
) -> usize {
    let (here, rest) = nodes.split_at_mut(index + 1);
    let cost = here.last().map_or(0, |node| node.cost);
    let mut reach = |length: usize, more: u32, code: u32| {
        if let Some(node) = rest.get_mut(length - 1)
            && cost + more < node.cost
        {
            node.cost = cost + more;
            node.token = Token { length: length as u16, code };
        }
    };
    let position = start + index;
    let byte = window.byte(position);
    reach(1, costs.literal(byte), u32::from(byte));
    let limit = LONGEST.min(found.ends.len() - index);
    for (code, distance) in (0..).zip(repeated) {
        let length = window.length_at(position, distance as usize, limit);
        if length >= LONG_ENOUGH {
            reach(length, costs.of_match(code as usize, 0, length), code);
            return index + length;
        }
        for length in MIN_MATCH..=length {
            reach(length, costs.of_match(code as usize, 0, length), code);
        }
    }
    let mut shorter = MIN_MATCH;
    for &(longest, distance) in found.at(index) {
        let code = distance as u32 + 2;
        let (slot, _, bits) = slot_of(code);
        if longest >= LONG_ENOUGH {
            reach(longest, costs.of_match(slot, bits, longest), code);
            return index + longest;
        }
        for length in shorter + 1..=longest {
            reach(length, costs.of_match(slot, bits, length), code);
        }
        shorter = longest;
    }
    index + 1
}

/// The tokens of the cheapest way to the last node.
fn way(nodes: &[Node]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut index = nodes.len().saturating_sub(1);
    while let Some(node) = nodes.get(index).filter(|_| index > 0) {
        tokens.push(node.token);
        index = index.saturating_sub(usize::from(node.token.length));
    }
    tokens.reverse();
    tokens
}

//! A Quantum encoder for tests: random literals and matches, so that the decoder meets every model and slot.

use super::model::Model;
use super::{LENGTHS, LITERALS_PER_MODEL, POSITIONS, Quantum};
use crate::block::BLOCK_SIZE;
use crate::test_cabinet::Random;

/// The arithmetic coder's other side. Bits that are not arithmetically coded have to lie where the decoder, which is 16
/// bits ahead, takes them, so they are merged in when the block is finished.
struct Coder {
    low: u16,
    high: u16,
    pending: usize,
    bits: Vec<bool>,
    shifts: usize,
    raw: Vec<(usize, u32, u32)>,
}

impl Coder {
    fn new() -> Self {
        Self { low: 0, high: 0xffff, pending: 0, bits: Vec::new(), shifts: 0, raw: Vec::new() }
    }

    fn put(&mut self, bit: bool) {
        self.bits.push(bit);
        self.bits.extend(std::iter::repeat_n(!bit, std::mem::take(&mut self.pending)));
    }

    fn encode(&mut self, model: &mut Model, symbol: usize) {
        let share = model.share_of(symbol);
        let range = u32::from(self.high - self.low) + 1;
        let total = u32::from(model.total());
        self.high = (u32::from(self.low) + u32::from(share.high) * range / total - 1) as u16;
        self.low = (u32::from(self.low) + u32::from(share.low) * range / total) as u16;
        loop {
            if (self.low ^ self.high) & 0x8000 == 0 {
                self.put(self.low & 0x8000 != 0);
            } else if self.low & 0x4000 != 0 && self.high & 0x4000 == 0 {
                self.pending += 1;
                self.low &= 0x3fff;
                self.high |= 0x4000;
            } else {
                break;
            }
            self.low <<= 1;
            self.high = self.high << 1 | 1;
            self.shifts += 1;
        }
        model.count(share.index);
    }

    fn raw(&mut self, value: u32, count: u32) {
        self.raw.push((self.shifts, value, count));
    }

    fn finish(mut self) -> Vec<u8> {
        // Any code within the range will do for what follows.
        self.pending += 1;
        self.put(self.low & 0x4000 != 0);
        let mut all = Vec::new();
        let mut raw = self.raw.into_iter().peekable();
        let length = self.bits.len().max(self.shifts + 16);
        for index in 0..=length {
            while let Some((_, value, count)) = raw.next_if(|(shifts, ..)| shifts + 16 == index) {
                all.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            }
            all.push(self.bits.get(index).copied().unwrap_or(false));
        }
        all.chunks(8)
            .map(|bits| {
                bits.iter().enumerate().fold(0, |byte, (place, bit)| byte | u8::from(*bit) << (7 - place))
            })
            .collect()
    }
}

/// Encodes `total` random bytes; gives them and the blocks (stored bytes and decompressed length).
pub(crate) fn encode(
    random: &mut Random,
    window_bits: u32,
    total: usize,
) -> (Vec<u8>, Vec<(Vec<u8>, usize)>) {
    // The decoder's models are the encoder's too.
    let mut models = Quantum::new(window_bits);
    let mut plain = Vec::new();
    let mut blocks = Vec::new();
    while plain.len() < total {
        let size = BLOCK_SIZE.min(total - plain.len());
        let end = plain.len() + size;
        let mut coder = Coder::new();
        while plain.len() < end {
            let left = end - plain.len();
            let limit = if random.below(8) == 0 { 257 } else { 10 };
            let length = 3 + random.below(limit);
            if left < length || plain.is_empty() || random.below(3) == 0 {
                let byte = if random.below(4) == 0 { random.below(256) } else { random.below(30) };
                coder.encode(&mut models.selectors, byte / LITERALS_PER_MODEL);
                coder.encode(&mut models.literals[byte / LITERALS_PER_MODEL], byte % LITERALS_PER_MODEL);
                plain.push(byte as u8);
                continue;
            }
            let (positions, slots) = match length {
                3 => (&mut models.positions_of_length_3, 24.min(window_bits as usize * 2)),
                4 => (&mut models.positions_of_length_4, 36.min(window_bits as usize * 2)),
                _ => (&mut models.positions, window_bits as usize * 2),
            };
            coder.encode(&mut models.selectors, length.min(5) + 1);
            if length >= 5 {
                let slot = LENGTHS.iter().take_while(|(base, _)| *base as usize <= length - 5).count() - 1;
                let (base, extra) = LENGTHS[slot];
                coder.encode(&mut models.lengths, slot);
                coder.raw((length - 5) as u32 - base, extra);
            }
            let (last, extra) = POSITIONS[slots - 1];
            let reach = plain.len().min((last + (1 << extra)) as usize);
            let bits = random.below(22);
            let distance = 1 + random.below(reach.min(1 << bits));
            let slot = POSITIONS.iter().take_while(|(base, _)| (*base as usize) < distance).count() - 1;
            coder.encode(positions, slot);
            coder.raw((distance - 1) as u32 - POSITIONS[slot].0, POSITIONS[slot].1);
            for _ in 0..length {
                plain.push(plain[plain.len() - distance]);
            }
        }
        blocks.push((coder.finish(), size));
    }
    (plain, blocks)
}

//! Consecutive blocks of a folder that are decompressed into one buffer.
//!
//! Blocks of MSZIP can be decompressed before it is known what comes before them. Many refer to nothing outside of themselves, since not all
//! writers of cabinets let them. Of the others a sketch is made (see [`Sketch`]), which is completed once that is known.

use crate::block::BLOCK_SIZE;
use crate::decoder::Decoder;
use crate::error::DecodeError;
use crate::lzx::Translation;
use crate::mszip::{self, Buffer, Inflate, Sketch, USABLE};
use crate::padded::Padded;

/// So many blocks fit behind what came before them.
pub(crate) const MOST_BLOCKS: usize = USABLE / BLOCK_SIZE - 1;

/// A block as it is stored.
pub(crate) struct Stored {
    pub bytes: Padded,
    /// Bytes after decompression.
    pub size: usize,
    /// For errors: the part of the set and the offset in it.
    pub part: usize,
    pub offset: u64,
}

/// The blocks, and what is made of them so far.
pub(crate) struct Batch {
    /// Those behind the first `count` are left from what the batch was before.
    blocks: Vec<Stored>,
    count: usize,
    /// Bytes of the folder before it.
    before: u64,
    /// What came before, up to [`BLOCK_SIZE`] bytes that end there, and the bytes of the blocks.
    buffer: Box<Buffer>,
    /// Blocks that are decompressed or sketched, and where the last one ends.
    done: usize,
    end: usize,
    /// Whether what came before is there.
    is_grounded: bool,
    /// From here to the end all bytes are there.
    known_from: usize,
    /// Blocks that are not complete, and where they start.
    sketches: Vec<(usize, Box<Sketch>)>,
    /// The block that comes next is damaged.
    damage: Option<DecodeError>,
    /// Of LZX: what calls have still to be translated with.
    translation: Option<i32>,
}

impl Batch {
    /// One without blocks.
    pub fn new() -> Self {
        Self {
            blocks: Vec::new(),
            count: 0,
            before: 0,
            buffer: Box::new([0; _]),
            done: 0,
            end: BLOCK_SIZE,
            is_grounded: false,
            known_from: BLOCK_SIZE,
            sketches: Vec::new(),
            damage: None,
            translation: None,
        }
    }

    /// Becomes one without blocks, before which the folder has so many bytes.
    pub fn restart(&mut self, before: u64) {
        (self.count, self.before, self.done, self.end) = (0, before, 0, BLOCK_SIZE);
        (self.is_grounded, self.known_from) = (false, BLOCK_SIZE);
        self.sketches.clear();
        (self.damage, self.translation) = (None, None);
    }

    /// Adds a block of `size` bytes, 32768 at most, and takes its stored bytes in exchange for room for others.
    pub fn add(&mut self, bytes: &mut Padded, size: usize, part: usize, offset: u64) {
        if self.blocks.len() == self.count {
            self.blocks.push(Stored { bytes: Padded::new(), size, part, offset });
        }
        if let Some(block) = self.blocks.get_mut(self.count) {
            std::mem::swap(&mut block.bytes, bytes);
            (block.size, block.part, block.offset) = (size, part, offset);
        }
        self.count += 1;
    }

    /// Whether it has no blocks.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it has as many blocks as it can have.
    pub fn is_full(&self) -> bool {
        self.count == MOST_BLOCKS
    }

    /// Whether one of its blocks is known to be damaged.
    pub fn is_damaged(&self) -> bool {
        self.damage.is_some()
    }

    /// Whether all blocks up to the end, or the first damaged one, are decompressed or sketched.
    pub fn is_through(&self) -> bool {
        self.done == self.count || self.damage.is_some()
    }

    /// Whether that is so, and none is sketched.
    pub fn is_complete(&self) -> bool {
        self.is_through() && self.sketches.is_empty()
    }

    /// Whether what came before is there.
    pub fn is_grounded(&self) -> bool {
        self.is_grounded
    }

    /// What blocks behind this batch can refer to, if that is there: nothing when one of its own is damaged.
    pub fn tail(&self) -> Option<&[u8]> {
        let is_known = self.is_grounded || self.end - self.known_from >= BLOCK_SIZE;
        let start = (self.end - BLOCK_SIZE).max(self.known_from);
        let tail = self.buffer.get(start..self.end)?;
        (is_known && self.is_through() && self.damage.is_none()).then_some(tail)
    }

    /// Takes what came before and completes what is sketched; gives the sketches back.
    pub fn ground(&mut self, before: &[u8]) -> impl Iterator<Item = Box<Sketch>> {
        let start = BLOCK_SIZE - before.len().min(BLOCK_SIZE);
        if let Some(place) = self.buffer.get_mut(start..start + before.len()) {
            place.copy_from_slice(before);
        }
        for (start, sketch) in &self.sketches {
            sketch.complete(&mut self.buffer, *start);
        }
        (self.is_grounded, self.known_from) = (true, start);
        self.sketches.drain(..).map(|(_, sketch)| sketch)
    }

    /// Decompresses the next block of MSZIP, or sketches it if what it needs is not there.
    pub fn inflate(&mut self, inflate: &mut Inflate, spare: &mut Option<Box<Sketch>>) {
        let Some(block) = self.blocks.get(self.done).filter(|_| !self.is_through()) else { return };
        let end = self.end + block.size;
        // One that refers to what is before it mostly follows others that do; then it is sketched at once.
        let may_stand_alone = self.sketches.is_empty() || block.bytes.len() > block.size;
        let tries = self.is_grounded || self.known_from < self.end || may_stand_alone;
        let result = tries
            .then(|| mszip::decode(inflate, &block.bytes, &mut self.buffer, self.known_from, self.end..end));
        let result = match result {
            Some(result) if result.is_ok() || self.is_grounded => result,
            _ => {
                let mut sketch = spare.take().unwrap_or_default();
                let before = self.before + (self.end - BLOCK_SIZE) as u64;
                let result = sketch.make(inflate, &block.bytes, block.size, before);
                if result.is_ok() {
                    self.sketches.push((self.end, sketch));
                    self.known_from = end;
                }
                result
            }
        };
        match result {
            Ok(()) => {
                self.done += 1;
                self.end = end;
            }
            Err(damage) => self.damage = Some(damage),
        }
    }

    /// Decompresses all blocks with the folder's decoder, which has what came before.
    pub fn decode(&mut self, decoder: &mut Decoder) {
        for block in self.blocks.iter().take(self.count) {
            if let Err(damage) = decoder.decode_to_hand_over(&block.bytes, block.size) {
                self.damage = Some(damage);
                return;
            }
            let (bytes, translation) = decoder.to_hand_over();
            if let Some(place) = self.buffer.get_mut(self.end..self.end + bytes.len()) {
                place.copy_from_slice(bytes);
            }
            self.translation = translation;
            self.end += bytes.len();
            self.done += 1;
        }
    }

    /// Does what is left to do with LZX, with the translation of the folder, which is made for its first block.
    pub fn translate(&mut self, translation: &mut Option<Translation>) {
        let Some(size) = self.translation else { return };
        let translation = translation.get_or_insert_with(|| Translation::new(size));
        let mut start = BLOCK_SIZE;
        for block in self.blocks.iter().take(self.done) {
            if let Some(bytes) = self.buffer.get_mut(start..start + block.size) {
                translation.apply_in_place(bytes);
            }
            start += block.size;
        }
    }

    /// The bytes of the blocks up to the end or the first damaged one, once these are complete.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(BLOCK_SIZE..self.end).unwrap_or_default()
    }

    /// Takes what is wrong with a damaged block, and where that is.
    pub fn take_damage(&mut self) -> Option<(DecodeError, usize, u64)> {
        let block = self.blocks.get(self.done)?;
        Some((self.damage.take()?, block.part, block.offset))
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};

    use super::*;
    use crate::mszip::Mszip;
    use crate::test_cabinet::Random;

    /// The bytes of a block: letters, with pieces of what came before, or what does not compress.
    fn content(random: &mut Random, before: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let is_random = random.below(5) == 0;
        while bytes.len() < BLOCK_SIZE {
            let length = random.below(60) + 3;
            match before.len().checked_sub(length).filter(|_| !is_random && random.below(3) > 0) {
                Some(last) => {
                    let from = random.below(last + 1);
                    bytes.extend_from_slice(&before[from..from + length]);
                }
                None => {
                    bytes.extend((0..length).map(|_| random.below(if is_random { 256 } else { 9 }) as u8))
                }
            }
        }
        bytes.truncate(BLOCK_SIZE - random.below(2) * random.below(3000));
        bytes
    }

    /// As a block is stored, with what came before as its dictionary or without it.
    fn stored(bytes: &[u8], before: &[u8], refers: bool) -> Vec<u8> {
        let mut compress = Compress::new(Compression::new(6), false);
        if refers && !before.is_empty() {
            compress.set_dictionary(before).unwrap();
        }
        let mut out = Vec::with_capacity(2 * BLOCK_SIZE);
        compress.compress_vec(bytes, &mut out, FlushCompress::Finish).unwrap();
        [b"CK", out.as_slice()].concat()
    }

    /// What the blocks yield up to the end or to the first damaged one, one after the other.
    fn expected(blocks: &[(Vec<u8>, usize)], skipped: usize) -> (Vec<u8>, Option<DecodeError>) {
        let (mut decoder, mut all) = (Mszip::new(), Vec::new());
        for (number, (bytes, size)) in blocks.iter().enumerate() {
            match decoder.decode(&Padded::of(bytes), *size) {
                Ok(()) if number < skipped => {}
                Ok(()) => all.extend_from_slice(decoder.output()),
                Err(damage) => return (all, Some(damage)),
            }
        }
        (all, None)
    }

    #[test]
    fn it_makes_no_difference_when_what_came_before_is_known() {
        let mut random = Random(5);
        let mut sketched = 0;
        for round in 0..60 {
            let (mut whole, mut blocks) = (Vec::new(), Vec::new());
            let skipped = random.below(4);
            let refers = random.below(3);
            for _ in 0..skipped + MOST_BLOCKS {
                let before = &whole[whole.len() - BLOCK_SIZE.min(whole.len())..];
                let bytes = content(&mut random, before);
                blocks.push((stored(&bytes, before, refers + random.below(2) > 1), bytes.len()));
                whole.extend_from_slice(&bytes);
            }
            let before = blocks.iter().take(skipped).map(|(_, size)| size).sum::<usize>();
            if round % 3 == 0 {
                let block = skipped + random.below(MOST_BLOCKS);
                let place = random.below(blocks[block].0.len());
                blocks[block].0[place] ^= 1 << random.below(8);
            }
            let (bytes, damage) = expected(&blocks, skipped);
            for known_after in 0..=MOST_BLOCKS {
                let (mut batch, mut inflate) = (Batch::new(), Inflate::new());
                for again in 0..2 {
                    batch.restart(before as u64);
                    for (bytes, size) in blocks.iter().skip(skipped) {
                        batch.add(&mut Padded::of(bytes), *size, 0, 0);
                    }
                    for _ in 0..known_after {
                        batch.inflate(&mut inflate, &mut None);
                    }
                    let tail = batch.tail().map(<[u8]>::to_vec);
                    sketched += batch.ground(&whole[before - BLOCK_SIZE.min(before)..before]).count();
                    while !batch.is_through() {
                        batch.inflate(&mut inflate, &mut None);
                    }
                    assert!(batch.is_complete());
                    assert!(batch.bytes() == bytes, "round {round}, known after {known_after}, {again}");
                    assert!(tail.is_none_or(|tail| batch.tail() == Some(&tail)));
                    let all = [&whole[..before], &bytes].concat();
                    let is_end = |tail: &[u8]| tail == &all[all.len() - BLOCK_SIZE.min(all.len())..];
                    assert_eq!(batch.tail().is_some_and(is_end), damage.is_none());
                    assert_eq!(batch.take_damage().map(|(damage, ..)| damage), damage);
                }
            }
        }
        assert!(sketched > 100, "{sketched} blocks were sketched");
    }
}

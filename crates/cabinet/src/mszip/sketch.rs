//! A block of which only the matches are not carried out yet. Making one needs nothing of what came before, so that several can be
//! made at once, and it is most of the work; carrying out the matches is the rest, in the order of the blocks.

use super::inflate::{Buffer, Inflate, MASK, STEP, SURPLUS, Target, copy};
use super::{SIGNATURE, check_signature};
use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;
use crate::padded::Padded;

/// More than a block and what a step of the inner loop may write behind it; a power of two.
const ROOM: usize = 2 * BLOCK_SIZE;
/// More than the matches of a block, which have three bytes at least; a power of two.
const MOST_MATCHES: usize = 1 << 14;

/// A match: where it is in the block, how far back it starts, and how long it is.
#[derive(Clone, Copy, Default)]
struct Match {
    position: u16,
    distance: u16,
    length: u16,
}

/// A block's literals at their places, and its matches in their order.
pub(crate) struct Sketch {
    literals: [u8; ROOM + STEP],
    matches: [Match; MOST_MATCHES],
    count: usize,
    /// Bytes of the folder before the block.
    before: usize,
    size: usize,
}

impl Default for Sketch {
    /// The sketch of an empty block.
    fn default() -> Self {
        Self { literals: [0; _], matches: [Match::default(); _], count: 0, before: 0, size: 0 }
    }
}

impl Sketch {
    /// Becomes the sketch of a block of `size` bytes before which the folder has so many.
    pub fn make(
        &mut self,
        inflate: &mut Inflate,
        stored: &Padded,
        size: usize,
        before: u64,
    ) -> Result<(), DecodeError> {
        let before = usize::try_from(before).unwrap_or(usize::MAX).min(BLOCK_SIZE);
        (self.count, self.before, self.size) = (0, before, size);
        check_signature(stored)?;
        inflate.run(stored, SIGNATURE.len(), self, 0, size)
    }

    /// Completes the block in a buffer that has what came before it, at least as much as its matches reach back; what comes behind it may
    /// be there too.
    pub fn complete(&self, buffer: &mut Buffer, start: usize) {
        let end = start + self.size;
        let behind = buffer.get(end..).and_then(|behind| behind.first_chunk::<SURPLUS>()).copied();
        let mut done = 0;
        for found in self.matches.iter().take(self.count) {
            let position = usize::from(found.position);
            self.copy_literals(buffer, start, done, position);
            copy(buffer, start + position, usize::from(found.distance), usize::from(found.length));
            done = position + usize::from(found.length);
        }
        self.copy_literals(buffer, start, done, self.size);
        let place = buffer.get_mut(end..).and_then(|place| place.first_chunk_mut::<SURPLUS>());
        if let (Some(place), Some(behind)) = (place, behind) {
            *place = behind;
        }
    }

    /// Copies what lies between matches; surplus is overwritten by what comes next.
    #[inline(always)]
    fn copy_literals(&self, buffer: &mut Buffer, start: usize, from: usize, to: usize) {
        let mut from = from;
        while from < to {
            let (source, target) = (from & (ROOM - 1), (start + from) & MASK);
            let step = self.literals.get(source..source + STEP).and_then(|step| step.first_chunk::<STEP>());
            let place =
                buffer.get_mut(target..target + STEP).and_then(|place| place.first_chunk_mut::<STEP>());
            if let (Some(step), Some(place)) = (step, place) {
                *place = *step;
            }
            from += STEP;
        }
    }
}

impl Target for Sketch {
    #[inline(always)]
    fn put(&mut self, position: usize, pair: u16) {
        let place = position & (ROOM - 1);
        if let Some(place) =
            self.literals.get_mut(place..place + 2).and_then(|place| place.first_chunk_mut::<2>())
        {
            *place = pair.to_le_bytes();
        }
    }

    #[inline(always)]
    fn available(&self, position: usize) -> usize {
        position + self.before
    }

    #[inline(always)]
    fn copy(&mut self, position: usize, distance: usize, length: usize) {
        if let Some(place) = self.matches.get_mut(self.count & (MOST_MATCHES - 1)) {
            *place = Match { position: position as u16, distance: distance as u16, length: length as u16 };
        }
        self.count += 1;
    }

    fn put_all(&mut self, position: usize, bytes: &[u8]) {
        if let Some(place) = self.literals.get_mut(position..position + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

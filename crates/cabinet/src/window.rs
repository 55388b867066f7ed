//! The ring of decompressed bytes that matches copy from.

use crate::block::BLOCK_SIZE;
use crate::error::DecodeError;

/// Bytes that one step of a match copies at once.
const STEP: usize = 16;
/// Every ring is shorter: what is masked with this is in it, and the compiler sees that.
const MASK: usize = (1 << 22) - 1;
/// The ring, room that nothing ever touches, and what surplus writes go to.
type Bytes = [u8; MASK + 1 + STEP];

/// A ring of the window's size plus one block, so that a match may write up to [`STEP`] bytes too many ahead of the
/// current position without touching bytes that are still within reach of a match. A block never crosses the ring's end.
pub(crate) struct Window {
    /// As long as [`Bytes`]. What is behind the ring and its surplus is never touched, so it takes no memory.
    bytes: Box<[u8]>,
    /// Length of the ring, a multiple of 32 KB.
    ring: usize,
    /// Where the next byte goes.
    position: usize,
    /// Bytes behind the position that a match may use: at most the window's size.
    reach: usize,
    size: usize,
    block_start: usize,
}

impl Window {
    /// A window of `size` bytes, a multiple of 32 KB.
    pub fn new(size: usize) -> Self {
        let ring = size + BLOCK_SIZE;
        let bytes = vec![0; size_of::<Bytes>()].into_boxed_slice();
        Self { bytes, ring, position: 0, reach: 0, size, block_start: 0 }
    }

    /// Starts a block of at most 32 KB; the blocks before it were full.
    pub fn start_block(&mut self) {
        if self.position >= self.ring {
            self.position = 0;
        }
        self.block_start = self.position;
    }

    /// Bytes written since the block started.
    pub fn written(&self) -> usize {
        self.position - self.block_start
    }

    /// The bytes of the current block.
    pub fn block(&self) -> &[u8] {
        self.bytes.get(self.block_start..self.position).unwrap_or_default()
    }

    /// The bytes, the write position and the reach, for the inner loop, which gives position and reach back with
    /// [`Window::advance`]. There always is one.
    pub fn cursor(&mut self) -> Option<Cursor<'_>> {
        let bytes = self.bytes.first_chunk_mut()?;
        Some(Cursor { position: self.position, reach: self.reach, ring: self.ring, bytes })
    }

    /// Takes `count` bytes as written after the position.
    pub fn advance(&mut self, count: usize) {
        self.position += count;
        self.reach = (self.reach + count).min(self.size);
    }

    /// Appends raw bytes.
    pub fn append(&mut self, raw: &[u8]) {
        let place = self.position..self.position + raw.len();
        if let Some(place) = self.bytes.get_mut(place) {
            place.copy_from_slice(raw);
        }
        self.advance(raw.len());
    }
}

/// The window in the inner loop: everything in registers.
pub(crate) struct Cursor<'a> {
    bytes: &'a mut Bytes,
    ring: usize,
    /// Where the next byte goes.
    pub position: usize,
    reach: usize,
}

impl Cursor<'_> {
    /// Appends one byte.
    #[inline(always)]
    pub fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.position & MASK) {
            *place = byte;
        }
        self.position += 1;
    }

    /// Whether a match may start `distance` bytes back. `written` is what this cursor has appended so far.
    #[inline(always)]
    pub fn reaches(&self, distance: usize, written: usize) -> bool {
        // A distance of 0 is beyond reach as well.
        distance.wrapping_sub(1) < self.reach + written
    }

    /// The error for a match that starts too far back.
    #[cold]
    pub fn beyond(&self, distance: usize, written: usize) -> DecodeError {
        DecodeError::MatchStart { distance: distance as u64, available: (self.reach + written) as u64 }
    }

    /// Appends `length` bytes from `distance` bytes back, which has to be within reach.
    #[inline(always)]
    pub fn copy(&mut self, distance: usize, length: usize) {
        let target = self.position;
        self.position += length;
        if distance < STEP || distance > target {
            copy_overlapping_or_wrapped(self.bytes, self.ring, target, distance, length);
            return;
        }
        let source = target - distance;
        copy_step(self.bytes, source, target);
        let mut done = STEP;
        while done < length {
            copy_step(self.bytes, source + done, target + done);
            done += STEP;
        }
    }
}

/// Copies a match whose source ends in what it writes, or lies across the ring's end. It takes the cursor apart, so that
/// the inner loop can keep its fields in registers.
#[inline(never)]
fn copy_overlapping_or_wrapped(
    bytes: &mut Bytes,
    ring: usize,
    target: usize,
    distance: usize,
    length: usize,
) {
    if distance > target {
        let source = target + ring - distance;
        let first = length.min(ring - source);
        bytes.copy_within(source..source + first, target);
        // The rest starts at the ring's start, byte by byte: it may run into what is being written.
        for index in 0..length - first {
            let byte = bytes.get(index).copied().unwrap_or(0);
            if let Some(place) = bytes.get_mut(target + first + index) {
                *place = byte;
            }
        }
        return;
    }
    repeat(bytes, target - distance, target, length);
}

/// Copies a match that may run into what it writes.
pub(crate) fn repeat(bytes: &mut [u8], source: usize, target: usize, length: usize) {
    let Some(region) = bytes.get_mut(source..target + length) else { return };
    let distance = target - source;
    if let (1, Some(byte)) = (distance, region.first().copied()) {
        region.fill(byte);
        return;
    }
    // Double the pattern until the match is full: the bytes before `filled` repeat with period `distance`.
    let mut filled = distance;
    while filled < region.len() {
        let count = filled.min(region.len() - filled);
        region.copy_within(..count, filled);
        filled += count;
    }
}

#[inline(always)]
fn copy_step(bytes: &mut Bytes, source: usize, target: usize) {
    let (source, target) = (source & MASK, target & MASK);
    let step = bytes.get(source..source + STEP).and_then(|step| step.first_chunk::<STEP>()).copied();
    let place = bytes.get_mut(target..target + STEP).and_then(|place| place.first_chunk_mut::<STEP>());
    if let (Some(step), Some(place)) = (step, place) {
        *place = step;
    }
}

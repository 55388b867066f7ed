//! The compressed bytes of a block in a place of known size, so that no access to them needs a check.

use crate::block::MAX_STORED;

/// A power of two with room for every block and for what a decoder takes beyond its end before it notices.
const ROOM: usize = 1 << 16;
/// Zeros behind the bytes; a decoder that goes on beyond them finds what an earlier block left there, and fails anyway.
const ZEROS: usize = 64;

const _: () = assert!(MAX_STORED + ZEROS <= ROOM);

/// The place, with room to read a whole word at any index below [`ROOM`].
type Bytes = [u8; ROOM + 8];

/// One block's bytes at a time, with zeros behind them.
pub(crate) struct Padded {
    bytes: Box<Bytes>,
    length: usize,
}

/// The bytes of a block, for the inner loop.
#[derive(Clone, Copy)]
pub(crate) struct View<'p> {
    bytes: &'p Bytes,
    length: usize,
}

impl Padded {
    /// No bytes.
    pub fn new() -> Self {
        Self { bytes: Box::new([0; ROOM + 8]), length: 0 }
    }

    /// Takes bytes as they are, at most [`MAX_STORED`].
    #[cfg(test)]
    pub fn of(bytes: &[u8]) -> Self {
        let mut padded = Self::new();
        padded.set(bytes);
        padded
    }

    /// Takes other bytes.
    #[cfg(test)]
    pub fn set(&mut self, bytes: &[u8]) {
        self.clear();
        let bytes = bytes.get(..bytes.len().min(MAX_STORED)).unwrap_or_default();
        self.grow(bytes.len()).copy_from_slice(bytes);
    }

    /// Goes back to no bytes.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Adds so many bytes, which are yet to be written, to [`MAX_STORED`] altogether at most.
    pub fn grow(&mut self, count: usize) -> &mut [u8] {
        let before = self.length;
        self.length = (before + count).min(MAX_STORED);
        let added =
            self.bytes.get_mut(before..).and_then(|rest| rest.split_at_mut_checked(self.length - before));
        let Some((added, behind)) = added else { return &mut [] };
        behind.iter_mut().take(ZEROS).for_each(|byte| *byte = 0);
        added
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// They, to be read.
    pub fn view(&self) -> View<'_> {
        View { bytes: &self.bytes, length: self.length }
    }
}

impl<'p> View<'p> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Eight bytes from here on. A place beyond all room starts at the beginning again.
    #[inline(always)]
    pub fn word(&self, place: usize) -> [u8; 8] {
        let place = place & (ROOM - 1);
        self.bytes.get(place..place + 8).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or_default()
    }

    /// The bytes from here on, as far as they go.
    pub fn from(&self, place: usize) -> &'p [u8] {
        self.bytes.get(..self.length).and_then(|bytes| bytes.get(place..)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_follow_the_bytes_of_each_block() {
        let mut padded = Padded::new();
        padded.set(&[9; MAX_STORED]);
        assert_eq!(padded.view().word(MAX_STORED - 1), [9, 0, 0, 0, 0, 0, 0, 0]);
        padded.set(&[1, 2, 3]);
        assert_eq!(
            (padded.view().word(1), padded.view().from(1), padded.view().from(4)),
            ([2, 3, 0, 0, 0, 0, 0, 0], &[2, 3][..], &[][..])
        );
        assert_eq!(padded.view().word(ROOM + 2), padded.view().word(2));
    }
}

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

    /// Takes a block's bytes, at most [`MAX_STORED`].
    pub fn set(&mut self, bytes: &[u8]) {
        self.length = bytes.len().min(MAX_STORED);
        let place = self.bytes.split_at_mut_checked(self.length);
        if let (Some((place, behind)), Some(bytes)) = (place, bytes.get(..self.length)) {
            place.copy_from_slice(bytes);
            behind.iter_mut().take(ZEROS).for_each(|byte| *byte = 0);
        }
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

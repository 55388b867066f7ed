//! The translation of x86 calls: the compressor made the operands of E8 bytes absolute, so that calls of one function
//! look alike; here they become relative again. It works on each frame by itself and only on the first 32768 frames.

use crate::block::BLOCK_SIZE;

/// Frames that are translated.
const FRAMES: u64 = 32_768;
/// The last bytes of a frame are left alone, so frames of up to this length are as they are.
const TAIL: usize = 10;
/// The instruction that is translated.
const CALL: u8 = 0xe8;
/// One and the instruction in each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
const CALLS: u64 = CALL as u64 * ONES;
/// Bytes looked at together for an E8.
const STRIDE: usize = 32;

/// Translates frame after frame of a folder.
pub(crate) struct Translation {
    /// The size that operands are relative to; 0 when the stream asks for no translation.
    size: i32,
    frame: u64,
    /// Offset of the frame in the folder's data.
    offset: u64,
    bytes: Vec<u8>,
    active: bool,
}

impl Translation {
    /// A translation relative to `size`; none for 0.
    pub fn new(size: i32) -> Self {
        Self { size, frame: 0, offset: 0, bytes: Vec::new(), active: false }
    }

    /// Takes the next frame. The window keeps the bytes as they are, so a translated frame is a copy.
    pub fn apply(&mut self, frame: &[u8]) {
        self.active = self.applies_to(frame) && next_call(frame).is_some();
        if self.active {
            self.bytes.clear();
            self.bytes.extend_from_slice(frame);
            translate(&mut self.bytes, self.offset as i32, self.size);
        }
        self.pass(frame.len());
    }

    /// The same for a frame that is a copy already.
    pub fn apply_in_place(&mut self, frame: &mut [u8]) {
        if self.applies_to(frame) {
            translate(frame, self.offset as i32, self.size);
        }
        self.pass(frame.len());
    }

    fn applies_to(&self, frame: &[u8]) -> bool {
        self.size != 0 && self.frame < FRAMES && frame.len() > TAIL
    }

    fn pass(&mut self, length: usize) {
        self.frame += 1;
        self.offset += length as u64;
    }

    /// The translated bytes of the frame taken last; `None` when it is as it was.
    pub fn translated(&self) -> Option<&[u8]> {
        self.active.then_some(self.bytes.as_slice())
    }
}

/// `offset` is that of the frame; the first 32768 frames end at 2^30, so positions fit an i32.
fn translate(frame: &mut [u8], offset: i32, size: i32) {
    for_each_call(frame, offset, |position, absolute| {
        if absolute < position.wrapping_neg() || absolute >= size {
            absolute
        } else if absolute >= 0 {
            absolute.wrapping_sub(position)
        } else {
            absolute.wrapping_add(size)
        }
    });
}

/// What a compressor does: makes the operands of calls absolute in the frame at `offset` of the folder's data.
pub(crate) fn make_absolute(frame: &mut [u8], offset: usize, size: i32) {
    if offset / BLOCK_SIZE >= FRAMES as usize || frame.len() <= TAIL {
        return;
    }
    for_each_call(frame, offset as i32, |position, relative| {
        // Readers leave operands alone that are below the negative position or not below the size.
        let start = position.wrapping_neg();
        if relative < start || relative >= size {
            relative
        } else if relative < size.wrapping_sub(position) {
            relative.wrapping_add(position)
        } else {
            relative.wrapping_sub(size)
        }
    });
}

/// Gives each call's position and operand, and writes the operand that comes back. The tail of the frame is left alone.
fn for_each_call(frame: &mut [u8], offset: i32, change: impl Fn(i32, i32) -> i32) {
    let end = frame.len().saturating_sub(TAIL);
    let mut index = 0;
    while index < end {
        let Some(rest) = frame.get(index..end) else { return };
        match next_call(rest) {
            Some(skipped) => index += skipped,
            None => return,
        }
        let operand = frame.get_mut(index + 1..).and_then(|rest| rest.first_chunk_mut::<4>());
        let Some(operand) = operand else { return };
        let position = offset.wrapping_add(index as i32);
        *operand = change(position, i32::from_le_bytes(*operand)).to_le_bytes();
        index += 5;
    }
}

/// Index of the first E8.
fn next_call(bytes: &[u8]) -> Option<usize> {
    // Without an early exit within the stride the compiler compares all of it in a few instructions.
    let (strides, _) = bytes.as_chunks::<STRIDE>();
    let clear =
        strides.iter().take_while(|stride| !stride.iter().fold(false, |found, byte| found | (*byte == CALL)));
    let skipped = clear.count() * STRIDE;
    let (words, last) = bytes.get(skipped..)?.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        // The lowest bit set here is that of the first byte that equals; carries reach higher bytes only.
        let differences = u64::from_le_bytes(*word) ^ CALLS;
        let equal = differences.wrapping_sub(ONES) & !differences & (ONES << 7);
        if equal != 0 {
            return Some(skipped + number * 8 + equal.trailing_zeros() as usize / 8);
        }
    }
    let within = last.iter().position(|byte| *byte == CALL)?;
    Some(skipped + words.len() * 8 + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(offset: u64, size: i32, frame: &[u8]) -> Vec<u8> {
        let mut translation = Translation::new(size);
        translation.offset = offset;
        translation.apply(frame);
        let copy = translation.translated().unwrap_or(frame).to_vec();
        let (mut translation, mut in_place) = (Translation::new(size), frame.to_vec());
        translation.offset = offset;
        translation.apply_in_place(&mut in_place);
        assert_eq!(in_place, copy);
        copy
    }

    fn call(operand: i32) -> Vec<u8> {
        let mut frame = vec![0x90, 0xe8];
        frame.extend(operand.to_le_bytes());
        frame.extend([0x90; 20]);
        frame
    }

    #[test]
    fn operands_become_relative_within_their_range_only() {
        let cases =
            [(0, -1001), (999, -2), (4999, 3998), (5000, 5000), (-1001, 3999), (-1002, -1002), (-1, 4999)];
        for (stored, expected) in cases {
            assert_eq!(translated(1000, 5000, &call(stored)), call(expected), "{stored}");
        }
    }

    #[test]
    fn what_is_made_absolute_becomes_relative_again() {
        for operand in [0, 1, -1, 3999, 4000, 4001, 4999, 5000, -999, -1000, -1001, -1002, i32::MAX, i32::MIN]
        {
            let frame = call(operand);
            let mut stored = frame.clone();
            make_absolute(&mut stored, 1000, 5000);
            assert_eq!(translated(1000, 5000, &stored), frame, "{operand}");
        }
    }

    #[test]
    fn the_last_ten_bytes_are_left_alone() {
        let mut frame = vec![0x90; 40];
        frame[29] = 0xe8;
        let mut expected = frame.clone();
        expected[30..34].copy_from_slice(&(-0x6f6f_6f70i32).to_le_bytes());
        assert_eq!(translated(0, 0x7fff_ffff, &frame), frame, "operand 0x90909090 is below the position");
        frame[30..34].copy_from_slice(&29i32.to_le_bytes());
        expected[30..34].copy_from_slice(&0i32.to_le_bytes());
        assert_eq!(translated(0, 0x7fff_ffff, &frame), expected);
        frame.swap(29, 30);
        assert_eq!(translated(0, 0x7fff_ffff, &frame), frame);
    }

    #[test]
    fn no_size_and_late_frames_mean_no_translation() {
        assert_eq!(translated(0, 0, &call(5)), call(5));
        let mut translation = Translation::new(1000);
        translation.frame = FRAMES;
        translation.apply(&call(5));
        assert!(translation.translated().is_none());
    }
}

//! Slots: numbers coded as a slot symbol and some plain bits, as LZX and Quantum do for offsets and lengths.

/// For each slot the first number and how many bits follow, from the bits of each slot.
pub(crate) const fn with_bases<const COUNT: usize>(bits: [u32; COUNT]) -> [(u32, u32); COUNT] {
    let mut slots = [(0, 0); COUNT];
    let mut base = 0;
    let mut source: &[u32] = &bits;
    let mut target: &mut [(u32, u32)] = &mut slots;
    // Iterators are not available in constants.
    while let (Some((extra, more)), Some((slot, rest))) = (source.split_first(), target.split_first_mut()) {
        *slot = (base, *extra);
        base += 1 << *extra;
        source = more;
        target = rest;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_slot_starts_where_the_one_before_ends() {
        assert_eq!(with_bases([0, 0, 1, 3, 0]), [(0, 0), (1, 0), (2, 1), (4, 3), (12, 0)]);
    }
}

//! Where bytes occurred before: hash chains over the window.

/// The shortest match that is looked for; shorter ones pay only at repeated offsets.
pub(crate) const SHORTEST: usize = 3;
/// The longest match that LZX has.
pub(crate) const LONGEST: usize = 257;
/// So many earlier places are looked at for each position: each is one that memory is waited for.
const CHAIN: usize = 12;
/// Bits of the hash of four bytes, and of three: with fewer most places of a chain would be of other bytes.
const HASH_BITS: u32 = 20;
const SHORT_HASH_BITS: u32 = 14;
const NOWHERE: u32 = u32::MAX;

/// The bytes of a window with their hash chains. Positions count from the start of the folder, which has less than 2^31 bytes.
pub(crate) struct Matches {
    /// The window and what is being compressed.
    bytes: Vec<u8>,
    /// Position of the first of them.
    base: usize,
    window: usize,
    /// By hash: the last position.
    heads: Vec<u32>,
    short_heads: Vec<u32>,
    /// By position modulo the window: the position before of the same hash.
    before: Vec<u32>,
}

impl Matches {
    /// An empty window of 2^`window_bits` bytes.
    pub fn new(window_bits: u32) -> Self {
        let window = 1 << window_bits;
        Self {
            bytes: Vec::new(),
            base: 0,
            window,
            heads: vec![NOWHERE; 1 << HASH_BITS],
            short_heads: vec![NOWHERE; 1 << SHORT_HASH_BITS],
            before: vec![NOWHERE; window],
        }
    }

    /// Appends bytes to be compressed; what has left the window is dropped.
    pub fn append(&mut self, bytes: &[u8]) {
        if self.bytes.len() >= self.window * 2 {
            let surplus = self.bytes.len() - self.window;
            self.bytes.drain(..surplus);
            self.base += surplus;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The byte at a position.
    pub fn byte(&self, position: usize) -> u8 {
        self.bytes.get(position - self.base).copied().unwrap_or(0)
    }

    /// How many bytes at `position` are the same as those `distance` before, at most `limit`; none beyond the window.
    pub fn length_at(&self, position: usize, distance: usize, limit: usize) -> usize {
        let place = position - self.base;
        if distance > place || distance > self.window - 3 || distance == 0 {
            return 0;
        }
        let here = self.bytes.get(place..).unwrap_or_default();
        let there = self.bytes.get(place - distance..).unwrap_or_default();
        common(here, there, limit)
    }

    /// Puts a position into the chains.
    pub fn insert(&mut self, position: usize) {
        let Some((long, short)) = self.hashes(position) else { return };
        if let (Some(head), Some(link)) =
            (self.heads.get_mut(long), self.before.get_mut(position & (self.window - 1)))
        {
            *link = *head;
            *head = position as u32;
        }
        if let Some(head) = self.short_heads.get_mut(short) {
            *head = position as u32;
        }
    }

    /// Puts a position into the chains, and gives what matches there: lengths that grow with their distances, which are the
    /// shortest for the length.
    pub fn find(&mut self, position: usize, limit: usize, found: &mut Vec<(usize, usize)>) {
        found.clear();
        let Some((long, short)) = self.hashes(position).filter(|_| limit >= SHORTEST) else { return };
        let (head, near) = (self.heads.get(long).copied(), self.short_heads.get(short).copied());
        self.insert(position);
        let place = position - self.base;
        let here = self.bytes.get(place..).unwrap_or_default();
        let mut best = SHORTEST - 1;
        let mut consider = |candidate: usize| {
            let there = self.bytes.get(candidate - self.base..).unwrap_or_default();
            // Most candidates differ in the byte that would make them longer than the best one.
            if there.get(best) != here.get(best) {
                return true;
            }
            let length = common(here, there, limit);
            if length > best {
                best = length;
                found.push((length, position - candidate));
            }
            length < limit
        };
        let in_window = |candidate: u32| {
            let candidate = candidate as usize;
            candidate >= self.base && candidate < position && position - candidate <= self.window - 3
        };
        if let Some(near) = near.filter(|near| in_window(*near))
            && !consider(near as usize)
        {
            return;
        }
        let mut candidate = head.unwrap_or(NOWHERE);
        let mut last = position;
        for _ in 0..CHAIN {
            // A link that was overwritten leads forward.
            if !in_window(candidate) || candidate as usize >= last || !consider(candidate as usize) {
                return;
            }
            last = candidate as usize;
            candidate = self.before.get(last & (self.window - 1)).copied().unwrap_or(NOWHERE);
        }
    }

    fn hashes(&self, position: usize) -> Option<(usize, usize)> {
        let four = self.bytes.get(position - self.base..)?.first_chunk::<4>()?;
        let word = u32::from_le_bytes(*four);
        let hash = |word: u32, bits: u32| (word.wrapping_mul(2_654_435_761) >> (32 - bits)) as usize;
        Some((hash(word, HASH_BITS), hash(word << 8, SHORT_HASH_BITS)))
    }
}

/// How many bytes both have in common at their starts, at most `limit`.
fn common(one: &[u8], other: &[u8], limit: usize) -> usize {
    let one = one.get(..limit).unwrap_or(one);
    let mut length = 0;
    for (left, right) in one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0) {
        let difference = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if difference != 0 {
            return length + difference.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let rest = one.iter().zip(other).skip(length);
    length + rest.take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_real_and_within_the_window() {
        let text: Vec<u8> = b"abcabcabcdabcabcdxabcx".iter().copied().cycle().take(200_000).collect();
        let mut matches = Matches::new(15);
        let mut found = Vec::new();
        let mut longest = 0;
        for (number, frame) in text.chunks(32_768).enumerate() {
            matches.append(frame);
            for index in 0..frame.len() {
                let position = number * 32_768 + index;
                matches.find(position, LONGEST.min(frame.len() - index), &mut found);
                for &(length, distance) in &found {
                    assert!(distance <= (1 << 15) - 3 && length >= SHORTEST);
                    assert_eq!(
                        text[position..position + length],
                        text[position - distance..position - distance + length]
                    );
                    longest = longest.max(length);
                }
                assert!(found.is_sorted());
            }
        }
        assert_eq!(longest, LONGEST);
    }
}

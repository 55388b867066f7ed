//! Huffman codes made from how often symbols occur, with a limit to their lengths.

use super::bit_writer::BitWriter;

/// A canonical code to write with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Code {
    /// Length of each symbol's code in bits, 0 for those that do not occur.
    lengths: Vec<u8>,
    bits: Vec<u32>,
}

impl Code {
    /// The best code for these frequencies with no length above `limit`. It is complete, which some readers demand: a symbol
    /// that occurs alone gets a companion. Without any symbol it is empty.
    pub fn new(frequencies: &[u32], limit: u8) -> Self {
        let mut frequencies = frequencies.to_vec();
        if frequencies.iter().filter(|frequency| **frequency > 0).count() == 1
            && let Some(companion) = frequencies.iter_mut().find(|frequency| **frequency == 0)
        {
            *companion = 1;
        }
        loop {
            let lengths = huffman_lengths(&frequencies);
            if lengths.iter().all(|length| *length <= limit) {
                let bits = canonical(&lengths);
                return Self { lengths, bits };
            }
            // Flatter frequencies have shorter codes, and cost little.
            frequencies.iter_mut().for_each(|frequency| *frequency = frequency.div_ceil(2));
        }
    }

    /// The lengths of the codes.
    pub fn lengths(&self) -> &[u8] {
        &self.lengths
    }

    /// The bits that symbols of these frequencies take.
    pub fn cost(&self, frequencies: &[u32]) -> u64 {
        let pairs = self.lengths.iter().zip(frequencies);
        pairs.map(|(length, frequency)| u64::from(*length) * u64::from(*frequency)).sum()
    }

    /// Writes a symbol.
    pub fn put(&self, symbol: usize, out: &mut BitWriter) {
        let (Some(bits), Some(length)) = (self.bits.get(symbol), self.lengths.get(symbol)) else { return };
        debug_assert!(*length > 0, "symbol {symbol} was not counted");
        out.put(*bits, u32::from(*length));
    }
}

/// The depth of each symbol in a Huffman tree.
fn huffman_lengths(frequencies: &[u32]) -> Vec<u8> {
    let mut leaves: Vec<(u64, usize)> = (0..)
        .zip(frequencies)
        .filter(|pair| *pair.1 > 0)
        .map(|(symbol, &count)| (u64::from(count), symbol))
        .collect();
    leaves.sort_unstable();
    // Nodes: the leaves, then the inner ones in the order in which they are made, which is that of their weights.
    let mut weights: Vec<u64> = leaves.iter().map(|leaf| leaf.0).collect();
    let count = weights.len();
    let mut parents = vec![0; (count * 2).saturating_sub(1)];
    let (mut leaf, mut inner) = (0, count);
    while weights.len() < parents.len() {
        let parent = weights.len();
        let mut lightest = || {
            let of_leaf = weights.get(leaf).copied().filter(|_| leaf < count);
            let place = match (of_leaf, weights.get(inner)) {
                (Some(one), Some(other)) if one > *other => &mut inner,
                (Some(_), _) => &mut leaf,
                (None, _) => &mut inner,
            };
            let node = *place;
            *place += 1;
            if let Some(link) = parents.get_mut(node) {
                *link = parent;
            }
            weights.get(node).copied().unwrap_or(0)
        };
        let sum = lightest() + lightest();
        weights.push(sum);
    }
    let mut depths = vec![0u8; parents.len()];
    for node in (0..parents.len().saturating_sub(1)).rev() {
        let depth = parents
            .get(node)
            .and_then(|parent| depths.get(*parent))
            .map_or(0, |depth| depth.saturating_add(1));
        if let Some(place) = depths.get_mut(node) {
            *place = depth;
        }
    }
    let mut lengths = vec![0; frequencies.len()];
    for ((_, symbol), depth) in leaves.into_iter().zip(depths) {
        if let Some(length) = lengths.get_mut(symbol) {
            *length = depth;
        }
    }
    lengths
}

/// The codes of the lengths: shorter ones first, equal ones in the order of their symbols.
fn canonical(lengths: &[u8]) -> Vec<u32> {
    let mut bits = vec![0; lengths.len()];
    let mut code = 0;
    for length in 1..=lengths.iter().copied().max().unwrap_or(0) {
        code <<= 1;
        for (place, _) in bits.iter_mut().zip(lengths).filter(|pair| *pair.1 == length) {
            *place = code;
            code += 1;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kraft(lengths: &[u8]) -> f64 {
        lengths.iter().filter(|length| **length > 0).map(|length| 0.5f64.powi(i32::from(*length))).sum()
    }

    #[test]
    fn codes_are_complete_short_and_within_the_limit() {
        let mut fibonacci = vec![1, 1];
        while fibonacci.len() < 30 {
            fibonacci.push(fibonacci[fibonacci.len() - 1] + fibonacci[fibonacci.len() - 2]);
        }
        for (frequencies, limit) in
            [(vec![5, 0, 1, 1, 9], 16), (fibonacci, 16), (vec![3; 8], 7), (vec![0, 0, 7], 16)]
        {
            let code = Code::new(&frequencies, limit);
            assert!(code.lengths().iter().all(|length| *length <= limit));
            assert!((kraft(code.lengths()) - 1.0).abs() < 1e-9, "{:?}", code.lengths());
        }
        assert_eq!(Code::new(&[5, 0, 1, 1, 9], 16).lengths(), [2, 0, 3, 3, 1]);
        assert_eq!(Code::new(&[5, 0, 1, 1, 9], 16).cost(&[5, 0, 1, 1, 9]), 25);
        assert!(Code::new(&[0, 0], 16).lengths().iter().all(|length| *length == 0));
    }
}

//! An adaptive frequency model: symbols with cumulative frequencies, halved and now and then sorted.

/// The total above which frequencies are halved.
const LIMIT: u16 = 3800;
/// What a symbol's frequency grows by each time it occurs.
const STEP: u16 = 8;
/// Halvings before the first sort, and between later ones.
const FIRST_SORT: u32 = 4;
const NEXT_SORT: u32 = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    symbol: u16,
    /// Sum of the frequencies of this entry and all that follow it.
    cumulative: u16,
}

/// A model of a fixed number of symbols.
pub(crate) struct Model {
    entries: Vec<Entry>,
    until_sort: u32,
}

/// An entry's place in the range of frequencies: from `low` up to `high` of `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub index: usize,
    pub low: u16,
    pub high: u16,
}

impl Model {
    /// A model of symbols 0 to `symbols` − 1 that are equally frequent.
    pub fn new(symbols: usize) -> Self {
        let entry = |symbol: usize| Entry { symbol: symbol as u16, cumulative: (symbols - symbol) as u16 };
        Self { entries: (0..symbols).map(entry).collect(), until_sort: FIRST_SORT }
    }

    /// Sum of all frequencies.
    pub fn total(&self) -> u16 {
        self.entries.first().map_or(0, |entry| entry.cumulative)
    }

    /// The entry whose share contains `frequency`.
    pub fn find(&self, frequency: u16) -> Option<Share> {
        let following = self.entries.iter().skip(1).map(|entry| entry.cumulative).chain([0]);
        let mut entries = self.entries.iter().zip(following).enumerate();
        let (index, (entry, low)) = entries.find(|(_, (_, low))| *low <= frequency)?;
        Some(Share { index, low, high: entry.cumulative })
    }

    /// The entry of a symbol, for an encoder.
    #[cfg(test)]
    pub fn share_of(&self, symbol: usize) -> Share {
        let index = self.entries.iter().position(|entry| usize::from(entry.symbol) == symbol).unwrap();
        let low = self.entries.get(index + 1).map_or(0, |entry| entry.cumulative);
        Share { index, low, high: self.entries[index].cumulative }
    }

    /// Counts an entry and gives its symbol.
    pub fn count(&mut self, index: usize) -> Option<usize> {
        let symbol = self.entries.get(index)?.symbol;
        for entry in self.entries.iter_mut().take(index + 1) {
            entry.cumulative += STEP;
        }
        if self.total() > LIMIT {
            self.shrink();
        }
        Some(usize::from(symbol))
    }

    fn shrink(&mut self) {
        self.until_sort -= 1;
        if self.until_sort == 0 {
            self.until_sort = NEXT_SORT;
            self.sort();
            return;
        }
        let mut following = 0;
        for entry in self.entries.iter_mut().rev() {
            entry.cumulative = (entry.cumulative / 2).max(following + 1);
            following = entry.cumulative;
        }
    }

    /// Halves the frequencies themselves and puts the most frequent entry first. The order of equals matters to the
    /// format: it is what comes out of exchanging, place by place, with each later entry that is greater.
    fn sort(&mut self) {
        let mut following = 0;
        for entry in self.entries.iter_mut().rev() {
            let cumulative = entry.cumulative;
            entry.cumulative = (cumulative - following).div_ceil(2);
            following = cumulative;
        }
        let mut rest = self.entries.as_mut_slice();
        while let Some((first, others)) = rest.split_first_mut() {
            for other in others.iter_mut() {
                if first.cumulative < other.cumulative {
                    std::mem::swap(first, other);
                }
            }
            rest = others;
        }
        let mut sum = 0;
        for entry in self.entries.iter_mut().rev() {
            sum += entry.cumulative;
            entry.cumulative = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_the_whole_range_after_any_counting() {
        let mut model = Model::new(42);
        let mut symbol = 1usize;
        for _ in 0..200_000 {
            symbol = (symbol * 1_103_515_245 + 12_345) % 0x7fff_ffff;
            // Skewed, so that sorting has something to do.
            let share = model.share_of((symbol % 42).min(symbol / 7 % 42));
            assert!(share.low < share.high && share.high <= model.total());
            assert_eq!(model.find(share.low), Some(share));
            assert_eq!(model.find(share.high - 1), Some(share));
            model.count(share.index);
            assert!(model.total() <= LIMIT);
        }
    }
}

//! Batches of blocks that are under way, in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::batch::Batch;
use crate::mszip::Sketch;

/// How far a batch is.
enum Stage {
    Waiting(Batch),
    /// A thread is at it.
    Taken,
    /// It waits for what comes before it.
    Sketched(Batch),
    Done(Batch),
}

struct Entry {
    stage: Stage,
    /// What the batch after it can refer to, once that is known.
    tail: Option<Arc<[u8]>>,
}

/// The batches, what is not in use, and who waits.
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    /// Batches that are gone.
    passed: u64,
    /// The next one that nobody has taken.
    untaken: u64,
    /// What the first entry can refer to.
    before: Option<Arc<[u8]>>,
    spare: Vec<Batch>,
    pub spare_sketches: Vec<Box<Sketch>>,
    /// So many batches may be under way.
    most: usize,
    /// Who takes a batch may read it first.
    reads: bool,
    /// There is nothing more to read, for the time being.
    pub is_read: bool,
    /// So many threads wait for work.
    pub idle: usize,
    /// Who wants the first batch waits for it.
    pub is_awaited: bool,
    /// A batch is damaged: what comes behind it is not wanted.
    is_damaged: bool,
    /// There will be no more batches, or nobody who decompresses them.
    pub is_closed: bool,
}

impl Queue {
    /// Nothing yet, of so many batches at most. Who takes one may read it first, or not.
    pub fn new(most: usize, reads: bool) -> Self {
        Self {
            entries: VecDeque::new(),
            passed: 0,
            untaken: 0,
            before: Some(Arc::from([])),
            spare: Vec::new(),
            spare_sketches: Vec::new(),
            most,
            reads,
            is_read: false,
            idle: 0,
            is_awaited: false,
            is_damaged: false,
            is_closed: false,
        }
    }

    /// Room for one more batch, if one may be read.
    pub fn room(&mut self) -> Option<Batch> {
        let may = self.entries.len() < self.most && !self.is_read && !self.is_closed && !self.is_damaged;
        may.then(|| self.spare.pop().unwrap_or_else(Batch::new))
    }

    /// Takes a batch that is not needed any more.
    pub fn give_back(&mut self, batch: Batch) {
        self.spare.push(batch);
    }

    /// Adds a batch.
    pub fn push(&mut self, batch: Batch) {
        self.entries.push_back(Entry { stage: Stage::Waiting(batch), tail: None });
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many batches somebody could begin with.
    pub fn open(&self) -> usize {
        let taken = usize::try_from(self.untaken - self.passed).unwrap_or(usize::MAX);
        match self.is_closed || self.is_damaged {
            true => 0,
            false if self.reads && !self.is_read => self.most.saturating_sub(taken),
            false => self.entries.len().saturating_sub(taken),
        }
    }

    /// Takes the next batch that is read, and its number.
    pub fn take(&mut self) -> Option<(u64, Batch)> {
        if self.is_closed || self.is_damaged {
            return None;
        }
        let number = self.untaken;
        let entry = self.entry(number)?;
        let Stage::Waiting(batch) = std::mem::replace(&mut entry.stage, Stage::Taken) else { return None };
        self.untaken += 1;
        Some((number, batch))
    }

    /// What this batch can refer to, if that is known.
    pub fn before(&mut self, number: u64) -> Option<Arc<[u8]>> {
        match number == self.passed {
            true => self.before.clone(),
            false => self.entry(number.checked_sub(1)?)?.tail.clone(),
        }
    }

    /// Puts a batch back that was taken, with what the one after it can refer to if that is known; gives back the one after it, and its
    /// number, where it waits for just that.
    pub fn put(&mut self, number: u64, batch: Batch, tail: Option<Arc<[u8]>>) -> Option<(u64, Batch)> {
        self.is_damaged |= batch.is_damaged();
        let entry = self.entry(number)?;
        entry.stage = if batch.is_complete() { Stage::Done(batch) } else { Stage::Sketched(batch) };
        let is_news = entry.tail.is_none() && tail.is_some();
        entry.tail = tail;
        let next = self.entry(number + 1).filter(|_| is_news)?;
        match std::mem::replace(&mut next.stage, Stage::Taken) {
            Stage::Sketched(waiting) => Some((number + 1, waiting)),
            other => {
                next.stage = other;
                None
            }
        }
    }

    /// Whether the first batch is done.
    pub fn is_first_done(&self) -> bool {
        matches!(self.entries.front(), Some(Entry { stage: Stage::Done(_), .. }))
    }

    /// Takes the first batch away, which has to be done.
    pub fn pop(&mut self) -> Option<Batch> {
        let Entry { stage: Stage::Done(batch), tail } = self.entries.pop_front()? else { return None };
        self.passed += 1;
        self.before = tail;
        Some(batch)
    }

    fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let place = usize::try_from(number.checked_sub(self.passed)?).ok()?;
        self.entries.get_mut(place)
    }
}

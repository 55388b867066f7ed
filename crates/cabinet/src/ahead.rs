//! MSZIP blocks that are sketched ahead of the one that is wanted, on threads beside: see [`Sketch`]. Blocks come out in their order,
//! sketched or not; one that is not is decompressed by who wants it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::mszip::{Inflate, Sketch};

/// So many blocks are read ahead; with their sketches they take about 5 MB.
const MOST_WAITING: usize = 32;
/// The first of the waiting blocks are left to who wants them next.
const LEFT_ALONE: usize = 1;

/// A block as it is stored.
#[derive(Clone)]
pub(crate) struct Stored {
    pub bytes: Arc<Vec<u8>>,
    /// Bytes after decompression.
    pub size: usize,
    /// Bytes of the folder before it.
    pub before: u64,
    /// For errors: the part of the set and the offset in it.
    pub part: usize,
    pub offset: u64,
}

/// How far a block is.
enum Stage {
    Waiting,
    /// A thread works on it.
    Taken,
    /// Nothing when it is damaged, which is found out again when it is decompressed.
    Done(Option<Box<Sketch>>),
}

struct Entry {
    number: u64,
    stored: Stored,
    stage: Stage,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    next_number: u64,
    /// Sketches that are not in use.
    spare: Vec<Box<Sketch>>,
    is_closed: bool,
}

impl Queue {
    fn find(&mut self, number: u64) -> Option<&mut Entry> {
        let first = self.entries.front()?.number;
        let place = usize::try_from(number.checked_sub(first)?).ok()?;
        self.entries.get_mut(place)
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is a block to sketch, or nothing more to do.
    work: Condvar,
    /// A block is sketched.
    done: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Blocks in their order, and the threads that sketch them.
pub(crate) struct Ahead {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Ahead {
    /// With so many threads, or fewer when they cannot be had.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |_| {
            let shared = shared.clone();
            thread::Builder::new().name("inflate".to_owned()).spawn(move || sketch_all(&shared)).ok()
        };
        let threads = (0..threads).map_while(start).collect();
        Self { shared, threads }
    }

    /// Whether more blocks may be read ahead.
    pub fn has_room(&self) -> bool {
        self.shared.lock().entries.len() < MOST_WAITING
    }

    /// Adds the block after those that are there.
    pub fn push(&self, stored: Stored) {
        let mut queue = self.shared.lock();
        let number = queue.next_number;
        queue.next_number += 1;
        queue.entries.push_back(Entry { number, stored, stage: Stage::Waiting });
        let has_work = queue.entries.len() > LEFT_ALONE;
        drop(queue);
        if has_work {
            self.shared.work.notify_one();
        }
    }

    /// The first block, and its sketch if it has one; waits for a thread that works on it.
    pub fn pop(&self) -> Option<(Stored, Option<Box<Sketch>>)> {
        let queue = self.shared.lock();
        let is_taken = |queue: &mut Queue| {
            queue.entries.front().is_some_and(|entry| matches!(entry.stage, Stage::Taken))
        };
        let mut queue = self.shared.done.wait_while(queue, is_taken).unwrap_or_else(PoisonError::into_inner);
        let entry = queue.entries.pop_front()?;
        match entry.stage {
            Stage::Done(sketch) => Some((entry.stored, sketch)),
            Stage::Waiting | Stage::Taken => Some((entry.stored, None)),
        }
    }

    /// Takes a sketch back that is not needed any more.
    pub fn give_back(&self, sketch: Box<Sketch>) {
        self.shared.lock().spare.push(sketch);
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that decompresses has panicked");
            }
        }
    }
}

/// Sketches blocks until there will be no more.
fn sketch_all(shared: &Shared) {
    let mut inflate = Inflate::new();
    loop {
        let queue = shared.lock();
        let waits = |queue: &mut Queue| !queue.is_closed && next(queue).is_none();
        let mut queue = shared.work.wait_while(queue, waits).unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed {
            return;
        }
        let Some(entry) = next(&mut queue) else { continue };
        entry.stage = Stage::Taken;
        let (number, stored) = (entry.number, entry.stored.clone());
        let spare = queue.spare.pop();
        drop(queue);
        // Whatever happens, nobody waits for it in vain.
        let mut finish = Finish { shared, number, sketch: None };
        let mut sketch = spare.unwrap_or_default();
        if sketch.make(&mut inflate, &stored.bytes, stored.size, stored.before).is_ok() {
            finish.sketch = Some(sketch);
        }
    }
}

/// The next block to sketch.
fn next(queue: &mut Queue) -> Option<&mut Entry> {
    queue.entries.iter_mut().skip(LEFT_ALONE).find(|entry| matches!(entry.stage, Stage::Waiting))
}

/// Says that a block is done when it is dropped.
struct Finish<'s> {
    shared: &'s Shared,
    number: u64,
    sketch: Option<Box<Sketch>>,
}

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.shared.lock().find(self.number) {
            entry.stage = Stage::Done(self.sketch.take());
        }
        self.shared.done.notify_one();
    }
}

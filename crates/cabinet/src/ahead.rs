//! A folder's blocks that are decompressed ahead of the one that is wanted, on threads beside, in batches.
//!
//! With LZX and Quantum one thread takes the decoder from batch to batch. With MSZIP each thread takes the next batch that nobody has, and
//! so does who wants the next one as long as that is not there. Of what lies before the batch it needs the last 32 KB; what can be done
//! without these it does meanwhile (see [`Batch`]), and whoever comes by them completes the batch. Batches come out in their order,
//! the same whoever did what.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::batch::Batch;
use crate::blocks::{Blocks, Found};
use crate::decoder::{Compression, Decoder};
use crate::error::CabinetError;
use crate::folder::{Folder, Step};
use crate::lzx::Translation;
use crate::mszip::Inflate;
use crate::queue::Queue;

/// So many batches are under way, and two more for each thread, up to the second number; one takes 0.6 MB, and 1 MB more when its blocks
/// have to be sketched.
const FEWEST_BATCHES: usize = 6;
const MOST_BATCHES: usize = 20;
/// Threads are woken for so many batches: each time costs as much as a part of a block.
const WORTH_WAKING: usize = 2;

/// What is read, and what reading came to: the step after all blocks that are read.
struct Source {
    blocks: Blocks,
    stopped: Option<Result<Step, CabinetError>>,
}

struct Shared {
    /// Held while a batch is read, and never waited for by who holds the queue.
    source: Mutex<Source>,
    queue: Mutex<Queue>,
    /// There is a batch to take, or nothing more to do.
    work: Condvar,
    /// The first batch is done.
    done: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn source(&self) -> MutexGuard<'_, Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a batch, if there may be one more and there is anything to read.
    fn read_one(&self) -> bool {
        let mut source = self.source();
        let Some(mut batch) = self.lock().room() else { return false };
        let Source { blocks, stopped } = &mut *source;
        batch.restart(blocks.passed());
        while stopped.is_none() && !batch.is_full() {
            match blocks.read() {
                Ok(Found::Block { size, part, offset }) => batch.add(&mut blocks.stored, size, part, offset),
                Ok(Found::End) => *stopped = Some(Ok(Step::End)),
                Ok(Found::NeedsNext) => *stopped = Some(Ok(Step::NeedsNext)),
                Err(error) => *stopped = Some(Err(error)),
            }
        }
        let mut queue = self.lock();
        queue.is_read = stopped.is_some();
        let is_batch = !batch.is_empty();
        match is_batch {
            true => queue.push(batch),
            false => queue.give_back(batch),
        }
        is_batch
    }

    /// Takes the next batch and does what can be done; tells whether there was one.
    fn work_one(&self, by: &mut Worker) -> bool {
        let mut taken = self.lock().take();
        if taken.is_none() && matches!(by, Worker::Inflate(_)) {
            self.read_one();
            taken = self.lock().take();
        }
        let Some((number, mut batch)) = taken else { return false };
        match by {
            Worker::Chain(decoder) => batch.decode(decoder),
            Worker::Inflate(inflate) => self.inflate(number, &mut batch, inflate),
        }
        self.hand_in(number, batch);
        true
    }

    /// Decompresses or sketches the blocks of a batch.
    fn inflate(&self, number: u64, batch: &mut Batch, inflate: &mut Inflate) {
        let mut spare = None;
        while !batch.is_through() {
            if !batch.is_grounded() {
                let mut queue = self.lock();
                let before = queue.before(number);
                spare = spare.or_else(|| queue.spare_sketches.pop());
                drop(queue);
                self.ground(batch, before);
            }
            batch.inflate(inflate, &mut spare);
        }
        if spare.is_some() {
            self.lock().spare_sketches.extend(spare);
        }
    }

    /// Gives a batch what it can refer to, if that is known.
    fn ground(&self, batch: &mut Batch, before: Option<Arc<[u8]>>) {
        let Some(before) = before else { return };
        let completed: Vec<_> = batch.ground(&before).collect();
        if !completed.is_empty() {
            self.lock().spare_sketches.extend(completed);
        }
    }

    /// Puts a batch back, and completes those after it that waited for it.
    fn hand_in(&self, number: u64, batch: Batch) {
        let mut next = Some((number, batch));
        while let Some((number, mut batch)) = next {
            if !batch.is_complete() {
                let before = self.lock().before(number);
                self.ground(&mut batch, before);
            }
            let tail = batch.tail().map(Arc::from);
            let mut queue = self.lock();
            // What it waits for may have come just now.
            if !batch.is_complete() && queue.before(number).is_some() {
                next = Some((number, batch));
                continue;
            }
            next = queue.put(number, batch, tail);
            if queue.is_first_done() && std::mem::take(&mut queue.is_awaited) {
                self.done.notify_one();
            }
        }
    }
}

/// What a thread decompresses with.
enum Worker {
    /// Blocks of MSZIP, one as well as another.
    Inflate(Box<Inflate>),
    /// All blocks of a folder, one after the other.
    Chain(Decoder),
}

/// What comes next.
pub(crate) enum Popped {
    /// A batch, done as far as it is not damaged.
    Batch(Batch),
    /// None, for this reason.
    Nothing(Result<Step, CabinetError>),
    /// A thread has panicked.
    Failed,
}

/// Batches in their order, and the threads that decompress them.
pub(crate) struct Ahead {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// What it takes to work on MSZIP.
    here: Option<Worker>,
    /// Of LZX, known once the first block is there.
    translation: Option<Translation>,
}

impl Ahead {
    /// With so many threads, or fewer when they cannot be had. Nothing when there is none, or nothing to do for one.
    pub fn start(compression: Compression, threads: usize, blocks: impl Fn() -> Blocks) -> Option<Self> {
        let (threads, is_chain) = match compression {
            Compression::Stored => (0, true),
            Compression::Mszip => (threads, false),
            Compression::Quantum { .. } | Compression::Lzx { .. } => (threads.min(1), true),
        };
        if threads == 0 {
            return None;
        }
        let worker = move || match is_chain {
            true => Worker::Chain(Decoder::new(compression)),
            false => Worker::Inflate(Box::new(Inflate::new())),
        };
        let most = (FEWEST_BATCHES + 2 * threads).min(MOST_BATCHES);
        let shared = Arc::new(Shared {
            source: Mutex::new(Source { blocks: blocks(), stopped: None }),
            queue: Mutex::new(Queue::new(most, !is_chain)),
            work: Condvar::new(),
            done: Condvar::new(),
        });
        let spawn = |_| {
            let shared = shared.clone();
            let thread = thread::Builder::new().name("inflate".to_owned());
            thread.spawn(move || work_all(&shared, &mut worker())).ok()
        };
        let threads: Vec<_> = (0..threads).map_while(spawn).collect();
        let here = (!is_chain).then(worker);
        (!threads.is_empty()).then_some(Self { shared, threads, here, translation: None })
    }

    /// How errors call a part of the set.
    pub fn label(&self, part: usize) -> String {
        self.shared.source().blocks.label(part)
    }

    /// Goes on with what the following cabinet has of the folder.
    pub fn extend(&mut self, folder: &Folder) {
        let mut source = self.shared.source();
        source.blocks.extend(folder);
        source.stopped = None;
        self.shared.lock().is_read = false;
    }

    /// Takes back a batch that is not needed any more.
    pub fn give_back(&self, batch: Batch) {
        self.shared.lock().give_back(batch);
    }

    /// Takes the first batch; until it is there this does a part of the work.
    pub fn pop(&mut self) -> Popped {
        let is_chain = self.here.is_none();
        // The thread that has the decoder has enough to do.
        while is_chain && self.shared.read_one() {}
        loop {
            let mut queue = self.shared.lock();
            if queue.is_first_done() {
                let Some(mut batch) = queue.pop() else { return Popped::Failed };
                self.wake(&queue, WORTH_WAKING);
                drop(queue);
                batch.translate(&mut self.translation);
                return Popped::Batch(batch);
            }
            if queue.is_closed {
                return Popped::Failed;
            }
            // With MSZIP the first of what is open is begun with here.
            self.wake(&queue, if is_chain { 1 } else { WORTH_WAKING });
            drop(queue);
            if self.here.as_mut().is_some_and(|worker| self.shared.work_one(worker)) {
                continue;
            }
            let mut queue = self.shared.lock();
            if queue.is_empty() {
                drop(queue);
                return Popped::Nothing(self.shared.source().stopped.take().unwrap_or(Ok(Step::End)));
            }
            queue.is_awaited = !queue.is_first_done();
            let waits = |queue: &mut Queue| queue.is_awaited && !queue.is_closed;
            drop(self.shared.done.wait_while(queue, waits).unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Wakes a thread that waits, if there is enough to do.
    fn wake(&self, queue: &Queue, enough: usize) {
        if queue.idle > 0 && queue.open() >= enough {
            self.shared.work.notify_one();
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        drop(Closing(&self.shared));
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that decompresses has panicked");
            }
        }
    }
}

/// Ends all work when it is dropped, so that nobody waits in vain.
struct Closing<'s>(&'s Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.work.notify_all();
        self.0.done.notify_all();
    }
}

/// Works on batches until there will be no more.
fn work_all(shared: &Shared, by: &mut Worker) {
    let _closing = Closing(shared);
    loop {
        if shared.work_one(by) {
            continue;
        }
        let mut queue = shared.lock();
        queue.idle += 1;
        let waits = |queue: &mut Queue| queue.open() == 0 && !queue.is_closed;
        queue = shared.work.wait_while(queue, waits).unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
        if queue.is_closed {
            return;
        }
    }
}

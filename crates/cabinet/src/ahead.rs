//! A folder's blocks that are decompressed ahead of the one that is wanted, on threads beside: one carries the decoder from block to
//! block. Where blocks can be sketched (see [`Sketch`]) other threads do that for what it has not reached, and so does who
//! wants the next block as long as that is not there. Blocks come out in their order, the same whoever did what.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::decoder::{Compression, Decoder, Output};
use crate::error::DecodeError;
use crate::lzx::Translation;
use crate::mszip::{Inflate, Sketch};
use crate::padded::Padded;

/// So many blocks are read ahead; with what is made of them they take 10 MB at most.
const MOST_WAITING: usize = 64;
/// So many of them are sketched: with more the decoder would be through all at once, and then wait.
const MOST_SKETCHES: usize = 24;
/// The decoder's thread is woken for so many blocks, and waited for until so many are done: each time costs as much as a part of a
/// block.
const WORTH_WAKING: usize = 4;
/// So many blocks in front of the decoder are left to it: they would not be sketched in time.
const TOO_NEAR: usize = 3;

/// A block as it is stored.
pub(crate) struct Stored {
    pub bytes: Padded,
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
    /// A thread makes its sketch.
    Taken,
    /// Nothing when it is damaged, which is found out again when it is decompressed.
    Sketched(Option<Box<Sketch>>),
    /// The decoder is at it.
    Decoding,
    Done(Result<Output, DecodeError>),
}

struct Entry {
    number: u64,
    stored: Arc<Stored>,
    stage: Stage,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    next_number: u64,
    /// The block that the decoder takes next.
    decoded: u64,
    /// How many blocks are sketched, or about to be.
    sketches: usize,
    /// What is not in use.
    spare_sketches: Vec<Box<Sketch>>,
    spare_outputs: Vec<Output>,
    /// The decoder's thread waits for work, and so many that sketch.
    is_idle: bool,
    idle_sketchers: usize,
    /// Who wants the next block waits until this one is decompressed.
    awaited: Option<u64>,
    /// There will be no more blocks, or nobody who decompresses them.
    is_closed: bool,
}

impl Queue {
    fn find(&mut self, number: u64) -> Option<&mut Entry> {
        let place = self.place(number)?;
        self.entries.get_mut(place)
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.entries.front()?.number)?).ok()
    }

    /// How many blocks the decoder has not reached.
    fn ahead(&self) -> usize {
        usize::try_from(self.next_number - self.decoded).unwrap_or(usize::MAX)
    }

    /// The next block to sketch, if there are not enough.
    fn unsketched(&mut self) -> Option<&mut Entry> {
        if self.sketches >= MOST_SKETCHES {
            return None;
        }
        let reached = self.place(self.decoded)?;
        let mut far = self.entries.iter_mut().skip(reached + TOO_NEAR);
        far.find(|entry| matches!(entry.stage, Stage::Waiting))
    }
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is a block to decompress, or nothing more to do.
    to_decode: Condvar,
    /// The same for those that sketch.
    to_sketch: Condvar,
    /// The awaited block is there.
    done: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the sketch of a block, if there is one to sketch; gives the lock back.
    fn sketch_one<'s>(
        &'s self,
        mut queue: MutexGuard<'s, Queue>,
        inflate: &mut Inflate,
    ) -> (bool, MutexGuard<'s, Queue>) {
        let Some(entry) = queue.unsketched() else { return (false, queue) };
        entry.stage = Stage::Taken;
        let (number, stored) = (entry.number, entry.stored.clone());
        queue.sketches += 1;
        let spare = queue.spare_sketches.pop();
        drop(queue);
        let mut sketch = spare.unwrap_or_default();
        let is_sound = sketch.make(inflate, &stored.bytes, stored.size, stored.before).is_ok();
        drop(stored);
        let mut queue = self.lock();
        match queue.find(number) {
            // Otherwise the decoder has reached it meanwhile.
            Some(Entry { stage: stage @ Stage::Taken, .. }) => {
                *stage = Stage::Sketched(is_sound.then_some(sketch));
            }
            _ => {
                queue.sketches -= 1;
                queue.spare_sketches.push(sketch);
            }
        }
        (true, queue)
    }
}

/// Blocks in their order, and the threads that decompress them.
pub(crate) struct Ahead {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Where blocks can be sketched.
    inflate: Option<Inflate>,
    /// Of LZX, known once the first block is there.
    translation: Option<Translation>,
}

impl Ahead {
    /// With so many threads, or fewer when they cannot be had. Nothing when there is none, or nothing to do for one.
    pub fn start(compression: Compression, threads: usize) -> Option<Self> {
        if threads == 0 || compression == Compression::Stored {
            return None;
        }
        let shared = Arc::new(Shared::default());
        let spawn = |work: fn(&Shared, Compression)| {
            let shared = shared.clone();
            let thread = thread::Builder::new().name("inflate".to_owned());
            thread.spawn(move || work(&shared, compression)).ok()
        };
        let mut started = vec![spawn(decode_all)?];
        let sketches = compression == Compression::Mszip;
        if sketches {
            started.extend((1..threads).map_while(|_| spawn(sketch_all)));
        }
        let inflate = sketches.then(Inflate::new);
        Some(Self { shared, threads: started, inflate, translation: None })
    }

    /// Whether more blocks may be read ahead.
    pub fn has_room(&self) -> bool {
        self.shared.lock().entries.len() < MOST_WAITING
    }

    /// Whether the decoder's thread has nothing to do.
    pub fn waits(&self) -> bool {
        self.shared.lock().is_idle
    }

    /// Adds the block after those that are there.
    pub fn push(&self, stored: Stored) {
        let mut queue = self.shared.lock();
        let number = queue.next_number;
        queue.next_number += 1;
        queue.entries.push_back(Entry { number, stored: Arc::new(stored), stage: Stage::Waiting });
        let wakes = queue.is_idle && queue.ahead() >= WORTH_WAKING;
        queue.is_idle &= !wakes;
        let wakes_another = queue.idle_sketchers > 0 && queue.unsketched().is_some();
        drop(queue);
        if wakes {
            self.shared.to_decode.notify_one();
        }
        if wakes_another {
            self.shared.to_sketch.notify_one();
        }
    }

    /// The first block and its bytes; until these are there it does a part of the work.
    pub fn pop(&mut self) -> Option<(Arc<Stored>, Result<Output, DecodeError>)> {
        let mut queue = self.shared.lock();
        loop {
            let front = queue.entries.front()?;
            if matches!(front.stage, Stage::Done(_)) || queue.is_closed {
                break;
            }
            let number = front.number;
            if std::mem::take(&mut queue.is_idle) {
                self.shared.to_decode.notify_one();
            }
            if let Some(inflate) = &mut self.inflate {
                let sketched;
                (sketched, queue) = self.shared.sketch_one(queue, inflate);
                if sketched {
                    continue;
                }
            }
            let several = queue.entries.len().min(WORTH_WAKING) as u64;
            queue.awaited = Some(number + several - 1);
            let waits = |queue: &mut Queue| queue.awaited.is_some() && !queue.is_closed;
            queue = self.shared.done.wait_while(queue, waits).unwrap_or_else(PoisonError::into_inner);
        }
        let entry = queue.entries.pop_front()?;
        drop(queue);
        let result = match entry.stage {
            Stage::Done(Ok(mut output)) => {
                output.translate(&mut self.translation);
                Ok(output)
            }
            Stage::Done(Err(error)) => Err(error),
            _ => Err(DecodeError::ThreadFailed),
        };
        Some((entry.stored, result))
    }

    /// Takes a block's bytes back that are not needed any more.
    pub fn give_back(&self, output: Output) {
        self.shared.lock().spare_outputs.push(output);
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
        self.0.to_decode.notify_all();
        self.0.to_sketch.notify_all();
        self.0.done.notify_all();
    }
}

/// Decompresses blocks in their order until there will be no more, or one is damaged.
fn decode_all(shared: &Shared, compression: Compression) {
    let _closing = Closing(shared);
    let mut decoder = Decoder::new(compression);
    let mut queue = shared.lock();
    loop {
        let waits = |queue: &mut Queue| {
            queue.is_idle = !queue.is_closed && queue.ahead() == 0;
            queue.is_idle
        };
        queue = shared.to_decode.wait_while(queue, waits).unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed {
            return;
        }
        let number = queue.decoded;
        queue.decoded += 1;
        let Some(entry) = queue.find(number) else { return };
        let before = std::mem::replace(&mut entry.stage, Stage::Decoding);
        let was_sketched = matches!(before, Stage::Sketched(_));
        let stored = entry.stored.clone();
        let mut output = queue.spare_outputs.pop().unwrap_or_default();
        drop(queue);
        let (sketch, result) = match before {
            Stage::Sketched(Some(sketch)) => {
                decoder.complete(&sketch);
                (Some(sketch), Ok(()))
            }
            _ => (None, decoder.decode_to_hand_over(&stored.bytes, stored.size)),
        };
        drop(stored);
        let is_damaged = result.is_err();
        let result = result.map(|()| {
            decoder.hand_over(&mut output);
            output
        });
        queue = shared.lock();
        queue.sketches -= usize::from(was_sketched);
        queue.spare_sketches.extend(sketch);
        if let Some(entry) = queue.find(number) {
            entry.stage = Stage::Done(result);
        }
        if is_damaged || queue.awaited.is_some_and(|awaited| awaited <= number) {
            queue.awaited = None;
            shared.done.notify_one();
        }
        if is_damaged {
            return;
        }
    }
}

/// Sketches blocks until there will be no more.
fn sketch_all(shared: &Shared, _: Compression) {
    let mut inflate = Inflate::new();
    let mut queue = shared.lock();
    while !queue.is_closed {
        let sketched;
        (sketched, queue) = shared.sketch_one(queue, &mut inflate);
        if !sketched && !queue.is_closed {
            queue.idle_sketchers += 1;
            queue = shared.to_sketch.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle_sketchers -= 1;
        }
    }
}

//! A thread that writes files beside the one that unpacks. It gets whole files, while the thread that decompresses has nothing to do.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope};
use std::time::SystemTime;

use super::writing::Sink;

/// So many pieces wait to be written, of 32 KB each at most.
const MOST_WAITING: usize = 64;

/// What the thread is told: the calls of a [`Sink`].
enum Event {
    Start(usize, Option<SystemTime>),
    Data(Vec<u8>),
    Finish,
    Abort,
}

/// Takes files for the thread, which ends when this is dropped and what was taken is written.
pub struct Beside {
    events: SyncSender<Event>,
    /// Room that is not in use any more.
    spare: Receiver<Vec<u8>>,
}

impl Beside {
    /// Starts the thread with what it writes to; nothing when there can be none.
    pub fn start<'scope, S: Sink>(
        scope: &'scope Scope<'scope, '_>,
        sink: impl FnOnce() -> S + Send + 'scope,
    ) -> Option<Self> {
        let (events, taken) = sync_channel(MOST_WAITING);
        let (used, spare) = channel();
        let work = move || write_all(&taken, &used, &mut sink());
        Builder::new().name("write".to_owned()).spawn_scoped(scope, work).ok()?;
        Some(Self { events, spare })
    }

    /// The thread takes events as long as this is there; if it has panicked, so does the scope that it runs in.
    fn tell(&self, event: Event) {
        if self.events.send(event).is_err() {
            tracing::error!("the thread that writes has ended");
        }
    }
}

fn write_all(events: &Receiver<Event>, used: &Sender<Vec<u8>>, sink: &mut dyn Sink) {
    for event in events {
        match event {
            Event::Start(position, modified) => sink.start(position, modified),
            Event::Data(bytes) => {
                sink.data(&bytes);
                // Nobody wants it at the end.
                let _ = used.send(bytes);
            }
            Event::Finish => sink.finish(),
            Event::Abort => sink.abort(),
        }
    }
}

impl Sink for Beside {
    fn start(&mut self, position: usize, modified: Option<SystemTime>) {
        self.tell(Event::Start(position, modified));
    }

    fn data(&mut self, bytes: &[u8]) {
        let mut room = self.spare.try_recv().unwrap_or_default();
        room.clear();
        room.extend_from_slice(bytes);
        self.tell(Event::Data(room));
    }

    fn finish(&mut self) {
        self.tell(Event::Finish);
    }

    fn abort(&mut self) {
        self.tell(Event::Abort);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes what it is told.
    struct Notes<'n>(&'n mut Vec<String>);

    impl Sink for Notes<'_> {
        fn start(&mut self, position: usize, modified: Option<SystemTime>) {
            self.0.push(format!("start {position} {}", modified.is_some()));
        }

        fn data(&mut self, bytes: &[u8]) {
            self.0.push(format!("{} bytes, {:?}", bytes.len(), bytes.first()));
        }

        fn finish(&mut self) {
            self.0.push("finish".to_owned());
        }

        fn abort(&mut self) {
            self.0.push("abort".to_owned());
        }
    }

    #[test]
    fn the_thread_is_told_all_in_its_order_before_the_scope_ends() {
        let mut notes = Vec::new();
        let mut expected = Vec::new();
        std::thread::scope(|scope| {
            let told = &mut notes;
            let mut beside = Beside::start(scope, move || Notes(told)).unwrap();
            let mut both = |act: &dyn Fn(&mut dyn Sink)| {
                act(&mut beside);
                act(&mut Notes(&mut expected));
            };
            both(&|sink| sink.start(7, Some(SystemTime::UNIX_EPOCH)));
            // More than may wait, the later ones shorter than the room that they get.
            (0..=u8::MAX).rev().for_each(|byte| both(&|sink| sink.data(&vec![byte; usize::from(byte) + 1])));
            both(&|sink| sink.finish());
            both(&|sink| sink.start(8, None));
            both(&|sink| sink.abort());
        });
        assert_eq!(notes.len(), 260);
        assert_eq!(notes, expected);
    }
}

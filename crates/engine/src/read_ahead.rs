//! Reading the cabinets of a script ahead of its execution, in a thread of its own: one core decompresses while another writes.
//!
//! The thread goes through the script and reads what its operations will ask for, in their order. What is asked for out of turn, since
//! an operation is done again, is not here: whoever asks reads it another way.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use reseat_script::{InstallScript, Operation, Source, SourceError};

/// So many bytes are handed over at once.
const PIECE: usize = 128 << 10;
/// So many pieces wait at most.
const MOST_WAITING: usize = 8;

/// How the thread reads a source.
type Read = Box<dyn FnMut(&Source, &mut dyn Write) -> Result<u64, SourceError> + Send>;

/// Bytes of sources, one after the other.
#[derive(Default)]
struct Piece {
    bytes: Vec<u8>,
    /// Where sources end in it, and how.
    ends: Vec<(usize, Result<u64, SourceError>)>,
}

/// The sources of a script that are read ahead.
pub struct ReadAhead {
    script: Arc<InstallScript>,
    /// The place in the script from which on the next source is looked for.
    place: usize,
    /// Taken when this is dropped, which ends the thread.
    pieces: Option<Receiver<Piece>>,
    thread: Option<JoinHandle<()>>,
    piece: Piece,
    /// How much of the piece was taken.
    taken: usize,
    ended: usize,
}

impl ReadAhead {
    /// Begins to read; `read` is called in another thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn begin(script: Arc<InstallScript>, read: Read) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(MOST_WAITING);
        let steps = Arc::clone(&script);
        let name = "reseat-reader".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(move || read_all(&steps, read, sender))?;
        Ok(Self {
            script,
            place: 0,
            pieces: Some(pieces),
            thread: Some(thread),
            piece: Piece::default(),
            taken: 0,
            ended: 0,
        })
    }

    /// Writes a source's bytes; nothing when it is not ahead of what was read last.
    pub fn copy(&mut self, source: &Source, out: &mut dyn Write) -> Option<Result<u64, SourceError>> {
        let place = self.find(source)?;
        while self.place < place {
            // What nobody has asked for: its operation had failed before.
            let passed_over = self
                .script
                .steps
                .get(self.place)
                .is_some_and(|step| cabinet_source(&step.operation).is_some());
            if passed_over && self.take(&mut io::sink()).is_none() {
                return Some(Err("the thread that reads cabinets has ended".into()));
            }
            self.place += 1;
        }
        self.place += 1;
        Some(self.take(out).unwrap_or_else(|| Err("the thread that reads cabinets has ended".into())))
    }

    /// Where in the script the source is, from the current place on.
    fn find(&self, source: &Source) -> Option<usize> {
        let steps = self.script.steps.get(self.place..)?;
        let found = steps.iter().position(|step| cabinet_source(&step.operation) == Some(source))?;
        Some(self.place + found)
    }

    /// Writes the bytes of the next source; nothing when the thread is gone.
    fn take(&mut self, out: &mut dyn Write) -> Option<Result<u64, SourceError>> {
        // The rest is still to be taken when `out` takes no more.
        let mut failure: Option<io::Error> = None;
        loop {
            let end = self.piece.ends.get(self.ended).map_or(self.piece.bytes.len(), |(end, _)| *end);
            let bytes = self.piece.bytes.get(self.taken..end).unwrap_or_default();
            if !bytes.is_empty() && failure.is_none() {
                failure = out.write_all(bytes).err();
            }
            self.taken = end;
            if let Some((_, result)) = self.piece.ends.get_mut(self.ended) {
                self.ended += 1;
                let result = std::mem::replace(result, Ok(0));
                return Some(match failure {
                    Some(error) => Err(error.into()),
                    None => result,
                });
            }
            self.piece = self.pieces.as_ref()?.recv().ok()?;
            (self.taken, self.ended) = (0, 0);
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        // It ends with the next piece that it cannot hand over.
        self.pieces = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that reads cabinets has panicked");
        }
    }
}

/// The source of an operation, if it lies in a cabinet.
pub fn cabinet_source(operation: &Operation) -> Option<&Source> {
    match operation {
        Operation::InstallFile(file) if matches!(file.source, Source::Cabinet { .. }) => Some(&file.source),
        _ => None,
    }
}

fn read_all(script: &InstallScript, mut read: Read, sender: SyncSender<Piece>) {
    let mut out = Out { piece: Piece::default(), sender, is_closed: false };
    for source in script.steps.iter().filter_map(|step| cabinet_source(&step.operation)) {
        let result = read(source, &mut out);
        out.piece.ends.push((out.piece.bytes.len(), result));
        if out.piece.bytes.len() >= PIECE {
            out.hand_over();
        }
        if out.is_closed {
            return;
        }
    }
    out.hand_over();
}

/// Collects bytes and hands them over.
struct Out {
    piece: Piece,
    sender: SyncSender<Piece>,
    /// Whether nobody takes any more.
    is_closed: bool,
}

impl Out {
    fn hand_over(&mut self) {
        let next = Piece { bytes: Vec::with_capacity(PIECE), ends: Vec::new() };
        let piece = std::mem::replace(&mut self.piece, next);
        self.is_closed = self.sender.send(piece).is_err();
    }
}

impl Write for Out {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if !self.piece.bytes.is_empty() && self.piece.bytes.len() + data.len() > PIECE {
            self.hand_over();
        }
        if self.is_closed {
            return Err(io::Error::other("nobody asks for it any more"));
        }
        let part = data.get(..PIECE).unwrap_or(data);
        self.piece.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reseat_machine::{Attributes, WindowsPath};
    use reseat_script::InstallFile;

    fn source(number: usize) -> Source {
        Source::Cabinet { media: 1, name: format!("file{number}") }
    }

    /// Files of a cabinet, and between them others that are not.
    fn script(count: usize) -> Arc<InstallScript> {
        let mut script = InstallScript::default();
        for number in 0..count {
            for source in [source(number), Source::Stream { name: "x".to_owned() }] {
                let path = WindowsPath::parse(&format!(r"C:\{number}")).unwrap();
                let attributes = Attributes::default();
                script.push(
                    "InstallFiles",
                    InstallFile { source, path, size: 0, attributes, modified: None, verified: false },
                );
            }
        }
        Arc::new(script)
    }

    /// What a file holds: sizes around those of pieces, and often nothing.
    fn content(number: usize) -> Vec<u8> {
        let size = [0, 1, 1000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5, 0][number % 8];
        vec![number as u8; size]
    }

    fn begin(count: usize) -> ReadAhead {
        let read = |source: &Source, out: &mut dyn Write| {
            let Source::Cabinet { name, .. } = source else { return Err("not of a cabinet".into()) };
            let number: usize = name.trim_start_matches("file").parse()?;
            if number % 10 == 9 {
                out.write_all(b"half")?;
                return Err(format!("{name} is damaged").into());
            }
            // In writes of odd sizes.
            content(number).chunks(32_749).try_for_each(|chunk| out.write_all(chunk))?;
            Ok(content(number).len() as u64)
        };
        ReadAhead::begin(script(count), Box::new(read)).unwrap()
    }

    fn copied(ahead: &mut ReadAhead, number: usize) -> Option<Result<Vec<u8>, String>> {
        let mut out = Vec::new();
        let result = ahead.copy(&source(number), &mut out)?;
        Some(
            result
                .map(|length| assert_eq!(length, out.len() as u64))
                .map(|()| out)
                .map_err(|error| error.to_string()),
        )
    }

    #[test]
    fn sources_come_in_their_order_and_a_damaged_one_harms_no_other() {
        let mut ahead = begin(100);
        for number in 0..100 {
            let expected =
                if number % 10 == 9 { Err(format!("file{number} is damaged")) } else { Ok(content(number)) };
            assert_eq!(copied(&mut ahead, number), Some(expected), "{number}");
        }
        assert_eq!(copied(&mut ahead, 100), None, "not in the script");
    }

    #[test]
    fn what_nobody_asks_for_is_passed_over_and_what_has_passed_is_not_here() {
        let mut ahead = begin(60);
        assert_eq!(copied(&mut ahead, 6), Some(Ok(content(6))));
        assert_eq!(copied(&mut ahead, 6), None);
        assert_eq!(copied(&mut ahead, 2), None);
        assert!(ahead.copy(&Source::Stream { name: "x".to_owned() }, &mut io::sink()).is_none());
        assert_eq!(copied(&mut ahead, 43), Some(Ok(content(43))));
    }

    #[test]
    fn a_target_that_takes_no_more_loses_only_its_own_source() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("full"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut ahead = begin(20);
        let error = ahead.copy(&source(6), &mut Full).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "full");
        assert_eq!(copied(&mut ahead, 10), Some(Ok(content(10))));
    }

    #[test]
    fn it_ends_when_nobody_asks_any_more() {
        drop(begin(1000));
        let mut ahead = begin(1000);
        assert_eq!(copied(&mut ahead, 1), Some(Ok(content(1))));
    }

    #[test]
    fn a_thread_that_panics_is_an_error_of_the_source() {
        let read: Read = Box::new(|_, _| panic!("for the test"));
        let mut ahead = ReadAhead::begin(script(3), read).unwrap();
        let error = ahead.copy(&source(0), &mut io::sink()).unwrap().unwrap_err();
        assert!(error.to_string().contains("has ended"), "{error}");
    }
}

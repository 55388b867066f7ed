//! Writing what is unpacked.

use std::fs::{File, FileTimes};
use std::io::{self, Write};
use std::time::SystemTime;

use indicatif::ProgressBar;

use super::plan::PlannedFile;
use super::target::Target;

/// The content of the file that is being written. What cannot be written is the writer's to report: going on costs little, and
/// the files after it need the decoder anyway.
pub struct Content<'c, 'p> {
    pub writer: &'c mut FileWriter<'p>,
    /// What has gone through is shown here.
    pub progress: &'c ProgressBar,
}

impl Write for Content<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.data(bytes);
        self.progress.inc(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is being written.
struct Current {
    position: usize,
    file: File,
    modified: Option<SystemTime>,
    bytes: u64,
}

/// Writes files to the target one after the other, and says what became of each: its place in the plan, and its bytes or what went
/// wrong.
pub struct FileWriter<'p> {
    files: &'p [PlannedFile],
    target: Target,
    done: &'p dyn Fn(usize, Result<u64, String>),
    current: Option<Current>,
}

impl<'p> FileWriter<'p> {
    pub fn new(
        files: &'p [PlannedFile],
        target: Target,
        done: &'p dyn Fn(usize, Result<u64, String>),
    ) -> Self {
        Self { files, target, done, current: None }
    }

    /// A file that is not whole is worse than none.
    fn remove(&mut self, position: usize) {
        if let Some(file) = self.files.get(position) {
            self.target.remove(&file.folder, &file.name);
        }
    }

    /// A file begins; the number is its place in the plan.
    pub fn start(&mut self, position: usize, modified: Option<SystemTime>) {
        let Some(file) = self.files.get(position) else { return };
        match self.target.create(&file.folder, &file.name) {
            Ok(file) => self.current = Some(Current { position, file, modified, bytes: 0 }),
            Err(error) => {
                self.current = None;
                let reason = match error.kind() {
                    io::ErrorKind::AlreadyExists => {
                        "it is there already (--overwrite replaces it)".to_owned()
                    }
                    _ => error.to_string(),
                };
                (self.done)(position, Err(reason));
            }
        }
    }

    /// More of its content.
    fn data(&mut self, bytes: &[u8]) {
        let Some(current) = &mut self.current else { return };
        match current.file.write_all(bytes) {
            Ok(()) => current.bytes += bytes.len() as u64,
            Err(error) => {
                let position = current.position;
                self.current = None;
                self.remove(position);
                (self.done)(position, Err(error.to_string()));
            }
        }
    }

    /// It is whole.
    pub fn finish(&mut self) {
        let Some(current) = self.current.take() else { return };
        if let Some(time) = current.modified {
            // The time is a convenience: a file system that refuses it keeps the file.
            if let Err(error) = current.file.set_times(FileTimes::new().set_modified(time)) {
                tracing::debug!(%error, "the time of a file cannot be set");
            }
        }
        (self.done)(current.position, Ok(current.bytes));
    }

    /// It will never be whole.
    pub fn abort(&mut self) {
        if let Some(current) = self.current.take() {
            self.remove(current.position);
        }
    }
}

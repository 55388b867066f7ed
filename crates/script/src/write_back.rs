//! Bringing what a script writes to the disk while it goes on writing.
//!
//! What lasts is decided by the commit, which waits for the disk as before; it has less to wait for. Nothing here is needed for a
//! rollback.

use std::thread::JoinHandle;

use reseat_machine::{Machine, MachineError};

/// After so many bytes the disk is set to work.
const MUCH: u64 = 32 << 20;

/// What a transaction writes, and who brings it to the disk meanwhile.
#[derive(Default)]
pub(crate) struct WriteBack {
    /// Bytes since the disk was set to work.
    written: u64,
    running: Option<JoinHandle<Result<(), MachineError>>>,
    failed: Option<MachineError>,
}

impl WriteBack {
    /// Takes note of bytes that were written.
    pub fn wrote(&mut self, machine: &Machine, bytes: u64) {
        self.written = self.written.saturating_add(bytes);
        let is_busy = self.running.as_ref().is_some_and(|running| !running.is_finished());
        if self.written < MUCH || is_busy {
            return;
        }
        self.written = 0;
        self.wait();
        // What cannot be begun here is left to the commit.
        let Ok(file_systems) = machine.file_systems() else { return };
        let thread = std::thread::Builder::new().name("reseat-write-back".to_owned());
        self.running = thread.spawn(move || file_systems.sync()).ok();
    }

    fn wait(&mut self) {
        if let Some(Ok(Err(error))) = self.running.take().map(JoinHandle::join) {
            self.failed.get_or_insert(error);
        }
    }

    /// Waits for the disk as far as it was set to work.
    ///
    /// # Errors
    /// When something could not be written: whoever syncs later is not told that again.
    pub fn finish(&mut self) -> Result<(), MachineError> {
        self.wait();
        self.failed.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Trial;

    #[test]
    fn the_disk_is_set_to_work_when_there_is_much_to_write() {
        let trial = Trial::new();
        let machine = trial.machine();
        let mut write_back = WriteBack::default();
        write_back.wrote(&machine, MUCH - 1);
        assert!(write_back.running.is_none());
        write_back.wrote(&machine, 1);
        assert!(write_back.running.is_some());
        write_back.finish().unwrap();
        assert!(write_back.running.is_none());
    }

    #[test]
    fn a_failure_is_told_at_the_end() {
        let path = reseat_machine::WindowsPath::parse(r"C:\x").unwrap();
        let error = MachineError::NoDrive { path, drive: 'C' };
        let running = std::thread::spawn(|| Err(error));
        let mut write_back = WriteBack { running: Some(running), ..WriteBack::default() };
        assert!(matches!(write_back.finish(), Err(MachineError::NoDrive { .. })));
    }
}

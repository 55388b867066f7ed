//! Process ids both ways: of Windows, with the time at which it started there, and of this machine.
//!
//! See the page `ns-restartmanager-rm_unique_process.md`. A program of Wine has the id and the start that Windows code
//! finds out with GetProcessId and GetProcessTimes. Any other process has four times its own id and one more, which is the id
//! of no Windows process, as those are multiples of four; and as its start how long after the machine it started. Both can
//! be given back to us.

use reseat_restart_manager::UniqueProcess;

use super::frame::{FrameError, Rest};
use super::mappings::Mapped;

/// RM_UNIQUE_PROCESS in bytes.
pub(crate) const PROCESS_SIZE: usize = 12;

/// A process as Windows code knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WindowsProcess {
    pid: u32,
    /// A FILETIME.
    start: u64,
}

/// What was found out about the programs of a prefix; also of those that have ended since.
#[derive(Debug, Default)]
pub(crate) struct ProcessIds {
    known: Vec<(UniqueProcess, WindowsProcess)>,
}

impl ProcessIds {
    /// Takes what a host told (`N`), with who is who.
    pub(crate) fn learn(&mut self, told: &[u8], mapped: &[Mapped]) -> Result<(), FrameError> {
        let mut rest = Rest::of_answer(told);
        for index in 0..rest.number()? {
            let pid = rest.number()?;
            let start = u64::from(rest.number()?) | u64::from(rest.number()?) << 32;
            let found = mapped.iter().find(|it| it.index() == u64::from(index));
            if let Some(process) = found.and_then(|it| UniqueProcess::of(it.pid)) {
                self.add(process, WindowsProcess { pid, start });
            }
        }
        Ok(())
    }

    fn add(&mut self, process: UniqueProcess, windows: WindowsProcess) {
        self.known.retain(|(known, other)| *known != process && *other != windows);
        self.known.push((process, windows));
    }

    /// The process that an RM_UNIQUE_PROCESS means; nothing when there is none, or the time is that of another.
    pub(crate) fn process(&self, bytes: &[u8]) -> Option<UniqueProcess> {
        let (pid, start) = bytes.split_first_chunk::<4>()?;
        let (pid, start) = (u32::from_le_bytes(*pid), u64::from_le_bytes(*start.first_chunk::<8>()?));
        if pid % 4 == 1 {
            return Some(UniqueProcess::with_file_time(pid / 4, start));
        }
        let found = self.known.iter().find(|(_, windows)| *windows == WindowsProcess { pid, start });
        found.map(|(process, _)| *process)
    }

    /// A process as RM_UNIQUE_PROCESS.
    pub(crate) fn bytes(&self, process: UniqueProcess) -> [u8; PROCESS_SIZE] {
        let known = self.known.iter().find(|(known, _)| *known == process);
        let WindowsProcess { pid, start } = known.map_or_else(
            || WindowsProcess {
                pid: process.pid.saturating_mul(4).saturating_add(1),
                start: process.file_time(),
            },
            |(_, windows)| *windows,
        );
        let mut bytes = [0; PROCESS_SIZE];
        let (first, second) = bytes.split_at_mut(4);
        first.copy_from_slice(&pid.to_le_bytes());
        second.copy_from_slice(&start.to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(pid: u32, start: u64) -> Vec<u8> {
        [&pid.to_le_bytes()[..], &start.to_le_bytes()[..]].concat()
    }

    #[test]
    fn ids_go_both_ways_and_an_id_with_another_start_means_nobody() {
        let mut ids = ProcessIds::default();
        let me = UniqueProcess::current().unwrap();
        let mapped = [Mapped { pid: me.pid, offset: 0x1_0000, images: Vec::new() }];
        let told = [&2_u32.to_le_bytes()[..], &windows(0x20, 5), &windows(0x110, 1 << 40 | 7)].concat();
        ids.learn(&told, &mapped).unwrap();
        assert_eq!(ids.bytes(me).to_vec(), windows(0x110, 1 << 40 | 7));
        assert_eq!(ids.process(&windows(0x110, 1 << 40 | 7)), Some(me));
        assert_eq!(ids.process(&windows(0x110, 7)), None);
        assert_eq!(ids.process(&windows(0x20, 5)), None);
        for length in 0..told.len() {
            assert!(ProcessIds::default().learn(&told[..length], &mapped).is_err(), "cut at {length}");
        }
        // The id is given to another one later.
        let later = UniqueProcess { pid: me.pid, start_time: me.start_time + 1 };
        ids.add(later, WindowsProcess { pid: 0x110, start: 1 << 41 });
        assert_eq!(ids.process(&windows(0x110, 1 << 40 | 7)), Some(me));
        assert_eq!(ids.process(&windows(0x110, 1 << 41)), Some(later));
    }

    #[test]
    fn a_process_that_is_not_of_windows_has_an_id_that_no_windows_process_has() {
        let ids = ProcessIds::default();
        let me = UniqueProcess::current().unwrap();
        let bytes = ids.bytes(me);
        assert_eq!(bytes[0] % 4, 1);
        assert_eq!(ids.process(&bytes), Some(me));
        assert_eq!(ids.process(&bytes[..7]), None);
    }
}

//! Which process of this machine has an id of Windows: a file of ours is mapped into that one, and `/proc` shows where.

use std::path::Path;
use std::time::Instant;

use super::frame::{Frame, Said};
use super::mappings::mapped;
use super::process::{HostProcess, ProcessError};

/// The process of this machine with this id of Windows; nothing when there is none, or it belongs to somebody else.
/// `marker` is a file in the prefix whose path has no other use, with its path for Windows.
pub(crate) fn find(
    host: &mut HostProcess,
    windows_pid: u32,
    marker: (&Path, &str),
    deadline: Instant,
) -> Result<Option<u32>, ProcessError> {
    if windows_pid == host.windows_pid {
        return Ok(Some(host.pid()));
    }
    let (path, windows_path) = marker;
    host.say(Frame::new(b'I').number(windows_pid).text(windows_path), deadline)?;
    let marked = done(host, deadline)?;
    let found = if marked == 0 { mapped(path).first().map(|it| it.pid) } else { None };
    host.say(Frame::new(b'i'), deadline)?;
    done(host, deadline)?;
    if marked != 0 {
        tracing::debug!(windows_pid, error = marked, "a process cannot be identified");
    }
    Ok(found)
}

fn done(host: &mut HostProcess, deadline: Instant) -> Result<u32, ProcessError> {
    match host.hear(deadline)? {
        Said::Done(code) => Ok(code),
        // Another thread of the action waits for its turn, so nothing else can come.
        _ => Err(ProcessError::OutOfTurn("something else than what was asked for")),
    }
}

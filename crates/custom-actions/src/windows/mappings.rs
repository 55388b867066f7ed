//! Which process of this machine is which of Windows: files of ours are mapped into those, and `/proc` shows where.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::frame::{Frame, Said};
use super::process::{HostProcess, ProcessError};
use super::site::Site;

/// How long programs may take to have the marker mapped into them: one that is stopped never does.
const MARK_LIMIT: Duration = Duration::from_secs(3);

/// The unit in which Windows maps files, and so many programs are told apart by it.
const STEP: u64 = 0x1_0000;
const MOST_PROGRAMS: u64 = 1024;

/// What of a process's mappings is read at most, in bytes.
const MOST_MAPPINGS: u64 = 64 << 20;

/// A process that has the file mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) pid: u32,
    /// From which place of the file.
    pub(crate) offset: u64,
    /// The Windows programs and libraries that it has mapped too.
    pub(crate) images: Vec<PathBuf>,
}

impl Mapped {
    /// The place of the program in what the host told.
    pub(crate) fn index(&self) -> u64 {
        self.offset / STEP
    }
}

/// Has the host tell of all programs with this request (`E` or `N`), and map a file into them meanwhile: what it told, and
/// which process is which.
pub(crate) fn look(
    host: &mut HostProcess,
    site: &Site,
    request: u8,
    deadline: Instant,
) -> Result<(Vec<u8>, Vec<Mapped>), ProcessError> {
    let marker = site.in_session(|session| {
        let (name, path) = session.new_file();
        fs::File::create_new(&path)?.set_len(STEP * MOST_PROGRAMS)?;
        Ok((session.windows_path(&name), path))
    });
    let (windows_path, marker) = marker.map_err(ProcessError::Prefix)?;
    let limit = u32::try_from(MARK_LIMIT.as_millis()).unwrap_or(u32::MAX);
    host.say(Frame::new(request).text(&windows_path).number(limit), deadline)?;
    let told = bytes(host, deadline)?;
    let found = mapped(&marker);
    host.say(Frame::new(b'e').number(limit), deadline)?;
    let forgotten = hear(host, deadline)?;
    let _ = fs::remove_file(&marker);
    match forgotten {
        Said::Done(_) => Ok((told, found)),
        _ => Err(ProcessError::OutOfTurn("something else than what was asked for")),
    }
}

/// The answer to a request that asks for bytes.
pub(crate) fn bytes(host: &mut HostProcess, deadline: Instant) -> Result<Vec<u8>, ProcessError> {
    match hear(host, deadline)? {
        Said::Bytes(bytes) => Ok(bytes),
        Said::Failed { .. } => Err(ProcessError::OutOfTurn("a failure")),
        _ => Err(ProcessError::OutOfTurn("something else than what was asked for")),
    }
}

/// What comes next but for cancels, which come at any time and mean nothing to a question.
fn hear(host: &mut HostProcess, deadline: Instant) -> Result<Said, ProcessError> {
    loop {
        match host.hear(deadline)? {
            Said::Cancel(_) => {}
            said => return Ok(said),
        }
    }
}

/// The processes that have this file mapped, but the caller.
fn mapped(marker: &Path) -> Vec<Mapped> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pids = pids.filter(|pid| *pid != std::process::id());
    pids.filter_map(|pid| {
        let mut text = Vec::new();
        let maps = fs::File::open(format!("/proc/{pid}/maps")).ok()?;
        maps.take(MOST_MAPPINGS).read_to_end(&mut text).ok()?;
        let (offset, images) = read(&text, marker)?;
        Some(Mapped { pid, offset, images })
    })
    .collect()
}

/// From which place the file is mapped, and the images, by the text of a maps file.
fn read(text: &[u8], marker: &Path) -> Option<(u64, Vec<PathBuf>)> {
    let mut offset = None;
    let mut images: Vec<PathBuf> = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(start) = line.iter().position(|byte| *byte == b'/') else { continue };
        let Some((fields, path)) = line.split_at_checked(start) else { continue };
        if path == marker.as_os_str().as_bytes() {
            // Range, rights, offset.
            let field = fields.split(|byte| *byte == b' ').nth(2)?;
            offset = Some(u64::from_str_radix(std::str::from_utf8(field).ok()?, 16).ok()?);
            continue;
        }
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        let ending = path.extension().map(|it| it.to_ascii_lowercase());
        let is_image = ending.is_some_and(|it| it == "exe" || it == "dll");
        if is_image && images.last().is_none_or(|last| last != path) {
            images.push(path.to_owned());
        }
    }
    Some((offset?, images))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_the_marker_and_the_images_are_read_and_lines_cut_anywhere_do_no_harm() {
        let text = b"140000000-140001000 r--p 00000000 fe:00 10167461      /p/drive_c/my prog.EXE\n\
            140010000-140011000 r--p 0000a000 fe:00 10167461      /p/drive_c/my prog.EXE\n\
            7f00000-7f10000 r--s 00030000 fe:00 77                 /p/marker.tmp\n\
            7f20000-7f30000 rw-p 00000000 00:00 0                  [heap]\n\
            7f40000-7f50000 r--p 00000000 fe:00 78                 /usr/lib/libc.so.6\n";
        let marker = Path::new("/p/marker.tmp");
        let images = vec![PathBuf::from("/p/drive_c/my prog.EXE")];
        assert_eq!(read(text, marker), Some((0x30000, images)));
        assert_eq!(read(text, Path::new("/p/other.tmp")), None);
        for length in 0..text.len() {
            let _ = read(&text[..length], marker);
        }
    }
}

//! Which process of this machine is which of Windows: files of ours are mapped into those, and `/proc` shows where.

use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

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

/// The processes that have this file mapped, but the caller.
pub(crate) fn mapped(marker: &Path) -> Vec<Mapped> {
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

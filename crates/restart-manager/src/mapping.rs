//! The files that a process has mapped: `/proc/PID/maps`.
//!
//! Linux 6.11 and later answer the PROCMAP_QUERY ioctl, which spares the kernel printing text and us reading
//! it; elsewhere the text is read. The device numbers here are those of the superblock, which on btrfs are
//! not those that stat gives, so a caller matches by inode number and then confirms.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use crate::lease::FileId;
use crate::process::read_file;

/// One mapped piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) file: FileId,
}

/// No process needs more; the kernel's default limit is 65,530 mappings.
const TEXT_LIMIT: usize = 256 << 20;

/// Calls `found` for each mapped file piece of the process whose `/proc/PID` folder this is.
pub(crate) fn each(folder: BorrowedFd<'_>, mut found: impl FnMut(Mapping)) -> Result<(), Errno> {
    // Learnt once: the kernel does not change while we run.
    static NO_QUERY: AtomicBool = AtomicBool::new(false);
    if !NO_QUERY.load(Ordering::Relaxed) {
        let file = openat(folder, "maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        match query_each(file.as_fd(), &mut found) {
            Err(Errno::NOTTY | Errno::INVAL | Errno::NOSYS) => NO_QUERY.store(true, Ordering::Relaxed),
            other => return other,
        }
    }
    text_each(&read_file(folder, "maps", TEXT_LIMIT)?, |mapping, _| found(mapping));
    Ok(())
}

/// Calls `found` with the path of each executable mapping of a file, as the process sees it; the kernel adds
/// ` (deleted)` to one whose name is gone. Several mappings of one file follow each other.
pub(crate) fn each_executable(
    folder: BorrowedFd<'_>,
    mut found: impl FnMut(FileId, &[u8]),
) -> Result<(), Errno> {
    let file = openat(folder, "maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut name = [0_u8; 4096];
    let mut address = 0;
    loop {
        match kernel::next_executable(file.as_fd(), address, &mut name) {
            Ok((mapping, length)) => {
                found(mapping.file, name.get(..length).unwrap_or_default());
                if mapping.end <= address {
                    return Ok(());
                }
                address = mapping.end;
            }
            Err(Errno::NOENT | Errno::SRCH) => return Ok(()),
            Err(Errno::INTR) => {}
            // An older kernel, or a longer name.
            Err(Errno::NOTTY | Errno::INVAL | Errno::NOSYS | Errno::NAMETOOLONG) => break,
            Err(errno) => return Err(errno),
        }
    }
    let text = read_file(folder, "maps", TEXT_LIMIT)?;
    for line in text.split(|&byte| byte == b'\n') {
        let is_executable =
            line.split(|&byte| byte == b' ').nth(1).is_some_and(|it| it.get(2) == Some(&b'x'));
        if let Some((mapping, path)) = text_line(line).filter(|_| is_executable) {
            found(mapping.file, path);
        }
    }
    Ok(())
}

/// The path that the mapping beginning at `start` shows, as the process itself sees it.
pub(crate) fn path_at(folder: BorrowedFd<'_>, start: u64) -> Result<Option<Vec<u8>>, Errno> {
    let mut path = None;
    text_each(&read_file(folder, "maps", TEXT_LIMIT)?, |mapping, text| {
        if mapping.start == start {
            path = Some(text.to_vec());
        }
    });
    Ok(path)
}

fn query_each(maps: BorrowedFd<'_>, found: &mut impl FnMut(Mapping)) -> Result<(), Errno> {
    let mut address = 0;
    loop {
        let answer = match kernel::next_file_mapping(maps, address) {
            Ok(answer) => answer,
            // The end, or a process without memory of its own: a kernel thread, or one that has just ended.
            Err(Errno::NOENT | Errno::SRCH) => return Ok(()),
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        };
        found(answer);
        if answer.end <= address {
            return Ok(());
        }
        address = answer.end;
    }
}

/// Reads the text of a maps file; lines that are no file mapping, or cut off, are passed over.
fn text_each(text: &[u8], mut found: impl FnMut(Mapping, &[u8])) {
    for line in text.split(|&byte| byte == b'\n') {
        if let Some((mapping, path)) = text_line(line) {
            found(mapping, path);
        }
    }
}

/// `start-end perms offset major:minor inode      path` (proc_pid_maps(5)).
fn text_line(line: &[u8]) -> Option<(Mapping, &[u8])> {
    let mut fields = line.splitn(6, |&byte| byte == b' ');
    let mut text = || std::str::from_utf8(fields.next()?).ok();
    let (start, end) = text()?.split_once('-')?;
    let (_permissions, _offset) = (text()?, text()?);
    let (major, minor) = text()?.split_once(':')?;
    let inode: u64 = text()?.parse().ok()?;
    if inode == 0 {
        return None;
    }
    let path = fields.next().unwrap_or_default().trim_ascii_start();
    let file = FileId {
        major: u32::from_str_radix(major, 16).ok()?,
        minor: u32::from_str_radix(minor, 16).ok()?,
        inode,
    };
    let start = u64::from_str_radix(start, 16).ok()?;
    let end = u64::from_str_radix(end, 16).ok()?;
    Some((Mapping { start, end, file }, path))
}

#[allow(unsafe_code)]
mod kernel {
    use super::{BorrowedFd, Errno, FileId, Mapping};
    use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

    /// `struct procmap_query` of `linux/fs.h`.
    #[repr(C)]
    #[derive(Default)]
    struct Query {
        size: u64,
        flags: u64,
        address: u64,
        start: u64,
        end: u64,
        mapping_flags: u64,
        page_size: u64,
        offset: u64,
        inode: u64,
        device_major: u32,
        device_minor: u32,
        name_size: u32,
        build_id_size: u32,
        name_address: u64,
        build_id_address: u64,
    }

    const QUERY: Opcode = opcode::read_write::<Query>(b'f', 17);
    const SIZE: u64 = size_of::<Query>() as u64;
    const COVERING_OR_NEXT: u64 = 0x10;
    const FILE_BACKED: u64 = 0x20;
    const EXECUTABLE: u64 = 0x4;

    /// The next executable mapping of a file, and the length of its name.
    pub(super) fn next_executable(
        maps: BorrowedFd<'_>,
        address: u64,
        name: &mut [u8],
    ) -> Result<(Mapping, usize), Errno> {
        let mut query = Query {
            size: SIZE,
            flags: COVERING_OR_NEXT | FILE_BACKED | EXECUTABLE,
            address,
            name_size: u32::try_from(name.len()).unwrap_or(u32::MAX),
            name_address: name.as_mut_ptr() as u64,
            ..Query::default()
        };
        // SAFETY: the structure is the one that this number names; the kernel writes at most `name_size` bytes
        // to `name_address`, which is a buffer of that length that is borrowed for the call.
        unsafe { ioctl(maps, Updater::<QUERY, Query>::new(&mut query)) }?;
        let file = FileId { major: query.device_major, minor: query.device_minor, inode: query.inode };
        // The size that comes back counts the closing zero.
        let length = usize::try_from(query.name_size).unwrap_or_default().saturating_sub(1);
        Ok((Mapping { start: query.start, end: query.end, file }, length.min(name.len())))
    }

    pub(super) fn next_file_mapping(maps: BorrowedFd<'_>, address: u64) -> Result<Mapping, Errno> {
        let mut query =
            Query { size: SIZE, flags: COVERING_OR_NEXT | FILE_BACKED, address, ..Query::default() };
        // SAFETY: the structure is the one that this number names, and it holds no buffer for the kernel to
        // fill.
        unsafe { ioctl(maps, Updater::<QUERY, Query>::new(&mut query)) }?;
        let file = FileId { major: query.device_major, minor: query.device_minor, inode: query.inode };
        Ok(Mapping { start: query.start, end: query.end, file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;

    fn own_folder() -> std::os::fd::OwnedFd {
        openat(CWD, "/proc/self", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }

    #[test]
    fn text_and_query_agree_about_ourselves() {
        let folder = own_folder();
        let exe = crate::lease::identify(folder.as_fd(), "exe").unwrap().0;
        let mut text = Vec::new();
        text_each(&read_file(folder.as_fd(), "maps", TEXT_LIMIT).unwrap(), |mapping, _| {
            text.push(mapping.file)
        });
        let mut asked = Vec::new();
        each(folder.as_fd(), |mapping| asked.push(mapping.file)).unwrap();
        assert!(text.iter().any(|file| file.inode == exe.inode));
        assert!(asked.iter().any(|file| file.inode == exe.inode));
        text.dedup();
        asked.dedup();
        assert_eq!(text, asked);
    }

    #[test]
    fn our_own_program_is_among_the_executable_mappings_by_name() {
        let mut names = Vec::new();
        each_executable(own_folder().as_fd(), |_, name| names.push(name.to_vec())).unwrap();
        let exe = std::env::current_exe().unwrap().canonicalize().unwrap();
        assert!(names.iter().any(|name| name == exe.as_os_str().as_encoded_bytes()), "{names:?}");
        let text = std::fs::read_to_string("/proc/self/maps").unwrap();
        let listed = |it: &&str| it.contains(" r-xp ") && it.contains('/');
        assert_eq!(names.len(), text.lines().filter(listed).count());
    }

    #[test]
    fn a_line_keeps_the_spaces_of_its_path() {
        let line = b"7f01-7f02 r-xp 00001000 fe:01 1234       /a b/c (deleted)";
        let (mapping, path) = text_line(line).unwrap();
        assert_eq!(mapping.file, FileId { major: 0xfe, minor: 1, inode: 1234 });
        assert_eq!((mapping.start, mapping.end), (0x7f01, 0x7f02));
        assert_eq!(path, b"/a b/c (deleted)");
    }

    #[test]
    fn lines_without_a_file_and_cut_lines_are_passed_over() {
        let lines: [&[u8]; 6] = [
            b"",
            b"7f01-7f02 rw-p 00000000 00:00 0 [stack]",
            b"7f01",
            b"7f01-7f02 r-xp 0 fe",
            b"zz-7f02 r-xp 0 fe:01 12 /x",
            b"7f01-7f02 r-xp 0 fe:01 \xff",
        ];
        for line in lines {
            assert_eq!(text_line(line), None, "{:?}", String::from_utf8_lossy(line));
        }
    }
}

//! Where things lie in a Windows program file (page `Debug/pe-format.md`): its kind, its directories and its sections.
//!
//! The file may be whole or only its beginning, on the disk or in memory. Every number in it is checked against what is there.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const MOST_SECTIONS: u16 = 96;

/// Bytes at places.
pub trait ReadAt {
    /// Fills `bytes` from a place.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when there are not so many.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for File {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, bytes, offset)
    }
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| self.get(start..start.checked_add(bytes.len())?));
        bytes.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A program file.
pub struct ProgramFile<'f> {
    content: &'f dyn ReadAt,
    /// For which processor it is.
    pub machine: u16,
    /// Where the table of directories starts, and how many bytes of it there are.
    directories: u64,
    directories_size: u64,
    /// Address, size and place of each section.
    sections: Vec<(u32, u32, u32)>,
}

impl<'f> ProgramFile<'f> {
    /// Reads the headers; nothing when it is no program file.
    ///
    /// # Errors
    /// When it cannot be read or ends in its headers.
    pub fn open(content: &'f dyn ReadAt) -> io::Result<Option<Self>> {
        let mut file =
            Self { content, machine: 0, directories: 0, directories_size: 0, sections: Vec::new() };
        if &file.bytes(0)? != b"MZ" {
            return Ok(None);
        }
        let header = u64::from(file.long(0x3c)?);
        if &file.bytes(header)? != b"PE\0\0" {
            return Ok(None);
        }
        file.machine = file.short(header + 4)?;
        let sections = file.short(header + 6)?.min(MOST_SECTIONS);
        let optional_size = u64::from(file.short(header + 20)?);
        let optional = header + 24;
        let before = match file.short(optional)? {
            0x10b => 96,
            0x20b => 112,
            _ => return Ok(None),
        };
        let directories = u64::from(file.long(optional + before - 4)?) * 8;
        file.directories = optional + before;
        file.directories_size = directories.min(optional_size.saturating_sub(before));
        for section in 0..u64::from(sections) {
            let entry = optional + optional_size + section * 40;
            let [size, address, raw_size, raw] = [8, 12, 16, 20].map(|place| file.long(entry + place));
            file.sections.push((address?, size?.max(raw_size?), raw?));
        }
        Ok(Some(file))
    }

    /// Where a directory is; nothing when there is none with this number.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn directory(&self, number: u64) -> io::Result<Option<u64>> {
        if self.directories_size < (number + 1) * 8 {
            return Ok(None);
        }
        let address = self.long(self.directories + number * 8)?;
        Ok(if address == 0 { None } else { self.place(address) })
    }

    /// The place in the file of an address; nothing when it is in no section.
    pub fn place(&self, address: u32) -> Option<u64> {
        let inside =
            |(start, size, _): &&(u32, u32, u32)| address.checked_sub(*start).is_some_and(|at| at < *size);
        let (start, _, raw) = self.sections.iter().find(inside)?;
        Some(u64::from(*raw) + u64::from(address - start))
    }

    /// Bytes at a place.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn bytes<const N: usize>(&self, offset: u64) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.content.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// A number of two bytes at a place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn short(&self, offset: u64) -> io::Result<u16> {
        self.bytes(offset).map(u16::from_le_bytes)
    }

    /// A number of four bytes at a place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn long(&self, offset: u64) -> io::Result<u32> {
        self.bytes(offset).map(u32::from_le_bytes)
    }
}

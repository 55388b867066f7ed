//! What a Windows program or library says of itself: its width, and whether it carries managed code.

use std::io::{self, Read, Seek, SeekFrom};

use super::files::Bits;

/// The most bytes of a file that are looked through for names.
const MOST: u64 = 64 << 20;

/// A Windows program or library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) bits: Bits,
    /// Whether it was made by the .NET tool kit: its exports call managed code.
    pub(crate) is_managed: bool,
}

impl Image {
    /// Reads the headers; nothing when the file is no Windows program or library for this sort of processor.
    ///
    /// See the page `pe-format.md`: the DOS header has at 0x3c the place of the signature, behind which the machine stands.
    pub(crate) fn read(file: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let mut dos = [0; 64];
        file.seek(SeekFrom::Start(0))?;
        match file.read_exact(&mut dos) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let Some(place) = dos.last_chunk::<4>().filter(|_| dos.starts_with(b"MZ")) else { return Ok(None) };
        let mut head = [0; 6];
        file.seek(SeekFrom::Start(u32::from_le_bytes(*place).into()))?;
        match file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let bits = match head {
            [b'P', b'E', 0, 0, 0x4c, 0x01] => Bits::B32,
            [b'P', b'E', 0, 0, 0x64, 0x86] => Bits::B64,
            _ => return Ok(None),
        };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(MOST).read_to_end(&mut bytes)?;
        let is_managed = contains(&bytes, b"zzzzInvokeManagedCustomActionOutOfProc");
        Ok(Some(Self { bits, is_managed }))
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn image(machine: [u8; 2], rest: &[u8]) -> Vec<u8> {
        let mut bytes = [0; 64];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[60] = 64;
        [&bytes[..], b"PE\0\0", &machine, rest].concat()
    }

    #[test]
    fn the_width_is_that_of_the_machine() {
        let read = |bytes: &[u8]| Image::read(&mut Cursor::new(bytes)).unwrap().map(|it| it.bits);
        assert_eq!(read(&image([0x4c, 0x01], b"")), Some(Bits::B32));
        assert_eq!(read(&image([0x64, 0x86], b"")), Some(Bits::B64));
        assert_eq!(read(&image([0x64, 0xaa], b"")), None, "another processor");
        assert_eq!(read(b"#!/bin/sh"), None);
        let whole = image([0x64, 0x86], b"");
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn managed_code_is_known_by_its_export() {
        let bytes = image([0x64, 0x86], b"..zzzzInvokeManagedCustomActionOutOfProc..");
        assert!(Image::read(&mut Cursor::new(bytes)).unwrap().unwrap().is_managed);
    }
}

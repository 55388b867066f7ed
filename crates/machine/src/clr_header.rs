//! What a program file of .NET says about the runtime and the processor that it is made for.
//!
//! The header of the common language runtime is the directory 14 of a program file (page `Debug/pe-format.md`); it and the
//! root of the metadata are laid out in ECMA-335, II.25.3.3 and II.24.2.1.

use std::io;

use crate::program_file::{ProgramFile, ReadAt};

/// The directory of the header.
const DIRECTORY: u64 = 14;
const ONLY_INTERMEDIATE: u32 = 1;
const REQUIRES_32_BIT: u32 = 2;
const PREFERS_32_BIT: u32 = 0x2_0000;
const I386: u16 = 0x14c;
const SIGNATURE: [u8; 4] = *b"BSJB";
/// A version has some ten characters; the field is at most this long.
const MOST_VERSION: u32 = 255;

/// The processors that an assembly is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClrProcessor {
    /// Any: it is in intermediate language alone.
    Any,
    /// Those of 32 bits.
    X86,
    /// Those of 64 bits.
    X64,
}

/// What the headers of a program file of .NET say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClrHeader {
    /// The version of the runtime that it was made for, such as `v4.0.30319`.
    pub runtime: String,
    /// The processors that it is for.
    pub processor: ClrProcessor,
}

impl ClrHeader {
    /// Reads the headers of a program file; `content` may be only the beginning of it. Nothing when it is none of .NET or
    /// its headers lie behind the end.
    pub fn read(content: &[u8]) -> Option<Self> {
        read(&content).ok().flatten()
    }
}

fn read(content: &dyn ReadAt) -> io::Result<Option<ClrHeader>> {
    let Some(file) = ProgramFile::open(content)? else { return Ok(None) };
    let Some(header) = file.directory(DIRECTORY)? else { return Ok(None) };
    let flags = file.long(header + 16)?;
    let Some(metadata) = file.place(file.long(header + 8)?) else { return Ok(None) };
    if file.bytes(metadata)? != SIGNATURE {
        return Ok(None);
    }
    let length = file.long(metadata + 12)?.min(MOST_VERSION);
    let mut version = String::new();
    for place in 0..u64::from(length) {
        match file.bytes(metadata + 16 + place)? {
            [0] => break,
            [byte] if byte.is_ascii_graphic() => version.push(char::from(byte)),
            _ => return Ok(None),
        }
    }
    // What prefers 32 bits says that it requires them too.
    let requires_32 = flags & REQUIRES_32_BIT != 0 && flags & PREFERS_32_BIT == 0;
    let processor = match (file.machine, flags & ONLY_INTERMEDIATE != 0) {
        (I386, true) if !requires_32 => ClrProcessor::Any,
        (I386, _) => ClrProcessor::X86,
        _ => ClrProcessor::X64,
    };
    Ok(Some(ClrHeader { runtime: version, processor }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest program file of .NET.
    fn assembly(machine: u16, flags: u32, runtime: &str) -> Vec<u8> {
        let mut image = vec![0; 0x300];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &0x80_u32.to_le_bytes());
        put(0x80, b"PE\0\0");
        put(0x84, &machine.to_le_bytes());
        put(0x86, &1_u16.to_le_bytes());
        put(0x94, &224_u16.to_le_bytes());
        put(0x98, &0x10b_u16.to_le_bytes());
        put(0x98 + 92, &16_u32.to_le_bytes());
        put(0x98 + 96 + 8 * 14, &0x1000_u32.to_le_bytes());
        for (place, number) in [(8, 0x1000_u32), (12, 0x1000), (16, 0x100), (20, 0x200)] {
            put(0x98 + 224 + place, &number.to_le_bytes());
        }
        put(0x208, &0x1050_u32.to_le_bytes());
        put(0x210, &flags.to_le_bytes());
        put(0x250, &SIGNATURE);
        put(0x25c, &12_u32.to_le_bytes());
        put(0x260, runtime.as_bytes());
        image
    }

    #[test]
    fn the_runtime_and_the_processor_are_those_of_the_headers() {
        for (machine, flags, processor) in [
            (I386, 1, ClrProcessor::Any),
            (I386, 9, ClrProcessor::Any),
            (I386, 0x2_0003, ClrProcessor::Any),
            (I386, 3, ClrProcessor::X86),
            (I386, 0, ClrProcessor::X86),
            (0x8664, 1, ClrProcessor::X64),
        ] {
            let header = ClrHeader::read(&assembly(machine, flags, "v4.0.30319"));
            assert_eq!(header, Some(ClrHeader { runtime: "v4.0.30319".to_owned(), processor }), "{flags}");
        }
        assert_eq!(ClrHeader::read(&assembly(I386, 1, "v2.0.50727")).unwrap().runtime, "v2.0.50727");
    }

    #[test]
    fn what_is_cut_or_changed_is_none_of_net_or_another() {
        let whole = assembly(I386, 1, "v4.0.30319");
        for length in 0..whole.len() {
            let header = ClrHeader::read(&whole[..length]);
            assert!(header.is_none() || length > 0x260, "{length}");
        }
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] = 0xff;
            ClrHeader::read(&changed);
        }
        assert_eq!(ClrHeader::read(b"text"), None);
    }
}

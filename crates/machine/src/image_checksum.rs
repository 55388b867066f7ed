//! The checksum of programs and libraries (page `Debug/pe-format.md`, field CheckSum of the optional header; function
//! `MapFileAndCheckSum`): the 16-bit words of the file without that field, added with their carries, and its length.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Where the header's offset stands.
const HEADER_OFFSET: u64 = 0x3C;
/// The field's place in the header: signature, file header, then 64 bytes of the optional header.
const CHECKSUM: u64 = 4 + 20 + 64;

/// Whether a file has the checksum that its header states; one that is no program or library has none.
///
/// # Errors
/// When the file cannot be read.
pub fn image_checksum_holds(file: &File) -> io::Result<bool> {
    Ok(checksums(file)?.is_some_and(|(stated, found)| u64::from(stated) == found))
}

/// Whether a file states a checksum and has another one. One that is no program or library states none, nor does one whose
/// field is 0 (page `crc-checking-during-an-installation.md`).
///
/// # Errors
/// When the file cannot be read.
pub fn image_checksum_fails(file: &File) -> io::Result<bool> {
    Ok(checksums(file)?.is_some_and(|(stated, found)| stated != 0 && u64::from(stated) != found))
}

/// The checksum that the header states and that of the content; nothing for what is no program or library.
fn checksums(file: &File) -> io::Result<Option<(u32, u64)>> {
    let length = file.metadata()?.len();
    let Some(header) = number_at(file, HEADER_OFFSET, length)? else { return Ok(None) };
    if number_at(file, u64::from(header), length)? != Some(u32::from_le_bytes(*b"PE\0\0")) {
        return Ok(None);
    }
    let field = u64::from(header) + CHECKSUM;
    let Some(stated) = number_at(file, field, length)? else { return Ok(None) };
    let mut sum = 0_u32;
    let mut buffer = vec![0; 1 << 16];
    let mut place = 0;
    while place < length {
        let wanted = usize::try_from((length - place).min(1 << 16)).unwrap_or(buffer.len());
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(part, place)?;
        for (index, pair) in part.chunks(2).enumerate() {
            let at = place + 2 * index as u64;
            let word = u32::from(pair.first().copied().unwrap_or(0))
                | u32::from(pair.get(1).copied().unwrap_or(0)) << 8;
            if (field..field + 4).contains(&at) {
                continue;
            }
            sum += word;
            sum = (sum & 0xffff) + (sum >> 16);
        }
        place += wanted as u64;
    }
    // The sum is less than 2^16; files are shorter than 2^32 where they run.
    Ok(Some((stated, u64::from(sum) + length)))
}

/// Four bytes as a number; nothing behind the end.
fn number_at(file: &File, place: u64, length: u64) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    if place.checked_add(4).is_none_or(|end| end > length) {
        return Ok(None);
    }
    file.read_exact_at(&mut bytes, place)?;
    Ok(Some(u32::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn a_program_has_the_checksum_that_it_states_until_a_byte_changes() {
        let mut image = vec![0; 0x101];
        image[..2].copy_from_slice(b"MZ");
        image[0x3C] = 0x40;
        image[0x40..0x44].copy_from_slice(b"PE\0\0");
        image[0x100] = 7;
        // MZ, the header's offset, the signature, the last byte, and the length.
        let sum = 0x5A4D + 0x40 + 0x4550 + 7 + 0x101_u32;
        image[0x98..0x9C].copy_from_slice(&sum.to_le_bytes());
        assert!(image_checksum_holds(&file(&image)).unwrap());
        image[0xF0] ^= 1;
        assert!(!image_checksum_holds(&file(&image)).unwrap());
        for content in [&b""[..], b"MZ", &[0xff; 80]] {
            assert!(!image_checksum_holds(&file(content)).unwrap());
        }
    }
}

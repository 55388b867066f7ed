//! The version and the languages of a Windows program file, and the hash of a file.
//!
//! The version is that of the fixed part of the version resource (page `menurc/vs-versioninfo.md`); languages are those
//! of its `Translation` value. The layout of a program file is documented on the page `Debug/pe-format.md`. The hash is
//! that of the MsiFileHash table (page `msifilehash-table.md`). Every length in the file is checked against what is there.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::str::FromStr;

use md5::{Digest, Md5};

use crate::program_file::ProgramFile;

/// A version of four numbers, `a.b.c.d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub [u16; 4]);

/// A text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a version of at most four numbers up to 65535")]
pub struct VersionError {
    /// The text.
    pub text: String,
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads one to four numbers joined by full stops; missing ones are 0.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError { text: text.to_owned() };
        let mut numbers = [0; 4];
        let mut places = numbers.iter_mut();
        for part in text.trim().split('.') {
            let place = places.next().ok_or_else(error)?;
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(error());
            }
            *place = part.parse().map_err(|_| error())?;
        }
        Ok(Self(numbers))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(out, "{a}.{b}.{c}.{d}")
    }
}

/// What a version resource says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// The file's version.
    pub version: Version,
    /// The language identifiers, in their order.
    pub languages: Vec<u16>,
}

/// The directory of resources.
const RESOURCES: u64 = 2;
/// The version resource's number among the types of resources.
const RT_VERSION: u32 = 16;
/// Version resources have some kilobytes.
const MOST_RESOURCE: u32 = 1 << 20;
const MOST_ENTRIES: u32 = 4096;
const MOST_LANGUAGES: usize = 256;

/// Reads the version of a program file, wherever the file is read; nothing when it is no program file or has no version.
///
/// # Errors
/// When the file cannot be read. A malformed file is one without a version.
pub fn read(file: &File) -> io::Result<Option<FileVersion>> {
    let resource = match find_resource(file) {
        Ok(Some(resource)) => resource,
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(parse_resource(&resource))
}

fn find_resource(file: &File) -> io::Result<Option<Vec<u8>>> {
    let Some(image) = ProgramFile::open(file)? else { return Ok(None) };
    let Some(root) = image.directory(RESOURCES)? else { return Ok(None) };
    // Three levels: type, name, language.
    let Some(names) = directory_entry(&image, root, 0, Some(RT_VERSION))? else { return Ok(None) };
    let Some(languages) = sub_directory(&image, root, names)? else { return Ok(None) };
    let Some(entry) = sub_directory(&image, root, languages)? else { return Ok(None) };
    if entry & 0x8000_0000 != 0 {
        return Ok(None);
    }
    let address = image.long(root + u64::from(entry))?;
    let size = image.long(root + u64::from(entry) + 4)?;
    let Some(start) = image.place(address).filter(|_| size <= MOST_RESOURCE) else { return Ok(None) };
    let mut resource = vec![0; size as usize];
    file.read_exact_at(&mut resource, start)?;
    Ok(Some(resource))
}

/// The first entry of a directory that is itself in a directory.
fn sub_directory(image: &ProgramFile<'_>, root: u64, entry: u32) -> io::Result<Option<u32>> {
    if entry & 0x8000_0000 == 0 {
        return Ok(None);
    }
    directory_entry(image, root, entry & 0x7fff_ffff, None)
}

/// The offset in an entry of the directory at `offset` from `root`: the one with a number, or the first.
fn directory_entry(
    image: &ProgramFile<'_>,
    root: u64,
    offset: u32,
    number: Option<u32>,
) -> io::Result<Option<u32>> {
    let directory = root + u64::from(offset);
    let named = u32::from(image.short(directory + 12)?);
    let numbered = u32::from(image.short(directory + 14)?);
    for entry in 0..(named + numbered).min(MOST_ENTRIES) {
        let at = directory + 16 + u64::from(entry) * 8;
        if number.is_none_or(|number| image.long(at).is_ok_and(|found| found == number)) {
            return image.long(at + 4).map(Some);
        }
    }
    Ok(None)
}

/// One node of the version resource: its name, its value, and the nodes in it.
struct Node<'b> {
    name: String,
    value: &'b [u8],
    children: &'b [u8],
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Takes the first node of `bytes`, and gives what follows it.
fn node(bytes: &[u8]) -> Option<(Node<'_>, &[u8])> {
    let length = usize::from(short(bytes, 0)?);
    let value_length = usize::from(short(bytes, 2)?);
    let is_text = short(bytes, 4)? == 1;
    if length < 6 {
        return None;
    }
    let whole = bytes.get(..length.min(bytes.len()))?;
    let units: Vec<u16> = whole
        .get(6..)?
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)))
        .take_while(|unit| *unit != 0)
        .collect();
    let name_end = 6 + (units.len() + 1) * 2;
    let value_start = name_end.next_multiple_of(4).min(whole.len());
    // The length of a text counts characters.
    let value_bytes = if is_text { value_length * 2 } else { value_length };
    let value_end = (value_start + value_bytes).min(whole.len());
    let value = whole.get(value_start..value_end)?;
    let children = whole.get(value_end.next_multiple_of(4).min(whole.len())..)?;
    let rest = bytes.get(length.next_multiple_of(4).min(bytes.len())..)?;
    Some((Node { name: String::from_utf16_lossy(&units), value, children }, rest))
}

fn parse_resource(resource: &[u8]) -> Option<FileVersion> {
    let (root, _) = node(resource)?;
    if root.name != "VS_VERSION_INFO" || long(root.value, 0)? != 0xfeef_04bd {
        return None;
    }
    let (high, low) = (long(root.value, 8)?, long(root.value, 12)?);
    let half = |number: u32, shift: u32| (number >> shift) as u16;
    let version = Version([half(high, 16), half(high, 0), half(low, 16), half(low, 0)]);
    let mut languages = Vec::new();
    let mut rest = root.children;
    while let Some((child, following)) = node(rest) {
        if child.name == "VarFileInfo" {
            let mut inner = child.children;
            while let Some((variable, next)) = node(inner) {
                if variable.name == "Translation" {
                    let pairs = variable.value.chunks_exact(4).take(MOST_LANGUAGES);
                    languages.extend(pairs.filter_map(|pair| short(pair, 0)));
                }
                inner = next;
            }
        }
        rest = following;
    }
    Some(FileVersion { version, languages })
}

/// The hash of a whole file as the MsiFileHash table has it: MD5, as four numbers with the low byte first.
///
/// # Errors
/// When the file cannot be read.
pub fn file_hash(file: &File) -> io::Result<[i32; 4]> {
    let mut hash = Md5::new();
    let mut buffer = vec![0; 128 << 10];
    let mut offset = 0;
    loop {
        let count = match file.read_at(&mut buffer, offset) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(buffer.get(..count).unwrap_or_default());
        offset += count as u64;
    }
    let mut parts = [0; 4];
    for (part, bytes) in parts.iter_mut().zip(hash.finalize().chunks_exact(4)) {
        *part = i32::from_le_bytes(bytes.try_into().unwrap_or_default());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn versions_compare_by_their_numbers() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("1.10") > version("1.9.9.9"));
        assert_eq!(version("1"), version("1.0.0.0"));
        assert_eq!(version("6.0.2900.2180").to_string(), "6.0.2900.2180");
        for text in ["", "1.2.3.4.5", "1.x", "1..2", "65536", "-1", "+1"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    /// A node of a version resource.
    fn write_node(name: &str, value: &[u8], children: &[u8]) -> Vec<u8> {
        let mut node = vec![0; 6];
        node.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        node.resize(node.len().next_multiple_of(4), 0);
        node.extend_from_slice(value);
        node.resize(node.len().next_multiple_of(4), 0);
        node.extend_from_slice(children);
        let length = u16::try_from(node.len()).unwrap();
        node[..2].copy_from_slice(&length.to_le_bytes());
        node[2..4].copy_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        node
    }

    fn resource() -> Vec<u8> {
        let mut fixed = Vec::new();
        for number in [0xfeef_04bd_u32, 0x10000, 0x0001_0002, 0x0003_0004] {
            fixed.extend_from_slice(&number.to_le_bytes());
        }
        fixed.resize(52, 0);
        let translation = [0x09, 0x04, 0xb0, 0x04, 0x07, 0x04, 0xb0, 0x04];
        let variables = write_node("VarFileInfo", &[], &write_node("Translation", &translation, &[]));
        let strings = write_node("StringFileInfo", &[], &[]);
        write_node("VS_VERSION_INFO", &fixed, &[strings, variables].concat())
    }

    /// The smallest program file with one resource.
    fn program() -> Vec<u8> {
        let resource = resource();
        let mut image = vec![0; 0x400];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"MZ");
        put(0x3c, &0x80_u32.to_le_bytes());
        put(0x80, b"PE\0\0");
        put(0x86, &1_u16.to_le_bytes());
        put(0x94, &240_u16.to_le_bytes());
        put(0x98, &0x20b_u16.to_le_bytes());
        put(0x98 + 108, &16_u32.to_le_bytes());
        put(0x98 + 128, &0x1000_u32.to_le_bytes());
        let section = 0x98 + 240;
        for (place, number) in [(8, 0x1000_u32), (12, 0x1000), (16, 0x1000), (20, 0x200)] {
            put(section + place, &number.to_le_bytes());
        }
        for (place, number) in [(0x200, RT_VERSION), (0x218, 1), (0x230, 1033)] {
            put(place + 14, &1_u16.to_le_bytes());
            put(place + 16, &number.to_le_bytes());
        }
        put(0x214, &0x8000_0018_u32.to_le_bytes());
        put(0x22c, &0x8000_0030_u32.to_le_bytes());
        put(0x244, &0x48_u32.to_le_bytes());
        put(0x248, &0x1100_u32.to_le_bytes());
        put(0x24c, &u32::try_from(resource.len()).unwrap().to_le_bytes());
        image.truncate(0x300);
        image.extend_from_slice(&resource);
        image
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn reads_version_and_languages() {
        let version = read(&file(&program())).unwrap().unwrap();
        assert_eq!(version.version.to_string(), "1.2.3.4");
        assert_eq!(version.languages, [1033, 1031]);
        assert_eq!(read(&file(b"text")).unwrap(), None);
        assert_eq!(read(&file(b"")).unwrap(), None);
    }

    #[test]
    fn a_cut_or_changed_program_is_one_without_a_version_or_another() {
        let whole = program();
        for length in 0..whole.len() {
            read(&file(&whole[..length])).unwrap();
        }
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] = 0xff;
            read(&file(&changed)).unwrap();
        }
    }

    #[test]
    fn the_hash_is_md5_in_four_numbers() {
        assert_eq!(
            file_hash(&file(b"")).unwrap(),
            [0xd98c_1dd4_u32 as i32, 0x04b2_008f, 0x9809_80e9_u32 as i32, 0x7e42_f8ec]
        );
    }
}
